// The time left until something opens. The digits are for eyes and change each second; a screen reader
// hears words that change seldom.

import { countdownDigits, countdownWords } from "../lib/clock.ts";
import { formatOpening } from "../lib/format.ts";
import { useNow } from "./hooks.ts";
import { useAnnounced } from "./live.tsx";

const TICK_MS = 250;
/** A page that waits for hours says nothing until the end is near. */
const SAID_WITHIN_MS = 5 * 60_000;

/** Shows when something opens and the time left. */
export function Countdown({ untilMs, timeZone }: { untilMs: number; timeZone: string }) {
  const nowMs = useNow(TICK_MS);
  const leftMs = untilMs - nowMs;
  const words = countdownWords(leftMs);
  useAnnounced(
    leftMs > SAID_WITHIN_MS ? "" : leftMs > 0 ? `Booking opens in ${words}` : "Open now",
  );
  return (
    <div className="opening">
      <p className="countdown">
        <span aria-hidden="true">
          Booking opens in <strong>{countdownDigits(leftMs)}</strong>
        </span>
        <span className="unseen" role="timer">
          Booking opens in {words}
        </span>
      </p>
      <p className="hint">{formatOpening(untilMs, nowMs, timeZone)}. You may stay on this page.</p>
    </div>
  );
}
