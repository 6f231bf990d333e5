// What admission promises, on a real Redis: it takes once, never below zero, tells one refusal from
// another, and can be made anew from the rows.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openRedis, type RedisConnection, redisReady } from "#shared/redis.ts";
import { silentLogger, testConfig, uniqueId } from "#shared/testing.ts";
import { appointmentIdOf, bodyOf } from "./domain.ts";
import {
  type AdmissionWish,
  createRedis,
  type SchedulingRedis,
  type SlotPicture,
} from "./redis.ts";

const HOLD_MS = 60_000;
const HOUR_MS = 3600_000;

let connection: RedisConnection;
let redis: SchedulingRedis;

beforeAll(async () => {
  connection = openRedis(testConfig().redisUrl, silentLogger());
  await redisReady(connection, 5000);
  redis = createRedis(connection);
});

afterAll(() => connection.disconnect());

function pictureOf(change: Partial<SlotPicture> = {}): SlotPicture {
  return {
    tenantId: "t",
    storeId: "7",
    slotId: uniqueId(),
    totalSpots: 3,
    partySizeMax: 2,
    opensAtMs: Date.now() - 1000,
    startsAtMs: Date.now() + HOUR_MS,
    availableSpots: 3,
    version: 1n,
    claimed: [],
    ...change,
  };
}

function wishOf(slot: SlotPicture, shopperId: string, change: Partial<AdmissionWish> = {}) {
  const wish = {
    appointmentId: appointmentIdOf(slot.tenantId, shopperId, slot.slotId),
    tenantId: slot.tenantId,
    shopperId,
    storeId: slot.storeId,
    slotId: slot.slotId,
    partySize: 1,
    ...change,
  };
  return { ...wish, body: bodyOf(wish) };
}

async function admit(slot: SlotPicture, ...wishes: AdmissionWish[]): Promise<string[]> {
  const { admissions } = await redis.admit(slot.slotId, wishes, HOLD_MS, 0);
  return admissions.map(({ kind, detail }) => (detail ? `${kind} ${detail}` : kind));
}

