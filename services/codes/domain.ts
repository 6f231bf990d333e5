// The rules of pickup codes: where a code stands, and what becomes of a redemption. What it looks like is
// its policy's (policy.ts).
//
// A code is LIVE from its issue until all of its items are redeemed or it is revoked. EXPIRED is not
// stored, it is LIVE past its time. REDEEMED goes back to LIVE if the redemption is reversed in time and
// nobody else has the number by then; REVOKED is final. A code that someone gave to someone else is
// REVOKED, and names its heir. Each item is redeemed once, by a store that may. A tenant's live codes are
// unique and no others, so a code's text alone can name several appointments, one of them live.

const ID_MAX = 2n ** 63n - 1n;
/** The last millisecond of the year 9999, the last that a Timestamp can hold. */
const TIME_MS_MAX = 253_402_300_799_999;

/** How often an issue tries to find free codes before it gives up. */
export const ROUNDS_MAX = 8;
/** Where a stored code stands. */
export type StoredState = "live" | "redeemed" | "revoked";
/** Where a code stands at some time. */
export type State = StoredState | "expired";

/** What there is to know of the code of an appointment. */
export interface CodeRecord {
  readonly appointmentId: string;
  readonly tenantId: string;
  readonly shopperId: string;
  /** The store that it was issued for. */
  readonly storeId: string;
  /** The canonical code. Undefined if it was revoked before it was issued, as are the next three. */
  readonly code: string | undefined;
  /** The version of the policy that it was issued under. */
  readonly policyVersion: number;
  readonly partySize: number | undefined;
  readonly issuedAtMs: number | undefined;
  readonly expiresAtMs: number | undefined;
  readonly state: StoredState;
  /** Whether its number is its own: no other live code can be the same. */
  readonly isHeld: boolean;
  /** When it can be redeemed first. Undefined: at once. */
  readonly opensAtMs: number | undefined;
  readonly revokedAtMs: number | undefined;
  /** What its issuer calls it. Empty for an appointment. */
  readonly subject: string;
  /** What a clerk hands over. May be empty. */
  readonly goods: string;
  /** How many items it is good for. */
  readonly items: number;
  readonly itemsLeft: number;
  readonly serial: number;
  /** Whether other stores redeem it as well: all of the tenant, or those that its policy lists. */
  readonly anyStore: boolean;
  /** Who looks at the goods. Counts until its end. */
  readonly lock: Lock | undefined;
  /** Who got it, and the appointment that their code is for. */
  readonly heir: Heir | undefined;
  /** The last redemption that was not reversed. */
  readonly receipt: Receipt | undefined;
}

/** A clerk's hold on a code while they look at the goods. */
export interface Lock {
  readonly staffId: string;
  readonly storeId: string;
  readonly untilMs: number;
}

/** To whom a code was given. */
export interface Heir {
  readonly appointmentId: string;
  readonly shopperId: string;
}

/** What a redemption left behind. */
export interface Receipt {
  readonly redemptionId: string;
  readonly requestId: string;
  readonly storeId: string;
  readonly staffId: string;
  readonly redeemedAtMs: number;
  readonly items: number;
}

/** A code, and whether the store that asks may redeem it. */
export interface Seen {
  readonly record: CodeRecord;
  readonly isHere: boolean;
}

/** What a clerk asks for. */
export interface Wanted {
  readonly storeId: string;
  readonly staffId: string;
  /** How many items. 0: all that are left. */
  readonly items: number;
  /** Names the request. Undefined if it leaves no receipt. */
  readonly requestId: string | undefined;
}

/** Why a code is not redeemed. What another store's code is called tells nothing of it. */
export type Refusal =
  | {
      readonly kind:
        | "already-redeemed"
        | "expired"
        | "revoked"
        | "locked"
        | "not-yet"
        | "too-few-left";
      readonly record: CodeRecord;
    }
  | { readonly kind: "wrong-store" | "not-found" }
  | { readonly kind: "ambiguous" };

/** What a typed text stands for at a store. */
export type Picked =
  | { readonly kind: "found"; readonly record: CodeRecord }
  /** There is none, or what there is only another store redeems. */
  | { readonly kind: "not-found" | "wrong-store" }
  /** Two codes of this store can be meant: their policies do not keep them apart. */
  | { readonly kind: "ambiguous" };

/** What the rows of a code say of a request: that it can be done, that it was, or why not. */
export type Verdict =
  | Refusal
  | { readonly kind: "open"; readonly record: CodeRecord }
  | { readonly kind: "redeemed"; readonly record: CodeRecord; readonly receipt: Receipt };

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

/** Says whether a clerk's lock counts at a time. */
export function isLocked({ lock }: Pick<CodeRecord, "lock">, nowMs: number): boolean {
  return lock !== undefined && lock.untilMs > nowMs;
}

/** Picks what a typed text stands for at a store: what the store redeems comes first, however old, since
 * what another store's row says stays there; then what holds its number, then the last issued. */
export function pick(seen: readonly Seen[]): Picked {
  const rank = ({ isHere, record }: Seen) => (isHere ? 0 : 2) + (record.isHeld ? 0 : 1);
  const [first, second] = [...seen].sort(
    (a, b) => rank(a) - rank(b) || (b.record.issuedAtMs ?? 0) - (a.record.issuedAtMs ?? 0),
  );
  if (!first?.isHere) {
    return { kind: first ? "wrong-store" : "not-found" };
  }
  return second && rank(second) === 0
    ? { kind: "ambiguous" }
    : { kind: "found", record: first.record };
}

/** Judges a request by the rows of what was typed. */
export function judge(seen: readonly Seen[], wanted: Wanted, nowMs: number): Verdict {
  const own = seen.find(({ record }) => isReceiptOf(record.receipt, wanted))?.record;
  if (own?.receipt) {
    return { kind: "redeemed", record: own, receipt: own.receipt };
  }
  const picked = pick(seen);
  return picked.kind === "found" ? judgeOne(picked.record, wanted, nowMs) : picked;
}

/** Judges a request by the row of a code that this store redeems. */
export function judgeOne(record: CodeRecord, wanted: Wanted, nowMs: number): Verdict {
  const { receipt, lock } = record;
  if (receipt && isReceiptOf(receipt, wanted)) {
    return { kind: "redeemed", record, receipt };
  }
  const state = stateAt(record, nowMs);
  switch (state) {
    case "redeemed":
      return { kind: "already-redeemed", record };
    case "live":
      break;
    default:
      return { kind: state, record };
  }
  if (!record.isHeld) {
    // Its number was given back when its time was over.
    return { kind: "expired", record };
  }
  if (record.opensAtMs !== undefined && record.opensAtMs > nowMs) {
    return { kind: "not-yet", record };
  }
  if (isLocked(record, nowMs) && lock?.staffId !== wanted.staffId) {
    return { kind: "locked", record };
  }
  return { kind: wanted.items > record.itemsLeft ? "too-few-left" : "open", record };
}

function isReceiptOf(receipt: Receipt | undefined, { storeId, requestId }: Wanted): boolean {
  return receipt?.storeId === storeId && receipt.requestId === requestId;
}
