// The rules of pickup codes: what a code looks like, where it stands, and what becomes of a redemption.
//
// A code is LIVE from its issue until it is redeemed or revoked, each of which is final; EXPIRED is not
// stored, it is LIVE past its time. A code is redeemed by its own store only, once. Digits are only
// unique among live codes, so a code's text alone can name several appointments, one of them live.

import { SUFFIX_DIGITS } from "#shared/suffix.ts";

/** The digits of a code that are drawn. The shape of a code is decided by this file alone. */
export const RANDOM_DIGITS = 6;
/** How many codes a suffix can have live at once: what is drawn is from 0 up to here. */
export const CODE_SPACE = 10 ** RANDOM_DIGITS;
/** All digits of a code: those drawn, then its owner's suffix. */
export const CODE_DIGITS = RANDOM_DIGITS + SUFFIX_DIGITS;

const CODE = new RegExp(`^[0-9]{${CODE_DIGITS}}$`);
const PASSED_OVER = /[\s-]/g;

const ID_MAX = 2n ** 63n - 1n;
/** The last millisecond of the year 9999, the last that a Timestamp can hold. */
const TIME_MS_MAX = 253_402_300_799_999;

/** How often an issue tries to find free codes before it gives up. */
export const ROUNDS_MAX = 8;
/** The most rows that a round offers in one statement: they stay below a megabyte. */
const OFFERED_ROWS_MAX = 2000;

/** Where a stored code stands. */
export type StoredState = "live" | "redeemed" | "revoked";
/** Where a code stands at some time. */
export type State = StoredState | "expired";

/** What there is to know of the code of an appointment. */
export interface CodeRecord {
  readonly appointmentId: string;
  readonly tenantId: string;
  readonly shopperId: string;
  readonly storeId: string;
  /** The digits. Undefined if it was revoked before it was issued, as are the next three. */
  readonly code: string | undefined;
  readonly partySize: number | undefined;
  readonly issuedAtMs: number | undefined;
  readonly expiresAtMs: number | undefined;
  readonly state: StoredState;
  /** Undefined unless the state is "redeemed". */
  readonly receipt: Receipt | undefined;
}

/** What a redemption left behind. */
export interface Receipt {
  readonly redemptionId: string;
  readonly requestId: string;
  readonly storeId: string;
  readonly staffId: string;
  readonly redeemedAtMs: number;
}

/** What became of a request to redeem. */
export type Settled =
  | {
      readonly kind: "redeemed" | "already-redeemed" | "expired" | "revoked";
      readonly record: CodeRecord;
    }
  | { readonly kind: "wrong-store" | "not-found" };

/** What the rows say of a request to redeem; "unsettled" if it is to be made again. */
export type Verdict = Settled | { readonly kind: "unsettled" };

/** Makes a code of a number drawn from 0 up to CODE_SPACE. */
export function formatCode(drawn: number, suffix: string): string {
  return drawn.toString().padStart(RANDOM_DIGITS, "0") + suffix;
}

/** Says how many codes a round offers for each appointment that waits for one. The first round offers
 * one, which is nearly always free; then 4, 8, 16 up to 256, since each round is a round trip. */
export function offersEach(round: number, waiting: number): number {
  const wanted = round === 0 ? 1 : 2 << round;
  return Math.max(1, Math.min(wanted, Math.floor(OFFERED_ROWS_MAX / waiting)));
}

/** Reads a code as it was typed, passing over spaces and dashes. Undefined if it is not a code. */
export function parseCode(typed: string): string | undefined {
  const code = typed.replace(PASSED_OVER, "");
  return CODE.test(code) ? code : undefined;
}

/** Returns a store's id in its one spelling, without leading zeros. Undefined if it is too large to be
 * stored. */
export function parseStoreId(text: string): string | undefined {
  const id = BigInt(text);
  return id <= ID_MAX ? id.toString() : undefined;
}

/** Says whether an expiry can be stored. */
export function isStorableTime(ms: number): boolean {
  return ms >= 0 && ms <= TIME_MS_MAX;
}

/** Says where a code stands at a time. */
export function stateAt(record: Pick<CodeRecord, "state" | "expiresAtMs">, nowMs: number): State {
  const isOver = record.expiresAtMs !== undefined && record.expiresAtMs <= nowMs;
  return record.state === "live" && isOver ? "expired" : record.state;
}

/** Judges a redemption by what the rows of its code say after the attempt. The rows are the tenant's,
 * the live one first, then the last issued. */
export function judge(
  rows: readonly CodeRecord[],
  request: { readonly storeId: string; readonly requestId: string },
  nowMs: number,
): Verdict {
  const own = rows.find(
    ({ receipt }) =>
      receipt?.storeId === request.storeId && receipt.requestId === request.requestId,
  );
  if (own) {
    return { kind: "redeemed", record: own };
  }
  // What another store's row says stays there, so this store's rows come first, however old.
  const record = rows.find(({ storeId }) => storeId === request.storeId);
  if (!record) {
    return { kind: rows.length > 0 ? "wrong-store" : "not-found" };
  }
  const state = stateAt(record, nowMs);
  switch (state) {
    case "redeemed":
      return { kind: "already-redeemed", record };
    case "live":
      // It can be redeemed and was not: it was issued after the attempt and before this reading.
      return { kind: "unsettled" };
    default:
      return { kind: state, record };
  }
}
