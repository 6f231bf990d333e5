// What became of a scan, in a sentence for the clerk, with the next thing to do. Times are told as how long
// ago or from now they are: at the counter that is what counts, it needs no time zone, which Codes does
// not know of a store, and it reads the same on every page. The moments themselves are in the answer's
// fields, for pages that know the zone. People are told apart as "you" and "a colleague": names belong to
// Identity. No sentence holds a code.

import type { CodeRecord, Refusal } from "./domain.ts";
import type { Locked } from "./locking.ts";
import type { Redeemed } from "./redeeming.ts";

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Who asks, and what for. */
export interface Asking {
  readonly storeId: string;
  readonly staffId: string;
  /** How many items. 0: all that are left. */
  readonly items: number;
}

/** Why a code is not redeemed, as far as a sentence tells it: the rest are errors. */
export type Told =
  | Exclude<Refusal, { kind: "ambiguous" }>
  | { readonly kind: "mistyped" }
  /** A newer ticket took the place of the one that was scanned. */
  | { readonly kind: "replaced" };

/** Says what became of a redemption. */
export function redeemWords(
  answer: Told | Extract<Redeemed, { kind: "redeemed" }>,
  asking: Asking,
  nowMs: number,
): string {
  if (answer.kind !== "redeemed") {
    return refusalWords(answer, asking, nowMs);
  }
  const { record, receipt, reversedAtMs } = answer;
  if (reversedAtMs !== undefined) {
    return (
      `This was redeemed and then reversed ${ago(nowMs - reversedAtMs)}. Hand nothing over: ` +
      "to redeem it again, take the code anew."
    );
  }
  if (record.items === 1) {
    return "Redeemed. Hand it over, then take the next code.";
  }
  const left = record.itemsLeft === 0 ? "none is left" : `${record.itemsLeft} left`;
  return `Redeemed ${receipt.items} of ${record.items}, ${left}. Hand over ${receipt.items}, then take the next code.`;
}

/** Says what became of a lock. */
export function lockWords(
  answer: Told | Extract<Locked, { kind: "locked-by-you" }>,
  asking: Asking,
  nowMs: number,
): string {
  return answer.kind === "locked-by-you"
    ? `Kept for you for ${span((answer.record.lock?.untilMs ?? nowMs) - nowMs)}. Look at the goods, then redeem it or give it up.`
    : refusalWords(answer, asking, nowMs);
}

function refusalWords(refusal: Told, asking: Asking, nowMs: number): string {
  switch (refusal.kind) {
    case "already-redeemed":
      return alreadyWords(refusal.record, asking, nowMs);
    case "expired":
      return `Its time was over ${ago(nowMs - (refusal.record.expiresAtMs ?? nowMs))}. Do not hand over: a manager can give it more time.`;
    case "revoked":
      return revokedWords(refusal.record, nowMs);
    case "not-yet":
      return `Its time begins in ${span((refusal.record.opensAtMs ?? nowMs) - nowMs)}. Do not hand over yet: ask them to come back then.`;
    case "locked":
      return lockedWords(refusal.record, asking, nowMs);
    case "too-few-left":
      return `Only ${refusal.record.itemsLeft} of ${refusal.record.items} left, ${asking.items} were asked for. Nothing was redeemed: ask for fewer.`;
    case "wrong-store":
      return "This code is for another store. Nothing was redeemed: send them to the store that is named with it.";
    case "replaced":
      return "A newer ticket took the place of this one. Do not hand over: ask them to open it anew, and scan that.";
    case "mistyped":
      return "This cannot be a code: a symbol is wrong, or two changed places. Read it out loud and type it again.";
    default:
      return "There is no such code. Read it out loud and type it again; if it is right, do not hand over.";
  }
}

function revokedWords({ heir, revokedAtMs }: CodeRecord, nowMs: number): string {
  const when = ago(nowMs - (revokedAtMs ?? nowMs));
  return heir
    ? `It was given to someone else ${when}, who has a code of their own. Do not hand over: ask for that code.`
    : `It was taken back ${when}. Do not hand over: a manager can see why.`;
}

function alreadyWords({ receipt }: CodeRecord, asking: Asking, nowMs: number): string {
  if (!receipt) {
    return "It was redeemed before. Do not hand over: ask who came before, or call a manager.";
  }
  const who = receipt.staffId === asking.staffId ? "by you" : "by a colleague";
  return (
    `Redeemed before: ${ago(nowMs - receipt.redeemedAtMs)}, ${placeOf(receipt, asking)}, ${who}. ` +
    "Do not hand over: ask who came before, or call a manager."
  );
}

function lockedWords({ lock }: CodeRecord, asking: Asking, nowMs: number): string {
  const rest = span((lock?.untilMs ?? nowMs) - nowMs);
  const where = lock ? placeOf(lock, asking) : "somewhere";
  return `A colleague ${where} is looking at the goods, for ${rest} at most. Wait for them, or ask a manager to unlock it.`;
}

function placeOf(where: { readonly storeId: string }, asking: Asking): string {
  return where.storeId === asking.storeId ? "in this store" : "in another store";
}

function ago(ms: number): string {
  return ms < MINUTE_MS ? "just now" : `${span(ms)} ago`;
}

/** Says how long something is, in its largest unit. */
function span(ms: number): string {
  const [count, unit] =
    ms < MINUTE_MS
      ? [ms / SECOND_MS, "second"]
      : ms < HOUR_MS
        ? [ms / MINUTE_MS, "minute"]
        : ms < DAY_MS
          ? [ms / HOUR_MS, "hour"]
          : [ms / DAY_MS, "day"];
  const whole = Math.max(1, Math.round(count as number));
  return `${whole} ${unit}${whole === 1 ? "" : "s"}`;
}
