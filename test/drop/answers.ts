// Waits until everyone who was let in has a final answer: some watch, as a browser does, the others ask
// again and again. It begins while bookings are still being sent, because shoppers do.

import type { Appointment } from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import { AppointmentState } from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import { sleep } from "#shared/time.ts";
import { inOrder, isNotFound, isTransient, nameOfError, runLanes } from "./lanes.ts";
import type { Ledger, Shopper } from "./ledger.ts";
import type { Clients } from "./mesh.ts";

/** Below the 256 streams of a connection: the polls share it. */
const WATCHES_MAX = 200;
const POLLS_MAX = 16;
const POLL_MS = 5000;
const CODE_MS = 5000;
/** Between two rounds of asking. */
const PAUSE_MS = 250;
const WATCH_AGAIN_MS = 200;

/** Follows those who were let in. */
export interface Follower {
  /** Follows one more. */
  follow(shopper: Shopper): void;
  /** Resolves when all have a final answer, or the time is over. */
  finish(): Promise<void>;
}

/** Makes a follower that ends at untilMs, of performance.now(). */
export function createFollower(options: {
  readonly clients: Clients;
  readonly ledger: Ledger;
  readonly untilMs: number;
  readonly signal: AbortSignal;
}): Follower {
  const { clients, ledger, untilMs, signal } = options;
  const polled: Shopper[] = [];
  const unaskable = new Set<Shopper>();
  const watches = new Set<Promise<void>>();
  const isOver = () => signal.aborted || performance.now() > untilMs;
  let isComplete = false;

  async function watch(shopper: Shopper): Promise<void> {
    const { appointmentId } = shopper;
    let isTold = false;
    while (shopper.finalMs === undefined && !isOver()) {
      const timeoutMs = Math.max(1, untilMs - performance.now());
      let sentMs = performance.now();
      const states = clients.watching.watchAppointment({ appointmentId }, { timeoutMs, signal });
      try {
        for await (const { appointment } of states) {
          tell(shopper, appointment, sentMs);
          isTold = appointment?.state === AppointmentState.CONFIRMED;
          // Each state that follows is newer than the one before it.
          sentMs = performance.now();
        }
      } catch (error) {
        if (!isTransient(error) && !isOver()) {
          ledger.contradict(shopper, `could not be watched: ${nameOfError(error)}`);
          polled.push(shopper);
          return;
        }
        await sleep(WATCH_AGAIN_MS, signal);
      }
    }
    if (isTold && !isOver()) {
      await checkCode(shopper);
    }
  }

  /** A watcher is told CONFIRMED once the code is there to get; a booking that is sent again may be told
   * a moment before. */
  async function checkCode(shopper: Shopper): Promise<void> {
    const { appointmentId } = shopper;
    await clients.codes.getCode({ appointmentId }, { timeoutMs: CODE_MS }).catch((error) => {
      if (isNotFound(error)) {
        ledger.contradict(shopper, "saw CONFIRMED before there was a code");
      }
    });
  }

  async function ask(shopper: Shopper): Promise<void> {
    const sentMs = performance.now();
    const { appointmentId } = shopper;
    try {
      const { appointment } = await clients.watching.getAppointment(
        { appointmentId },
        { timeoutMs: POLL_MS },
      );
      tell(shopper, appointment, sentMs);
    } catch (error) {
      // Not found is not final: what was queued may not have been written yet.
      if (!isTransient(error) && !isNotFound(error)) {
        ledger.contradict(shopper, `could not be asked about: ${nameOfError(error)}`);
        unaskable.add(shopper);
      }
    }
  }

  function tell(shopper: Shopper, appointment: Appointment | undefined, sentMs: number): void {
    if (appointment) {
      ledger.tellState(shopper, appointment, sentMs, performance.now());
    }
  }

  async function poll(): Promise<void> {
    let asked: Shopper[] = [];
    while (!isOver() && !(isComplete && asked.length === 0 && polled.length === 0)) {
      asked = asked.concat(polled.splice(0));
      await runLanes(inOrder(asked), POLLS_MAX, ask);
      asked = asked.filter((shopper) => shopper.finalMs === undefined && !unaskable.has(shopper));
      await sleep(PAUSE_MS, signal);
    }
  }

  const polling = poll();
  return {
    follow: (shopper) => {
      if (watches.size >= WATCHES_MAX) {
        polled.push(shopper);
        return;
      }
      const watching = watch(shopper).finally(() => watches.delete(watching));
      watches.add(watching);
    },
    finish: async () => {
      isComplete = true;
      await polling;
      await Promise.all(watches);
      if (polled.length > 0) {
        await poll();
      }
    },
  };
}
