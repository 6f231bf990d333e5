// The days of a report: local days of an IANA zone, whose length is the zone's own affair. A day has 23, 24
// or 25 hours where clocks are changed, and none where a zone skipped it.

import { Code, type ConnectError, meshError } from "#shared/errors.ts";

/** The most days of a report. */
export const DAYS_MAX = 31;

/** Offsets are passed over: they know nothing of summer. */
const ZONE_NAME = /^[A-Za-z]/;

/** A day, from startMs up to and without endMs. */
export interface Day {
  readonly date: string;
  readonly startMs: number;
  readonly endMs: number;
}

/** Returns the days from one to another, both included. Throws INVALID_ARGUMENT if they are none. */
export function daysBetween(firstDate: string, lastDate: string, timeZone: string): Day[] {
  const first = parseDate("first_date", firstDate);
  const last = parseDate("last_date", lastDate);
  const count = first.until(last).days + 1;
  if (count < 1 || count > DAYS_MAX) {
    throw malformed(
      `last_date is 0 to ${DAYS_MAX - 1} days after first_date: found ${count - 1} days`,
    );
  }
  return Array.from({ length: count }, (_, index) => {
    const day = first.add({ days: index });
    const startMs = startOf(day, timeZone);
    return { date: day.toString(), startMs, endMs: startOf(day.add({ days: 1 }), timeZone) };
  });
}

function parseDate(field: string, text: string): Temporal.PlainDate {
  try {
    return Temporal.PlainDate.from(text, { overflow: "reject" });
  } catch {
    throw malformed(`${field}: the calendar has no ${text}`);
  }
}

function startOf(day: Temporal.PlainDate, timeZone: string): number {
  try {
    if (ZONE_NAME.test(timeZone)) {
      return day.toZonedDateTime(timeZone).epochMilliseconds;
    }
  } catch {
    // Told below.
  }
  throw malformed('time_zone: wanted an IANA zone like "Pacific/Honolulu"');
}

function malformed(message: string): ConnectError {
  return meshError(Code.InvalidArgument, message, { reason: "MALFORMED_RANGE" });
}
