import { expect, test } from "vitest";
import {
  addDays,
  dayLabel,
  formatDate,
  formatDay,
  formatMoment,
  formatOpening,
  formatRange,
  formatTime,
  formatZoneLong,
  isDate,
  localDate,
} from "./format.ts";

const HONOLULU = "Pacific/Honolulu";
/** 4:40 in the afternoon of Friday, November 12, in Hawaii; in most of the world it is Saturday. */
const FRIDAY_MS = Date.parse("2027-11-13T02:40:00Z");

test("times are the store's, with its zone", () => {
  const endMs = FRIDAY_MS + 20 * 60_000;
  expect(formatRange(FRIDAY_MS, endMs, HONOLULU)).toBe("4:40 p.m. – 5:00 p.m. (HST)");
  expect(formatDay(FRIDAY_MS, HONOLULU)).toBe("Friday, November 12");
  expect(formatMoment(FRIDAY_MS, HONOLULU)).toBe("Friday, November 12, 4:40 p.m. (HST)");
  expect(formatZoneLong(FRIDAY_MS, HONOLULU)).toBe("Hawaii-Aleutian Standard Time");
  expect(localDate(FRIDAY_MS, HONOLULU)).toBe("2027-11-12");
  expect(localDate(FRIDAY_MS, "Europe/Berlin")).toBe("2027-11-13");
});

test.each([
  ["2026-11-07T10:00:00Z", HONOLULU, "12:00 a.m."],
  ["2026-11-07T22:00:00Z", HONOLULU, "12:00 p.m."],
  ["2026-11-07T19:05:00Z", HONOLULU, "9:05 a.m."],
  ["2026-07-01T16:00:00Z", "America/New_York", "12:00 p.m."],
  ["2026-12-01T16:00:00Z", "America/New_York", "11:00 a.m."],
])("%s in %s is %s", (instant, zone, time) => {
  expect(formatTime(Date.parse(instant), zone)).toBe(time);
});

test("an opening names its day unless that is today at the store", () => {
  const openMs = Date.parse("2026-11-07T10:00:00Z");
  expect(formatOpening(openMs, openMs - 1, HONOLULU)).toBe(
    "Opens Saturday, November 7 at 12:00 a.m. (HST)",
  );
  expect(formatOpening(openMs, openMs, HONOLULU)).toBe("Opens at 12:00 a.m. (HST)");
});

test("days are counted in the calendar", () => {
  expect(addDays("2026-12-31", 1)).toBe("2027-01-01");
  expect(addDays("2028-02-28", 1)).toBe("2028-02-29");
  expect(formatDate("2026-11-27")).toBe("Friday, November 27");
  expect(dayLabel("2026-11-25", "2026-11-25")).toEqual({ day: "Today", date: "Nov 25" });
  expect(dayLabel("2026-11-26", "2026-11-25")).toEqual({ day: "Tomorrow", date: "Nov 26" });
  expect(dayLabel("2026-11-27", "2026-11-25")).toEqual({ day: "Fri", date: "Nov 27" });
});

test.each([
  ["2026-11-07", true],
  ["2026-02-29", false],
  ["2026-13-01", false],
  ["2026-1-1", false],
  ["", false],
  ["next week", false],
])("%s is a day: %s", (text, is) => {
  expect(isDate(text)).toBe(is);
});
