// Redeems a code by one compare-and-set on its shard, then lets the rows say what became of it. The
// count of the statement is not asked: its answer may be lost and it may run twice, but whichever
// attempt of a request came through, its receipt is there to be found, with the id it was given first.

import type { Ids } from "#shared/ids.ts";
import { judge, type Verdict } from "./domain.ts";
import type { CodeStore } from "./store.ts";

/** How often a redemption is made again when its code was issued under its hands. */
const ATTEMPTS_MAX = 3;

/** What redeeming needs. */
export interface RedeemingOptions {
  readonly store: CodeStore;
  /** Makes the ids of redemptions. */
  readonly ids: Pick<Ids, "next">;
  /** The clock, in milliseconds. */
  readonly now: () => number;
}

/** A request to redeem. Its request id is its own within the code and the store: the same id with
 * another code is another redemption. */
export interface RedeemRequest {
  readonly code: string;
  readonly tenantId: string;
  readonly storeId: string;
  readonly staffId: string;
  readonly requestId: string;
}

/** Redeems a code, or says why not. The same request gets the same receipt. */
export async function redeemCode(
  { store, ids, now }: RedeemingOptions,
  request: RedeemRequest,
): Promise<Verdict> {
  const { code, tenantId, storeId, staffId, requestId } = request;
  const redemptionId = ids.next();
  for (let attempt = 1; ; attempt += 1) {
    const nowMs = now();
    await store.redeem(code, tenantId, {
      redemptionId,
      requestId,
      storeId,
      staffId,
      redeemedAtMs: nowMs,
    });
    const verdict = judge(await store.listByCode(code, tenantId), request, nowMs);
    if (verdict.kind !== "unsettled" || attempt === ATTEMPTS_MAX) {
      return verdict;
    }
  }
}
