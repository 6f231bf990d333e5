// Goal: a seed that failed can be replayed. Method: the same seeds twice, the second time in another
// order and with the trace kept; every event must be the same.

import { expect, test } from "vitest";
import { FLAWS } from "./flaws.ts";
import { simulate } from "./simulate.ts";

const SEEDS = [1, 2, 3, 5, 8, 13, 21, 34];

test("the same seed is the same run, event by event", async () => {
  const first = new Map<number, string>();
  for (const seed of SEEDS) {
    first.set(seed, (await simulate(seed)).hash);
  }
  for (const seed of SEEDS.toReversed()) {
    const again = await simulate(seed, { trace: true });
    expect(again.trace.length).toBeGreaterThan(0);
    expect(again.hash, `seed ${seed}`).toBe(first.get(seed));
  }
  expect(new Set(first.values()).size).toBe(SEEDS.length);
});

test("a broken seed breaks the same promises again", async () => {
  const { flaws } = FLAWS[0] as (typeof FLAWS)[number];
  const runs = [];
  for (let seed = 1; runs.length === 0; seed += 1) {
    const { broken, hash } = await simulate(seed, { flaws });
    if (broken.length > 0) {
      runs.push({ broken, hash });
      const again = await simulate(seed, { flaws, trace: true });
      runs.push({ broken: again.broken, hash: again.hash });
    }
  }
  expect(runs[1]).toEqual(runs[0]);
});
