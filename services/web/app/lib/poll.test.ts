import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { startPolling, type Visibility } from "./poll.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function eye(isVisible = true) {
  const listeners = new Set<() => void>();
  const visibility: Visibility = {
    isVisible: () => isVisible,
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  return {
    visibility,
    listeners,
    look(next: boolean) {
      isVisible = next;
      for (const listener of [...listeners]) {
        listener();
      }
    },
  };
}

function start(load: () => Promise<number>, visibility: Visibility, retryMs = 0) {
  const heard: unknown[] = [];
  const stop = startPolling({
    load,
    onData: (data) => heard.push(data),
    onError: (error) => heard.push((error as Error).message),
    everyMs: 1000,
    visibility,
    retryMsOf: () => retryMs,
    random: () => 0.5,
  });
  return { heard, stop };
}

test("asks at once and every period, until it is stopped", async () => {
  let count = 0;
  const { heard, stop } = start(async () => ++count, eye().visibility);
  await vi.advanceTimersByTimeAsync(2500);
  expect(heard).toEqual([1, 2, 3]);
  stop();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(heard).toEqual([1, 2, 3]);
  expect(vi.getTimerCount()).toBe(0);
});

test("asks nothing while nobody looks, and at once when someone does", async () => {
  const { visibility, look, listeners } = eye(false);
  let count = 0;
  const { heard, stop } = start(async () => ++count, visibility);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(heard).toEqual([]);
  look(true);
  await vi.advanceTimersByTimeAsync(0);
  expect(heard).toEqual([1]);
  look(false);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(heard).toEqual([1]);
  stop();
  await vi.advanceTimersByTimeAsync(0);
  expect(listeners.size).toBe(0);
});

test("waits longer after each error, at least as long as it is asked to, and is quick again after", async () => {
  const times: number[] = [];
  let isDown = true;
  const startMs = Date.now();
  const load = async () => {
    times.push(Date.now() - startMs);
    if (isDown) {
      throw new Error("down");
    }
    return 1;
  };
  const { heard, stop } = start(load, eye().visibility, 700);
  await vi.advanceTimersByTimeAsync(6000);
  // 1000 and, of full jitter at a half, 500, 1000, 2000; the first is less than the 700 asked for.
  expect(times).toEqual([0, 1700, 3700]);
  isDown = false;
  await vi.advanceTimersByTimeAsync(3000);
  expect(times).toEqual([0, 1700, 3700, 6700, 7700, 8700]);
  expect(heard).toEqual(["down", "down", "down", 1, 1, 1]);
  stop();
});

test("an answer that comes after the stop is not told", async () => {
  const { promise, resolve } = Promise.withResolvers<number>();
  const { heard, stop } = start(() => promise, eye().visibility);
  stop();
  resolve(1);
  await vi.advanceTimersByTimeAsync(0);
  expect(heard).toEqual([]);
});
