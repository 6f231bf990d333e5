// Goal: the Redis in memory, and the Lua in JavaScript, answer as the real ones do. Method: Scheduling's
// redis.ts over both, the same random commands to each, and every answer compared. The clock in memory
// begins near 0, so times are told to each by its own clock.

import { afterAll, beforeAll, expect, test } from "vitest";
import { openRedis, type RedisConnection, redisReady } from "#shared/redis.ts";
import { silentLogger, testConfig, uniqueId } from "#shared/testing.ts";
import { sleep } from "#shared/time.ts";
import { bodyOf } from "../../services/scheduling/domain.ts";
import {
  createRedis,
  type SchedulingRedis,
  type SlotPicture,
} from "../../services/scheduling/redis.ts";
import { createRandom } from "../drop/random.ts";
import { createPromptRedis } from "./redis.ts";
import { createMemoryRedis } from "./redis-memory.ts";

const SEQUENCES = 60;
const COMMANDS = 40;
const HOUR_MS = 3_600_000;
/** Holds end at once or not during the test. */
const HOLDS_MS = [1, HOUR_MS];
/** Longer than the first. */
const ENDED_MS = 4;

const beganAtMs = Date.now();
let connection: RedisConnection;
let real: SchedulingRedis;

beforeAll(async () => {
  connection = openRedis(testConfig().redisUrl, silentLogger());
  await redisReady(connection, 5000);
  real = createRedis(connection);
});

afterAll(() => connection.disconnect());

/** Opens a Redis in memory whose calls are answered at once. */
function openMemory(): SchedulingRedis {
  const now = () => Date.now() - beganAtMs + HOUR_MS;
  return createPromptRedis(createMemoryRedis(now), now);
}

test.for(Array.from({ length: SEQUENCES }, (_, seed) => seed))("sequence %i", async (seed) => {
  const random = createRandom(seed);
  const below = (end: number) => Math.floor(random() * end);
  const memory = openMemory();
  const slotId = uniqueId();
  let version = 0n;

  /** Says a time in each clock. */
  const times = (fromNowMs: number) => ({
    real: Date.now() + fromNowMs,
    memory: Date.now() - beganAtMs + HOUR_MS + fromNowMs,
  });
  const wish = () => {
    const number = below(6);
    const made = {
      appointmentId: `${slotId}-${number}`,
      tenantId: "t",
      // The last two wish for the second time.
      shopperId: `shopper:${number % 4}`,
      storeId: random() < 0.9 ? "7" : "8",
      slotId,
      partySize: 1 + below(3),
    };
    return { ...made, body: bodyOf(made) };
  };
  const wishes = () => Array.from({ length: 1 + below(4) }, wish);
  const opens = times(random() < 0.8 ? -HOUR_MS / 2 : HOUR_MS);
  const starts = times(random() < 0.9 ? 2 * HOUR_MS : -1);
  const picture = (): Omit<SlotPicture, "opensAtMs" | "startsAtMs"> => ({
    tenantId: "t",
    storeId: "7",
    slotId,
    totalSpots: 6,
    partySizeMax: 2,
    availableSpots: below(7),
    version: version - BigInt(below(2)),
    // The rows hold one claim of a shopper in a slot.
    claimed: [...new Map(wishes().map((one) => [one.shopperId, one])).values()],
  });

  /** Gives both the same command. */
  async function both(
    run: (redis: SchedulingRedis, clock: "real" | "memory") => Promise<unknown>,
  ): Promise<void> {
    const answers = [await run(real, "real"), await run(memory, "memory")];
    expect(answers[1], `seed ${seed}`).toEqual(answers[0]);
  }

  const commands = [
    async () => {
      const [asked, holdMs, holdersMax] = [wishes(), HOLDS_MS[below(2)] as number, below(5)];
      await both(async (redis, clock) => {
        const answer = await redis.admit(slotId, asked, holdMs, holdersMax);
        const admissions = answer.admissions.map(({ kind, detail }) =>
          kind === "not-open-yet" ? [kind, Number(detail) - opens[clock]] : [kind, detail],
        );
        return { ...answer, admissions, holders: answer.holders.toSorted() };
      });
      // Until then what both say of a hold that just ends is a matter of luck.
      await sleep(holdMs < ENDED_MS ? ENDED_MS : 0);
    },
    async () => {
      version += BigInt(below(2));
      const decided = wishes().map((one) => ({
        wish: one,
        status: random() < 0.5 ? ("C" as const) : ("R" as const),
      }));
      const [available, of] = [below(7), version];
      await both((redis) => redis.settle(slotId, available, of, decided));
    },
    async () => {
      version += BigInt(below(2));
      const rows = picture();
      await both((redis, clock) =>
        redis.warm({ ...rows, opensAtMs: opens[clock], startsAtMs: starts[clock] }),
      );
    },
    async () => {
      const noted = wishes();
      await both((redis) => redis.noteWishes(noted));
    },
    async () => {
      const { appointmentId } = wish();
      await both((redis) => redis.findWish(appointmentId));
    },
  ];
  for (let count = 0; count < COMMANDS; count += 1) {
    await (commands[below(commands.length)] as () => Promise<void>)();
    await both((redis) => redis.readStock(slotId));
    await both(async (redis, clock) => {
      const endByMs = times(HOUR_MS / 2)[clock];
      const holds = [
        ...(await redis.listHolds([slotId], endByMs, 9)),
        ...(await redis.listHolds([slotId], endByMs + HOUR_MS, 9)),
      ];
      return holds.map(({ appointmentId }) => appointmentId).toSorted();
    });
  }
  // Once: on the real one it reads all keys.
  await both(async (redis) => {
    await redis.noteAllWarm(Date.now());
    const inUse = await redis.listWarm(0);
    return inUse.filter((one) => one.slotId === slotId);
  });
});
