// The refusals of Codes that are errors and not outcomes, each with what was wanted and what to do.

import { Code, type ConnectError, meshError, notFound } from "#shared/errors.ts";

const AGAIN_MS = 100;

/** The kinds of refusals. */
export type RefusalKind = keyof typeof REFUSALS;

const REFUSALS = {
  ambiguous: [
    Code.FailedPrecondition,
    "AMBIGUOUS_CODE",
    "what was typed can be two codes of this store: scan the QR code instead",
  ],
  mistyped: [
    Code.InvalidArgument,
    "MISTYPED",
    "this cannot be a code: a symbol is wrong, or two changed places; read it out loud and type it again",
  ],
  "bad-ticket": [
    Code.InvalidArgument,
    "BAD_TICKET",
    "this QR code is none of ours, or it was changed: scan it again, or type the code beneath it",
  ],
  replaced: [
    Code.FailedPrecondition,
    "TICKET_REPLACED",
    "a newer ticket took the place of this one: ask them to open it anew, and scan that",
  ],
  "no-locks": [
    Code.FailedPrecondition,
    "NO_LOCKS",
    "this tenant's codes are not locked: look at the goods, then redeem",
  ],
  "not-your-lock": [
    Code.PermissionDenied,
    "NOT_YOUR_LOCK",
    "a colleague is looking at the goods: wait for them, or ask a manager to unlock it",
  ],
  "request-used": [
    Code.InvalidArgument,
    "REQUEST_ID_REUSED",
    "request_id: it named another request on this code before; take a new one",
  ],
  unsettled: [
    Code.Unavailable,
    "CODE_CHANGED",
    "the code changed while it was redeemed: try again with the same request",
  ],
  "too-late": [
    Code.FailedPrecondition,
    "REVERSAL_TOO_LATE",
    "the time in which a redemption can be reversed is over",
  ],
  "already-reversed": [
    Code.FailedPrecondition,
    "ALREADY_REVERSED",
    "this redemption was reversed before, by another request",
  ],
  reissued: [
    Code.FailedPrecondition,
    "CODE_REISSUED",
    "its number is someone else's code by now: issue a new one",
  ],
  "not-live": [
    Code.FailedPrecondition,
    "NOT_LIVE",
    "the code is not live: it was redeemed, taken back or given away, or its time is over",
  ],
  redeemed: [
    Code.FailedPrecondition,
    "ALREADY_REDEEMED",
    "the code was redeemed: reverse the redemption first, then take the code back",
  ],
  locked: [
    Code.FailedPrecondition,
    "LOCKED",
    "a clerk is looking at the goods: try again when they are done",
  ],
  "partly-redeemed": [
    Code.FailedPrecondition,
    "PARTLY_REDEEMED",
    "some of its items were redeemed: what is left stays with its owner",
  ],
  "transferred-too-often": [
    Code.FailedPrecondition,
    "TRANSFERRED_TOO_OFTEN",
    "it went from hand to hand as often as a code can",
  ],
  "same-owner": [Code.InvalidArgument, "SAME_OWNER", "to_shopper_id: they have this code already"],
  unfinished: [
    Code.Unavailable,
    "TRANSFER_UNFINISHED",
    "the old code is dead and the new one is not there yet: call again with the same request",
  ],
} as const satisfies Record<string, readonly [Code, string, string]>;

/** Makes the error of a refusal. */
export function refused(kind: RefusalKind | "not-found" | "wrong-store"): ConnectError {
  if (kind === "not-found" || kind === "wrong-store") {
    // To whom a code is not told, another store's is no code.
    return notFound("code");
  }
  const [code, reason, message] = REFUSALS[kind];
  return meshError(code, message, {
    reason,
    ...(code === Code.Unavailable && { retryMs: AGAIN_MS }),
  });
}
