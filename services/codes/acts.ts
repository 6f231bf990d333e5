// What can be done with a code after its issue: what each act makes of the code, and the line that it
// leaves in the ledger. A code and its line are written in one transaction (ledger.ts), so the line
// is the proof that the act was done, and the key of lines is what makes a request count once.

import { hash } from "node:crypto";
import type { CodeRecord, Heir, Receipt } from "./domain.ts";

/** The store of an act in which no store had part. */
export const NO_STORE = "0";

const ID_BITS = 63n;

/** What was done. */
export type LineKind =
  | "redeemed"
  | "reversed"
  | "locked"
  | "unlocked"
  | "revoked"
  | "extended"
  | "transferred"
  | "expired"
  /** A till handed something over offline that it should not have. */
  | "conflict";

/** A line of the ledger. */
export interface Line {
  readonly eventId: string;
  readonly kind: LineKind;
  readonly appointmentId: string;
  readonly tenantId: string;
  readonly code: string;
  /** Where. NO_STORE where no store had part in it. */
  readonly storeId: string;
  /** Who: a member of staff, a shopper, or a service. */
  readonly staffId: string;
  readonly requestId: string;
  readonly items: number;
  /** Of a reversal, the line of the redemption. */
  readonly ofEventId: string | undefined;
  readonly reason: string;
  readonly atMs: number;
}

/** Who acts, where and when. */
export interface Act {
  readonly storeId: string;
  readonly staffId: string;
  readonly requestId: string;
  readonly atMs: number;
  readonly reason?: string | undefined;
}

/** What an act makes of a code, and what it leaves in the ledger. */
export interface Change {
  readonly after: CodeRecord;
  readonly lines: readonly Line[];
}

/** Computes the id of what a request does: the first 63 bits of a SHA-256. So a request has the same
 * receipt however often it runs and wherever, and making one asks nobody. */
export function eventIdOf(appointmentId: string, storeId: string, requestId: string): string {
  const digest = hash("sha256", `${appointmentId}\0${storeId}\0${requestId}`);
  return (BigInt(`0x${digest.slice(0, 16)}`) >> (64n - ID_BITS)).toString();
}

/** Redeems items of a code that is open to who asks; 0: all that are left. */
export function redeem(record: CodeRecord, wanted: number, act: Act): Change {
  const items = wanted || record.itemsLeft;
  const itemsLeft = record.itemsLeft - items;
  const line = lineOf(record, "redeemed", act, { items });
  const after = { ...record, itemsLeft, lock: undefined, receipt: toReceipt(line) };
  return {
    after: itemsLeft > 0 ? after : { ...after, state: "redeemed", isHeld: false },
    lines: [line],
  };
}

/** Reverses a redemption. If it was the code's end, the code lives again and wants its number back. */
export function reverse(record: CodeRecord, lines: readonly Line[], of: Line, act: Act): Change {
  const line = lineOf(record, "reversed", act, { items: of.items, ofEventId: of.eventId });
  const after = {
    ...record,
    itemsLeft: Math.min(record.items, record.itemsLeft + of.items),
    receipt:
      record.receipt?.redemptionId === of.eventId
        ? toReceipt(lastStanding([...lines, line]))
        : record.receipt,
  };
  const isKnown = lines.some(({ eventId }) => eventId === of.eventId);
  return {
    after: record.state === "redeemed" ? { ...after, state: "live", isHeld: true } : after,
    // A redemption from before there was a ledger gets its line now, so that its request finds it.
    lines: isKnown ? [line] : [of, line],
  };
}

/** Keeps a code for a clerk. Who has it already keeps it longer, and leaves no line. */
export function lock(record: CodeRecord, act: Act, untilMs: number): Change {
  const { storeId, staffId, atMs } = act;
  const isNew = record.lock?.staffId !== staffId || record.lock.untilMs <= atMs;
  return {
    after: { ...record, lock: { staffId, storeId, untilMs } },
    lines: isNew ? [lineOf(record, "locked", act)] : [],
  };
}

/** Gives a lock up. */
export function unlock(record: CodeRecord, act: Act): Change {
  return { after: { ...record, lock: undefined }, lines: [lineOf(record, "unlocked", act)] };
}

/** Moves the end of a code's time. */
export function extend(record: CodeRecord, expiresAtMs: number, act: Act): Change {
  return { after: { ...record, expiresAtMs }, lines: [lineOf(record, "extended", act)] };
}

/** Ends a code for another that its heir gets. */
export function transfer(record: CodeRecord, heir: Heir, act: Act): Change {
  return {
    after: {
      ...record,
      state: "revoked",
      isHeld: false,
      revokedAtMs: act.atMs,
      lock: undefined,
      heir,
    },
    lines: [lineOf(record, "transferred", { ...act, reason: `to ${heir.shopperId}` })],
  };
}

/** Notes that a till handed items over which it should not have. The code stays as it is. */
export function conflict(record: CodeRecord, items: number, act: Act): Change {
  return { after: record, lines: [lineOf(record, "conflict", act, { items })] };
}

/** Makes the line that a redemption from before there was a ledger would have left. */
export function lineOfReceipt(record: CodeRecord, receipt: Receipt): Line {
  const { redemptionId, redeemedAtMs, items, ...act } = receipt;
  const line = lineOf(record, "redeemed", { ...act, atMs: redeemedAtMs }, { items });
  return { ...line, eventId: redemptionId };
}

/** Makes the receipt of a redemption's line. */
export function toReceipt(line: Line): Receipt;
export function toReceipt(line: Line | undefined): Receipt | undefined;
export function toReceipt(line: Line | undefined): Receipt | undefined {
  if (!line) {
    return undefined;
  }
  const { eventId, requestId, storeId, staffId, items, atMs } = line;
  return { redemptionId: eventId, requestId, storeId, staffId, items, redeemedAtMs: atMs };
}

/** Finds the reversal of a redemption. */
export function findReversal(lines: readonly Line[], eventId: string): Line | undefined {
  return lines.find(({ kind, ofEventId }) => kind === "reversed" && ofEventId === eventId);
}

/** Finds the last redemption that was not reversed. */
function lastStanding(lines: readonly Line[]): Line | undefined {
  return lines
    .filter(({ kind, eventId }) => kind === "redeemed" && !findReversal(lines, eventId))
    .reduce<Line | undefined>(
      (last, one) => (last && last.atMs > one.atMs ? last : one),
      undefined,
    );
}

function lineOf(
  record: CodeRecord,
  kind: LineKind,
  act: Act,
  more: { readonly items?: number; readonly ofEventId?: string } = {},
): Line {
  const { appointmentId, tenantId, code = "" } = record;
  const { storeId, staffId, requestId, atMs, reason = "" } = act;
  return {
    eventId: eventIdOf(appointmentId, storeId, requestId),
    kind,
    appointmentId,
    tenantId,
    code,
    storeId,
    staffId,
    requestId,
    items: more.items ?? 0,
    ofEventId: more.ofEventId,
    reason,
    atMs,
  };
}
