// Goal: the simulation can fail. Method: each mistake is put in through a port, and must be seen within
// a number of seeds.

import { expect, test } from "vitest";
import { FLAWS } from "./flaws.ts";
import { runSeeds } from "./pool.ts";

const SECONDS_MAX = 300;

test.for(FLAWS)(
  "$name is seen within $seedsMax seeds",
  { timeout: SECONDS_MAX * 1000 },
  async ({ flaws, seedsMax }) => {
    const report = await runSeeds({ from: 1, count: seedsMax, flaws, stopsAtBroken: true });
    expect(report.brokenSeeds).toBeGreaterThan(0);
    const [first] = report.broken;
    expect(first?.broken[0]).toMatch(/^I[0-9]+: /);
  },
);
