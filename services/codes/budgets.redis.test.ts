// What the budgets of wrong guesses promise, on a real Redis: exact, all or none, given back once, and
// nothing for ever.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RedisConnection } from "#shared/redis.ts";
import { uniqueTenant } from "#shared/testing.ts";
import { GUESS_RULES } from "./budgets.ts";
import {
  age,
  charged,
  colleagueOf,
  count,
  DEADLINE_MS,
  guess,
  guesserOf,
  HOUR_MS,
  MINUTE_MS,
  openGuesses,
} from "./guess-testing.ts";
import { type CodesRedis, createRedis } from "./redis.ts";

let connection: RedisConnection;
let redis: CodesRedis;

beforeAll(async () => {
  ({ connection, redis } = await openGuesses());
});

afterAll(() => connection.disconnect());

describe("a budget", () => {
  test("lets ten guesses of a device through, and not the eleventh", async () => {
    expect(await guess(redis, guesserOf(), 11)).toEqual([
      ...Array(10).fill("charged"),
      "locked device",
    ]);
  });

  test("gives a device one guess back a minute, not two", async () => {
    const guesser = guesserOf();
    await guess(redis, guesser, 10);
    await age(connection, guesser, MINUTE_MS);
    expect(await guess(redis, guesser, 2)).toEqual(["charged", "locked device"]);
  });

  test("is a device's own: another device of the person has its ten, and then the person is out", async () => {
    const guesser = guesserOf();
    expect(count(await guess(redis, guesser, 10))).toEqual({ charged: 10 });
    expect(count(await guess(redis, { ...guesser, deviceId: "till-0002" }, 10))).toEqual({
      charged: 10,
    });
    expect(await guess(redis, { ...guesser, deviceId: "till-0003" })).toEqual(["locked person"]);
  });

  test("of a store is 30 at once, one every two minutes, and so 60 in any hour", async () => {
    const guesser = guesserOf();
    const clerks = Array.from({ length: 10 }, (_, number) => colleagueOf(guesser, number));
    const first = await Promise.all(clerks.map((clerk) => guess(redis, clerk, 4)));
    expect(count(first.flat())).toEqual({ charged: 30, "spent store": 10 });
    const refused = await redis.spendGuess(colleagueOf(guesser, 99));
    expect(refused).toMatchObject({ kind: "spent", budget: "store" });
    const retryMs = "retryMs" in refused ? refused.retryMs : 0;
    expect(retryMs).toBeGreaterThan(2 * MINUTE_MS - DEADLINE_MS * 2);
    expect(retryMs).toBeLessThanOrEqual(2 * MINUTE_MS);
    let later = 0;
    for (let passedMs = 0; passedMs < HOUR_MS; passedMs += 2 * MINUTE_MS) {
      await age(connection, guesser, 2 * MINUTE_MS);
      const answers = await guess(redis, colleagueOf(guesser, 100 + passedMs / MINUTE_MS), 2);
      expect(answers).toEqual(["charged", "spent store"]);
      later += 1;
    }
    expect(30 + later).toBe(60);
  });

  test("of a network is 60 at once, whoever its people are", async () => {
    const guesser = guesserOf();
    const clerks = Array.from({ length: 8 }, (_, number) =>
      colleagueOf(guesser, number, { storeId: String(number % 4), address: `203.0.113.${number}` }),
    );
    const answers = await Promise.all(clerks.map((clerk) => guess(redis, clerk, 8)));
    expect(count(answers.flat())).toEqual({ charged: 60, "spent network": 4 });
    expect(await guess(redis, colleagueOf(guesser, 99, { storeId: "9" }))).toEqual(["charged"]);
  });

  test("is a tenant's own", async () => {
    const guesser = guesserOf();
    await guess(redis, guesser, 11);
    expect(await guess(redis, { ...guesser, tenantId: uniqueTenant() })).toEqual(["charged"]);
  });

  test("is never passed by 200 guesses at once, and those it refuses cost no other budget", async () => {
    const other = await openGuesses();
    const both = [redis, other.redis];
    const guesser = guesserOf();
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, number) =>
        both[number % 2]?.spendGuess(colleagueOf(guesser, number)),
      ),
    );
    other.connection.disconnect();
    expect(count(answers.map((answer) => answer?.kind ?? ""))).toEqual({ charged: 30, spent: 170 });
    // The tenant has 250, and this store took 30 of them and no more.
    const elsewhere = await Promise.all(
      Array.from({ length: 240 }, (_, number) =>
        guess(redis, colleagueOf(guesser, 1000 + number, { storeId: `other-${number % 10}` })),
      ),
    );
    expect(count(elsewhere.flat())).toEqual({ charged: 220, "spent tenant": 20 });
  });

  test("is told if it is the one that is free last", async () => {
    const strict = createRedis(connection, {
      ...GUESS_RULES,
      budgets: {
        ...GUESS_RULES.budgets,
        store: { burst: 1, everyMs: MINUTE_MS },
        network: { burst: 1, everyMs: HOUR_MS },
        tenant: { burst: 1, everyMs: 2 * MINUTE_MS },
      },
    });
    const guesser = guesserOf();
    expect(await guess(strict, guesser, 2)).toEqual(["charged", "spent network"]);
    const refused = await strict.spendGuess(guesser);
    const { retryMs, freeAtMs } = refused as Extract<typeof refused, { kind: "spent" }>;
    expect(Math.abs(retryMs - HOUR_MS)).toBeLessThan(DEADLINE_MS);
    expect(Math.abs(freeAtMs - Date.now() - HOUR_MS)).toBeLessThan(DEADLINE_MS);
  });
});

