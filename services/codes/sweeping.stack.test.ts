// The sweeper on the real parts: one process at a time while there is Redis, every process without it, and
// each part of a sweep whatever becomes of the others. A database of Redis of its own, because the mesh that
// the tests run against has a sweeper as well.

import { afterAll, afterEach, expect, test } from "vitest";
import { openRedis, type RedisConnection, redisReady } from "#shared/redis.ts";
import { silentLogger, testConfig, uniqueTenant } from "#shared/testing.ts";
import { sleep } from "#shared/time.ts";
import { KEPT_MS } from "./expiring.ts";
import { createRedis } from "./redis.ts";
import { createSweep, type SweeperOptions, startSweeper } from "./sweeping.ts";
import { openCodes } from "./testing.ts";

const LEASES = 7;
const SWEEP_MS = 40;

const codes = openCodes();
const redis = openRedis(`${testConfig().redisUrl}/${LEASES}`, silentLogger());
const running: { stop(): Promise<void> }[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.stop()));
  await redis.del("codes:sweeper");
});

afterAll(async () => {
  redis.disconnect();
  await codes.stop();
});

function optionsOf(change: Partial<SweeperOptions> = {}): SweeperOptions {
  const logger = silentLogger();
  return {
    ...{ ...codes.parts, redis: createRedis(redis), now: Date.now, logger },
    ...{ suffixes: ["07"], sweepMs: SWEEP_MS, ...change },
  };
}

/** Starts sweepers, and counts the sweeps of each. */
function startMany(count: number, connection: RedisConnection): number[] {
  const sweeps = new Array<number>(count).fill(0);
  for (let index = 0; index < count; index += 1) {
    const finishTransfers = async () => {
      sweeps[index] = (sweeps[index] ?? 0) + 1;
      return 0;
    };
    running.push(startSweeper(optionsOf({ redis: createRedis(connection), finishTransfers })));
  }
  return sweeps;
}

test("one process sweeps, again and again, and another one once it is gone", async () => {
  await redisReady(redis, 5000);
  const sweeps = startMany(3, redis);
  await expect.poll(() => Math.max(...sweeps), { timeout: 10_000 }).toBeGreaterThan(3);
  const first = sweeps.findIndex((count) => count > 0);
  expect(sweeps.filter((count) => count > 0).length).toBe(1);
  await running[first]?.stop();
  const ended = sweeps[first];
  // As if its lease had run out.
  await redis.del("codes:sweeper");
  const others = () => sweeps.filter((_, index) => index !== first);
  await expect.poll(() => Math.max(...others()), { timeout: 10_000 }).toBeGreaterThan(2);
  expect(sweeps[first]).toBe(ended);
  expect(others().filter((count) => count > 0).length).toBe(1);
});

test("without Redis each process sweeps", async () => {
  const nowhere = openRedis("redis://127.0.0.1:1", silentLogger());
  const sweeps = startMany(2, nowhere);
  await expect.poll(() => Math.min(...sweeps), { timeout: 10_000 }).toBeGreaterThan(1);
  nowhere.disconnect();
});

test("a sweep expires, then counts, and says what it finished", async () => {
  const mine = openCodes({ tenantId: uniqueTenant() });
  const over = { expiresAtMs: Date.now() - KEPT_MS - 60_000 };
  const issues = [mine.wish("07", over), mine.wish("07"), mine.wish("07")];
  await mine.issuing.issueCodes({ issues });
  let finished = 0;
  const finishTransfers = async () => {
    finished += 1;
    return 3;
  };
  await createSweep(optionsOf({ finishTransfers }))();
  const counts = await mine.parts.densityStore.listOfTenant(mine.tenantId);
  expect(counts).toMatchObject([{ suffix: "07", live: 2 }]);
  expect(finished).toBe(1);
  await mine.stop();
});

test("a part that fails keeps no other from its turn, and ends no sweeper", async () => {
  const failing = async () => {
    throw new Error("no transfer can be finished");
  };
  const mine = openCodes({ tenantId: uniqueTenant() });
  await mine.issuing.issueCodes({ issues: [mine.wish("07")] });
  const sweep = createSweep(optionsOf({ finishTransfers: failing }));
  await expect(sweep()).rejects.toThrow("no transfer can be finished");
  expect(await mine.parts.densityStore.listOfTenant(mine.tenantId)).toMatchObject([{ live: 1 }]);
  let turns = 0;
  running.push(
    startSweeper(
      optionsOf({
        finishTransfers: () => {
          turns += 1;
          return failing();
        },
      }),
    ),
  );
  await expect.poll(() => turns, { timeout: 10_000 }).toBeGreaterThan(2);
  await mine.stop();
});

test("a sweeper that is stopped sweeps no more", async () => {
  const sweeps = startMany(1, redis);
  await expect.poll(() => sweeps[0], { timeout: 10_000 }).toBeGreaterThan(0);
  await running[0]?.stop();
  const ended = sweeps[0];
  await sleep(SWEEP_MS * 5);
  expect(sweeps[0]).toBe(ended);
});
