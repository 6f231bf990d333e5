// How long to wait before the next attempt. Everyone's connection breaks in the same second of a drop,
// so delays are spread over their whole range (full jitter) and grow to a cap.

const DOUBLINGS_MAX = 20;

/** Returns a delay between 0 and a bound that doubles with each attempt, from baseMs up to capMs. */
export function fullJitterMs(
  attempt: number,
  baseMs: number,
  capMs: number,
  random: () => number = Math.random,
): number {
  return random() * Math.min(capMs, baseMs * 2 ** Math.min(attempt, DOUBLINGS_MAX));
}

/** Returns a period changed by at most a fifth, so that pages opened together do not ask together. */
export function spreadMs(periodMs: number, random: () => number = Math.random): number {
  return periodMs * (0.8 + 0.4 * random());
}

/** Waits; resolves early when the signal aborts. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}
