// Locks and the alarm of misses, on a real Redis.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RedisConnection } from "#shared/redis.ts";
import { GUESS_RULES } from "./budgets.ts";
import {
  age,
  charged,
  colleagueOf,
  count,
  DEADLINE_MS,
  guess,
  guesserOf,
  MINUTE_MS,
  openGuesses,
} from "./guess-testing.ts";
import { isAlarm } from "./misses.ts";
import { type CodesRedis, createRedis } from "./redis.ts";

let connection: RedisConnection;
let redis: CodesRedis;

beforeAll(async () => {
  ({ connection, redis } = await openGuesses());
});

afterAll(() => connection.disconnect());

describe("a lock", () => {
  test("holds for 15 minutes, is not made longer by trying, and then ends with a whole budget", async () => {
    const guesser = guesserOf();
    await guess(redis, guesser, 11);
    await age(connection, guesser, 15 * MINUTE_MS - DEADLINE_MS * 2);
    expect(await guess(redis, guesser, 2)).toEqual(["locked device", "locked device"]);
    await age(connection, guesser, DEADLINE_MS * 2);
    expect(await redis.findLock(guesser.tenantId, guesser)).toBeUndefined();
    expect(await redis.listLocks(guesser.tenantId)).toEqual([]);
    expect(count(await guess(redis, guesser, 11))).toEqual({ charged: 10, "locked device": 1 });
  });

  test("ends by itself when Redis's own clock says so", async () => {
    const hasty = createRedis(connection, { ...GUESS_RULES, lockMs: 50 });
    const guesser = guesserOf();
    await guess(redis, guesser, 10);
    expect(await hasty.spendGuess(guesser)).toMatchObject({ kind: "locked", retryMs: 50 });
    await expect.poll(() => connection.exists(`codes:{${guesser.tenantId}}:guesses:locks`)).toBe(0);
  });

  test("is seen, listed with its end, and ended by a manager, with a whole budget", async () => {
    const guesser = guesserOf();
    const { tenantId, staffId, deviceId } = guesser;
    expect(await redis.findLock(tenantId, guesser)).toBeUndefined();
    expect(await redis.listLocks(tenantId)).toEqual([]);
    await guess(redis, guesser, 11);
    const lock = await redis.findLock(tenantId, guesser);
    expect(lock).toMatchObject({ staffId, deviceId });
    const leftMs = (lock?.untilMs ?? 0) - Date.now();
    expect(Math.abs(leftMs - GUESS_RULES.lockMs)).toBeLessThan(DEADLINE_MS);
    expect(await redis.listLocks(tenantId)).toEqual([lock]);

    expect(await redis.unlockDevice(tenantId, { staffId })).toBe(false);
    expect(await redis.unlockDevice(tenantId, { staffId, deviceId })).toBe(true);
    expect(await redis.unlockDevice(tenantId, { staffId, deviceId })).toBe(false);
    expect(await redis.findLock(tenantId, guesser)).toBeUndefined();
    expect(count(await guess(redis, guesser, 10))).toEqual({ charged: 10 });
  });

  test("of a person keeps all their devices out, until the person is unlocked", async () => {
    const guesser = guesserOf();
    const { tenantId, staffId } = guesser;
    const devices = Array.from({ length: 4 }, (_, number) => ({
      ...guesser,
      deviceId: `changed-${number}`,
    }));
    // Who changes the device's name before it locks has 20 guesses, and not 10 a name.
    const answers: string[] = [];
    for (const device of devices) {
      answers.push(...(await guess(redis, device, 6)));
    }
    expect(count(answers)).toEqual({ charged: 20, "locked person": 4 });
    expect(await guess(redis, { ...guesser, deviceId: undefined })).toEqual(["locked person"]);
    expect(await redis.findLock(tenantId, guesser)).toMatchObject({ staffId });
    expect(await redis.listLocks(tenantId)).toMatchObject([{ staffId }]);
    expect(await redis.unlockDevice(tenantId, { staffId })).toBe(true);
    expect(await guess(redis, guesser)).toEqual(["charged"]);
  });

  test("that ends last is the one that is found, and the first that is listed", async () => {
    const guesser = guesserOf();
    const { tenantId, staffId, deviceId } = guesser;
    await guess(redis, guesser, 11);
    await age(connection, guesser, MINUTE_MS);
    await guess(redis, { ...guesser, deviceId: "till-0002" }, 11);
    await guess(redis, { ...guesser, deviceId: "till-0003" }, 4);
    expect(await redis.findLock(tenantId, guesser)).toEqual({
      staffId,
      untilMs: expect.any(Number),
    });
    const listed = await redis.listLocks(tenantId);
    expect(listed.at(-1)).toMatchObject({ staffId, deviceId });
    expect(listed.map(({ untilMs }) => untilMs)).toEqual(
      listed.map(({ untilMs }) => untilMs).sort((one, other) => other - one),
    );
  });

  test("of an unlocked device is no way to a new budget", async () => {
    const guesser = guesserOf();
    await guess(redis, guesser, 10);
    expect(await redis.unlockDevice(guesser.tenantId, guesser)).toBe(false);
    expect(await guess(redis, guesser)).toEqual(["locked device"]);
  });
});

describe("the miss ratio", () => {
  test("counts tries and misses, and forgets a miss that was right", async () => {
    const guesser = guesserOf();
    await guess(redis, guesser, 3);
    await redis.refundGuess(await charged(redis, guesser));
    expect(await redis.readMissRatio(guesser.tenantId)).toMatchObject({ tries: 4, misses: 3 });
    expect(isAlarm(await redis.readMissRatio(guesser.tenantId))).toBe(false);
  });

  test("rings at a thief among honest clerks, also when the budgets refuse", async () => {
    const guesser = guesserOf();
    for (let number = 0; number < 100; number += 1) {
      await redis.refundGuess(await charged(redis, colleagueOf(guesser, number)));
    }
    expect(isAlarm(await redis.readMissRatio(guesser.tenantId))).toBe(false);
    await age(connection, guesser, 30 * MINUTE_MS);
    await guess(redis, guesser, 15);
    const ratio = await redis.readMissRatio(guesser.tenantId);
    expect(ratio).toMatchObject({ tries: 15, misses: 15, perMinute: 3 });
    expect(isAlarm(ratio)).toBe(true);
    await age(connection, guesser, 5 * MINUTE_MS);
    expect(await redis.readMissRatio(guesser.tenantId)).toMatchObject({ tries: 0, misses: 0 });
  });

  test("begins anew where a bucket's place comes round", async () => {
    const guesser = guesserOf();
    await guess(redis, guesser, 3);
    await age(connection, guesser, GUESS_RULES.buckets * GUESS_RULES.bucketMs);
    await guess(redis, guesser);
    expect(await redis.readMissRatio(guesser.tenantId)).toMatchObject({ tries: 1, misses: 1 });
  });

  test("keeps a ring of two hours, however long it counts", async () => {
    const fast = createRedis(connection, { ...GUESS_RULES, bucketMs: 2 });
    const guesser = guesserOf();
    const untilMs = Date.now() + 600;
    for (let number = 0; Date.now() < untilMs; number += 1) {
      await fast.spendGuess(colleagueOf(guesser, number));
    }
    const fields = await connection.hlen(`codes:{${guesser.tenantId}}:guesses:misses`);
    expect(fields).toBeGreaterThan(1);
    expect(fields).toBeLessThanOrEqual(GUESS_RULES.buckets);
  });
});
