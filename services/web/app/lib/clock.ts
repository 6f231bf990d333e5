// The server's time, told by the Date headers of its answers: a phone's own clock may be minutes off,
// and a countdown to the opening of a drop must not be. Date is cut to a second and an answer may come
// from a cache, so every header says "at least this late": the latest such statement is kept. The clock
// is then at most about a second slow and never fast, and nobody is told "open" too early.

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const LAST_MINUTE_STEP_SECONDS = 20;

/** A clock that follows the server's. */
export interface ServerClock {
  /** Takes the Date header of an answer that has just come. */
  observe(dateHeader: string | null): void;
  /** The server's time as far as is known, in milliseconds since 1970. */
  nowMs(): number;
}

/** Makes a clock that shows the phone's own time until the server's was heard. */
export function createServerClock(
  monotonicMs: () => number = () => performance.now(),
  wallMs: () => number = Date.now,
): ServerClock {
  let offsetMs: number | undefined;
  return {
    observe(dateHeader) {
      const dateMs = Date.parse(dateHeader ?? "");
      if (!Number.isNaN(dateMs)) {
        offsetMs = Math.max(offsetMs ?? -Infinity, dateMs - monotonicMs());
      }
    },
    nowMs: () => (offsetMs === undefined ? wallMs() : monotonicMs() + offsetMs),
  };
}

/** Shows a time left to the second: "2 d 3 h", "3:05:09", "5:09", "0:09". */
export function countdownDigits(leftMs: number): string {
  const seconds = Math.max(0, Math.ceil(leftMs / 1000));
  const two = (value: number) => String(value).padStart(2, "0");
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  if (hours >= 24) {
    return `${Math.floor(hours / 24)} d ${hours % 24} h`;
  }
  return hours > 0
    ? `${hours}:${two(minutes % 60)}:${two(seconds % 60)}`
    : `${minutes}:${two(seconds % 60)}`;
}

/** Says a time left in words that change seldom, for screen readers: minutes, and 20-second steps in the
 * last one. */
export function countdownWords(leftMs: number): string {
  if (leftMs <= 0) {
    return "open now";
  }
  if (leftMs > DAY_MS) {
    return plural(Math.round(leftMs / DAY_MS), "day");
  }
  if (leftMs > HOUR_MS) {
    return plural(Math.round(leftMs / HOUR_MS), "hour");
  }
  if (leftMs > MINUTE_MS) {
    return plural(Math.ceil(leftMs / MINUTE_MS), "minute");
  }
  const step = LAST_MINUTE_STEP_SECONDS * 1000;
  return `${Math.ceil(leftMs / step) * LAST_MINUTE_STEP_SECONDS} seconds`;
}

function plural(count: number, unit: string): string {
  return count === 1 ? `1 ${unit}` : `${count} ${unit}s`;
}
