// The time left until something opens. The digits are for eyes and change each second; a screen reader
// hears words that change seldom.

import { countdownDigits, countdownWords } from "../lib/clock.ts";
import { useNow } from "./hooks.ts";
import { useAnnounced } from "./live.tsx";

const TICK_MS = 250;
/** A page that waits for hours says nothing until the end is near. */
const SAID_WITHIN_MS = 5 * 60_000;

/** Shows the time left. */
export function Countdown({ untilMs, label }: { untilMs: number; label: string }) {
  const nowMs = useNow(TICK_MS);
  const leftMs = untilMs - nowMs;
  const words = countdownWords(leftMs);
  useAnnounced(leftMs > SAID_WITHIN_MS ? "" : leftMs > 0 ? `${label} in ${words}` : "Open now");
  return (
    <p className="countdown">
      <span aria-hidden="true">
        {label} in <strong>{countdownDigits(leftMs)}</strong>
      </span>
      <span className="unseen" role="timer">
        {label} in {words}
      </span>
    </p>
  );
}
