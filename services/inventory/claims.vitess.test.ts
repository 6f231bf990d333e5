// Goal: a spot is taken at most once and never lost, whoever asks, however often, and wherever it stops.
// Method: the real transactions on the real Vitess, by many at once; connections that break between two
// statements and commits whose answer is lost; and the count of spots from the rows, at any moment and
// at the end.

import { createConnection } from "mysql2/promise";
import { afterAll, describe, expect, test } from "vitest";
import { ClaimRefusal, ClaimState } from "#gen/slotmesh/inventory/v1/claims_service_pb.ts";
import { type Database, openDatabase, type Sql, type Value } from "#shared/mysql.ts";
import { testConfig, uniqueId } from "#shared/testing.ts";
import { type Claims, createClaims } from "./claims.ts";
import type { Claim, Slot, Take, TakeKey } from "./domain.ts";
import {
  countSpots,
  createRandom,
  cut,
  makeSlot,
  makeTake,
  makeTakes,
  NOW_MS,
  shuffle,
} from "./testing.ts";

const database = openDatabase(testConfig().mysqlDsn, "inventory");
const claims = createClaims(database);
afterAll(() => database.stop());

async function answersOf(takes: readonly Take[], nowMs = NOW_MS, by = claims): Promise<string[]> {
  return (await by.take(takes, nowMs)).taken.map(({ claim }) => sayAnswer(claim));
}

function sayAnswer({ state, refusal }: Claim): string {
  const name = (names: object, number: number) =>
    Object.entries(names).find(([, value]) => value === number)?.[0] ?? String(number);
  return state === ClaimState.REFUSED ? name(ClaimRefusal, refusal) : name(ClaimState, state);
}

