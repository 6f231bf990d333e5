// The table of chances that the service's design was decided by, and where it bends.

import { describe, expect, test } from "vitest";
import { mostGuessesADay } from "./budgets.ts";
import { chancePerGuess, chanceWithin, guessesToHit } from "./chances.ts";

const SECONDS_A_DAY = 86_400;

/** At ten guesses a second. */
function secondsToHit(field: { liveCodes: number; space: number }): number {
  return guessesToHit(field) / 10;
}

describe("a guess", () => {
  test.each([
    ["100,000 live, two digits of suffix", 100_000, 1e8, 1 / 1000, 100],
    ["64 suffixes in use", 100_000, 64e6, 1 / 640, 64],
    ["16 suffixes in use", 100_000, 16e6, 1 / 160, 16],
    ["the codes of one store's day", 100, 64e6, 1 / 640_000, 64_000],
    ["one code, bound to a booking", 1, 1e8, 1e-8, 1e7],
  ])("%s", (_, liveCodes, space, chance, seconds) => {
    expect(chancePerGuess({ liveCodes, space })).toBeCloseTo(chance, 12);
    expect(secondsToHit({ liveCodes, space })).toBeCloseTo(seconds, 6);
  });

  test("takes 18 hours at a store-day's codes, and 116 days at one", () => {
    expect(Math.round(secondsToHit({ liveCodes: 100, space: 64e6 }) / 3600)).toBe(18);
    expect(Math.round(secondsToHit({ liveCodes: 1, space: 1e8 }) / SECONDS_A_DAY)).toBe(116);
  });

  test("never hits where nothing is live, and always where all is", () => {
    expect(chancePerGuess({ liveCodes: 0, space: 100 })).toBe(0);
    expect(guessesToHit({ liveCodes: 0, space: 100 })).toBe(Infinity);
    expect(chanceWithin({ liveCodes: 0, space: 100, guesses: 50 })).toBe(0);
    expect(chanceWithin({ liveCodes: 100, space: 100, guesses: 1 })).toBe(1);
    expect(chanceWithin({ liveCodes: 100, space: 100, guesses: 0 })).toBe(0);
  });
});

describe("some guesses", () => {
  test.each([
    ["five, unscoped, of 64 suffixes", 100_000, 64e6, 5, 0.0078],
    ["five, unscoped, of 16 suffixes", 100_000, 16e6, 5, 0.0309],
    ["1,600 of a store's codes, of 16 suffixes", 100, 16e6, 1600, 0.01],
    ["6,400 of a store's codes, of 64 suffixes", 100, 64e6, 6400, 0.01],
  ])("%s", (_, liveCodes, space, guesses, chance) => {
    expect(chanceWithin({ liveCodes, space, guesses })).toBeCloseTo(chance, 4);
  });

  test("that are very unlikely are not rounded to never", () => {
    const chance = chanceWithin({ liveCodes: 1, space: 1e17, guesses: 3 });
    expect(chance / 3e-17).toBeCloseTo(1, 9);
  });

  test("a day's budget hits a store's codes on less than one day in a hundred", () => {
    const guesses = mostGuessesADay(500);
    expect(chanceWithin({ liveCodes: 100, space: 16e6, guesses })).toBeLessThan(0.01);
    expect(chanceWithin({ liveCodes: 100, space: 16e6, guesses })).toBeCloseTo(0.00623, 5);
  });
});