describe("admission", () => {
  test("says not-warmed of a slot it does not know, and takes nothing", async () => {
    const slot = pictureOf();
    expect(await admit(slot, wishOf(slot, "a"), wishOf(slot, "b"))).toEqual([
      "not-warmed",
      "not-warmed",
    ]);
    expect(await redis.readStock(slot.slotId)).toBeUndefined();
  });

  test("lets in as many spots as there are, counting parties, and then says sold-out", async () => {
    const slot = pictureOf();
    await redis.warm(slot);
    expect(
      await admit(
        slot,
        wishOf(slot, "a", { partySize: 2 }),
        wishOf(slot, "b", { partySize: 2 }),
        wishOf(slot, "c"),
        wishOf(slot, "d"),
      ),
    ).toEqual(["admitted", "sold-out", "admitted", "sold-out"]);
    expect(await redis.readStock(slot.slotId)).toEqual({ freeSpots: 0, heldSpots: 3 });
  });

  test("takes once however often one wish comes, also in one batch", async () => {
    const slot = pictureOf();
    await redis.warm(slot);
    const wish = wishOf(slot, "a");
    expect(await admit(slot, wish, wish)).toEqual(["admitted", "already-yours A"]);
    expect(await admit(slot, wish)).toEqual(["already-yours A"]);
    expect(await redis.readStock(slot.slotId)).toEqual({ freeSpots: 2, heldSpots: 1 });
  });

  test("never takes more than there is under 2,000 wishes at once", async () => {
    const slot = pictureOf({ totalSpots: 100, availableSpots: 100 });
    await redis.warm(slot);
    const answers = await Promise.all(
      Array.from({ length: 2000 }, (_, index) => admit(slot, wishOf(slot, `s${index}`))),
    );
    const admitted = answers.flat().filter((answer) => answer === "admitted");
    expect(admitted).toHaveLength(100);
    expect(await redis.readStock(slot.slotId)).toEqual({ freeSpots: 0, heldSpots: 100 });
  });

  test("gives back what a hold took, though the claim has another size", async () => {
    const slot = pictureOf({ totalSpots: 9, availableSpots: 9 });
    await redis.warm(slot);
    const wish = wishOf(slot, "a", { partySize: 2 });
    await admit(slot, wish);
    await redis.settle(slot.slotId, 6, slot.version + 1n, [
      { wish: { ...wish, partySize: 3 }, status: "C" },
    ]);
    expect(await redis.readStock(slot.slotId)).toEqual({ freeSpots: 6, heldSpots: 0 });
  });

  test("tells of slots in short: free spots, version, and when the first hold ends", async () => {
    const slot = pictureOf();
    const cold = pictureOf();
    await redis.warm(slot);
    const ids = [cold.slotId, slot.slotId];
    const { availableSpots, version } = slot;
    expect(await redis.readPictures(ids)).toEqual([
      undefined,
      { availableSpots, version, heldSpots: 0, firstHoldEndsAtMs: undefined },
    ]);
    const beforeMs = Date.now();
    await admit(slot, wishOf(slot, "a"));
    await admit(slot, wishOf(slot, "b"));
    const [, held] = await redis.readPictures(ids);
    expect(held?.heldSpots).toBe(2);
    const endsInMs = (held?.firstHoldEndsAtMs ?? 0) - beforeMs;
    expect(endsInMs).toBeGreaterThan(HOLD_MS - 1000);
    expect(endsInMs).toBeLessThan(HOLD_MS + 1000);
  });

  test("names the other appointment to a shopper who has one in the slot", async () => {
    const slot = pictureOf();
    await redis.warm(slot);
    const first = wishOf(slot, "a");
    const second = wishOf(slot, "a", { appointmentId: appointmentIdOf("t", "a", "other") });
    expect(await admit(slot, first, second)).toEqual([
      "admitted",
      `user-limit ${first.appointmentId}`,
    ]);
  });

  test("refuses one request id with another body", async () => {
    const slot = pictureOf();
    await redis.warm(slot);
    const wish = wishOf(slot, "a");
    const changed = wishOf(slot, "a", { partySize: 2 });
    expect(await admit(slot, wish, changed)).toEqual(["admitted", "request-id-reused"]);
  });

  test("tells too early, too late, too large and no such slot apart", async () => {
    const opensAtMs = Date.now() + HOUR_MS;
    const early = pictureOf({ opensAtMs });
    const late = pictureOf({ startsAtMs: Date.now() - 1 });
    const open = pictureOf();
    await Promise.all([early, late, open].map((slot) => redis.warm(slot)));
    expect(await admit(early, wishOf(early, "a"))).toEqual([`not-open-yet ${opensAtMs}`]);
    expect(await admit(late, wishOf(late, "a"))).toEqual(["too-late"]);
    expect(await admit(open, wishOf(open, "a", { partySize: 3 }))).toEqual(["party-too-large 2"]);
    expect(await admit(open, wishOf(open, "a", { tenantId: "other" }))).toEqual(["no-such-slot"]);
    expect(await admit(open, wishOf(open, "a", { storeId: "8" }))).toEqual(["no-such-slot"]);
  });

  test("says who holds spots when asked", async () => {
    const slot = pictureOf();
    await redis.warm(slot);
    const wishes = ["a", "b", "c", "d"].map((shopper) => wishOf(slot, shopper));
    const { freeSpots, holders } = await redis.admit(slot.slotId, wishes, HOLD_MS, 3);
    expect(freeSpots).toBe(0);
    expect(new Set(holders)).toEqual(new Set(wishes.slice(0, 3).map(({ shopperId }) => shopperId)));
  });

  test("says nothing of holders while a spot is free, or where they are more than asked for", async () => {
    const slot = pictureOf();
    await redis.warm(slot);
    const [a, b, c, d] = ["a", "b", "c", "d"].map((shopper) => wishOf(slot, shopper));
    const free = [a, b] as AdmissionWish[];
    expect((await redis.admit(slot.slotId, free, HOLD_MS, 9)).holders).toEqual([]);
    const full = [c, d] as AdmissionWish[];
    expect((await redis.admit(slot.slotId, full, HOLD_MS, 2)).holders).toEqual([]);
    expect((await redis.admit(slot.slotId, [d as AdmissionWish], HOLD_MS, 3)).holders).toHaveLength(
      3,
    );
  });

  test("gives a hold back when its time is over", async () => {
    const slot = pictureOf({ totalSpots: 1, availableSpots: 1 });
    await redis.warm(slot);
    await redis.admit(slot.slotId, [wishOf(slot, "a")], 1, 0);
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(await admit(slot, wishOf(slot, "b"))).toEqual(["admitted"]);
    expect(await admit(slot, wishOf(slot, "a"))).toEqual(["sold-out"]);
  });
});