describe("many at once", () => {
  test("300 wishes, delivered three times in random batches by many workers, sell exactly 100 of 100 spots, and no answer changes", async () => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    const random = createRandom(seed);
    const slot = await makeSlot(database);
    const takes = makeTakes(slot, 300);
    const deliveries = [1, 2, 3].flatMap(() => cut(shuffle(takes, random), 40, random));
    const watcher = watchSpots(slot);
    const answers = new Map<string, Set<string>>();
    await Promise.all(
      shuffle(deliveries, random).map(async (batch) => {
        for (const { claim } of (await claims.take(batch, NOW_MS)).taken) {
          const known = answers.get(claim.appointmentId) ?? new Set();
          answers.set(claim.appointmentId, known.add(sayAnswer(claim)));
        }
      }),
    );
    expect(await watcher.stop(), `seed ${seed}`).toBeGreaterThan(0);
    const all = [...answers.values()].flatMap((known) => [...known]);
    expect(answers.size).toBe(300);
    expect(all, `an answer changed, seed ${seed}`).toHaveLength(300);
    expect(all.filter((answer) => answer === "LOCKED")).toHaveLength(100);
    expect(all.filter((answer) => answer === "SOLD_OUT")).toHaveLength(200);
    expect(await countSpots(claims, slot)).toMatchObject({ available: 0, active: 100 });
  });

  test("parties over several slots, with settling and releases in between, keep every slot's sum", async () => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    const random = createRandom(seed);
    const storeId = uniqueId();
    const slots = await Promise.all([
      makeSlot(database, { storeId }),
      makeSlot(database, { storeId }),
      makeSlot(database),
    ]);
    const takes = shuffle(
      slots.flatMap((slot) =>
        Array.from({ length: 150 }, () =>
          makeTake(slot, { partySize: 1 + Math.floor(random() * 4) }),
        ),
      ),
      random,
    );
    const watchers = slots.map(watchSpots);
    const given = new Set<string>();
    await Promise.all(
      cut([...takes, ...takes], 50, random).map(async (batch) => {
        const { taken, takes } = await claims.take(batch, NOW_MS);
        const held = taken.filter(({ claim }) => claim.state === ClaimState.LOCKED);
        const leaving = held.filter(() => random() < 0.4).map(({ claim }) => claim);
        for (const { appointmentId } of leaving) {
          given.add(appointmentId);
        }
        await Promise.all([
          claims.settle(takes),
          claims.release(leaving, NOW_MS),
          claims.release(leaving.slice(0, 5), NOW_MS),
        ]);
      }),
    );
    for (const watcher of watchers) {
      expect(await watcher.stop(), `seed ${seed}`).toBeGreaterThan(0);
    }
    const stocks = await claims.listStock(slots);
    expect(stocks).toHaveLength(3);
    for (const { slot, claims: active } of stocks) {
      const spots = active.reduce((sum, { partySize }) => sum + partySize, 0);
      expect(slot.available + spots, `seed ${seed}`).toBe(100);
      expect(active.filter(({ appointmentId }) => given.has(appointmentId))).toEqual([]);
    }
    // Everything goes back, and every spot is free again.
    await claims.release(takes, NOW_MS);
    for (const slot of slots) {
      expect(await countSpots(claims, slot)).toMatchObject({ available: 100, active: 0 });
    }
  });

  test("of 50 wishes of one shopper at once, one gets the spot and 49 meet the limit", async () => {
    const slot = await makeSlot(database);
    const takes = makeTakes(slot, 50, { shopperId: "the-one" });
    const answers = (await Promise.all(takes.map((take) => answersOf([take])))).flat();
    expect(answers.filter((answer) => answer === "LOCKED")).toHaveLength(1);
    expect(answers.filter((answer) => answer === "USER_LIMIT")).toHaveLength(49);
    expect(await answersOf(takes)).toEqual(answers);
    // The same in one batch.
    const other = makeTakes(slot, 50, { shopperId: "another" });
    expect((await answersOf(other)).filter((answer) => answer === "LOCKED")).toHaveLength(1);
    expect(await countSpots(claims, slot)).toMatchObject({ available: 98, active: 2 });
  });

  test("the same wish, asked 50 times at once, takes one spot", async () => {
    const slot = await makeSlot(database);
    const take = makeTake(slot);
    const answers = await Promise.all(Array.from({ length: 50 }, () => answersOf([take, take])));
    expect(new Set(answers.flat())).toEqual(new Set(["LOCKED"]));
    expect(await countSpots(claims, slot)).toMatchObject({ available: 99, active: 1 });
  });

  test("1,000 wishes at 20 stores are answered in their order, on every shard", async () => {
    const slots = await Promise.all(
      Array.from({ length: 20 }, () => makeSlot(database, { total: 30, available: 30 })),
    );
    const takes = shuffle(
      slots.flatMap((slot) => makeTakes(slot, 50)),
      Math.random,
    );
    const { taken } = await claims.take(takes, NOW_MS);
    expect(taken.map(({ claim }) => claim.appointmentId)).toEqual(
      takes.map(({ appointmentId }) => appointmentId),
    );
    for (const slot of slots) {
      const own = taken.filter(({ claim }) => claim.slotId === slot.slotId);
      expect(own.map(({ claim }) => sayAnswer(claim))).toEqual([
        ...Array(30).fill("LOCKED"),
        ...Array(20).fill("SOLD_OUT"),
      ]);
      // A shard with more than 500 of them takes two transactions; the answer tells the slot after both.
      const { version } = await countSpots(claims, slot);
      expect(own.map((one) => one.slot)).toEqual(
        Array(50).fill({ ...slot, available: 0, version }),
      );
    }
  });
});

