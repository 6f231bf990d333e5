// Giving an appointment back, in an order that can be cut anywhere and finished by the reconciler:
//   1. the row owes WORK_REVOKE      it still reads CONFIRMED
//   2. the code dies                 if it was redeemed first, the row owes nothing again: no cancel
//   3. the row is CANCELLED and owes WORK_RELEASE
//   4. the spots go back (T3)
//   5. the row owes nothing
// The spots never go back before the row says CANCELLED: else a late worker could confirm what is gone.

import { CodeState } from "#gen/slotmesh/codes/v1/code_pb.ts";
import type { CallOptions } from "#shared/client.ts";
import type { IssuingClient } from "./clients.ts";
import { type Row, WORK_RELEASE, WORK_REVOKE } from "./domain.ts";
import type { Pipeline } from "./pipeline.ts";
import type { SchedulingStore } from "./store.ts";

const STEP_MS_MAX = 5000;

/** Pays what rows owe, each call within the time given. Returns the ids whose codes were redeemed before they could be killed. */
export type FinishWork = (rows: readonly Row[], within?: CallOptions) => Promise<Set<string>>;

/** Makes the finisher. */
export function createFinishWork(options: {
  readonly store: SchedulingStore;
  readonly issuing: IssuingClient;
  readonly pipeline: Pipeline;
  readonly now: () => number;
}): FinishWork {
  const { store, issuing, pipeline, now } = options;

  async function revoke(rows: readonly Row[], within: CallOptions): Promise<Row[]> {
    if (rows.length === 0) {
      return [];
    }
    const { states } = await issuing.revokeCodes(
      {
        revokes: rows.map(({ appointmentId, tenantId, shopperId, storeId }) => ({
          appointmentId,
          tenantId,
          shopperId,
          storeId,
        })),
      },
      within,
    );
    return rows.filter((_, index) => states[index] === CodeState.REDEEMED);
  }

  return async (rows, within = { timeoutMs: STEP_MS_MAX }) => {
    const toRevoke = rows.filter(({ work }) => work === WORK_REVOKE);
    const used = await revoke(toRevoke, within);
    const redeemed = new Set(used.map(({ appointmentId }) => appointmentId));
    const cancelled = toRevoke.filter(({ appointmentId }) => !redeemed.has(appointmentId));
    await Promise.all([
      redeemed.size > 0 && store.endWork([...redeemed], WORK_REVOKE),
      cancelled.length > 0 &&
        store.cancel(
          cancelled.map(({ appointmentId }) => appointmentId),
          now(),
        ),
    ]);
    // A tombstone may have a code too, where its worker was between reading the row and issuing.
    const tombstones = rows.filter(({ work }) => work === WORK_RELEASE);
    await revoke(tombstones, within);
    const toRelease = [...cancelled, ...tombstones];
    if (toRelease.length > 0) {
      await pipeline.release(toRelease, within);
      await store.endWork(
        toRelease.map(({ appointmentId }) => appointmentId),
        WORK_RELEASE,
      );
    }
    return redeemed;
  };
}
