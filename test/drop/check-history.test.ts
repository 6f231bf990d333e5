import { describe, expect, it } from "vitest";
import { checkHistory, type RowFacts } from "./check-history.ts";
import { createHistory, type HistoryEvent, type Operation, type Told } from "./history.ts";

const KEY = "a";
const ROW: RowFacts = { key: KEY, slotId: "1", partySize: 2, state: "confirmed", code: "live" };
const NO_ROW: RowFacts = { ...ROW, state: "none", code: "none" };
const CANCELLED: RowFacts = { ...ROW, state: "cancelled", code: "revoked" };
const REDEEMED: RowFacts = { ...ROW, code: "redeemed", receipt: "r1" };

/** An operation as [kind, how it ended, what was said, receipt or request id]. */
type Line = readonly [Operation["kind"], Told["phase"], string?, string?, string?];

/** Writes a history of operations that came one after the other. */
function historyOf(...lines: readonly Line[]): HistoryEvent[] {
  let ms = 0;
  const history = createHistory(() => (ms += 1));
  for (const [kind, phase, said, receipt, requestId] of lines) {
    ms += 1;
    history.note({ kind, key: KEY, ...(requestId && { requestId }) }, ms, {
      phase,
      ...(said && { said }),
      ...(receipt && { receipt }),
    });
  }
  return [...history.events];
}

/** What is said of a history that ended with this row, where the slot's spots add up. */
function check(row: RowFacts, ...lines: readonly Line[]): string[] {
  return checkHistory(historyOf(...lines), [row], []);
}

const BOOKED: Line = ["book", "ok", "pending"];
const CONFIRMED: Line = ["watch", "ok", "confirmed"];

describe("a history without fault", () => {
  const cases: readonly (readonly [string, RowFacts, readonly Line[]])[] = [
    ["is that of a winner", ROW, [BOOKED, ["watch", "ok", "pending"], CONFIRMED]],
    ["is that of who was refused", NO_ROW, [["book", "refused", "sold out"]]],
    [
      "is that of who was let in and refused then",
      { ...NO_ROW, state: "refused" },
      [BOOKED, ["get", "ok", "refused"]],
    ],
    [
      "has an unknown that was not done",
      NO_ROW,
      [
        ["book", "unknown"],
        ["book", "refused"],
      ],
    ],
    ["has an unknown that was done", ROW, [["book", "unknown"], BOOKED, CONFIRMED]],
    [
      "has a winner who gave it back, of whom admission knows nothing more",
      CANCELLED,
      [BOOKED, CONFIRMED, ["cancel", "unknown"], ["cancel", "ok", "cancelled"], BOOKED],
    ],
    [
      "has a winner who redeemed, and asked for the receipt again",
      REDEEMED,
      [BOOKED, CONFIRMED, ["redeem", "ok", "redeemed", "r1"], ["redeem", "ok", "redeemed", "r1"]],
    ],
    [
      "has both tried at once, where one was refused",
      REDEEMED,
      [BOOKED, CONFIRMED, ["redeem", "ok", "redeemed", "r1"], ["cancel", "refused"]],
    ],
  ];
  it.each(cases)("%s", (_name, row, lines) => {
    expect(check(row, ...lines)).toEqual([]);
  });
});

