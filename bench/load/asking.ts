// Asks for everyone what they have. ghz keeps no answers, only how each call ended; but an appointment's
// id follows from who wished and how the wish was named, so whoever has one is found without its answer.

import { AppointmentState } from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import type { SchedulingService } from "#gen/slotmesh/scheduling/v1/scheduling_service_pb.ts";
import type { MeshClient } from "#shared/client.ts";
import { sleep } from "#shared/time.ts";
import { DEMO_TENANT_ID } from "../../deploy/stack/demo.ts";
import { appointmentIdOf, isFinal } from "../../services/scheduling/domain.ts";
import { inOrder, isNotFound, nameOfError, runLanes, withRetries } from "../../test/drop/lanes.ts";
import type { Shopper } from "../../test/drop/ledger.ts";

const LANES = 32;
const CALL_MS = 5000;
const PENDING_MS = 250;
const FAULTS_MAX = 20;

/** Notes with each shopper what they have. Returns what cannot be, in sentences. */
export async function askAll(
  shoppers: readonly Shopper[],
  clients: readonly MeshClient<typeof SchedulingService>[],
  untilMs: number,
  signal: AbortSignal,
): Promise<string[]> {
  const faults: string[] = [];
  const blame = ({ shopperId }: Shopper, fault: string) => {
    if (faults.length < FAULTS_MAX) {
      faults.push(`${shopperId} ${fault}`);
    }
  };
  const isOver = () => signal.aborted || performance.now() > untilMs;

  async function ask(shopper: Shopper, lane: number): Promise<void> {
    const client = clients[lane % clients.length] as MeshClient<typeof SchedulingService>;
    const { shopperId, requestId, slot } = shopper;
    const appointmentId = appointmentIdOf(DEMO_TENANT_ID, shopperId, requestId);
    const { appointment } = await withRetries(
      () => client.getAppointment({ appointmentId }, { timeoutMs: CALL_MS }),
      { untilMs, signal },
    );
    shopper.appointmentId = appointmentId;
    shopper.state = appointment?.state ?? AppointmentState.UNSPECIFIED;
    shopper.refusal = appointment?.refusalReason ?? shopper.refusal;
    if (isFinal(shopper.state)) {
      shopper.finalMs = performance.now();
      if (appointment?.shopperId !== shopperId || appointment.slotId !== slot.slotId) {
        blame(shopper, "has an appointment that it did not ask for");
      }
    } else if (!isOver()) {
      await sleep(PENDING_MS, signal);
      await ask(shopper, lane);
    }
  }

  await runLanes(inOrder(shoppers), LANES, async (shopper, lane) => {
    if (isOver()) {
      return;
    }
    await ask(shopper, lane).catch((error: unknown) => {
      if (!isNotFound(error)) {
        blame(shopper, `could not be asked about: ${nameOfError(error)}`);
      }
    });
    shopper.answeredMs = performance.now();
  });
  return faults;
}
