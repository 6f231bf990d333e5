// React's side of what the page waits for: time, answers that are asked for again and again, and who is
// signed in.

import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { clock } from "../api/mesh.ts";
import type { Person, Session } from "../api/session.ts";
import { startPolling, type Visibility } from "../lib/poll.ts";
import { retryMsOf } from "../lib/words.ts";

/** Whether the tab is shown. A page that a phone takes back from its memory says so by pageshow. */
export const tabVisibility: Visibility = {
  isVisible: () => document.visibilityState === "visible",
  subscribe: (listener) => {
    document.addEventListener("visibilitychange", listener);
    addEventListener("pageshow", listener);
    return () => {
      document.removeEventListener("visibilitychange", listener);
      removeEventListener("pageshow", listener);
    };
  },
};

/** Returns the server's time, anew every so many milliseconds. */
export function useNow(everyMs: number): number {
  const [nowMs, setNowMs] = useState(clock.nowMs);
  useEffect(() => {
    const timer = setInterval(() => setNowMs(clock.nowMs()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return nowMs;
}

/** Returns whether the tab is shown. */
export function useVisible(): boolean {
  return useSyncExternalStore(tabVisibility.subscribe, tabVisibility.isVisible);
}

/** Returns who is signed in. */
export function usePerson(session: Session): Person | undefined {
  return useSyncExternalStore(session.subscribe, session.person);
}

/** What is known of something that is asked for again and again. */
export interface Polled<Data> {
  /** The last answer. */
  readonly data: Data | undefined;
  /** Why the last attempt got none. */
  readonly error: unknown;
  /** Asks now. */
  readonly refresh: () => void;
}

/** Asks for what a key names, at once and every so often while the tab is shown. An undefined key asks
 * for nothing. */
export function usePolled<Data>(
  key: string | undefined,
  load: (signal: AbortSignal) => Promise<Data>,
  everyMs: number,
): Polled<Data> {
  const [state, setState] = useState<{ key?: string; data?: Data; error?: unknown }>({});
  const [round, setRound] = useState(0);
  const refresh = useCallback(() => setRound((count) => count + 1), []);
  const latest = useRef(load);
  latest.current = load;

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new round asks anew.
  useEffect(() => {
    if (key === undefined) {
      return;
    }
    return startPolling({
      load: (signal) => latest.current(signal),
      onData: (data) => setState({ key, data }),
      onError: (error) =>
        setState((before) => (before.key === key ? { ...before, error } : { key, error })),
      everyMs,
      visibility: tabVisibility,
      retryMsOf,
    });
  }, [key, everyMs, round]);

  const isOurs = state.key === key;
  return {
    data: isOurs ? state.data : undefined,
    error: isOurs ? state.error : undefined,
    refresh,
  };
}
