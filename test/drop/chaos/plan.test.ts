import { expect, it } from "vitest";
import { nameOfFault, planFaults } from "./plan.ts";

it("breaks every part in turn, then some at random, and the same for the same seed", () => {
  const parts = ["scheduling", "redis", "gateway"];
  const plan = planFaults(parts, 7, 30);
  expect(plan.slice(0, 8).map(nameOfFault)).toEqual([
    "kill scheduling",
    "pause scheduling",
    "kill redis",
    "pause redis",
    "cut redis",
    "flush redis",
    "kill gateway",
    "pause gateway",
  ]);
  expect(plan.slice(0, 8).every(({ afterMs }) => afterMs === undefined)).toBe(true);
  const atRandom = plan.slice(8);
  expect(atRandom).toHaveLength(30);
  expect(atRandom.every(({ afterMs = 0 }) => afterMs >= 500 && afterMs <= 4000)).toBe(true);
  expect(new Set(atRandom.map(nameOfFault)).size).toBeGreaterThan(4);
  expect(planFaults(parts, 7, 30)).toEqual(plan);
  expect(planFaults(parts, 8, 30)).not.toEqual(plan);
  expect(planFaults([], 7, 30)).toEqual([]);
});
