// A bulkhead: so many pieces of work at once, so many waiting, the rest refused. Heavy work (hashing a
// password takes 19 MiB and a thread) then costs its own callers time, and nobody else. Bottleneck does
// the queueing, in this process only, and is known to this file alone because nobody maintains it.

import Bottleneck from "bottleneck";
import { Code, meshError } from "#shared/errors.ts";

const RETRY_MS = 1000;

/** Runs work when its turn comes. */
export interface Limiter {
  /** Returns what the work returns. Rejects with RESOURCE_EXHAUSTED, the work not begun, if too much
   * waits already. The wait has no deadline: the work looks at its own when it begins. */
  run<Result>(work: () => Promise<Result>): Promise<Result>;
}

/** Makes a limiter of its own queue. */
export function createLimiter(options: {
  /** The most pieces of work that run at once; at least 1. */
  readonly concurrencyMax: number;
  /** The most pieces of work that wait; 0: none. */
  readonly waitingMax: number;
}): Limiter {
  const bottleneck = new Bottleneck({
    maxConcurrent: options.concurrencyMax,
    highWater: options.waitingMax,
    strategy: Bottleneck.strategy.OVERFLOW,
  });
  return {
    run: async (work) => {
      try {
        return await bottleneck.schedule(work);
      } catch (error) {
        if (error instanceof Bottleneck.BottleneckError) {
          throw meshError(Code.ResourceExhausted, "too much is waiting: try again later", {
            reason: "OVERLOADED",
            retryMs: RETRY_MS,
          });
        }
        throw error;
      }
    },
  };
}

/** Says yes so many times a second. */
export interface RateLimiter {
  /** Returns whether there is room now, and takes it. */
  tryTake(): boolean;
}

/** Makes a token bucket that holds one second's worth and fills evenly. */
export function createRateLimiter(options: {
  /** How often a second it says yes; more than 0. */
  readonly perSecond: number;
  /** Returns the time in milliseconds. */
  readonly now?: () => number;
}): RateLimiter {
  const { perSecond, now = Date.now } = options;
  let tokens = perSecond;
  let filledAtMs = now();
  return {
    tryTake: () => {
      const nowMs = now();
      const grown = (Math.max(0, nowMs - filledAtMs) * perSecond) / 1000;
      tokens = Math.min(perSecond, tokens + grown);
      filledAtMs = nowMs;
      if (tokens < 1) {
        return false;
      }
      tokens -= 1;
      return true;
    },
  };
}
