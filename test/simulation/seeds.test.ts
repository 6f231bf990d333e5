// Goal: no run of the booking pipeline breaks a promise, whatever is lost, late, doubled, slow or dead.
// Method: ten thousand seeds, each a run of its own that anybody can replay.

import { expect, test } from "vitest";
import { runSeeds } from "./pool.ts";

const SEEDS = 10_000;
const SECONDS_MAX = 1200;

/** What the seeds must have reached, each at least once: else they prove little. */
const REACHED = [
  "fault crash",
  "fault lost",
  "fault replyLost",
  "fault late",
  "fault twice",
  "booking outcome 1",
  "booking outcome 2",
  "booking outcome 3",
  "redeem outcome 1",
  "redeem outcome 2",
  "row none to 2",
  "row none to 3",
  "row none to 4",
  "row none to 5",
  "row 2 to 4",
];

test(
  `${SEEDS} seeds keep every promise`,
  async () => {
    const startedAtMs = performance.now();
    const report = await runSeeds({ from: 1, count: SEEDS });
    const seconds = (performance.now() - startedAtMs) / 1000;
    console.log(`${report.seeds} seeds, ${report.events} events, ${seconds.toFixed(1)} s`);
    expect(report.broken, `npm run simulate -- --seed ${report.broken[0]?.seed} --trace`).toEqual(
      [],
    );
    expect(report.seeds).toBe(SEEDS);
    expect(REACHED.filter((what) => !report.counts.get(what))).toEqual([]);
  },
  SECONDS_MAX * 1000,
);
