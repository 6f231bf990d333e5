// What the gate owes Redis when Redis has forgotten: the slot's picture, and that the slot is in use.

import { afterAll, beforeAll, expect, test } from "vitest";
import { openRedis, type RedisConnection, redisReady } from "#shared/redis.ts";
import { silentLogger, testConfig, uniqueId } from "#shared/testing.ts";
import { toTimestamp } from "#shared/time.ts";
import { createGate } from "./admission.ts";
import type { ClaimsClient } from "./clients.ts";
import { appointmentIdOf } from "./domain.ts";
import { createRedis } from "./redis.ts";

const HOLD_MS = 60_000;
const HOUR_MS = 3600_000;

let connection: RedisConnection;

beforeAll(async () => {
  connection = openRedis(testConfig().redisUrl, silentLogger());
  await redisReady(connection, 5000);
});

afterAll(() => connection.disconnect());

test("a slot that was forgotten is warmed on the next wish, and swept again", async () => {
  const slotId = uniqueId();
  const redis = createRedis(connection);
  const slot = {
    tenantId: "t",
    storeId: "7",
    slotId,
    totalSpots: 3,
    availableSpots: 3,
    partySizeMax: 2,
    openTime: toTimestamp(Date.now() - HOUR_MS),
    startTime: toTimestamp(Date.now() + HOUR_MS),
  };
  const claims = {
    listSlotStock: async () => ({ stocks: [{ slot, version: 1n, activeClaims: [] }] }),
  } as unknown as ClaimsClient;
  const gate = createGate({
    redis,
    claims,
    holdMs: HOLD_MS,
    now: Date.now,
    logger: silentLogger(),
  });
  const admit = async (shopperId: string) => {
    const wish = {
      appointmentId: appointmentIdOf("t", shopperId, "first"),
      tenantId: "t",
      shopperId,
      storeId: "7",
      slotId,
      partySize: 1,
    };
    return (await gate.admit(wish)).kind;
  };
  const isSwept = async () =>
    (await redis.listWarm(Date.now() - HOUR_MS)).some((one) => one.slotId === slotId);

  expect(await admit("ann")).toBe("admitted");
  await expect.poll(isSwept).toBe(true);
  const tag = `scheduling:{${slotId}}`;
  await connection.del(`${tag}:stock`, `${tag}:holds`, `${tag}:wishes`, `${tag}:shoppers`);
  await connection.zrem("scheduling:warm", `7:${slotId}`);
  expect(await admit("bob")).toBe("admitted");
  await expect.poll(isSwept).toBe(true);
});
