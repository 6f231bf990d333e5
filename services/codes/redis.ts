// Every Redis call of Codes: the budgets of wrong guesses, the locks, and the counts of misses. Nothing
// here is a promise to a shopper; it is what stands between a short code and who guesses it, so where it
// cannot be asked, the answer is no.
//
// Keys, all of a tenant in one hash slot, because one script charges a guess to all its budgets:
//   codes:{<tenant>}:guesses:device:<staff>/<device> | person:<staff> | store:<store> | network:<network> |
//     tenant:                         string: the budget's theoretical arrival, see lua/spendGuess-8.lua
//   codes:{<tenant>}:guesses:locks    zset: device or person -> ms at which its lock ends
//   codes:{<tenant>}:guesses:misses   hash: a ring of buckets of time -> tries and misses
//   codes:{<tenant>}:guesses:one:<id> string: a guess that can be given back -> its bucket
//   codes:number:<space>|<number>     string: whoever draws numbers holds this one, see drawing.ts
//   codes:sweeper                     string: who sweeps at this moment, see sweeping.ts
// Each of them expires: a budget when it is whole again, the ring when all of it is past.

import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { loadScripts, type RedisConnection, takeLease } from "#shared/redis.ts";
import {
  BUDGET_NAMES,
  type BudgetName,
  chargedTo,
  GUESS_RULES,
  type Guesser,
  type GuessRules,
  type Lock,
  type Lockable,
  lockableOf,
  lockableText,
  NO_DEVICE,
} from "./budgets.ts";
import type { NumberLocks } from "./drawing.ts";
import { type MissCount, type MissRatio, missRatio } from "./misses.ts";

const SWEEPER_KEY = "codes:sweeper";
const GUESS_ID_BYTES = 12;
/** The most locks that are listed. A tenant's budget has ten guesses for 25 devices, then for 3 an hour. */
const LOCKS_MAX = 100;

/** A charged guess, as it is given back. */
export interface Guess {
  readonly guesser: Guesser;
  readonly guessId: string;
}

/** What became of a guess that asked to be charged. Only a charged one may be looked up. */
export type Spending = { readonly kind: "charged"; readonly guess: Guess } | Refusal;

/** Why a guess may not be looked up. */
export type Refusal =
  /** A budget is out: which, how long until it has a guess again, and when that is by Redis's clock. */
  | {
      readonly kind: "spent";
      readonly budget: BudgetName;
      readonly retryMs: number;
      readonly freeAtMs: number;
    }
  /** The device, or the person with all devices, is locked. */
  | {
      readonly kind: "locked";
      readonly budget: "device" | "person";
      readonly retryMs: number;
      readonly freeAtMs: number;
    }
  /** Redis did not say. */
  | { readonly kind: "not-counted"; readonly cause: unknown };

/** What Codes keeps in Redis. */
export type CodesRedis = ReturnType<typeof createRedis>;