describe("what breaks half way", () => {
  // insert, read back, read takes, lock slots, take spots, refuse, note the take; the commit is a case of
  // its own.
  test.each([1, 2, 3, 4, 5, 6, 7])(
    "a take whose connection breaks after statement %i leaves nothing, and is done again",
    async (step) => {
      const slot = await makeSlot(database, { total: 2, available: 2 });
      const old = makeTake(slot);
      await answersOf([old]);
      const takes = [old, ...makeTakes(slot, 3)];
      await expect(breaking(step).take(takes, NOW_MS)).rejects.toThrow(`broke after ${step}`);
      await untilRolledBack(slot);
      expect(await countSpots(claims, slot)).toEqual({ available: 1, active: 1, version: 2 });
      expect(await answersOf(takes)).toEqual(["LOCKED", "LOCKED", "SOLD_OUT", "SOLD_OUT"]);
      expect(await countSpots(claims, slot)).toEqual({ available: 0, active: 2, version: 3 });
    },
  );

  test.each([1, 2, 3, 4])(
    "a release whose connection breaks after statement %i gives nothing back, and is done again",
    async (step) => {
      const slot = await makeSlot(database);
      const takes = makeTakes(slot, 4);
      await answersOf(takes);
      await expect(breaking(step).release(takes.slice(1), NOW_MS)).rejects.toThrow(
        `broke after ${step}`,
      );
      await untilRolledBack(slot);
      expect(await countSpots(claims, slot)).toEqual({ available: 96, active: 4, version: 2 });
      const released = await claims.release(takes.slice(1), NOW_MS);
      expect(released).toEqual([{ ...slot, available: 99, version: 3 }]);
      expect(await countSpots(claims, slot)).toEqual({ available: 99, active: 1, version: 3 });
    },
  );

  test("a take whose commit is not answered finds its own rows when it is done again, and takes once", async () => {
    const slot = await makeSlot(database, { total: 2, available: 2 });
    const takes = makeTakes(slot, 3);
    const { taken } = await losingCommits(2).take(takes, NOW_MS);
    expect(taken.map(({ claim }) => sayAnswer(claim))).toEqual(["LOCKED", "LOCKED", "SOLD_OUT"]);
    expect(taken[0]?.slot).toEqual({ ...slot, available: 0, version: 2 });
    expect(await countSpots(claims, slot)).toEqual({ available: 0, active: 2, version: 2 });
  });

  test("a release whose commit is not answered gives back once, and says so", async () => {
    const slot = await makeSlot(database);
    const takes = makeTakes(slot, 3);
    await answersOf(takes);
    const released = await losingCommits(2).release(takes, NOW_MS);
    expect(released).toEqual([{ ...slot, available: 100, version: 3 }]);
    expect(await countSpots(claims, slot)).toEqual({ available: 100, active: 0, version: 3 });
  });

  test("MySQL itself refuses a slot with fewer than no free spots, or with more than all", async () => {
    const slot = await makeSlot(database);
    for (const available of [-1, 101]) {
      const written = database.write(
        "update slot set available = ? where store_id = ? and slot_id = ?",
        [available, BigInt(slot.storeId), BigInt(slot.slotId)],
      );
      await expect(written).rejects.toMatchObject({ errno: 3819 });
    }
  });
});

