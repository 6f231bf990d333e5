// What clients saw, in the order they saw it: each operation is invoked, and ends as ok, refused or unknown.
// Only ever added to, so that a run can be judged afterwards (check-history.ts) and read by a person.
// Unknown is everything that does not say whether the operation was done: a lost connection, a deadline.

import { writeFileSync } from "node:fs";
import { ErrorInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { AppointmentState } from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import { BookingOutcome } from "#gen/slotmesh/scheduling/v1/scheduling_service_pb.ts";
import { Code, ConnectError } from "#shared/errors.ts";
import { DEMO_TENANT_ID } from "../../deploy/stack/demo.ts";
import { appointmentIdOf } from "../../services/scheduling/domain.ts";
import { nameOf } from "./ledger.ts";
import type { Clients } from "./mesh.ts";

/** What is asked of the mesh. */
export type OperationKind = "book" | "get" | "watch" | "cancel" | "redeem";
/** How an operation ends. */
export type Ending = "ok" | "refused" | "unknown";

/** One line of a history. Times are of performance.now(). */
export interface HistoryEvent {
  /** Ties an end to its beginning. */
  readonly operation: number;
  readonly kind: OperationKind;
  /** The appointment that it is about. */
  readonly key: string;
  /** The request id of a redemption. */
  readonly requestId?: string;
  readonly phase: "invoke" | Ending;
  readonly atMs: number;
  /** What was said: a state, an outcome or an error. */
  readonly said?: string;
  /** The receipt of a redemption. */
  readonly receipt?: string;
}

/** What is done to what. */
export type Operation = Pick<HistoryEvent, "kind" | "key" | "requestId">;
/** What an answer says. */
export type Told = Pick<HistoryEvent, "said" | "receipt"> & { readonly phase: Ending };

/** A history that is being written. */
export interface History {
  readonly events: readonly HistoryEvent[];
  /** How many operations have not ended, streams aside. */
  inFlight(): number;
  /** Calls, and writes down how it began and ended. */
  run<Response>(
    operation: Operation,
    call: () => Promise<Response>,
    tell: (response: Response) => Told,
  ): Promise<Response>;
  /** Writes down what a stream said: as if it had been asked for when the message before it came. */
  note(operation: Operation, askedAtMs: number, told: Told): void;
}

/** Begins a history. */
export function createHistory(now: () => number = () => performance.now()): History {
  const events: HistoryEvent[] = [];
  let operations = 0;
  let inFlight = 0;
  return {
    events,
    inFlight: () => inFlight,
    run: async (what, call, tell) => {
      operations += 1;
      inFlight += 1;
      const operation = operations;
      events.push({ operation, ...what, phase: "invoke", atMs: now() });
      try {
        const response = await call();
        events.push({ operation, ...what, ...tell(response), atMs: now() });
        return response;
      } catch (error) {
        events.push({ operation, ...what, ...tellError(error), atMs: now() });
        throw error;
      } finally {
        inFlight -= 1;
      }
    },
    note: (what, askedAtMs, told) => {
      operations += 1;
      events.push({ operation: operations, ...what, phase: "invoke", atMs: askedAtMs });
      events.push({ operation: operations, ...what, ...told, atMs: now() });
    },
  };
}

/** Makes clients that write a history of the bookings and of what is asked about them. */
export function withHistory(clients: Clients, history: History): Clients {
  const { watching } = clients;
  return {
    ...clients,
    scheduling: clients.scheduling.map((client) => ({
      ...client,
      bookAppointment: (request, options) =>
        history.run(
          {
            kind: "book",
            key: appointmentIdOf(DEMO_TENANT_ID, request.shopperId ?? "", request.requestId ?? ""),
          },
          () => client.bookAppointment(request, options),
          ({ outcome, appointment }) =>
            outcome === BookingOutcome.QUEUED || outcome === BookingOutcome.ALREADY_YOURS
              ? { phase: "ok", said: stateName(appointment?.state) }
              : { phase: "refused", said: nameOf(BookingOutcome, outcome) },
        ),
    })),
    watching: {
      ...watching,
      getAppointment: (request, options) =>
        history.run(
          { kind: "get", key: request.appointmentId ?? "" },
          () => watching.getAppointment(request, options),
          ({ appointment }) => ({ phase: "ok", said: stateName(appointment?.state) }),
        ),
      watchAppointment: (request, options) => watched(request, options),
    },
  };

  async function* watched(...[request, options]: Parameters<typeof watching.watchAppointment>) {
    const operation = { kind: "watch", key: request.appointmentId ?? "" } as const;
    let askedAtMs = performance.now();
    for await (const response of watching.watchAppointment(request, options)) {
      const said = stateName(response.appointment?.state);
      history.note(operation, askedAtMs, { phase: "ok", said });
      askedAtMs = performance.now();
      yield response;
    }
  }
}

/** Names a state as histories do. */
export function stateName(state: AppointmentState | undefined): string {
  return nameOf(AppointmentState, state ?? AppointmentState.UNSPECIFIED);
}

/** Writes a history to a file, a line an event. */
export function writeHistory(file: string, { events }: Pick<History, "events">): void {
  writeFileSync(file, events.map((event) => `${JSON.stringify(event)}\n`).join(""), {
    mode: 0o600,
  });
}

/** Codes that say for certain that nothing was done. */
const REFUSALS = new Set([
  Code.NotFound,
  Code.FailedPrecondition,
  Code.InvalidArgument,
  Code.PermissionDenied,
  Code.Unauthenticated,
  Code.ResourceExhausted,
]);

function tellError(error: unknown): Told {
  if (!(error instanceof ConnectError)) {
    return { phase: "unknown", said: String(error) };
  }
  const reason = error.findDetails(ErrorInfoSchema)[0]?.reason;
  const said = reason ? `${Code[error.code]} ${reason}` : (Code[error.code] ?? String(error.code));
  return { phase: REFUSALS.has(error.code) ? "refused" : "unknown", said };
}
