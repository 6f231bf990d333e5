// What Codes does without being asked, once a minute: it ends codes whose time is over, counts what is live,
// and finishes what a crash left half done. One process at a time does it, by a lease in Redis that may
// fail: every step is idempotent, so two at once only do the same work twice.

import type { Logger } from "#shared/log.ts";
import { startSweeping } from "#shared/sweeper.ts";
import { type CountingOptions, createCounting } from "./counting.ts";
import { type ExpiringOptions, expireCodes } from "./expiring.ts";
import type { CodesRedis } from "./redis.ts";

const SWEEP_MS = 60_000;
/** Longer than the longest pause and sweep, so that who sweeps goes on sweeping: it knows where it stopped. */
const LEASE_MS = 150_000;
/** How long a sweep may expire, and count. */
const EXPIRE_MS_MAX = 20_000;
const COUNT_MS_MAX = 20_000;

/** What the sweeper works with. */
export interface SweeperOptions extends ExpiringOptions, CountingOptions {
  readonly redis: Pick<CodesRedis, "leaseSweeper">;
  readonly logger: Logger;
  /** Finishes transfers that were begun and left, and returns how many. If absent, there are none. */
  readonly finishTransfers?: (() => Promise<number>) | undefined;
  /** How long a pause is, in milliseconds, a quarter more or less. If absent, a minute. */
  readonly sweepMs?: number;
}

/** Makes the sweep. It rejects if a part of it failed, after all parts have had their turn. */
export function createSweep(options: SweeperOptions, signal?: AbortSignal): () => Promise<void> {
  const count = createCounting(options);
  const { now, logger, finishTransfers } = options;

  /** Says when so much time is over, or the process ends. */
  function after(ms: number): () => boolean {
    const untilMs = now() + ms;
    return () => signal?.aborted === true || now() >= untilMs;
  }

  return async () => {
    const outcomes = await Promise.allSettled([
      // What is expired is not counted: the one comes before the other.
      expireCodes(options, after(EXPIRE_MS_MAX)).then((codes) => {
        if (codes > 0) {
          logger.info({ codes }, "codes expired");
        }
        return count(after(COUNT_MS_MAX));
      }),
      finishTransfers?.().then((transfers) => {
        if (transfers > 0) {
          logger.info({ transfers }, "finished transfers that were left behind");
        }
      }),
    ]);
    const failed = outcomes.find((outcome) => outcome.status === "rejected");
    if (failed) {
      throw failed.reason;
    }
  };
}

/** Starts to sweep once a minute. */
export function startSweeper(
  options: SweeperOptions,
  random?: () => number,
): { stop(): Promise<void> } {
  const { redis, logger, sweepMs = SWEEP_MS } = options;
  let sweepOnce: (() => Promise<void>) | undefined;
  return startSweeping({
    sweep: (signal) => {
      // Made once: it knows where the last one stopped.
      sweepOnce ??= createSweep(options, signal);
      return sweepOnce();
    },
    lease: redis.leaseSweeper,
    leaseMs: LEASE_MS,
    everyMs: sweepMs,
    logger,
    ...(random && { random }),
  });
}
