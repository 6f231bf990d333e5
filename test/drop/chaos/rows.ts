// Reads what the mesh has written about everyone, when all is over.

import { CodeState } from "#gen/slotmesh/codes/v1/code_pb.ts";
import { DEMO_TENANT_ID } from "../../../deploy/stack/demo.ts";
import { appointmentIdOf } from "../../../services/scheduling/domain.ts";
import type { RowFacts } from "../check-history.ts";
import { stateName } from "../history.ts";
import { inOrder, isNotFound, runLanes, withRetries } from "../lanes.ts";
import { nameOf, type Shopper } from "../ledger.ts";
import type { Clients } from "../mesh.ts";

const LANES = 32;
const CALL_MS = 5000;
const PATIENCE_MS = 30_000;
/** States of rows that may have a code. */
const WITH_CODE = new Set(["confirmed", "cancelled", "expired"]);

/** Returns the appointment that a shopper's request is or would be. */
export function keyOf({ shopperId, requestId }: Shopper): string {
  return appointmentIdOf(DEMO_TENANT_ID, shopperId, requestId);
}

/** Reads everyone's row and code. The clients must not be those that write the history. */
export async function readRows(
  shoppers: readonly Shopper[],
  { watching, codes }: Clients,
  signal: AbortSignal,
): Promise<RowFacts[]> {
  const rows: RowFacts[] = [];
  const patience = { untilMs: performance.now() + PATIENCE_MS, signal };
  const orNothing = (error: unknown) => {
    if (isNotFound(error)) {
      return undefined;
    }
    throw error;
  };
  await runLanes(inOrder(shoppers), LANES, async (shopper) => {
    const appointmentId = keyOf(shopper);
    const read = () => watching.getAppointment({ appointmentId }, { timeoutMs: CALL_MS });
    const found = await withRetries(read, patience).catch(orNothing);
    const said = stateName(found?.appointment?.state);
    // PENDING is no row: it is what Redis remembers of a wish.
    const state = !found || said === "pending" ? "none" : said;
    const readCode = () => codes.getCode({ appointmentId }, { timeoutMs: CALL_MS });
    const code = WITH_CODE.has(state)
      ? (await withRetries(readCode, patience).catch(orNothing))?.code
      : undefined;
    const receipt = code?.redemption?.redemptionId;
    rows.push({
      key: appointmentId,
      slotId: shopper.slot.slotId,
      partySize: shopper.partySize,
      state,
      code: code ? nameOf(CodeState, code.state) : "none",
      ...(receipt !== undefined && { receipt }),
    });
  });
  return rows;
}
