// What the tests of guesses share: guessers that no other test has, and a way to let hours pass. The clock
// is Redis's own, so time passes by setting what is stored back.

import { openRedis, type RedisConnection, redisReady } from "#shared/redis.ts";
import { silentLogger, testConfig, uniqueTenant } from "#shared/testing.ts";
import { GUESS_RULES, type Guesser } from "./budgets.ts";
import { type CodesRedis, createRedis, type Guess } from "./redis.ts";

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
/** Redis's own deadline a command, and something for a busy machine. */
export const DEADLINE_MS = 3000;

const READY_MS = 5000;

/** Opens Redis as Codes does. */
export async function openGuesses(url = testConfig().redisUrl) {
  const connection = openRedis(url, silentLogger());
  await redisReady(connection, READY_MS);
  return { connection, redis: createRedis(connection) };
}

/** Returns a clerk of a tenant that no other test has. */
export function guesserOf(change: Partial<Guesser> = {}): Guesser {
  return {
    tenantId: uniqueTenant(),
    storeId: "7",
    staffId: "ann",
    deviceId: "till-0001",
    address: "203.0.113.9",
    ...change,
  };
}

/** Returns another person of the same store, in another network. */
export function colleagueOf(
  guesser: Guesser,
  number: number,
  change: Partial<Guesser> = {},
): Guesser {
  const address = `10.${number >> 8}.${number & 255}.1`;
  return { ...guesser, staffId: `clerk-${number}`, address, ...change };
}

/** Guesses some times, one after the other, and says what came of it in short. */
export async function guess(redis: CodesRedis, guesser: Guesser, times = 1): Promise<string[]> {
  const answers: string[] = [];
  for (let time = 0; time < times; time += 1) {
    const spending = await redis.spendGuess(guesser);
    answers.push("budget" in spending ? `${spending.kind} ${spending.budget}` : spending.kind);
  }
  return answers;
}

/** Charges a guess. Rejects if it is refused. */
export async function charged(redis: CodesRedis, guesser: Guesser): Promise<Guess> {
  const spending = await redis.spendGuess(guesser);
  if (spending.kind !== "charged") {
    throw new Error(`wanted the guess charged: found ${spending.kind}`);
  }
  return spending.guess;
}

/** Counts equal answers. */
export function count(answers: readonly string[]): Record<string, number> {
  const groups = Map.groupBy(answers, (answer) => answer);
  return Object.fromEntries([...groups].map(([answer, { length }]) => [answer, length]));
}

/** Lets time pass for a tenant: whatever is stored was stored so much earlier. */
export async function age(
  connection: RedisConnection,
  { tenantId }: Guesser,
  ms: number,
): Promise<void> {
  const prefix = `codes:{${tenantId}}:guesses:`;
  for (const key of await connection.keys(`${prefix}*`)) {
    const name = key.slice(prefix.length);
    if (name === "locks") {
      for (const member of await connection.zrange(key, 0, "-1")) {
        await connection.zincrby(key, -ms, member);
      }
    } else if (name === "misses") {
      const buckets = Object.values(await connection.hgetall(key)).map((text) => {
        const [bucket, ...counts] = text.split(" ").map(Number);
        const earlier = (bucket ?? 0) - Math.round(ms / GUESS_RULES.bucketMs);
        return [earlier % GUESS_RULES.buckets, [earlier, ...counts].join(" ")];
      });
      await connection.multi().del(key).hset(key, buckets.flat()).exec();
    } else if (!name.startsWith("one:")) {
      await connection.decrby(key, ms);
    }
  }
}
