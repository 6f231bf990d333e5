import { describe, expect, test } from "vitest";
import { isAlarm, type MissCount, missRatio } from "./misses.ts";

const NOW = { bucket: 1000, bucketMs: 60_000, buckets: 120 };

/** The same counts in each of the last five minutes, and in each of the rest of two hours. */
function ratioOf(recent: [tries: number, misses: number], past: [tries: number, misses: number]) {
  const counts: MissCount[] = Array.from({ length: NOW.buckets }, (_, age) => {
    const [tries, misses] = age < 5 ? recent : past;
    return { bucket: NOW.bucket - age, tries, misses };
  });
  return missRatio(counts, NOW);
}

describe("the miss ratio", () => {
  test("sums the last five minutes, and says what so many tries usually bring", () => {
    const ratio = ratioOf([200, 12], [100, 4]);
    expect(ratio).toMatchObject({ tries: 1000, misses: 60, perMinute: 12 });
    // 4 % of 200, and a little less for the 100 tries it assumes at 2 %.
    expect(ratio.usual).toBeCloseTo(8, 1);
  });

  test("is of nothing where nothing was tried", () => {
    expect(missRatio([], NOW)).toEqual({ tries: 0, misses: 0, perMinute: 0, usual: 0 });
    expect(isAlarm(missRatio([], NOW))).toBe(false);
  });

  test("leaves out what is older than it looks back", () => {
    const old = { bucket: NOW.bucket - NOW.buckets, tries: 1e6, misses: 1e6 };
    const recent = { bucket: NOW.bucket, tries: 100, misses: 1 };
    expect(missRatio([old, recent], NOW)).toEqual(missRatio([recent], NOW));
  });
});

describe("the alarm", () => {
  test.each([
    ["a small tenant's three typing errors", [1, 0.6], [0, 0], false],
    ["a small tenant and a thief", [2, 2], [0.1, 0], true],
    ["a quiet day", [100, 2], [100, 2], false],
    ["a drop with ten times the tries and errors", [1000, 20], [100, 2], false],
    ["almost five times as many errors as usual", [1000, 97], [1000, 20], false],
    ["five times as many errors as usual", [1000, 100], [1000, 20], true],
    ["a thief at night, in fewer tries than the day had errors", [2, 2], [1000, 20], true],
    ["errors that are five times nothing", [1000, 4], [1000, 0], false],
    ["half of all tries missing, as for hours", [20, 11], [20, 11], true],
  ] as const)("%s: %o after %o is %s", (_, recent, past, rings) => {
    expect(isAlarm(ratioOf([...recent], [...past]))).toBe(rings);
  });
});
