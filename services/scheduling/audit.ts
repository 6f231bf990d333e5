// Counts a slot's spots in every place they are written, for certificates and for people who want to
// know that what was sold is what there was.

import { CodeState } from "#gen/slotmesh/codes/v1/code_pb.ts";
import { ClaimState } from "#gen/slotmesh/inventory/v1/claims_service_pb.ts";
import type { CallOptions } from "#shared/client.ts";
import type { ClaimsClient, IssuingClient } from "./clients.ts";
import type { SlotCounts } from "./domain.ts";
import type { SchedulingRedis } from "./redis.ts";
import type { SchedulingStore } from "./store.ts";

const IDS_PER_COUNT_MAX = 1000;
const ISSUED: ReadonlySet<CodeState> = new Set([
  CodeState.LIVE,
  CodeState.EXPIRED,
  CodeState.REDEEMED,
]);

/** Counts a slot within the time given, or finds that there is none. tenantId restricts it to one tenant's slots. */
export type Audit = (
  storeId: string,
  slotId: string,
  tenantId: string | undefined,
  within: CallOptions,
) => Promise<SlotCounts | undefined>;

/** Makes the audit. */
export function createAudit(options: {
  readonly store: SchedulingStore;
  readonly redis: SchedulingRedis;
  readonly claims: ClaimsClient;
  readonly issuing: IssuingClient;
}): Audit {
  const { store, redis, claims, issuing } = options;

  async function countCodes(slotId: string, within: CallOptions): Promise<number> {
    let codes = 0;
    let afterId = "";
    // Pages follow each other: each begins where the one before ended.
    for (;;) {
      const ids = await store.listConfirmed(slotId, afterId);
      if (ids.length > 0) {
        const { states } = await issuing.listCodeStates({ appointmentIds: ids }, within);
        codes += states.filter((state) => ISSUED.has(state)).length;
      }
      if (ids.length < IDS_PER_COUNT_MAX) {
        return codes;
      }
      afterId = ids.at(-1) as string;
    }
  }

  return async (storeId, slotId, tenantId, within) => {
    const [{ stocks }, confirmed, codes, admission] = await Promise.all([
      claims.listSlotStock({ keys: [{ storeId, slotId }] }, within),
      store.countConfirmed(slotId),
      countCodes(slotId, within),
      redis.readStock(slotId).catch(() => undefined),
    ]);
    const stock = stocks[0];
    if (!stock?.slot || (tenantId !== undefined && stock.slot.tenantId !== tenantId)) {
      return undefined;
    }
    const spotsIn = (state: ClaimState) =>
      stock.activeClaims
        .filter((claim) => claim.state === state)
        .reduce((sum, { partySize }) => sum + partySize, 0);
    return {
      totalSpots: stock.slot.totalSpots,
      availableSpots: stock.slot.availableSpots,
      lockedSpots: spotsIn(ClaimState.LOCKED),
      claimedSpots: spotsIn(ClaimState.CONFIRMED),
      confirmedSpots: confirmed.spots,
      confirmedAppointments: confirmed.appointments,
      doubledShoppers: confirmed.doubledShoppers,
      codes,
      ...(admission && { admission }),
    };
  };
}