describe("answers", () => {
  test("an answer stays, whatever the clock, the slot and the wish say later", async () => {
    const slot = await makeSlot(database, { total: 1, available: 1, partySizeMax: 2 });
    const early = makeTake(slot);
    const large = makeTake(slot, { partySize: 3 });
    const winner = makeTake(slot);
    const loser = makeTake(slot);
    expect(await answersOf([early], NOW_MS - 1)).toEqual(["NOT_OPEN"]);
    expect(await answersOf([large, winner, loser])).toEqual([
      "PARTY_TOO_LARGE",
      "LOCKED",
      "SOLD_OUT",
    ]);
    await claims.settle((await claims.take([winner], NOW_MS)).takes);
    const wishes = [early, { ...large, partySize: 1 }, { ...winner, shopperId: "thief" }, loser];
    const { taken: later } = await claims.take(wishes, NOW_MS + 86_400_000);
    expect(later.map(({ claim }) => sayAnswer(claim))).toEqual([
      "NOT_OPEN",
      "PARTY_TOO_LARGE",
      "CONFIRMED",
      "SOLD_OUT",
    ]);
    expect(later[1]?.claim.partySize).toBe(3);
    expect(later[2]?.claim.shopperId).toBe(winner.shopperId);
    await claims.release([winner, loser, early], NOW_MS);
    expect(await answersOf([winner, loser])).toEqual(["RELEASED", "SOLD_OUT"]);
    expect(await answersOf([makeTake(slot)])).toEqual(["LOCKED"]);
    expect(await answersOf([makeTake(slot)], slot.startsAtMs)).toEqual(["TOO_LATE"]);
  });

  test("a shopper whose first wish was refused gets a spot by the second, in one batch and in two", async () => {
    const slot = await makeSlot(database, { partySizeMax: 2 });
    for (const shopperId of ["one-batch", "two-batches"]) {
      const tooLarge = makeTake(slot, { shopperId, partySize: 3 });
      const fitting = makeTake(slot, { shopperId, partySize: 2 });
      const batches = shopperId === "one-batch" ? [[tooLarge, fitting]] : [[tooLarge], [fitting]];
      const answers: string[] = [];
      for (const batch of batches) {
        answers.push(...(await answersOf(batch)));
      }
      expect(answers).toEqual(["PARTY_TOO_LARGE", "LOCKED"]);
    }
  });

  test("a shopper who gave a spot back can take one again by a new wish, and the old refusal stays", async () => {
    const slot = await makeSlot(database);
    const [first, second, third] = makeTakes(slot, 3, { shopperId: "undecided" }) as [
      Take,
      Take,
      Take,
    ];
    expect(await answersOf([first])).toEqual(["LOCKED"]);
    expect(await answersOf([second])).toEqual(["USER_LIMIT"]);
    await claims.release([first], NOW_MS);
    expect(await answersOf([second, third])).toEqual(["USER_LIMIT", "LOCKED"]);
  });

  test("a wish for another tenant's slot is refused and does not stand in the way of that tenant's shopper of the same name", async () => {
    const slot = await makeSlot(database);
    const stranger = makeTake(slot, { tenantId: "stranger", shopperId: "alice" });
    const alice = makeTake(slot, { shopperId: "alice" });
    expect(await answersOf([stranger, alice])).toEqual(["NO_SUCH_SLOT", "LOCKED"]);
  });

  test("a slot that is not there, and ids that no row can have, are refused without harm to the rest", async () => {
    const slot = await makeSlot(database);
    const takes = [
      makeTake(slot, { slotId: uniqueId() }),
      makeTake(slot, { storeId: "9999999999999999999" }),
      makeTake(slot, { slotId: `0${slot.slotId}` }),
      makeTake(slot),
    ];
    const { taken, takes: made } = await claims.take(takes, NOW_MS);
    expect(taken.map(({ claim }) => sayAnswer(claim))).toEqual([
      "NO_SUCH_SLOT",
      "NO_SUCH_SLOT",
      "NO_SUCH_SLOT",
      "LOCKED",
    ]);
    expect(taken.map(({ slot: after }) => after?.available)).toEqual([
      undefined,
      undefined,
      undefined,
      99,
    ]);
    expect(made).toHaveLength(1);
    await claims.settle([...made, { ...(made[0] as TakeKey), slotId: `0${slot.slotId}` }]);
    await claims.release(takes, NOW_MS);
    expect(await countSpots(claims, slot)).toMatchObject({ available: 100, active: 0 });
  });

  test("names of any script and of full length come back whole", async () => {
    const slot = await makeSlot(database, { tenantId: "名".repeat(32) });
    const take = makeTake(slot, { shopperId: "😀".repeat(64), partySize: 100 });
    for (const _ of ["the first time", "again"]) {
      const { taken } = await claims.take([take], NOW_MS);
      expect(taken[0]?.claim).toMatchObject(take);
    }
  });
});

