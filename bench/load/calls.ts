// The calls of a load: a shopper for each, and the file that ghz sends them from. The file holds the
// requests as they go over the wire, one after the other, each after its length: ghz reads them once,
// at its start, and sends the n-th as call n; after the last it would begin anew. As JSON it reads each
// one again when it sends it (30 us of its processor time a call), and with templates it writes it too.

import { create } from "@bufbuild/protobuf";
import { sizeDelimitedEncode } from "@bufbuild/protobuf/wire";
import { BookAppointmentRequestSchema } from "#gen/slotmesh/scheduling/v1/scheduling_service_pb.ts";
import { type DropSlot, newShopper, type Shopper } from "../../test/drop/ledger.ts";

/** Plans so many calls, which take the slots in turns. The name keeps them apart from any others. */
export function planCalls(name: string, count: number, slots: readonly DropSlot[]): Shopper[] {
  return Array.from({ length: count }, (_, index) =>
    newShopper({
      shopperId: `load-${name}-${index + 1}`,
      requestId: `load-${name}-${index + 1}`,
      slot: slots[index % slots.length] as DropSlot,
      partySize: 1,
      copies: { together: 0, later: 0, late: 0 },
    }),
  );
}

/** Encodes the calls for ghz. Only an operator may name the shopper. */
export function encodeCalls(shoppers: readonly Shopper[], by: "operator" | "shopper"): Uint8Array {
  return Buffer.concat(
    shoppers.map(({ shopperId, requestId, slot: { storeId, slotId } }) =>
      sizeDelimitedEncode(
        BookAppointmentRequestSchema,
        create(BookAppointmentRequestSchema, {
          storeId,
          slotId,
          requestId,
          ...(by === "operator" && { shopperId }),
        }),
      ),
    ),
  );
}
