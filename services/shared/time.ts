// Timestamps on the wire are google.protobuf.Timestamp, everywhere else milliseconds since 1970.

import { create } from "@bufbuild/protobuf";
import { type Timestamp, TimestampSchema, timestampMs } from "@bufbuild/protobuf/wkt";

/** Makes a Timestamp of milliseconds. */
export function toTimestamp(ms: number): Timestamp {
  const seconds = Math.floor(ms / 1000);
  return create(TimestampSchema, {
    seconds: BigInt(seconds),
    nanos: (ms - seconds * 1000) * 1_000_000,
  });
}

/** Makes milliseconds of a Timestamp, or undefined of an absent one. */
export function toMs(timestamp: Timestamp | undefined): number | undefined {
  return timestamp && timestampMs(timestamp);
}

/** Runs things later. Passed in, so that a simulation can turn the clock itself. */
export interface Timers {
  /** Runs after what this turn of the event loop still brings. */
  soon(run: () => void): void;
  /** Runs after a while. Returns what calls it off. */
  after(ms: number, run: () => void): () => void;
}

/** The timers of Node. */
export const nodeTimers: Timers = {
  soon: (run) => {
    setImmediate(run);
  },
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

/** Waits. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) {
      resolve();
      return;
    }
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done);
  });
}

/** Returns a delay that doubles from baseMs to maxMs with each attempt, with full jitter. */
export function backoffMs(attempt: number, baseMs: number, maxMs: number): number {
  return Math.random() * Math.min(maxMs, baseMs * 2 ** Math.min(attempt, 20));
}
