// The days one can choose from, as radio buttons: arrows move between them, and each says aloud what is
// left on it. What is left is asked for the chosen day every few seconds, and once for the others.

import { useEffect, useRef, useState } from "react";
import { loadDay } from "../api/catalog.ts";
import { clock } from "../api/mesh.ts";
import { sleep } from "../lib/backoff.ts";
import { addDays, dayLabel, formatDate, localDate } from "../lib/format.ts";
import { type DaySummary, type SlotView, spotsLeft, summarizeDay } from "../lib/slots.ts";
import { useApp } from "./app-context.ts";
import { type Polled, useNow, usePolled } from "./hooks.ts";

/** New spots come a day or a few ahead; a week would be more to look through. */
const DAYS_SHOWN = 5;
const POLL_MS = 4000;
const GENTLY_MS = 250;

/** The days on offer, and the slots of the chosen one. */
export interface Days {
  readonly today: string;
  readonly dates: readonly string[];
  /** Absent while the first day that has something is looked for. */
  readonly chosen: string | undefined;
  readonly slots: Polled<SlotView[]>;
  readonly summaries: ReadonlyMap<string, DaySummary>;
}

/** Follows what is free at some stores. */
export function useDays(
  storeIds: readonly string[],
  timeZone: string | undefined,
  wanted: string | undefined,
): Days {
  const { mesh } = useApp();
  const nowMs = useNow(1000);
  const today = localDate(nowMs, timeZone ?? "UTC");
  const [known, setKnown] = useState<ReadonlyMap<string, SlotView[]>>(new Map());
  const [first, setFirst] = useState<string>();
  const stores = storeIds.join();
  const chosen = wanted ?? first;
  const dates = datesFrom(today, chosen);
  const idsRef = useRef(storeIds);
  idsRef.current = storeIds;
  const isKnownZone = timeZone !== undefined && stores !== "";

  const load = async (date: string, signal: AbortSignal) => {
    const slots = await loadDay(mesh.tenantId, idsRef.current, date, signal);
    setKnown((before) => new Map(before).set(date, slots));
    return slots;
  };
  const loadRef = useRef(load);
  loadRef.current = load;

  // Looks through the days once: for the first that has something, and for what the others have left.
  useEffect(() => {
    const stop = new AbortController();
    const look = async (stores: string) => {
      let found = false;
      for (const date of stores === "" ? [] : datesFrom(today, undefined)) {
        // One after the other: the first that has something is shown at once, the rest can wait.
        const slots = await loadRef.current(date, stop.signal).catch(() => undefined);
        if (stop.signal.aborted) {
          return;
        }
        const { kind } = summarizeDay(slots ?? [], clock.nowMs());
        if (!found && (kind === "open" || kind === "opens-later")) {
          setFirst(date);
          found = true;
        }
        await sleep(GENTLY_MS, stop.signal);
      }
      if (!found) {
        setFirst(addDays(today, 1));
      }
    };
    void look(isKnownZone ? stores : "");
    return () => stop.abort();
  }, [stores, today, isKnownZone]);

  const slots = usePolled(
    isKnownZone && chosen !== undefined ? `${stores} ${chosen}` : undefined,
    (signal) => load(chosen ?? today, signal),
    POLL_MS,
  );
  return {
    today,
    dates,
    chosen,
    slots: { ...slots, data: slots.data ?? known.get(chosen ?? "") },
    summaries: new Map(
      [...known].map(([date, slots]) => [date, summarizeDay(slots, nowMs)] as const),
    ),
  };
}

/** The days from today on, and the chosen one if it is beyond them. */
function datesFrom(today: string, chosen: string | undefined): string[] {
  const dates = Array.from({ length: DAYS_SHOWN }, (_, index) => addDays(today, index));
  return chosen === undefined || dates.includes(chosen) ? dates : [...dates, chosen].toSorted();
}

/** The days to choose from. */
export function DayPicker({ days, onChoose }: { days: Days; onChoose: (date: string) => void }) {
  const { today, dates, chosen, summaries } = days;
  return (
    <fieldset className="days">
      <legend>Choose a date</legend>
      <div className="days-row">
        {dates.map((date) => {
          const label = dayLabel(date, today);
          const left = leftWords(summaries.get(date));
          return (
            <label key={date} className="day">
              <input
                type="radio"
                name="date"
                value={date}
                checked={date === chosen}
                onChange={() => onChoose(date)}
                aria-label={`${formatDate(date)}${left.long ? `, ${left.long}` : ""}`}
              />
              <span className="day-face" aria-hidden="true">
                <span className="day-name">{label.day}</span>
                <span className="day-date">{label.date}</span>
                <span className="day-left">{left.short}</span>
              </span>
            </label>
          );
        })}
      </div>
    </fieldset>
  );
}

function leftWords(summary: DaySummary | undefined): { short: string; long: string } {
  switch (summary?.kind) {
    case "open":
      return {
        short: `${summary.spots.toLocaleString("en-US")} left`,
        long: spotsLeft(summary.spots),
      };
    case "opens-later":
      return { short: "Opens soon", long: "opens later" };
    case "sold-out":
      return { short: "Sold out", long: "sold out" };
    case "over":
      return { short: "Over", long: "no more times" };
    case "none":
      return { short: "No times", long: "no times" };
    default:
      return { short: "\u00a0", long: "" };
  }
}
