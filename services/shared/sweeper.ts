// Runs a sweep again and again, in one process of many at a time: by a lease that may fail, so a sweep must
// be idempotent. Pauses differ by a quarter, so that processes do not go in step.

import { randomUUID } from "node:crypto";
import type { Logger } from "#shared/log.ts";
import { sleep } from "#shared/time.ts";

/** Starts to sweep. Stopping waits for a sweep under way, which hears of it by the signal. */
export function startSweeping(options: {
  /** Does it once. What it throws is noted, and it is done again after the next pause. */
  readonly sweep: (signal: AbortSignal) => Promise<void>;
  /** Takes or renews the lease for so long, and says whether it is the owner's. */
  readonly lease: (owner: string, leaseMs: number) => Promise<boolean>;
  /** Longer than the longest pause and sweep, in milliseconds. */
  readonly leaseMs: number;
  /** How long a pause is, in milliseconds. */
  readonly everyMs: number;
  readonly logger: Logger;
  readonly random?: () => number;
}): { stop(): Promise<void> } {
  const { sweep, lease, leaseMs, everyMs, logger, random = Math.random } = options;
  const owner = randomUUID();
  const stopping = new AbortController();

  async function loop(): Promise<void> {
    while (!stopping.signal.aborted) {
      await sleep(everyMs * (0.75 + random() / 2), stopping.signal);
      // Where the lease cannot be asked for, sweeping twice is better than not at all.
      const isOurs = await lease(owner, leaseMs).catch(() => true);
      if (isOurs && !stopping.signal.aborted) {
        await sweep(stopping.signal).catch((error: unknown) =>
          logger.warn({ cause: (error as Error).message }, "a sweep failed: again soon"),
        );
      }
    }
  }

  const running = loop();
  return {
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}
