// The handlers of ClaimsService, which is for the mesh's own services: Scheduling takes spots, gives them
// back, and checks what admission believes. Whether a slot is open is asked of this service's clock, once
// a call.

import { ClaimsService } from "#gen/slotmesh/inventory/v1/claims_service_pb.ts";
import { Code, meshError } from "#shared/errors.ts";
import { type Access, type BoundMethod, bind } from "#shared/handlers.ts";
import type { Claims, Taken } from "./claims.ts";
import type { ClaimKey, TakeKey } from "./domain.ts";
import { toClaimMessage, toStockMessage } from "./messages.ts";

/** The most wishes of one call. */
const TAKES_MAX = 1000;

const ACCESS: Access<typeof ClaimsService> = {
  takeSpots: ["service"],
  settleTakes: ["service"],
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
    takeSpots: async ({ slots }) => {
      const takes = slots.flatMap(({ takes, storeId, slotId, tenantId }) =>
        takes.map(({ appointmentId, shopperId, partySize }) => ({
          storeId,
          slotId,
          tenantId,
          appointmentId,
          shopperId,
          partySize,
        })),
      );
      if (takes.length > TAKES_MAX) {
        throw meshError(
          Code.InvalidArgument,
          `slots: ${takes.length} wishes: at most ${TAKES_MAX} in all`,
          { reason: "TOO_MANY_TAKES" },
        );
      }
      const answer = await claims.take(takes, now());
      const taken = answer.taken.values();
      return {
        slots: slots.map(({ takes }) => toSlotTaken(takes.map(() => taken.next().value as Taken))),
        takes: answer.takes.map(toTakeMessage),
      };
    },

    settleTakes: async ({ takes }) => {
      await claims.settle(
        takes.map(({ storeId, slotId, attempt }) => ({
          storeId,
          slotId,
          attempt: attempt.toString(),
        })),
      );
      return {};
    },

    releaseClaims: async ({ keys }) => {
      const slots = await claims.release(keys.map(toKey), now());
      return { stocks: slots.map((slot) => toStockMessage(slot)) };
    },

    listUnsettledClaims: async ({ olderThanMs, pageSize }) => {
      const unsettled = await claims.listUnsettled(now() - Number(olderThanMs), pageSize);
      return {
        claims: unsettled.claims.map(toClaimMessage),
        takes: unsettled.takes.map(toTakeMessage),
      };
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

function toTakeMessage({ storeId, slotId, attempt }: TakeKey) {
  return { storeId, slotId, attempt: BigInt(attempt) };
}

/** Makes the answers of one slot's wishes; the slot is as it is after the last of them. */
function toSlotTaken(taken: readonly Taken[]) {
  const slot = taken.at(-1)?.slot;
  return {
    ...(slot && { stock: toStockMessage(slot) }),
    states: taken.map(({ claim }) => claim.state),
    refusals: taken.map(({ claim }) => claim.refusal),
    partySizes: taken.map(({ claim }) => claim.partySize),
  };
}
