// A thread of the pool.

import { parentPort } from "node:worker_threads";
import type { BrokenSeed, Turn, TurnReport } from "./pool.ts";
import { simulate } from "./simulate.ts";

// Every fault is an error; nobody reads where it was made.
Error.stackTraceLimit = 0;

parentPort?.on("message", async ({ from, count, flaws }: Turn) => {
  const counts = new Map<string, number>();
  const broken: BrokenSeed[] = [];
  let events = 0;
  for (let seed = from; seed < from + count; seed += 1) {
    const outcome = await simulate(seed, { flaws });
    events += outcome.events;
    for (const [what, times] of outcome.counts) {
      counts.set(what, (counts.get(what) ?? 0) + times);
    }
    if (outcome.broken.length > 0) {
      broken.push({ seed, broken: outcome.broken });
    }
  }
  const report: TurnReport = { seeds: count, events, counts, brokenSeeds: broken.length, broken };
  parentPort?.postMessage(report);
});
