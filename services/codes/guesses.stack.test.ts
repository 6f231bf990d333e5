// The number of the console and the locks, on real Vitess and Redis.

import { afterAll, beforeAll, expect, test } from "vitest";
import { GuessesService } from "#gen/slotmesh/codes/v1/guesses_service_pb.ts";
import type { Role } from "#shared/auth.ts";
import { isTransient, reasonOf } from "#shared/errors.ts";
import { openRedis, redisReady } from "#shared/redis.ts";
import { clientAs, silentLogger, testConfig, uniqueId, uniqueTenant } from "#shared/testing.ts";
import { colleagueOf, guess, guesserOf } from "./guess-testing.ts";
import { type GuessesOptions, guessesService } from "./guesses-service.ts";
import { createRedis } from "./redis.ts";
import { openCodes, rejection } from "./testing.ts";

const connection = openRedis(testConfig().redisUrl, silentLogger());
const redis = createRedis(connection);

beforeAll(() => redisReady(connection, 5000));
afterAll(() => connection.disconnect());

type Codes = ReturnType<typeof openCodes>;

function consoleOf(
  { parts, tenantId }: Codes,
  role: Role = "manager",
  change: Partial<GuessesOptions> = {},
) {
  const methods = guessesService({ ...parts, redis, now: Date.now, ...change });
  return clientAs(GuessesService, methods, { role, tenantId, subjectId: "max" });
}

/** Issues codes of a store, at suffixes of all shards. */
async function issue(from: Codes, storeId: string, count: number, expiresAtMs?: number) {
  const wished = expiresAtMs === undefined ? {} : { expiresAtMs };
  const issues = Array.from({ length: count }, (_, index) => ({
    ...from.wish(String((index * 13) % 100).padStart(2, "0"), wished),
    storeId,
  }));
  await from.issuing.issueCodes({ issues });
}

test("a guess hits the codes of its store, and of all stores the fullest is told", async () => {
  const mine = openCodes({ tenantId: uniqueTenant() });
  const [small, large] = [uniqueId(), uniqueId()];
  await issue(mine, small, 10);
  await issue(mine, large, 25);
  await issue(mine, large, 40, Date.now() - 1);
  const console = consoleOf(mine);
  const all = await console.getGuessChances({});
  expect(all).toMatchObject({
    ...{ storeId: large, liveCodes: 25n, space: 1e8, chancePerGuess: 25e-8 },
    // Two stores of 750 a day each, and at most 1,000 in all of a tenant.
    guessesADay: 1000,
  });
  expect(all.chanceADay).toBeCloseTo(1000 * 25e-8, 6);
  expect(await console.getGuessChances({ storeId: small })).toMatchObject({
    ...{ storeId: small, liveCodes: 10n, guessesADay: 750 },
  });
  await mine.stop();
});

test("where any store redeems a code, a guess in any of them hits all", async () => {
  const mine = openCodes({ tenantId: uniqueTenant() });
  const location = { layout: "one-dimensional", libraries: 1, tables: 1 } as const;
  await mine.choosePolicy({ pattern: "RRRRRC", check: "damm", stores: "any-of-tenant", location });
  const wishes = Array.from({ length: 30 }, (_, index) => ({
    ...mine.wish("00"),
    storeId: String(1 + (index % 3)),
  }));
  await mine.issuing.issueCodes({ issues: wishes });
  expect(await consoleOf(mine).getGuessChances({})).toMatchObject({
    ...{ storeId: "", liveCodes: 30n, space: 100_000, chancePerGuess: 3e-4, guessesADay: 1000 },
  });
  const one = await consoleOf(mine).getGuessChances({ storeId: "2" });
  expect(one).toMatchObject({ storeId: "", liveCodes: 30n, guessesADay: 750 });
  expect(one.chanceADay).toBeCloseTo(1 - (1 - 3e-4) ** 750, 10);
  await mine.stop();
});