describe("takes, releases and lists", () => {
  test("a take is LOCKED until it is settled; a release gives back what is held, once", async () => {
    const slot = await makeSlot(database, { total: 3, available: 3 });
    const [locked, confirmed, released, refused] = makeTakes(slot, 4) as [Take, Take, Take, Take];
    const all = [locked, confirmed, released, refused];
    const first = await claims.take([locked], NOW_MS);
    const second = await claims.take([confirmed, released, refused], NOW_MS);
    expect([first.takes, second.takes].map(({ length }) => length)).toEqual([1, 1]);
    await claims.release([released], NOW_MS);
    await claims.settle(second.takes);
    await claims.settle([...second.takes, { ...slot, attempt: "404" }]);
    expect(await answersOf(all)).toEqual(["LOCKED", "CONFIRMED", "RELEASED", "SOLD_OUT"]);
    expect(await claims.release([makeTake(slot), refused], NOW_MS)).toEqual([]);
    const after = { ...slot, available: 3, version: 5 };
    expect(await claims.release([...all, ...all], NOW_MS)).toEqual([after]);
    expect(await claims.release(all, NOW_MS)).toEqual([after]);
    expect(await answersOf(all)).toEqual(["RELEASED", "RELEASED", "RELEASED", "SOLD_OUT"]);
  });

  test("a take is told to who meets all of its claims, and to nobody who meets a part", async () => {
    const slots = await Promise.all([makeSlot(database), makeSlot(database)]);
    const wishes = slots.flatMap((slot) => makeTakes(slot, 3));
    const { takes } = await claims.take(wishes, NOW_MS);
    const named = (keys: readonly TakeKey[]) => keys.map(({ slotId }) => slotId).sort();
    const both = slots.map(({ slotId }) => slotId).sort();
    expect(named(takes)).toEqual(both);
    expect(named((await claims.take(wishes.slice(1), NOW_MS)).takes)).toEqual([slots[1]?.slotId]);
    // A claim that was given back, and wishes that are new, change nothing about who is whole.
    await claims.release(wishes.slice(0, 1), NOW_MS);
    const more = makeTakes(slots[0] as Slot, 1);
    const again = await claims.take([...wishes, ...more], NOW_MS);
    expect(named(again.takes)).toEqual([...both, slots[0]?.slotId].sort());
    await claims.settle(again.takes);
    expect((await claims.take([...wishes, ...more], NOW_MS)).takes).toEqual([]);
  });

  test("unsettled takes are listed oldest first with what they hold, from every shard, and settled ones are not", async () => {
    // In 1970, so that they are older than those of other tests; settled at the end, so that they stay so.
    const baseMs = 1000 + Math.floor(Math.random() * 1_000_000_000);
    const slots = await Promise.all(
      [3, 1, 4, 0, 2].map(() => makeSlot(database, { opensAtMs: 0 })),
    );
    const wishes = slots.map((slot) => makeTakes(slot, 2));
    const answers = await Promise.all(
      wishes.map((pair, index) => claims.take(pair, baseMs + 10 - index)),
    );
    await claims.settle(answers[4]?.takes ?? []);
    await claims.release(wishes[3]?.slice(1) ?? [], NOW_MS);
    const listed = await claims.listUnsettled(baseMs + 9, 1000);
    const own = listed.claims.filter(({ takenAtMs }) => takenAtMs > baseMs);
    expect(
      own.map(({ appointmentId, takenAtMs }) => [appointmentId, takenAtMs - baseMs]).sort(),
    ).toEqual(
      [
        [wishes[3]?.[0]?.appointmentId, 7],
        ...(wishes[2] ?? []).map(({ appointmentId }) => [appointmentId, 8]),
        ...(wishes[1] ?? []).map(({ appointmentId }) => [appointmentId, 9]),
      ].sort(),
    );
    const ages = listed.claims.map(({ takenAtMs }) => takenAtMs);
    expect(ages).toEqual([...ages].sort((a, b) => a - b));
    expect(listed.takes).toEqual(
      expect.arrayContaining([1, 2, 3].flatMap((index) => answers[index]?.takes ?? [])),
    );
    // A take is never cut: one has two claims here, and comes whole though one was asked for.
    expect((await claims.listUnsettled(baseMs + 9, 1)).takes).toHaveLength(1);
    await claims.settle(answers.flatMap(({ takes }) => takes));
    expect((await claims.listUnsettled(baseMs + 10, 1000)).takes).not.toEqual(
      expect.arrayContaining([answers[0]?.takes[0]]),
    );
  });

  test("stock lists every active claim of a slot, though they are more than one read returns", async () => {
    const slot = await makeSlot(database, { total: 6000, available: 6000 });
    const takes = makeTakes(slot, 5500);
    for (const batch of [takes.slice(0, 2750), takes.slice(2750)]) {
      await claims.take(batch, NOW_MS);
    }
    const unknown = { storeId: uniqueId(), slotId: uniqueId() };
    const stocks = await claims.listStock([slot, unknown, { storeId: "007", slotId: "7" }, slot]);
    expect(stocks.map(({ slot: { slotId, available } }) => [slotId, available])).toEqual([
      [slot.slotId, 500],
    ]);
    const ids = new Set(stocks[0]?.claims.map(({ appointmentId }) => appointmentId));
    expect(ids).toEqual(new Set(takes.map(({ appointmentId }) => appointmentId)));
  });
});

