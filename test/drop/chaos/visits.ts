// What some winners do with what they won, while the mesh is being broken: give it back, have the code
// redeemed, or both at once, where only one may succeed.

import { type CodesService, RedeemOutcome } from "#gen/slotmesh/codes/v1/codes_service_pb.ts";
import { AppointmentState } from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import type { MeshClient } from "#shared/client.ts";
import { type History, stateName } from "../history.ts";
import { isNotFound, isTransient, nameOfError, withRetries } from "../lanes.ts";
import { type Ledger, nameOf, type Shopper } from "../ledger.ts";
import type { Clients } from "../mesh.ts";

const CALL_MS = 5000;
const CANCEL_SHARE = 0.12;
const REDEEM_SHARE = 0.12;
const BOTH_SHARE = 0.04;

/** Chooses what a shopper will do. */
export function chooseVisit(random: () => number): Shopper["visit"] {
  const drawn = random();
  if (drawn < CANCEL_SHARE) {
    return "cancel";
  }
  if (drawn < CANCEL_SHARE + REDEEM_SHARE) {
    return "redeem";
  }
  return drawn < CANCEL_SHARE + REDEEM_SHARE + BOTH_SHARE ? "both" : undefined;
}

/** Sees to visits. */
export interface Visits {
  /** Lets a winner do what they chose. */
  begin(shopper: Shopper): void;
  /** Resolves when all are done, or the time is over. */
  finish(): Promise<void>;
}

/** Makes visits that end at untilMs, of performance.now(), or when the signal aborts. */
export function createVisits(options: {
  readonly clients: Clients;
  readonly history: History;
  readonly ledger: () => Ledger;
  readonly untilMs: number;
  readonly signal: AbortSignal;
}): Visits {
  const { clients, history, ledger, untilMs, signal } = options;
  const running = new Set<Promise<void>>();
  const clerks = new Map<string, Promise<MeshClient<typeof CodesService>>>();
  const patience = { untilMs, signal };
  // Get and Book say CONFIRMED a moment before the code is issued.
  const isPassing = (error: unknown) => isTransient(error) || isNotFound(error);

  function clerkOf(storeId: string) {
    const clerk = clerks.get(storeId) ?? clients.createClerk(storeId);
    clerks.set(storeId, clerk);
    return clerk;
  }

  async function cancel(shopper: Shopper): Promise<void> {
    const { appointmentId } = shopper;
    let sentMs = 0;
    const { appointment } = await withRetries(() => {
      sentMs = performance.now();
      return history.run(
        { kind: "cancel", key: appointmentId },
        () => clients.watching.cancelAppointment({ appointmentId }, { timeoutMs: CALL_MS }),
        (response) => ({ phase: "ok", said: stateName(response.appointment?.state) }),
      );
    }, patience);
    if (appointment) {
      ledger().tellState(shopper, appointment, sentMs, performance.now());
    }
  }

  async function redeem(shopper: Shopper): Promise<RedeemOutcome> {
    const { appointmentId, requestId } = shopper;
    const { storeId } = shopper.slot;
    const { code, ticket } = await withRetries(
      () => clients.codes.getCode({ appointmentId }, { timeoutMs: CALL_MS }),
      { ...patience, isPassing },
    );
    const clerk = await clerkOf(storeId);
    const scanned = ticket || (code?.code ?? "");
    const request = { code: scanned, storeId, requestId: `${requestId}-visit` };
    const send = () =>
      withRetries(
        () =>
          history.run(
            { kind: "redeem", key: appointmentId, requestId: request.requestId },
            () => clerk.redeemCode(request, { timeoutMs: CALL_MS }),
            ({ outcome, code: redeemed }) =>
              outcome === RedeemOutcome.REDEEMED
                ? {
                    phase: "ok",
                    said: "redeemed",
                    receipt: redeemed?.redemption?.redemptionId ?? "none",
                  }
                : { phase: "refused", said: nameOf(RedeemOutcome, outcome) },
          ),
        patience,
      );
    // Sent twice at once, as by an impatient clerk: one redemption, one receipt.
    const [{ outcome }] = await Promise.all([send(), send()]);
    if (outcome === RedeemOutcome.REDEEMED) {
      shopper.code = request.code;
      shopper.isRedeemed = true;
    }
    return outcome;
  }

  async function visit(shopper: Shopper): Promise<void> {
    const contradict = (sentence: string) => ledger().contradict(shopper, sentence);
    const isBoth = shopper.visit === "both";
    const cancelling = async () => {
      await cancel(shopper).catch((error: unknown) => {
        // Who redeemed at the same time may be told so; history and rows say whether that is true.
        if (!isBoth && !signal.aborted) {
          contradict(`could not cancel: ${nameOfError(error)}`);
        }
      });
    };
    const redeeming = async () => {
      try {
        const outcome = await redeem(shopper);
        if (outcome !== RedeemOutcome.REDEEMED && !isBoth) {
          contradict(`could not redeem: ${nameOf(RedeemOutcome, outcome)}`);
        }
      } catch (error) {
        if (!isBoth && !signal.aborted) {
          contradict(`could not redeem: ${nameOfError(error)}`);
        }
      }
    };
    await Promise.all([
      shopper.visit !== "redeem" && cancelling(),
      shopper.visit !== "cancel" && redeeming(),
    ]);
  }

  return {
    begin: (shopper) => {
      if (shopper.visit === undefined || shopper.state !== AppointmentState.CONFIRMED) {
        return;
      }
      const visiting = visit(shopper).finally(() => running.delete(visiting));
      running.add(visiting);
    },
    finish: async () => {
      await Promise.all(running);
    },
  };
}
