// A clerk keeps a code while they look at the goods, and gives it up again. A lock is part of the row and
// ends by itself: nobody must come back to open it.

import { type Change, lock, unlock } from "./acts.ts";
import {
  type CodeRecord,
  isLocked,
  judge,
  judgeOne,
  pick,
  type Refusal,
  type Verdict,
} from "./domain.ts";
import { type AtCounter, type CodeActsOptions, look } from "./redeeming.ts";

/** What became of a lock. */
export type Locked =
  | Refusal
  | { readonly kind: "locked-by-you"; readonly record: CodeRecord }
  /** The tenant's policy has no locks. */
  | { readonly kind: "no-locks" };

/** What became of giving a lock up. */
export type Unlocked =
  | { readonly kind: "unlocked"; readonly record: CodeRecord }
  | { readonly kind: "not-found" | "wrong-store" | "ambiguous" | "not-your-lock" };

/** A clerk's request about a lock, with an id of its own for the ledger. Locks need none from the caller:
 * done again, both acts change nothing. */
export interface LockRequest extends AtCounter {
  readonly requestId: string;
}

/** Keeps a code for a clerk, or says why not. */
export async function lockCode(options: CodeActsOptions, at: LockRequest): Promise<Locked> {
  const { ledger, policies, now } = options;
  const wanted = { ...at, items: 0, requestId: undefined };
  const verdict = judge(await look(options, at), wanted, now());
  if (verdict.kind !== "open") {
    return refusalOf(verdict);
  }
  const { tenantId, policyVersion } = verdict.record;
  const { lockSeconds } = await policies.get(tenantId, policyVersion);
  if (lockSeconds === 0) {
    return { kind: "no-locks" };
  }
  const outcome = await ledger.change(verdict.record, (record): Change | Refusal => {
    const nowMs = now();
    const again = judgeOne(record, wanted, nowMs);
    return again.kind === "open"
      ? lock(record, { ...at, atMs: nowMs }, nowMs + lockSeconds * 1000)
      : refusalOf(again);
  });
  switch (outcome.kind) {
    case "changed":
      return { kind: "locked-by-you", record: outcome.change.after };
    case "refused":
      return outcome.refused;
    default:
      throw new Error(`a lock met a key of the ledger: ${outcome.kind}`);
  }
}

/** Gives up a clerk's own lock, or anyone's for who may. */
export async function unlockCode(
  options: CodeActsOptions,
  at: LockRequest & { readonly mayForce: boolean },
): Promise<Unlocked> {
  const { ledger, now } = options;
  const found = pick(await look(options, at));
  if (found.kind !== "found") {
    return found;
  }
  if (!found.record.lock) {
    return { kind: "unlocked", record: found.record };
  }
  const outcome = await ledger.change(found.record, (record): Change | Unlocked => {
    const nowMs = now();
    if (!isLocked(record, nowMs)) {
      return { kind: "unlocked", record };
    }
    return record.lock?.staffId === at.staffId || at.mayForce
      ? unlock(record, { ...at, atMs: nowMs })
      : { kind: "not-your-lock" };
  });
  switch (outcome.kind) {
    case "changed":
      return { kind: "unlocked", record: outcome.change.after };
    case "refused":
      return outcome.refused;
    default:
      throw new Error(`giving up a lock met a key of the ledger: ${outcome.kind}`);
  }
}

/** What was redeemed by whomever cannot be locked. */
function refusalOf(verdict: Exclude<Verdict, { kind: "open" }>): Refusal {
  return verdict.kind === "redeemed"
    ? { kind: "already-redeemed", record: verdict.record }
    : verdict;
}
