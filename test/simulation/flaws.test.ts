// Goal: the simulation can fail. Method: each mistake is put in through a port, and must be seen within
// a number of seeds.

import { expect, test } from "vitest";
import { FLAWS } from "./flaws.ts";
import { simulate } from "./simulate.ts";

const SECONDS_MAX = 300;

test.for(FLAWS)(
  "$name is seen within $seedsMax seeds",
  { timeout: SECONDS_MAX * 1000 },
  async ({ flaws, seedsMax }) => {
    let broken: readonly string[] = [];
    for (let seed = 1; seed <= seedsMax && broken.length === 0; seed += 1) {
      ({ broken } = await simulate(seed, { flaws }));
    }
    expect(broken[0]).toMatch(/^I[0-9]+: /);
  },
);