/** Opens the calls on a connection. */
export function createRedis(redis: RedisConnection, rules: GuessRules = GUESS_RULES) {
  const scripts = loadScripts<"spendGuess" | "refundGuess" | "unlockDevice">(
    redis,
    join(import.meta.dirname, "lua"),
  );
  const budgets = BUDGET_NAMES.map((name) => rules.budgets[name]);

  /** Gives a guess back that turned out right. Returns false if there was nothing to give back: it was
   * given back before, or too late. Can be called again. */
  async function refundGuess(guess: Guess): Promise<boolean> {
    const args = [rules.buckets, ...budgets.map(({ everyMs }) => everyMs)];
    return (await scripts.refundGuess(keysOf(guess), args)) === 1;
  }

  return {
    /** Charges a guess to all its budgets or to none. Does not reject: what goes wrong is a refusal. */
    async spendGuess(guesser: Guesser): Promise<Spending> {
      const guess = { guesser, guessId: randomBytes(GUESS_ID_BYTES).toString("base64url") };
      const { device, person } = chargedTo(guesser);
      try {
        const [code, which, retryMs, freeAtMs] = (await scripts.spendGuess(
          [...keysOf(guess), locksKey(guesser.tenantId)],
          [
            ...[rules.lockMs, rules.refundMs, rules.bucketMs, rules.buckets, device, person],
            ...budgets.flatMap(({ burst, everyMs }) => [burst, everyMs]),
          ],
        )) as [number, number, number, number];
        if (code === 0) {
          return { kind: "charged", guess };
        }
        const budget = BUDGET_NAMES[which - 1] as BudgetName;
        return code === 1
          ? { kind: "spent", budget, retryMs, freeAtMs }
          : { kind: "locked", budget: budget as "device" | "person", retryMs, freeAtMs };
      } catch (cause) {
        // Redis may have charged it and been too slow to say so; then it comes to this next, on the same
        // connection. If this is lost too, the charge stays, which is the safe side.
        refundGuess(guess).catch(() => {});
        return { kind: "not-counted", cause };
      }
    },

    refundGuess,

    /** Finds the lock that keeps a device out, its person's included; of two the one that ends last. */
    async findLock(tenantId: string, lockable: Lockable): Promise<Lock | undefined> {
      const { staffId, deviceId } = lockable;
      const both = [{ staffId, deviceId: deviceId || NO_DEVICE }, { staffId }];
      const [nowMs, ends] = await withTime<(string | null)[]>(
        redis
          .pipeline()
          .time()
          .zmscore(locksKey(tenantId), ...both.map(lockableText)),
      );
      const locks = both.map((one, index) => ({ ...one, untilMs: Number(ends[index] ?? 0) }));
      return locks
        .filter(({ untilMs }) => untilMs > nowMs)
        .sort((one, other) => other.untilMs - one.untilMs)[0];
    },

    /** Lists what is locked in a tenant, what was locked last first, and at most 100. */
    async listLocks(tenantId: string): Promise<Lock[]> {
      const [nowMs, found] = await withTime<string[]>(
        redis
          .pipeline()
          .time()
          .zrevrange(locksKey(tenantId), 0, LOCKS_MAX - 1, "WITHSCORES"),
      );
      const locks = Array.from({ length: found.length / 2 }, (_, index) => ({
        ...lockableOf(found[index * 2] ?? ""),
        untilMs: Number(found[index * 2 + 1]),
      }));
      return locks.filter(({ untilMs }) => untilMs > nowMs);
    },

    /** Ends a lock before its time: for managers. Returns false if there was none. */
    async unlockDevice(tenantId: string, lockable: Lockable): Promise<boolean> {
      const text = lockableText(lockable);
      const name = lockable.deviceId ? "device" : "person";
      const keys = [locksKey(tenantId), budgetKey(tenantId, name, text)];
      return (await scripts.unlockDevice(keys, [text])) === 1;
    },

    /** The locks of numbers that are being drawn. Single commands, because their keys lie anywhere. */
    numberLocks: {
      lock: async (names, lockMs) => {
        const answers = await Promise.all(
          names.map((name) => redis.set(numberKey(name), "1", "PX", lockMs, "NX")),
        );
        return answers.map((answer) => answer === "OK");
      },
      areLocked: async (names) => {
        const answers = await Promise.all(names.map((name) => redis.exists(numberKey(name))));
        return answers.map((answer) => answer === 1);
      },
      unlock: async (names) => {
        await Promise.all(names.map((name) => redis.del(numberKey(name))));
      },
    } satisfies NumberLocks,

    /** Becomes the process that sweeps, for a while. Returns whether it is. */
    leaseSweeper: (owner: string, leaseMs: number): Promise<boolean> =>
      takeLease(redis, SWEEPER_KEY, owner, leaseMs),

    /** Reads how many of a tenant's last tries missed, and how many would have as usual. */
    async readMissRatio(tenantId: string): Promise<MissRatio> {
      const [nowMs, ring] = await withTime<Record<string, string>>(
        redis.pipeline().time().hgetall(missesKey(tenantId)),
      );
      const { bucketMs, buckets } = rules;
      const now = { bucket: Math.floor(nowMs / bucketMs), bucketMs, buckets };
      return missRatio(Object.values(ring).map(missCountOf), now);
    },
  };
}

/** Runs a pipeline of TIME and one reading. */
async function withTime<Reply>(pipeline: {
  exec(): Promise<[Error | null, unknown][] | null>;
}): Promise<[nowMs: number, reply: Reply]> {
  const [time, reply] = ((await pipeline.exec()) ?? []).map(([error, answer]) => {
    if (error) {
      throw error;
    }
    return answer;
  });
  const [seconds, micros] = time as [string, string];
  return [Number(seconds) * 1000 + Math.floor(Number(micros) / 1000), reply as Reply];
}

/** Returns the keys that both scripts of a guess take. */
function keysOf({ guesser, guessId }: Guess): string[] {
  const { tenantId } = guesser;
  const charged = chargedTo(guesser);
  return [
    missesKey(tenantId),
    `${prefixOf(tenantId)}:one:${guessId}`,
    ...BUDGET_NAMES.map((name) => budgetKey(tenantId, name, charged[name])),
  ];
}

function prefixOf(tenantId: string): string {
  return `codes:{${tenantId}}:guesses`;
}

function budgetKey(tenantId: string, name: BudgetName, whose: string): string {
  return `${prefixOf(tenantId)}:${name}:${whose}`;
}

function locksKey(tenantId: string): string {
  return `${prefixOf(tenantId)}:locks`;
}

function numberKey(name: string): string {
  return `codes:number:${name}`;
}

function missesKey(tenantId: string): string {
  return `${prefixOf(tenantId)}:misses`;
}

function missCountOf(text: string): MissCount {
  const [bucket = 0, tries = 0, misses = 0] = text.split(" ").map(Number);
  return { bucket, tries, misses };
}