/** Counts a slot's spots over and over, each time at one moment, and fails if they are not its total. */
function watchSpots(slot: Slot) {
  let isRunning = true;
  const running = (async () => {
    let count = 0;
    while (isRunning) {
      const { available, active } = await countSpots(claims, slot);
      expect(available + active).toBe(slot.total);
      count += 1;
    }
    return count;
  })();
  running.catch(() => {
    // stop() throws it.
  });
  return {
    stop: () => {
      isRunning = false;
      return running;
    },
  };
}

/** Claims over a connection that breaks in every transaction, after some statements. */
function breaking(statements: number): Claims {
  return createClaims({
    ...database,
    transact: async (work) => {
      const url = new URL(testConfig().mysqlDsn);
      const connection = await createConnection({
        host: url.hostname,
        port: Number(url.port),
        user: url.username,
        database: "inventory",
        supportBigNumbers: true,
        bigNumberStrings: true,
      });
      let done = 0;
      const run = async (sql: string, values: readonly Value[] = []) => {
        const [result] = await connection.query(sql, values as unknown[]);
        done += 1;
        if (done === statements) {
          connection.destroy();
          throw new Error(`broke after ${statements}`);
        }
        return result;
      };
      await connection.query("begin");
      const broken: Sql = {
        select: async (sql, values) => (await run(sql, values)) as never,
        write: async (sql, values) =>
          ((await run(sql, values)) as unknown as { affectedRows: number }).affectedRows,
      };
      const result = await work(broken);
      connection.destroy();
      expect.fail(`the work was done in ${done} statements`);
      return result;
    },
  } satisfies Database);
}

/** Claims whose first commits are done, but not answered. */
function losingCommits(count: number): Claims {
  let lost = 0;
  return createClaims({
    ...database,
    transact: async (work) => {
      const result = await database.transact(work);
      if (lost < count) {
        lost += 1;
        throw Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
      }
      return result;
    },
  });
}

/** Waits until the locks of a broken connection are gone: vtgate rolls back when it notices. */
async function untilRolledBack(slot: Slot): Promise<void> {
  await database.transact(async (sql) => {
    await sql.select("select slot_id from slot where store_id = ? and slot_id = ? for update", [
      BigInt(slot.storeId),
      BigInt(slot.slotId),
    ]);
  });
}