describe("settling", () => {
  test("turns a hold into the rows' count, and remembers the winner", async () => {
    const slot = pictureOf();
    await redis.warm(slot);
    const wish = wishOf(slot, "a");
    await admit(slot, wish);
    await redis.settle(slot.slotId, 2, 2n, [{ wish, status: "C" }]);
    expect(await redis.readStock(slot.slotId)).toEqual({ freeSpots: 2, heldSpots: 0 });
    expect(await admit(slot, wish)).toEqual(["already-yours C"]);
  });

  test("gives back what the rows refused", async () => {
    const slot = pictureOf({ totalSpots: 1, availableSpots: 1 });
    await redis.warm(slot);
    const wish = wishOf(slot, "a");
    await admit(slot, wish);
    await redis.settle(slot.slotId, 1, 1n, [{ wish, status: "R" }]);
    expect(await admit(slot, wishOf(slot, "b"))).toEqual(["admitted"]);
  });

  test("twice changes nothing, and an older count does not undo a newer one", async () => {
    const slot = pictureOf();
    await redis.warm(slot);
    const [a, b] = [wishOf(slot, "a"), wishOf(slot, "b")];
    await admit(slot, a, b);
    await redis.settle(slot.slotId, 1, 3n, [{ wish: b, status: "C" }]);
    await redis.settle(slot.slotId, 2, 2n, [{ wish: a, status: "C" }]);
    await redis.settle(slot.slotId, 2, 2n, [{ wish: a, status: "C" }]);
    expect(await redis.readStock(slot.slotId)).toEqual({ freeSpots: 1, heldSpots: 0 });
  });

  test("does not make a slot warm", async () => {
    const slot = pictureOf();
    await redis.settle(slot.slotId, 2, 2n, [{ wish: wishOf(slot, "a"), status: "C" }]);
    expect(await redis.readStock(slot.slotId)).toBeUndefined();
  });
});

describe("warming", () => {
  test("keeps undecided holds, takes the rows' claims, and forgets the rest", async () => {
    const slot = pictureOf({ totalSpots: 10, availableSpots: 10 });
    await redis.warm(slot);
    const [held, claimed, over] = ["a", "b", "c"].map((shopper) => wishOf(slot, shopper));
    await admit(slot, held as AdmissionWish, claimed as AdmissionWish, over as AdmissionWish);
    await redis.settle(slot.slotId, 9, 2n, [{ wish: over as AdmissionWish, status: "C" }]);
    const rows = { ...slot, availableSpots: 9, version: 4n, claimed: [claimed as AdmissionWish] };
    await redis.warm(rows);
    expect(await redis.readStock(slot.slotId)).toEqual({ freeSpots: 8, heldSpots: 1 });
    expect(
      await admit(slot, held as AdmissionWish, claimed as AdmissionWish, over as AdmissionWish),
    ).toEqual(["already-yours A", "already-yours C", "admitted"]);
  });

  test("counts no hold whose time is over", async () => {
    const slot = pictureOf();
    await redis.warm(slot);
    await admit(slot, wishOf(slot, "b"));
    await redis.admit(slot.slotId, [wishOf(slot, "a")], 1, 0);
    await new Promise((resolve) => setTimeout(resolve, 10));
    await redis.warm(slot);
    expect(await redis.readStock(slot.slotId)).toEqual({ freeSpots: 2, heldSpots: 1 });
    expect(await admit(slot, wishOf(slot, "a"))).toEqual(["admitted"]);
  });

  test("says by how much the old picture was too generous", async () => {
    const slot = pictureOf();
    expect(await redis.warm(slot)).toBeUndefined();
    expect(await redis.warm(slot)).toBe(0);
    expect(await redis.warm({ ...slot, availableSpots: 1, version: 5n })).toBe(2);
    expect(await redis.warm({ ...slot, availableSpots: 3, version: 6n })).toBe(-2);
  });

  test("with what was read too early changes nothing", async () => {
    const slot = pictureOf();
    await redis.warm({ ...slot, availableSpots: 1, version: 5n });
    expect(await redis.warm({ ...slot, availableSpots: 3, version: 4n })).toBe("stale");
    expect(await redis.readStock(slot.slotId)).toEqual({ freeSpots: 1, heldSpots: 0 });
  });
});

test("a wish is noted once under its id, and found again", async () => {
  const slot = pictureOf();
  const wish = wishOf(slot, "a|b");
  const { body: _, ...plain } = wish;
  expect(await redis.noteWishes([wish])).toEqual([undefined]);
  expect(await redis.noteWishes([{ ...wish, slotId: "1" }])).toEqual([plain]);
  expect(await redis.findWish(wish.appointmentId)).toEqual(plain);
  expect(await redis.findWish(appointmentIdOf("t", "nobody", "x"))).toBeUndefined();
});

test("the scripts work again after Redis forgot them", async () => {
  const slot = pictureOf();
  await redis.warm(slot);
  await connection.script("FLUSH");
  expect(await admit(slot, wishOf(slot, "a"))).toEqual(["admitted"]);
});