test("without a live code no guess hits", async () => {
  const mine = openCodes({ tenantId: uniqueTenant() });
  expect(await consoleOf(mine).getGuessChances({})).toMatchObject({
    ...{ storeId: "", liveCodes: 0n, chancePerGuess: 0, guessesADay: 0, chanceADay: 0 },
    ...{ tries: 0, misses: 0, alarm: false },
  });
  await mine.stop();
});

test("misses are told, and ring when there are too many", async () => {
  const mine = openCodes({ tenantId: uniqueTenant() });
  const guesser = guesserOf({ tenantId: mine.tenantId });
  await guess(redis, guesser, 3);
  const console = consoleOf(mine);
  expect(await console.getGuessChances({})).toMatchObject({ tries: 3, misses: 3, alarm: false });
  await guess(redis, colleagueOf(guesser, 1), 9);
  const told = await console.getGuessChances({});
  expect(told).toMatchObject({ tries: 12, misses: 12, missesPerMinute: 2.4, alarm: true });
  expect(told.usualMissesPerMinute).toBeLessThan(0.5);
  await mine.stop();
});

test("a locked device is listed, and a manager ends its lock, which the log tells without its tenant's codes", async () => {
  const mine = openCodes({ tenantId: uniqueTenant() });
  const { tenantId } = mine;
  const guesser = guesserOf({ tenantId });
  await guess(redis, guesser, 11);
  const lines: unknown[][] = [];
  const info = (...line: unknown[]) => void lines.push(line);
  const console = consoleOf(mine, "manager", { logger: { info } as never });
  const { locks } = await console.listLocks({});
  expect(locks).toMatchObject([{ staffId: "ann", deviceId: "till-0001" }]);
  const remainsMs = Number(locks[0]?.expireTime?.seconds) * 1000 - Date.now();
  expect(remainsMs).toBeGreaterThan(13 * 60_000);
  const name = { staffId: "ann", deviceId: "till-0001" };
  expect(await console.unlockDevice(name)).toMatchObject({ wasLocked: true });
  expect(await console.unlockDevice(name)).toMatchObject({ wasLocked: false });
  expect((await console.listLocks({})).locks).toEqual([]);
  expect(await guess(redis, guesser, 1)).toEqual(["charged"]);
  const fields = { tenantId, by: "max", role: "manager", ...name };
  expect(lines).toEqual([
    [{ ...fields, wasLocked: true }, "a lock after wrong codes was ended"],
    [{ ...fields, wasLocked: false }, "a lock after wrong codes was ended"],
  ]);
  await mine.stop();
});

test("locks are those of the caller's tenant", async () => {
  const mine = openCodes({ tenantId: uniqueTenant() });
  await guess(redis, guesserOf(), 11);
  expect((await consoleOf(mine).listLocks({})).locks).toEqual([]);
  await mine.stop();
});

test("only managers and operators see and end locks", async () => {
  const mine = openCodes({ tenantId: uniqueTenant() });
  for (const role of ["staff", "shopper", "service"] as const) {
    const console = consoleOf(mine, role);
    const refusals = await Promise.all(
      [
        console.getGuessChances({}),
        console.listLocks({}),
        console.unlockDevice({ staffId: "ann" }),
      ].map(async (call) => reasonOf(await rejection(call))),
    );
    expect(refusals).toEqual(["WRONG_ROLE", "WRONG_ROLE", "WRONG_ROLE"]);
  }
  expect(await consoleOf(mine, "operator").listLocks({})).toMatchObject({ locks: [] });
  await mine.stop();
});

test("without Redis nothing is told that is not known", async () => {
  const mine = openCodes({ tenantId: uniqueTenant() });
  const nowhere = openRedis("redis://127.0.0.1:1", silentLogger());
  const console = consoleOf(mine, "manager", { redis: createRedis(nowhere) });
  for (const call of [
    () => console.getGuessChances({}),
    () => console.listLocks({}),
    () => console.unlockDevice({ staffId: "ann" }),
  ]) {
    expect(isTransient(await rejection(call()))).toBe(true);
  }
  nowhere.disconnect();
  await mine.stop();
});
