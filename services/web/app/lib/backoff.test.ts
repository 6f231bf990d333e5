import { expect, test, vi } from "vitest";
import { fullJitterMs, sleep, spreadMs } from "./backoff.ts";

test.each([
  [0, 500],
  [1, 1000],
  [5, 16_000],
  [6, 30_000],
  [1000, 30_000],
])("attempt %i waits anything up to %i ms", (attempt, boundMs) => {
  expect(fullJitterMs(attempt, 500, 30_000, () => 0)).toBe(0);
  expect(fullJitterMs(attempt, 500, 30_000, () => 0.5)).toBe(boundMs / 2);
  expect(fullJitterMs(attempt, 500, 30_000, () => 0.999)).toBeLessThan(boundMs);
});

test("a period is spread by a fifth both ways", () => {
  const spread = [0, 0.5, 1].map((random) => Math.round(spreadMs(4000, () => random)));
  expect(spread).toEqual([3200, 4000, 4800]);
});

test("an abort ends a wait early, and one from before does not begin it", async () => {
  vi.useFakeTimers();
  const stop = new AbortController();
  const waiting = sleep(60_000, stop.signal);
  stop.abort();
  await waiting;
  await sleep(60_000, stop.signal);
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});