describe("a right guess", () => {
  test("is given back to every budget, and leaves no key but the counts", async () => {
    const guesser = guesserOf();
    expect(await redis.refundGuess(await charged(redis, guesser))).toBe(true);
    const left = await connection.keys(`codes:{${guesser.tenantId}}:*`);
    expect(left).toEqual([`codes:{${guesser.tenantId}}:guesses:misses`]);
  });

  test("does not forgive the device's misses before it", async () => {
    const guesser = guesserOf();
    await guess(redis, guesser, 9);
    for (let time = 0; time < 20; time += 1) {
      await redis.refundGuess(await charged(redis, guesser));
    }
    expect(await guess(redis, guesser, 2)).toEqual(["charged", "locked device"]);
  });

  test("is given back once", async () => {
    const guesser = guesserOf();
    await guess(redis, guesser, 8);
    const right = await charged(redis, guesser);
    const given = await Promise.all(Array.from({ length: 5 }, () => redis.refundGuess(right)));
    expect(given.filter(Boolean)).toHaveLength(1);
    expect(await guess(redis, guesser, 3)).toEqual(["charged", "charged", "locked device"]);
  });

  test("cannot be given back if it was never charged, or too late", async () => {
    const guesser = guesserOf();
    expect(await redis.refundGuess({ guesser, guessId: "of-no-charge" })).toBe(false);
    const hasty = createRedis(connection, { ...GUESS_RULES, refundMs: 1 });
    const spending = await hasty.spendGuess(guesser);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(spending.kind === "charged" && (await hasty.refundGuess(spending.guess))).toBe(false);
    expect(await guess(redis, guesser, 10)).toEqual([...Array(9).fill("charged"), "locked device"]);
  });
});

describe("keys", () => {
  test("all expire, and share one hash slot", async () => {
    const guesser = guesserOf();
    await guess(redis, guesser, 12);
    const keys = await connection.keys(`codes:*${guesser.tenantId}*`);
    expect(keys).toHaveLength(5 + 10 + 2);
    for (const key of keys) {
      expect(key.startsWith(`codes:{${guesser.tenantId}}:guesses:`), key).toBe(true);
      expect(await connection.pttl(key), key).toBeGreaterThan(0);
    }
  });

  test("of a budget live until it is whole again, and no longer", async () => {
    const guesser = guesserOf();
    await guess(redis, guesser, 3);
    const tag = `codes:{${guesser.tenantId}}:guesses`;
    const lives = await Promise.all([
      connection.pttl(`${tag}:device:ann/till-0001`),
      connection.pttl(`${tag}:tenant:`),
    ]);
    expect(lives[0]).toBeGreaterThan(3 * MINUTE_MS - DEADLINE_MS);
    expect(lives[0]).toBeLessThanOrEqual(3 * MINUTE_MS);
    expect(lives[1]).toBeLessThanOrEqual(3 * GUESS_RULES.budgets.tenant.everyMs);
  });
});
