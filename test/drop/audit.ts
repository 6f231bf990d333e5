// Asks the mesh to count each slot's spots in every place they are written. Settling is some milliseconds
// behind the last answer, so a slot that differs is asked about again for a while.

import type { AuditSlotResponse } from "#gen/slotmesh/scheduling/v1/settling_service_pb.ts";
import { sleep } from "#shared/time.ts";
import { inOrder, isTransient, nameOfError, runLanes, withRetries } from "./lanes.ts";
import type { DropSlot } from "./ledger.ts";
import type { Clients } from "./mesh.ts";

const LANES = 4;
const CALL_MS = 10_000;
const SETTLE_MS = 15_000;
const PAUSE_MS = 100;

/** What the mesh says of a slot, or why it could not be asked. */
export type AuditResult = AuditSlotResponse | { readonly failure: string };

/** Audits slots, by slot id, each again until nothing differs or the time is over. */
export async function auditSlots(
  slots: readonly DropSlot[],
  { settling }: Clients,
  signal: AbortSignal,
  untilMs = performance.now() + SETTLE_MS,
): Promise<Map<string, AuditResult>> {
  const results = new Map<string, AuditResult>();
  await runLanes(inOrder(slots), LANES, async ({ storeId, slotId }) => {
    const ask = () =>
      withRetries(() => settling.auditSlot({ storeId, slotId }, { timeoutMs: CALL_MS }), {
        untilMs,
        signal,
        isPassing: isTransient,
      });
    try {
      let audit = await ask();
      while (audit.drifts.length > 0 && performance.now() < untilMs && !signal.aborted) {
        await sleep(PAUSE_MS, signal);
        audit = await ask();
      }
      results.set(slotId, audit);
    } catch (error) {
      results.set(slotId, { failure: nameOfError(error) });
    }
  });
  return results;
}
