// What the gate owes Redis when Redis has forgotten: the slot's picture, and that the slot is in use.

import { afterAll, beforeAll, expect, test } from "vitest";
import { openRedis, type RedisConnection, redisReady } from "#shared/redis.ts";
import { silentLogger, testConfig, uniqueId } from "#shared/testing.ts";
import { toTimestamp } from "#shared/time.ts";
import { createGate } from "./admission.ts";
import type { ClaimsClient } from "./clients.ts";
import { appointmentIdOf, type Wish } from "./domain.ts";
import { createRedis } from "./redis.ts";

const HOLD_MS = 60_000;
const HOUR_MS = 3600_000;
const STORE_ID = "7";

let connection: RedisConnection;

beforeAll(async () => {
  connection = openRedis(testConfig().redisUrl, silentLogger());
  await redisReady(connection, 5000);
});

afterAll(() => connection.disconnect());

/** A gate in front of one slot, which opened and has three spots. */
function setUp() {
  const slotId = uniqueId();
  const redis = createRedis(connection);
  const slot = {
    tenantId: "t",
    storeId: STORE_ID,
    slotId,
    totalSpots: 3,
    availableSpots: 3,
    partySizeMax: 2,
    openTime: toTimestamp(Date.now() - HOUR_MS),
    startTime: toTimestamp(Date.now() + HOUR_MS),
  };
  const isThere = (key: { storeId: string; slotId: string }) =>
    key.storeId === STORE_ID && key.slotId === slotId;
  const claims = {
    listSlotStock: async ({ keys }: { keys: { storeId: string; slotId: string }[] }) => ({
      stocks: keys.filter(isThere).map(() => ({ slot, version: 1n, activeClaims: [] })),
    }),
  } as unknown as ClaimsClient;
  const gate = createGate({
    redis,
    claims,
    holdMs: HOLD_MS,
    now: Date.now,
    logger: silentLogger(),
  });
  const admit = async (shopperId: string, change: Partial<Wish> = {}) => {
    const wish = {
      appointmentId: appointmentIdOf("t", shopperId, "first"),
      tenantId: "t",
      shopperId,
      storeId: STORE_ID,
      slotId,
      partySize: 1,
      ...change,
    };
    return (await gate.admit(wish)).kind;
  };
  /** Lists which of some slots are swept. What was noted before is there: the connection is one. */
  const listSwept = async (...slotIds: string[]) =>
    (await redis.listWarm(Date.now() - HOUR_MS)).filter((one) => slotIds.includes(one.slotId));
  return { slotId, admit, listSwept };
}

test("a slot that was forgotten is warmed on the next wish, and swept again", async () => {
  const { slotId, admit, listSwept } = setUp();
  const swept = [{ storeId: STORE_ID, slotId }];
  expect(await admit("ann")).toBe("admitted");
  expect(await listSwept(slotId)).toEqual(swept);
  const tag = `scheduling:{${slotId}}`;
  await connection.del(`${tag}:stock`, `${tag}:holds`, `${tag}:wishes`, `${tag}:shoppers`);
  await connection.zrem("scheduling:warm", `${STORE_ID}:${slotId}`);
  expect(await admit("bob")).toBe("admitted");
  expect(await listSwept(slotId)).toEqual(swept);
});

test("a slot that only Redis knows is swept from the next wish on", async () => {
  const { slotId, admit, listSwept } = setUp();
  await admit("ann");
  await connection.zrem("scheduling:warm", `${STORE_ID}:${slotId}`);
  const { admit: admitElsewhere } = setUp();
  expect(await admitElsewhere("bob", { slotId })).toBe("admitted");
  expect(await listSwept(slotId)).toEqual([{ storeId: STORE_ID, slotId }]);
});

test("a wish for a slot that is not there leaves no slot to sweep", async () => {
  const { slotId, admit, listSwept } = setUp();
  const nothing = uniqueId();
  expect(await admit("ann", { slotId: nothing })).toBe("no-such-slot");
  // As long as the slot is cold, and when it is warm.
  expect(await admit("ann", { storeId: "8" })).toBe("no-such-slot");
  expect(await listSwept(nothing, slotId)).toEqual([]);
  await admit("ann");
  expect(await admit("bob", { storeId: "8" })).toBe("no-such-slot");
  expect(await admit("ann", { storeId: "8" })).toBe("request-id-reused");
  expect(await listSwept(nothing, slotId)).toEqual([{ storeId: STORE_ID, slotId }]);
});
