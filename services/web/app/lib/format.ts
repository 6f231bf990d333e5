// Days and times as a store's door would show them: always in the store's own zone, whatever the
// phone's, and the zone is printed. Intl only: Temporal is not in every browser yet.

const LOCALE = "en-US";
const DAY_MS = 86_400_000;

const formats = new Map<string, Intl.DateTimeFormat>();

/** Makes a format once; making one costs more than a hundred uses. */
function formatOf(timeZone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${timeZone} ${JSON.stringify(options)}`;
  const kept = formats.get(key) ?? new Intl.DateTimeFormat(LOCALE, { ...options, timeZone });
  formats.set(key, kept);
  return kept;
}

function partsOf(ms: number, timeZone: string, options: Intl.DateTimeFormatOptions) {
  const parts = formatOf(timeZone, options).formatToParts(ms);
  return (type: Intl.DateTimeFormatPartTypes) =>
    parts.find((part) => part.type === type)?.value ?? "";
}

/** "4:40 p.m." */
export function formatTime(ms: number, timeZone: string): string {
  const part = partsOf(ms, timeZone, { hour: "numeric", minute: "2-digit", hour12: true });
  const half = part("dayPeriod").toLowerCase().startsWith("a") ? "a.m." : "p.m.";
  return `${part("hour")}:${part("minute")} ${half}`;
}

/** "HST" */
export function formatZone(ms: number, timeZone: string): string {
  return partsOf(ms, timeZone, { hour: "numeric", timeZoneName: "short" })("timeZoneName");
}

/** "Hawaii-Aleutian Standard Time" */
export function formatZoneLong(ms: number, timeZone: string): string {
  return partsOf(ms, timeZone, { hour: "numeric", timeZoneName: "long" })("timeZoneName");
}

/** "4:40 p.m. – 5:00 p.m. (HST)" */
export function formatRange(startMs: number, endMs: number, timeZone: string): string {
  const zone = formatZone(startMs, timeZone);
  return `${formatTime(startMs, timeZone)} – ${formatTime(endMs, timeZone)} (${zone})`;
}

/** "Friday, November 12" */
export function formatDay(ms: number, timeZone: string): string {
  return formatOf(timeZone, { weekday: "long", month: "long", day: "numeric" }).format(ms);
}

/** "Friday, November 12, 4:40 p.m. (HST)" */
export function formatMoment(ms: number, timeZone: string): string {
  return `${formatDay(ms, timeZone)}, ${formatTime(ms, timeZone)} (${formatZone(ms, timeZone)})`;
}

/** "Opens at 12:00 a.m. (HST)", with the day if that is not the present one at the store. */
export function formatOpening(openMs: number, nowMs: number, timeZone: string): string {
  const time = `${formatTime(openMs, timeZone)} (${formatZone(openMs, timeZone)})`;
  return localDate(openMs, timeZone) === localDate(nowMs, timeZone)
    ? `Opens at ${time}`
    : `Opens ${formatDay(openMs, timeZone)} at ${time}`;
}

/** The day at a place, "2026-11-07". */
export function localDate(ms: number, timeZone: string): string {
  const part = partsOf(ms, timeZone, { year: "numeric", month: "2-digit", day: "2-digit" });
  return `${part("year")}-${part("month")}-${part("day")}`;
}

/** Tells whether this is a day of the calendar, written "2026-11-07". */
export function isDate(text: string): boolean {
  const ms = Date.parse(`${text}T00:00:00Z`);
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(ms) && toDate(ms) === text;
}

/** The day that is so many days later. */
export function addDays(date: string, days: number): string {
  return toDate(Date.parse(`${date}T00:00:00Z`) + days * DAY_MS);
}

/** A day for a chip: "Today", "Tomorrow" or "Fri", and "Nov 27". */
export function dayLabel(
  date: string,
  today: string,
): { readonly day: string; readonly date: string } {
  const ms = Date.parse(`${date}T12:00:00Z`);
  const near = date === today ? "Today" : date === addDays(today, 1) ? "Tomorrow" : undefined;
  return {
    day: near ?? formatOf("UTC", { weekday: "short" }).format(ms),
    date: formatOf("UTC", { month: "short", day: "numeric" }).format(ms),
  };
}

/** A day without a place: "Friday, November 27". */
export function formatDate(date: string): string {
  return formatDay(Date.parse(`${date}T12:00:00Z`), "UTC");
}

function toDate(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
