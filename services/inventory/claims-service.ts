// The handlers of ClaimsService, which is for the mesh's own services: Scheduling takes spots, gives them
// back, and checks what admission believes. Whether a slot is open is asked of this service's clock, once
// a call.

import { ClaimsService } from "#gen/slotmesh/inventory/v1/claims_service_pb.ts";
import { type Access, type BoundMethod, bind } from "#shared/handlers.ts";
import type { Claims } from "./claims.ts";
import type { ClaimKey, Slot } from "./domain.ts";
import { nameOfSlot } from "./domain.ts";
import { toClaimMessage, toStockMessage } from "./messages.ts";

const ACCESS: Access<typeof ClaimsService> = {
  takeClaims: ["service"],
  markClaims: ["service"],
  releaseClaims: ["service"],
  listUnsettledClaims: ["service"],
  listSlotStock: ["service"],
};

/** Makes the methods of ClaimsService. */
export function claimsService(options: {
  readonly claims: Claims;
  /** The clock, in milliseconds. */
  readonly now: () => number;
}): BoundMethod[] {
  const { claims, now } = options;
  return bind(ClaimsService, ACCESS, {
    takeClaims: async ({ takes }) => {
      const taken = await claims.take(
        takes.map(({ key, tenantId, shopperId, partySize }) => ({
          ...toKey(key),
          tenantId,
          shopperId,
          partySize,
        })),
        now(),
      );
      const slots = new Map<string, Slot>();
      for (const { slot } of taken) {
        if (slot) {
          slots.set(nameOfSlot(slot), slot);
        }
      }
      return {
        claims: taken.map(({ claim }) => toClaimMessage(claim)),
        stocks: [...slots.values()].map((slot) => toStockMessage(slot)),
      };
    },

    markClaims: async ({ keys }) => {
      await claims.mark(keys.map(toKey), now());
      return {};
    },

    releaseClaims: async ({ keys }) => {
      const slots = await claims.release(keys.map(toKey), now());
      return { stocks: slots.map((slot) => toStockMessage(slot)) };
    },

    listUnsettledClaims: async ({ olderThanMs, pageSize }) => {
      const unsettled = await claims.listUnsettled(now() - Number(olderThanMs), pageSize);
      return { claims: unsettled.map(toClaimMessage) };
    },

    listSlotStock: async ({ keys, countsOnly }) => {
      const stocks = await (countsOnly ? claims.listCounts(keys) : claims.listStock(keys));
      return { stocks: stocks.map((stock) => toStockMessage(stock.slot, stock.claims)) };
    },
  });
}

/** The contract requires the key; the type does not know. */
function toKey(key: ClaimKey | undefined): ClaimKey {
  const { storeId, slotId, appointmentId } = key as ClaimKey;
  return { storeId, slotId, appointmentId };
}
