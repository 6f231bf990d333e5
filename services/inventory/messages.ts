// Rows as messages of the contracts. Ids stay decimal strings, times become Timestamps.

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ClaimSchema, SlotStockSchema } from "#gen/slotmesh/inventory/v1/claims_service_pb.ts";
import type { SlotSchema } from "#gen/slotmesh/inventory/v1/slot_pb.ts";
import type { ServiceSchema, StoreSchema } from "#gen/slotmesh/inventory/v1/store_pb.ts";
import { toTimestamp } from "#shared/time.ts";
import type { Claim, Service, Slot, Store } from "./domain.ts";

/** Makes the message of a store. */
export function toStoreMessage(store: Store): MessageInitShape<typeof StoreSchema> {
  const { createdAtMs, ...fields } = store;
  return { ...fields, createTime: toTimestamp(createdAtMs) };
}

/** Makes the message of a service. */
export function toServiceMessage(service: Service): MessageInitShape<typeof ServiceSchema> {
  const { createdAtMs, ...fields } = service;
  return { ...fields, createTime: toTimestamp(createdAtMs) };
}

/** Makes the message of a slot. */
export function toSlotMessage(slot: Slot): MessageInitShape<typeof SlotSchema> {
  return {
    slotId: slot.slotId,
    storeId: slot.storeId,
    tenantId: slot.tenantId,
    serviceId: slot.serviceId,
    startTime: toTimestamp(slot.startsAtMs),
    endTime: toTimestamp(slot.endsAtMs),
    timeZone: slot.timeZone,
    openTime: toTimestamp(slot.opensAtMs),
    totalSpots: slot.total,
    availableSpots: slot.available,
    partySizeMax: slot.partySizeMax,
  };
}

/** Makes the message of a claim. */
export function toClaimMessage(claim: Claim): MessageInitShape<typeof ClaimSchema> {
  const { storeId, slotId, appointmentId } = claim;
  return {
    key: { storeId, slotId, appointmentId },
    tenantId: claim.tenantId,
    shopperId: claim.shopperId,
    partySize: claim.partySize,
    state: claim.state,
    refusal: claim.refusal,
    takeTime: toTimestamp(claim.takenAtMs),
  };
}

/** Makes the message of a slot's stock. */
export function toStockMessage(
  slot: Slot,
  claims: readonly Claim[] = [],
): MessageInitShape<typeof SlotStockSchema> {
  return {
    slot: toSlotMessage(slot),
    version: BigInt(slot.version),
    activeClaims: claims.map(toClaimMessage),
  };
}
