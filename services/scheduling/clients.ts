// The services that Scheduling calls, and their words in ours.

import { IssuingService } from "#gen/slotmesh/codes/v1/issuing_service_pb.ts";
import { ClaimsService, type SlotStock } from "#gen/slotmesh/inventory/v1/claims_service_pb.ts";
import { createPass } from "#shared/auth.ts";
import { createMeshClient, type MeshClient } from "#shared/client.ts";
import type { MeshConfig } from "#shared/config.ts";
import { toMs } from "#shared/time.ts";
import { bodyOf, wishOfClaim } from "./domain.ts";
import type { SlotPicture } from "./redis.ts";

/** Inventory's claims. */
export type ClaimsClient = MeshClient<typeof ClaimsService>;
/** Codes' issuing. */
export type IssuingClient = MeshClient<typeof IssuingService>;

/** Opens a channel to each. */
export function openClients(
  { addresses }: MeshConfig,
  meshKey: Buffer,
): { claims: ClaimsClient; issuing: IssuingClient; stop(): void } {
  const claims = createMeshClient(ClaimsService, addresses.inventory, {
    pass: createPass(meshKey, "scheduling", "inventory"),
  });
  const issuing = createMeshClient(IssuingService, addresses.codes, {
    pass: createPass(meshKey, "scheduling", "codes"),
  });
  return {
    claims,
    issuing,
    stop: () => {
      claims.close();
      issuing.close();
    },
  };
}

/** Turns what Inventory says of a slot into what admission keeps. */
export function toPicture({ slot, version, activeClaims }: SlotStock): SlotPicture {
  if (!slot) {
    throw new Error("Inventory answered with a stock without its slot");
  }
  return {
    tenantId: slot.tenantId,
    storeId: slot.storeId,
    slotId: slot.slotId,
    totalSpots: slot.totalSpots,
    partySizeMax: slot.partySizeMax,
    opensAtMs: toMs(slot.openTime) ?? 0,
    startsAtMs: toMs(slot.startTime) ?? 0,
    availableSpots: slot.availableSpots,
    version,
    claimed: activeClaims.map((claim) => {
      const wish = wishOfClaim(claim);
      return { ...wish, body: bodyOf(wish) };
    }),
  };
}
