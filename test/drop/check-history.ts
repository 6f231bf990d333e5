// Judges a history by what the rows say when all is over. Pure, so each way to break a promise has a test
// that sees it named.
//
// - An ok is in the rows: who was let in has a final row, who was told a final answer has that row.
// - A refused had no effect: who was refused every time has no row.
// - An unknown may be either, but the same request id was asked again until it was known.
// - The answers of one appointment never differ, but CONFIRMED may become CANCELLED by its owner, and its
//   code may be redeemed: one of the two, once. PENDING after a final answer is no answer: a booking's
//   comes from admission, which may have lost its memory, and a watcher's waits for the code.
// - The spots of whoever cancelled are free again, once.

import type { Ending, HistoryEvent, OperationKind } from "./history.ts";

/** What the rows say of an appointment. */
export interface RowFacts {
  readonly key: string;
  readonly slotId: string;
  readonly partySize: number;
  /** A state as ledger.ts names it; "none" if there is no row. */
  readonly state: string;
  /** The code's state; "none" if there is no code. */
  readonly code: string;
  readonly receipt?: string;
}

/** What the rows say of a slot. */
export interface SlotRows {
  readonly slotId: string;
  readonly totalSpots: number;
  readonly availableSpots: number;
}

interface Ended {
  readonly kind: OperationKind;
  readonly requestId: string | undefined;
  readonly invokedMs: number;
  readonly endedMs: number;
  readonly ending: Ending;
  readonly said: string;
  readonly receipt: string | undefined;
}

const PENDING = "pending";
const CODES_OF_WINNERS = new Set(["live", "redeemed", "expired"]);
const CODES_OF_OTHERS = new Set(["none", "revoked"]);

/** Says in sentences where a history and the rows disagree. */
export function checkHistory(
  events: readonly HistoryEvent[],
  rows: readonly RowFacts[],
  slots: readonly SlotRows[],
): string[] {
  const histories = Map.groupBy(events, ({ key }) => key);
  const known = new Set(rows.map(({ key }) => key));
  const strangers = [...histories.keys()].filter((key) => !known.has(key));
  return [
    ...strangers.map((key) => `${key} is in the history and nobody read its row`),
    ...rows.flatMap((row) =>
      checkOne(row, histories.get(row.key) ?? []).map((sentence) => `${row.key} ${sentence}`),
    ),
    ...slots.flatMap((slot) => checkSlot(slot, rows)),
  ];
}

function checkOne(row: RowFacts, events: readonly HistoryEvent[]): string[] {
  const { ended, broken } = pair(events);
  return [
    ...broken,
    ...checkAnswers(row, ended),
    ...checkBookings(row, ended),
    ...checkCancels(row, ended),
    ...checkRedemptions(row, ended),
    ...checkCode(row),
    ...(["book", "cancel", "redeem"] as const).flatMap((kind) => checkSettled(kind, ended)),
  ];
}

/** Puts beginnings and ends together. */
function pair(events: readonly HistoryEvent[]): { ended: Ended[]; broken: string[] } {
  const ended: Ended[] = [];
  const open = new Map<number, HistoryEvent>();
  const broken: string[] = [];
  for (const event of events) {
    const { operation, phase } = event;
    const begun = open.get(operation);
    if (phase === "invoke") {
      open.set(operation, event);
    } else if (begun === undefined) {
      broken.push(`has an answer to a ${event.kind} that was never sent`);
    } else {
      open.delete(operation);
      ended.push({
        kind: event.kind,
        requestId: event.requestId,
        invokedMs: begun.atMs,
        endedMs: event.atMs,
        ending: phase,
        said: event.said ?? "",
        receipt: event.receipt,
      });
    }
  }
  return { ended, broken: [...broken, ...open.values().map(({ kind }) => neverEnded(kind))] };
}

function neverEnded(kind: OperationKind): string {
  return `has a ${kind} that never ended`;
}

/** The final answers, by whatever way they came. */
function checkAnswers({ state }: RowFacts, ended: readonly Ended[]): string[] {
  const reads = ended.filter(({ kind, ending }) => ending === "ok" && kind !== "redeem");
  const finals = reads.filter(({ said }) => said !== PENDING);
  const isCancelAsked = ended.some(({ kind }) => kind === "cancel");
  const sentences = new Set<string>();
  for (const one of finals) {
    const isNow = one.said === state || (mayFollow(one.said, state) && isCancelAsked);
    if (!isNow) {
      sentences.add(`was told ${one.said} and its row says ${state}`);
    }
    for (const other of reads) {
      const isLater = other.invokedMs > one.endedMs;
      const isSame = one.said === other.said || (mayFollow(one.said, other.said) && isCancelAsked);
      // A row that was read once is there for good.
      const isLost = other.said === PENDING && other.kind === "get";
      if (isLater && !isSame && (other.said !== PENDING || isLost)) {
        sentences.add(`was told ${one.said} and then ${other.said}`);
      }
    }
  }
  return [...sentences];
}

