import { describe, expect, test } from "vitest";
import { reasonOf } from "#shared/errors.ts";
import { daysBetween } from "./report-days.ts";

const HOUR_MS = 3_600_000;

describe("the days of a report", () => {
  test("are the zone's own, one after the other", () => {
    const days = daysBetween("2026-02-27", "2026-03-02", "Pacific/Honolulu");
    expect(days.map(({ date }) => date)).toEqual([
      "2026-02-27",
      "2026-02-28",
      "2026-03-01",
      "2026-03-02",
    ]);
    expect(new Date(days[0]?.startMs ?? 0).toISOString()).toBe("2026-02-27T10:00:00.000Z");
    for (const [index, { endMs }] of days.slice(0, -1).entries()) {
      expect(endMs).toBe(days[index + 1]?.startMs);
    }
  });

  test.each([
    ["Europe/Berlin", "2026-03-29", 23],
    ["Europe/Berlin", "2026-10-25", 25],
    ["Australia/Lord_Howe", "2026-04-05", 24.5],
    ["Asia/Kathmandu", "2026-11-25", 24],
    ["Pacific/Apia", "2011-12-30", 0],
  ])("in %s, %s has %d hours", (zone, date, hours) => {
    const [day] = daysBetween(date, date, zone);
    expect(((day?.endMs ?? 0) - (day?.startMs ?? 0)) / HOUR_MS).toBe(hours);
  });

  test("are 31 at most", () => {
    expect(daysBetween("2026-10-01", "2026-10-31", "UTC").length).toBe(31);
  });

  test.each([
    [
      "2026-10-01",
      "2026-11-01",
      "UTC",
      "last_date is 0 to 30 days after first_date: found 31 days",
    ],
    [
      "2026-10-02",
      "2026-10-01",
      "UTC",
      "last_date is 0 to 30 days after first_date: found -1 days",
    ],
    ["2026-02-29", "2026-03-01", "UTC", "first_date: the calendar has no 2026-02-29"],
    ["2026-02-28", "2026-13-01", "UTC", "last_date: the calendar has no 2026-13-01"],
    [
      "2026-02-28",
      "2026-03-01",
      "Mars/Olympus",
      'time_zone: wanted an IANA zone like "Pacific/Honolulu"',
    ],
    [
      "2026-02-28",
      "2026-03-01",
      "+02:00",
      'time_zone: wanted an IANA zone like "Pacific/Honolulu"',
    ],
  ])("from %s to %s in %s are refused", (first, last, zone, message) => {
    let caught: unknown;
    try {
      daysBetween(first, last, zone);
    } catch (error) {
      caught = error;
    }
    expect(String(caught)).toBe(`ConnectError: [invalid_argument] ${message}`);
    expect(reasonOf(caught)).toBe("MALFORMED_RANGE");
  });
});
