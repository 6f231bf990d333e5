// Goal: every hot statement goes to exactly one shard, and reads rows by their keys only.
// Method: the transactions are run with a list of what they send; vtgate then says of each statement
// where it sends it (VEXPLAIN), and MySQL by which index it finds its rows (EXPLAIN). In the first case
// on rows that are there, since a statement that finds none shows less.

import { afterAll, describe, expect, test } from "vitest";
import { type Database, openDatabase, type Sql, type Value } from "#shared/mysql.ts";
import { ofXxhash } from "#shared/shards.ts";
import { shardsOf, testConfig, uniqueId } from "#shared/testing.ts";
import { createClaims } from "./claims.ts";
import type { Slot } from "./domain.ts";
import { createStore } from "./store.ts";
import { makeSlot, makeTake, makeTakes, NOW_MS } from "./testing.ts";

const database = openDatabase(testConfig().mysqlDsn, "inventory");
// The lower shard by itself: EXPLAIN is not routed by the statement it explains.
const lower = openDatabase(testConfig().mysqlDsn, "inventory:-80");
afterAll(() => Promise.all([database.stop(), lower.stop()]));

interface Statement {
  readonly sql: string;
  readonly values: readonly Value[];
}

/** Runs work and returns the statements it sent. */
async function listen(work: (database: Database) => Promise<unknown>): Promise<Statement[]> {
  const heard: Statement[] = [];
  const listening = (sql: Sql): Sql => ({
    select: (text, values = []) => {
      heard.push({ sql: text, values });
      return sql.select(text, values);
    },
    write: (text, values = []) => {
      heard.push({ sql: text, values });
      return sql.write(text, values);
    },
  });
  await work({
    ...database,
    ...listening(database),
    transact: (work) => database.transact((sql) => work(listening(sql))),
  });
  return heard.filter(({ sql }) => sql !== "show vitess_shards");
}

/** Asks where a statement goes, in a transaction that is rolled back. */
async function routeOf({ sql, values }: Statement): Promise<string[]> {
  const shards: string[] = [];
  const undo = new Error("undo");
  await database
    .transact(async (transaction) => {
      shards.push(...(await shardsOf(transaction, sql, values)));
      throw undo;
    })
    .catch((error: unknown) => {
      if (error !== undo) {
        throw error;
      }
    });
  return shards;
}

/** Asks by which index MySQL finds the rows of the lower shard, and how. */
async function accessOf({ sql, values }: Statement): Promise<string> {
  const [plan] = await lower.select<{ type: string; key: string | null }>(`explain ${sql}`, values);
  return `${plan?.type} ${plan?.key}`;
}

/** Makes slots at stores of the lower shard. */
async function makeNeighbours(count: number): Promise<Slot[]> {
  const upper = 1n << 63n;
  const storeIds: string[] = [];
  while (storeIds.length < count) {
    const storeId = uniqueId();
    if (ofXxhash(storeId) < upper) {
      storeIds.push(storeId);
    }
  }
  return Promise.all(
    storeIds.map((storeId) => makeSlot(database, { storeId, total: 2, available: 2 })),
  );
}