describe("it is named when", () => {
  const cases: readonly (readonly [string, RowFacts, readonly Line[], string])[] = [
    ["an ok is lost", NO_ROW, [BOOKED], "was let in and has no final row"],
    [
      "a refused had an effect",
      ROW,
      [["book", "refused", "sold out"]],
      "was refused every time (sold out) and its row says confirmed",
    ],
    [
      "nobody asked",
      { ...ROW, state: "refused", code: "none" },
      [["get", "refused"]],
      "never asked for anything and its row says refused",
    ],
    [
      "an unknown is never asked again",
      ROW,
      [BOOKED, CONFIRMED, ["book", "unknown"]],
      "has a book whose end was never learnt",
    ],
    [
      "an unknown settles to what is not true",
      ROW,
      [
        ["book", "unknown"],
        ["book", "refused", "sold out"],
      ],
      "was told sold out in the end and its row says confirmed",
    ],
    [
      "the row says otherwise",
      { ...ROW, state: "refused", code: "none" },
      [BOOKED, CONFIRMED],
      "was told confirmed and its row says refused",
    ],
    [
      "an answer changes",
      ROW,
      [BOOKED, ["get", "ok", "refused"], CONFIRMED],
      "was told refused and then confirmed",
    ],
    [
      "a row that was read is gone",
      ROW,
      [BOOKED, CONFIRMED, ["get", "ok", "pending"]],
      "was told confirmed and then pending",
    ],
    [
      "a cancel comes from nowhere",
      CANCELLED,
      [BOOKED, CONFIRMED, ["watch", "ok", "cancelled"]],
      "is cancelled and nobody asked for that",
    ],
    [
      "a cancel has no effect",
      ROW,
      [BOOKED, ["cancel", "ok", "cancelled"]],
      "was cancelled and its row says confirmed",
    ],
    [
      "a refused cancel has one",
      CANCELLED,
      [BOOKED, ["cancel", "refused", "FailedPrecondition CODE_REDEEMED"]],
      "was refused its cancel and is cancelled",
    ],
    [
      "a cancel is undone",
      CANCELLED,
      [BOOKED, ["cancel", "ok", "cancelled"], ["get", "ok", "confirmed"]],
      "was told cancelled and then confirmed",
    ],
    [
      "a code is redeemed by two",
      REDEEMED,
      [
        BOOKED,
        ["redeem", "ok", "redeemed", "r1", "till-1"],
        ["redeem", "ok", "redeemed", "r2", "till-2"],
      ],
      "was redeemed by 2 requests",
    ],
    [
      "one request has two receipts",
      REDEEMED,
      [BOOKED, ["redeem", "ok", "redeemed", "r1"], ["redeem", "ok", "redeemed", "r2"]],
      "has 2 receipts for one request",
    ],
    [
      "a redemption is lost",
      ROW,
      [BOOKED, ["redeem", "ok", "redeemed", "r1"]],
      "was redeemed and its code is live",
    ],
    [
      "a redemption has another receipt later",
      REDEEMED,
      [BOOKED, ["redeem", "ok", "redeemed", "r9"]],
      "was redeemed and its row has another receipt",
    ],
    [
      "a refused redemption has an effect",
      REDEEMED,
      [BOOKED, ["redeem", "refused", "expired"]],
      "was refused its redemption and is redeemed",
    ],
    [
      "a redemption comes from nowhere",
      REDEEMED,
      [BOOKED],
      "is redeemed and nobody asked for that",
    ],
    [
      "a winner has no code",
      { ...ROW, code: "none" },
      [BOOKED],
      "is confirmed and its code is none",
    ],
    [
      "a cancelled one's code lives on",
      { ...CANCELLED, code: "live" },
      [BOOKED, ["cancel", "ok", "cancelled"]],
      "is cancelled and its code is live",
    ],
  ];
  it.each(cases)("%s", (_name, row, lines, sentence) => {
    expect(check(row, ...lines)).toContain(`a ${sentence}`);
  });

  it("an operation never ended, or was never sent", () => {
    const [invoke, end] = historyOf(BOOKED) as [HistoryEvent, HistoryEvent];
    expect(checkHistory([invoke], [NO_ROW], [])).toEqual(["a has a book that never ended"]);
    expect(checkHistory([end], [NO_ROW], [])).toEqual([
      "a has an answer to a book that was never sent",
    ]);
  });

  it("an answer that overtook another is no change", () => {
    const history = createHistory(() => 9);
    history.note({ kind: "get", key: KEY }, 1, { phase: "ok", said: "refused" });
    history.note({ kind: "get", key: KEY }, 2, { phase: "ok", said: "pending" });
    history.note({ kind: "book", key: KEY }, 0, { phase: "ok", said: "pending" });
    const row = { ...NO_ROW, state: "refused" };
    expect(checkHistory(history.events, [row], [])).toEqual([]);
  });

  it("someone's row was not read", () => {
    expect(checkHistory(historyOf(BOOKED), [], [])).toEqual([
      "a is in the history and nobody read its row",
    ]);
  });

  it("cancelled spots do not come back, or come back twice", () => {
    const rows = [ROW, { ...CANCELLED, key: "b" }];
    const events = [
      ...historyOf(BOOKED),
      ...historyOf(BOOKED, ["cancel", "ok", "cancelled"]).map((event) => ({ ...event, key: "b" })),
    ];
    const slotOf = (availableSpots: number) => [{ slotId: "1", totalSpots: 10, availableSpots }];
    expect(checkHistory(events, rows, slotOf(8))).toEqual([]);
    expect(checkHistory(events, rows, slotOf(6))).toEqual([
      "slot 1: 2 spots are neither confirmed nor free (2 were cancelled)",
    ]);
    expect(checkHistory(events, rows, slotOf(10))).toEqual([
      "slot 1: 2 more spots are free than came back (2 were cancelled)",
    ]);
  });
});
