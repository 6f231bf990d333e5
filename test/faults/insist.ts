// What tests do that break the mesh: ask again while it says that a part is away, as clients do, and wait
// until every place counts the same.

import type { Slot } from "#gen/slotmesh/inventory/v1/slot_pb.ts";
import { isTransient } from "../drop/lanes.ts";
import type { Person } from "../e2e/mesh.ts";

/** However broken, the mesh is well again within this. */
export const RECOVERY_MS_MAX = 60_000;
const PAUSE_MS = 200;

/** Says whether an error goes away by itself. */
export const mayPass = isTransient;

/** Does a call again while the mesh says that a part is away; every call here is idempotent. */
export async function insist<Result>(call: () => Promise<Result>): Promise<Result> {
  const untilMs = Date.now() + RECOVERY_MS_MAX;
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!mayPass(error) || Date.now() > untilMs) {
        throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}

/** Counts a slot's spots, once all places agree or the time is over. */
export async function auditUntilQuiet(operator: Person, { storeId, slotId }: Slot) {
  const untilMs = Date.now() + RECOVERY_MS_MAX;
  for (;;) {
    const counts = await insist(() => operator.settling.auditSlot({ storeId, slotId }));
    if (counts.drifts.length === 0 || Date.now() > untilMs) {
      return counts;
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}
