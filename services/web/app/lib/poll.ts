// Asks again and again while someone looks: at a spread period, later after errors, and not at all
// while the page is hidden.

import { fullJitterMs, sleep, spreadMs } from "./backoff.ts";

const ERROR_BASE_MS = 1000;
const ERROR_CAP_MS = 30_000;

/** Whether someone looks at the page. */
export interface Visibility {
  isVisible(): boolean;
  /** Calls back at each change, until the returned function is called. */
  subscribe(listener: () => void): () => void;
}

/** What to ask for, and where the answers go. */
export interface PollOptions<Data> {
  readonly load: (signal: AbortSignal) => Promise<Data>;
  readonly onData: (data: Data) => void;
  readonly onError: (error: unknown) => void;
  /** The period in milliseconds while all is well. */
  readonly everyMs: number;
  readonly visibility: Visibility;
  /** The least wait that an error asks for, in milliseconds. */
  readonly retryMsOf?: (error: unknown) => number;
  readonly random?: () => number;
}

/** Starts asking, at once; returns how to stop. */
export function startPolling<Data>(options: PollOptions<Data>): () => void {
  const stop = new AbortController();
  void run(options, stop.signal);
  return () => stop.abort();
}

async function run<Data>(options: PollOptions<Data>, signal: AbortSignal): Promise<void> {
  const { load, onData, onError, everyMs, visibility, retryMsOf, random = Math.random } = options;
  let failures = 0;
  while (!signal.aborted) {
    await untilVisible(visibility, signal);
    if (signal.aborted) {
      return;
    }
    let waitMs = spreadMs(everyMs, random);
    try {
      const data = await load(signal);
      failures = 0;
      if (!signal.aborted) {
        onData(data);
      }
    } catch (error) {
      if (signal.aborted) {
        return;
      }
      onError(error);
      waitMs += Math.max(
        retryMsOf?.(error) ?? 0,
        fullJitterMs(failures, ERROR_BASE_MS, ERROR_CAP_MS, random),
      );
      failures += 1;
    }
    await sleep(waitMs, signal);
  }
}

function untilVisible(visibility: Visibility, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (visibility.isVisible() || signal.aborted) {
      resolve();
      return;
    }
    const check = () => {
      if (visibility.isVisible() || signal.aborted) {
        unsubscribe();
        signal.removeEventListener("abort", check);
        resolve();
      }
    };
    const unsubscribe = visibility.subscribe(check);
    signal.addEventListener("abort", check);
  });
}
