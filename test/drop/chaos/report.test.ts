import { expect, it } from "vitest";
import { type ChaosFacts, type FaultFacts, formatChaos, judgeChaos } from "./report.ts";

const FAULT: FaultFacts = {
  name: "kill kafka",
  atMs: 1234,
  note: "",
  inFlight: 12,
  waiting: 3,
  errors: { "Unavailable QUEUE_AWAY": 2, DeadlineExceeded: 5, Aborted: 1, Unavailable: 1 },
  firstOkMs: 9100,
  firstConfirmedMs: 9500,
  readyMs: 8800,
};

const FACTS: ChaosFacts = {
  faults: [FAULT],
  lastFinalMs: 59_000,
  operations: 100,
  unknown: 9,
  violations: [],
};

it("finds no fault where all was answered in time", () => {
  expect(judgeChaos(FACTS)).toEqual([]);
});

it("names what was late, what was in vain, and what the history says", () => {
  const facts = {
    ...FACTS,
    faults: [{ ...FAULT, inFlight: 0, waiting: 0 }],
    lastFinalMs: 60_001,
    violations: ["a was let in and has no final row"],
  };
  expect(judgeChaos(facts)).toEqual([
    "a was let in and has no final row",
    "the last final answer came 60.00 s after the last fault: at most 60.00 s are promised",
    'nothing was in flight at "kill kafka": it proves nothing',
  ]);
});

it("says of each fault what clients saw", () => {
  const quiet = { name: "flush redis", atMs: 20_000, note: "7 keys", errors: {} };
  const lines = formatChaos({
    ...FACTS,
    faults: [FAULT, { ...quiet, inFlight: 1, waiting: 0 }],
    historyFile: "/data/run/history.jsonl",
  });
  expect(lines).toEqual([
    "       at  fault                in flight  queued  first ok  confirmed   ready  errors that clients saw",
    "   1.23 s  kill kafka                  12       3    9.10 s     9.50 s  8.80 s  5 DeadlineExceeded, 2 Unavailable QUEUE_AWAY, 1 Aborted, 1 others",
    "  20.00 s  flush redis  7 keys          1       0         -          -       -  none",
    "",
    "  100 operations in the history, 9 with an unknown end, each asked again until known",
    "  the last final answer came 59.00 s after the last fault (promised: 60.00 s)",
    "  the history is in /data/run/history.jsonl",
  ]);
});
