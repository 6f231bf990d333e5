import { describe, expect, test } from "vitest";
import { countdownDigits, countdownWords, createServerClock } from "./clock.ts";

describe("the server's clock", () => {
  const MIDNIGHT_MS = Date.parse("2026-11-07T10:00:00Z");
  const header = (ms: number) => new Date(ms).toUTCString();

  test("is the phone's until an answer told better, whatever its Date header holds", () => {
    const clock = createServerClock(
      () => 0,
      () => 123,
    );
    clock.observe(null);
    clock.observe("soon");
    expect(clock.nowMs()).toBe(123);
  });

  test("keeps the latest statement: cut seconds, slow answers and caches only make it late", () => {
    let monotonicMs = 1000;
    // The server's time is always MIDNIGHT_MS + monotonicMs; the phone is a year off.
    const clock = createServerClock(
      () => monotonicMs,
      () => 0,
    );
    clock.observe(header(MIDNIGHT_MS + monotonicMs)); // On the second: exact.
    monotonicMs = 5900;
    clock.observe(header(MIDNIGHT_MS + monotonicMs)); // Cut by 0.9 s.
    clock.observe(header(MIDNIGHT_MS + monotonicMs - 60_000)); // From a cache.
    expect(clock.nowMs()).toBe(MIDNIGHT_MS + 5900);
    monotonicMs = 7000;
    expect(clock.nowMs()).toBe(MIDNIGHT_MS + 7000);
  });

  test("catches up when the phone slept and its own count stood still", () => {
    const clock = createServerClock(
      () => 1000,
      () => 0,
    );
    clock.observe(header(MIDNIGHT_MS));
    clock.observe(header(MIDNIGHT_MS + 3_600_000));
    expect(clock.nowMs()).toBe(MIDNIGHT_MS + 3_600_000);
  });
});

test.each([
  [-5, "0:00", "open now"],
  [1, "0:01", "20 seconds"],
  [20_000, "0:20", "20 seconds"],
  [20_001, "0:21", "40 seconds"],
  [60_000, "1:00", "60 seconds"],
  [60_001, "1:01", "2 minutes"],
  [59 * 60_000, "59:00", "59 minutes"],
  [3_600_000, "1:00:00", "60 minutes"],
  [3_600_000 + 5000, "1:00:05", "1 hour"],
  [26 * 3_600_000, "1 d 2 h", "1 day"],
  [50 * 3_600_000, "2 d 2 h", "2 days"],
])("%i ms are %s to eyes and %s to ears", (leftMs, digits, words) => {
  expect(countdownDigits(leftMs)).toBe(digits);
  expect(countdownWords(leftMs)).toBe(words);
});

test("words change at most once a minute, and every 20 seconds in the last one", () => {
  const said = Array.from({ length: 3 * 60 }, (_, second) => countdownWords(second * 1000 + 1));
  expect(new Set(said)).toEqual(
    new Set(["20 seconds", "40 seconds", "60 seconds", "2 minutes", "3 minutes"]),
  );
});
