// Messages of the contracts as the page's own plain values.

import { type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";
import type { Slot } from "#gen/slotmesh/inventory/v1/slot_pb.ts";
import type { SlotView } from "./slots.ts";

/** Makes milliseconds of a Timestamp, or undefined of an absent one. */
export function toMs(timestamp: Timestamp | undefined): number | undefined {
  return timestamp && timestampMs(timestamp);
}

/** Makes the page's slot of a message. */
export function toSlotView(slot: Slot): SlotView {
  return {
    slotId: slot.slotId,
    storeId: slot.storeId,
    serviceId: slot.serviceId,
    startMs: toMs(slot.startTime) ?? 0,
    endMs: toMs(slot.endTime) ?? 0,
    openMs: toMs(slot.openTime) ?? 0,
    timeZone: slot.timeZone,
    totalSpots: slot.totalSpots,
    freeSpots: slot.availableSpots,
    partySizeMax: slot.partySizeMax,
  };
}