function mayFollow(state: string, next: string): boolean {
  return state === "confirmed" && next === "cancelled";
}

function checkBookings({ state }: RowFacts, ended: readonly Ended[]): string[] {
  const bookings = ended.filter(({ kind }) => kind === "book");
  const last = bookings.toSorted((one, other) => one.invokedMs - other.invokedMs).at(-1);
  if (bookings.some(({ ending }) => ending === "ok")) {
    return state === "none" || state === PENDING ? ["was let in and has no final row"] : [];
  }
  if (state === "none" || !last) {
    return state === "none" ? [] : [`never asked for anything and its row says ${state}`];
  }
  if (bookings.every(({ ending }) => ending === "refused")) {
    return [`was refused every time (${last.said}) and its row says ${state}`];
  }
  // Something was let in although its answer was lost: what was said in the end must be true.
  return last.ending === "refused" && state === "confirmed"
    ? [`was told ${last.said} in the end and its row says ${state}`]
    : [];
}

function checkCancels({ state }: RowFacts, ended: readonly Ended[]): string[] {
  const cancels = ended.filter(({ kind }) => kind === "cancel");
  const isDone = cancels.some(({ ending }) => ending === "ok");
  const isOpen = cancels.some(({ ending }) => ending === "unknown");
  if (isDone) {
    return state === "cancelled" ? [] : [`was cancelled and its row says ${state}`];
  }
  if (state !== "cancelled" || isOpen) {
    return [];
  }
  return cancels.length === 0
    ? ["is cancelled and nobody asked for that"]
    : ["was refused its cancel and is cancelled"];
}

function checkRedemptions({ code, receipt, state }: RowFacts, ended: readonly Ended[]): string[] {
  const redemptions = ended.filter(({ kind }) => kind === "redeem");
  const done = redemptions.filter(({ ending }) => ending === "ok");
  const requests = new Set(done.map(({ requestId }) => requestId));
  const receipts = new Set(done.map((one) => one.receipt));
  const isOpen = redemptions.some(({ ending }) => ending === "unknown");
  const sentences: string[] = [];
  if (requests.size > 1) {
    sentences.push(`was redeemed by ${requests.size} requests`);
  } else if (receipts.size > 1) {
    sentences.push(`has ${receipts.size} receipts for one request`);
  }
  if (done.length > 0 && code !== "redeemed") {
    sentences.push(`was redeemed and its code is ${code}`);
  } else if (done.length > 0 && receipt !== undefined && !receipts.has(receipt)) {
    sentences.push("was redeemed and its row has another receipt");
  }
  if (done.length > 0 && state === "cancelled") {
    sentences.push("was redeemed and is cancelled");
  }
  if (done.length === 0 && !isOpen && code === "redeemed") {
    sentences.push(
      redemptions.length === 0
        ? "is redeemed and nobody asked for that"
        : "was refused its redemption and is redeemed",
    );
  }
  return sentences;
}

function checkCode({ state, code }: RowFacts): string[] {
  const wanted = state === "confirmed" ? CODES_OF_WINNERS : CODES_OF_OTHERS;
  return wanted.has(code) ? [] : [`is ${state} and its code is ${code}`];
}

/** Whatever was unknown was asked again, under the same request id, until it was known. */
function checkSettled(kind: OperationKind, ended: readonly Ended[]): string[] {
  const mine = ended.filter((one) => one.kind === kind);
  const isSettled = [...Map.groupBy(mine, ({ requestId }) => requestId).values()].every((tries) => {
    const doubts = tries.filter(({ ending }) => ending === "unknown");
    const lastMs = Math.max(...doubts.map(({ endedMs }) => endedMs));
    return (
      doubts.length === 0 ||
      tries.some(({ ending, invokedMs }) => ending !== "unknown" && invokedMs >= lastMs)
    );
  });
  return isSettled ? [] : [`has a ${kind} whose end was never learnt`];
}

/** Free spots are those that no confirmed row has: a cancelled one came back, and came back once. */
function checkSlot(
  { slotId, totalSpots, availableSpots }: SlotRows,
  rows: readonly RowFacts[],
): string[] {
  const mine = rows.filter((row) => row.slotId === slotId);
  const spotsOf = (state: string) =>
    mine.reduce((sum, row) => sum + (row.state === state ? row.partySize : 0), 0);
  const excess = availableSpots - (totalSpots - spotsOf("confirmed"));
  if (excess === 0) {
    return [];
  }
  const cancelled = spotsOf("cancelled");
  return [
    excess > 0
      ? `slot ${slotId}: ${excess} more spots are free than came back (${cancelled} were cancelled)`
      : `slot ${slotId}: ${-excess} spots are neither confirmed nor free (${cancelled} were cancelled)`,
  ];
}