describe("each hot statement goes to one shard", () => {
  test("a batch of takes, with old answers, limits and refusals, and what follows it", async () => {
    const slots = await makeNeighbours(3);
    const old = slots.map((slot) => makeTake(slot));
    await createClaims(database).take(old, NOW_MS);
    const wishes = slots.flatMap((slot, index) => [
      ...makeTakes(slot, 3),
      makeTake(slot, { shopperId: old[index]?.shopperId ?? "" }),
      makeTake(slot, { tenantId: "stranger" }),
    ]);
    const heard = await listen(async (listening) => {
      const claims = createClaims(listening);
      const { taken, takes } = await claims.take(wishes, NOW_MS);
      expect(new Set(taken.map(({ claim }) => `${claim.state} ${claim.refusal}`))).toEqual(
        new Set(["1 0", "4 1", "4 2", "4 3"]),
      );
      await claims.settle(takes);
      await claims.listStock(slots);
      await claims.release(wishes, NOW_MS);
    });
    expect(heard.map(({ sql }) => sql.replace(/^(\w+ (?:\/.*\/ )?\w+ ?\w*).*$/s, "$1"))).toEqual([
      "insert ignore into",
      "select store_id",
      "select store_id",
      "insert ignore into",
      "select store_id",
      "update slot force",
      "update claim force",
      "insert into unsettled_take",
      "delete /*+ index(unsettled_take primary) */ from unsettled_take",
      "select store_id",
      "select store_id",
      "select store_id",
      "select store_id",
      "select store_id",
      "update claim force",
      "update slot force",
    ]);
    for (const statement of heard) {
      expect(await routeOf(statement), statement.sql).toEqual(["-80"]);
    }
  });

  test("one slot, and one store's day, are read from one shard", async () => {
    const slot = await makeSlot(database);
    const heard = await listen(async (listening) => {
      const store = createStore(listening);
      expect(await store.findSlot(slot)).toEqual(slot);
      const span = { storeId: slot.storeId, startMs: NOW_MS, endMs: NOW_MS + 86_400_000 };
      expect(await store.listSlots([span], slot.serviceId, 2000)).toEqual([slot]);
      await store.listStoresById([slot.storeId]);
    });
    expect(heard).toHaveLength(3);
    for (const statement of heard) {
      expect(await routeOf(statement), statement.sql).toHaveLength(1);
    }
  });

  test("the lists that visit every shard are two, and are known", async () => {
    const heard = await listen(async (listening) => {
      await createStore(listening).listStores("nobody", "0", 50);
      await createClaims(listening).listUnsettled(0, 1);
    });
    expect(heard).toHaveLength(2);
    for (const { sql, values } of heard) {
      expect(await shardsOf(database, sql, values), sql).toEqual(["-80", "80-"]);
    }
  });

  test("the shard that is computed here is the shard where the row lies, for small ids and large", async () => {
    const ids = [
      ...["0", "1", "2", "9", "10", "4294967295", "4294967296", "1230000000000000"],
      ...["9007199254740991", "9007199254740993", "9223372036854775807"],
      ...Array.from({ length: 500 }, () => uniqueId()),
    ];
    const upper = 1n << 63n;
    const sides = new Set<string>();
    for (const id of ids) {
      const [row] = await database.select<{ keyspace_id: Buffer; shard: Buffer }>(
        "select keyspace_id, shard from store_place where id = ?",
        [BigInt(id)],
      );
      expect(row?.keyspace_id.readBigUInt64BE(), id).toBe(ofXxhash(id));
      expect(String(row?.shard), id).toBe(ofXxhash(id) < upper ? "-80" : "80-");
      sides.add(String(row?.shard));
    }
    expect(sides.size).toBe(2);
  });
});

describe("each hot statement finds its rows by their keys", () => {
  // Past some hundred rows MySQL gives up on lists that are written the wrong way, and reads, or locks,
  // the whole table; so the largest batch is the one that is asked.
  test("a full batch at one slot, and one at 100 slots", async () => {
    const [slot] = await makeNeighbours(1);
    const many = await makeNeighbours(100);
    const batches = [makeTakes(slot as Slot, 500), many.flatMap((one) => makeTakes(one, 5))];
    for (const batch of batches) {
      const heard = await listen(async (listening) => {
        const claims = createClaims(listening);
        await claims.take(batch, NOW_MS);
        const { takes } = await claims.take(batch, NOW_MS);
        await claims.settle(takes);
        await claims.release(batch, NOW_MS);
      });
      const found = heard.filter(({ sql }) => !sql.startsWith("insert"));
      expect(found).toHaveLength(11);
      for (const statement of found) {
        expect(
          ["range PRIMARY", "const PRIMARY", "ref PRIMARY"],
          statement.sql.slice(0, 200),
        ).toContain(await accessOf(statement));
      }
    }
  });

  test("a slot's active claims, and a store's day", async () => {
    const [slot] = (await makeNeighbours(1)) as [Slot];
    const heard = await listen(async (listening) => {
      const claims = createClaims(listening);
      await claims.take(makeTakes(slot, 300), NOW_MS);
      await claims.listStock([slot]);
      const span = { storeId: slot.storeId, startMs: NOW_MS, endMs: NOW_MS + 86_400_000 };
      await createStore(listening).listSlots([span], undefined, 2000);
    });
    const [active, takes, day] = heard.slice(-3) as [Statement, Statement, Statement];
    expect(await accessOf(takes)).toBe("ref PRIMARY");
    expect(["ref by_active_shopper", "range by_active_shopper"]).toContain(await accessOf(active));
    expect(await accessOf(day)).toBe("range by_start");
  });
});
