// Goal: the booking scheme keeps its promises in every state, and the checker would see it if it did not.
// Method: the small configurations, whole; then each mistake. npm run model -- --large does the others.

import { describe, expect, test } from "vitest";
import { check, type Model } from "./checker.ts";
import { CONFIGURATIONS, MUTANTS } from "./configurations.ts";
import { checkConfiguration, checkMutant } from "./model.ts";

const SECONDS_MAX = 120;
/** Fewer would mean that steps are missing. */
const STATES_MIN = 1000;

describe("the scheme keeps its promises", { timeout: SECONDS_MAX * 1000 }, () => {
  const small = CONFIGURATIONS.filter(({ isLarge }) => !isLarge);

  test.for(small)("$name: $says", (configuration) => {
    const verdict = checkConfiguration(configuration);
    expect(verdict.violation).toBeUndefined();
    expect(verdict.states).toBeGreaterThan(STATES_MIN);
    expect(verdict.settledStates).toBeGreaterThan(0);
    expect(verdict.settledStates).toBeLessThan(verdict.states);
  });
});

describe("each mistake is found", { timeout: SECONDS_MAX * 1000 }, () => {
  test.for(MUTANTS)("$name", (mutant) => {
    const { violation } = checkMutant(mutant);
    expect(violation?.says).toMatch(/^(I[0-9]+|liveness): /);
    expect(violation?.steps.length).toBeGreaterThan(0);
  });

  test("and told step by step, from the first", () => {
    const mutant = MUTANTS.find(({ claims }) => claims === "no look at the stock");
    const { violation } = checkMutant(mutant as (typeof MUTANTS)[number]);
    expect(violation).toEqual({
      says: "I1: -1 spots are free and 2 are claimed of 1",
      steps: [
        "A (ann) is let in and queued",
        "B (bob) is let in and queued",
        "worker 1 reads A (ann)",
        "worker 2 reads B (bob)",
        "worker 1 takes (T1: LOCKED), for the claim of A (ann)",
        "worker 2 takes (T1: LOCKED), for the claim of B (bob)",
      ],
    });
  });
});

describe("the checker", () => {
  /** Counts from 0 to 3, in steps of one by itself or of two by someone else. */
  const counting: Model = {
    initial: [0],
    successors: ([at = 0], says, emit) => {
      for (const [by, isOurs] of [
        [1, true],
        [2, false],
      ] as const) {
        if (at + by <= 3) {
          emit([at + by], isOurs, says ? `plus ${by}` : "");
        }
      }
    },
    canonical: (state) => state,
    checkState: () => undefined,
    checkStep: () => undefined,
    isSettled: ([at]) => at === 3,
  };

  test("visits each state once, and counts every step", () => {
    expect(check(counting)).toMatchObject({
      states: 4,
      transitions: 5,
      depth: 2,
      settledStates: 1,
    });
    expect(check(counting).violation).toBeUndefined();
  });

  test("finds the shortest way to a broken state", () => {
    const verdict = check({
      ...counting,
      checkState: ([at]) => (at === 3 ? "I0: three" : undefined),
    });
    expect(verdict.violation).toEqual({ says: "I0: three", steps: ["plus 1", "plus 2"] });
  });

  test("finds a broken step", () => {
    const verdict = check({
      ...counting,
      checkStep: ([from], [to]) => (from === 1 && to === 3 ? "I0: a leap" : undefined),
    });
    expect(verdict.violation).toEqual({ says: "I0: a leap", steps: ["plus 1", "plus 2"] });
  });

  test("does not count on people to come to rest", () => {
    const verdict = check({ ...counting, isSettled: ([at]) => at === 2 });
    expect(verdict.violation).toMatchObject({ steps: ["plus 1", "plus 2"], stuckStates: 1 });
  });
});
