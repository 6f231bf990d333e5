// The handlers of Scheduling: request -> domain -> response, and outcome -> error code.

import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  type AppointmentSchema,
  AppointmentState,
  RefusalReason,
} from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import {
  type BookAppointmentRequest,
  BookAppointmentResponseSchema,
  BookingOutcome,
  SchedulingService,
} from "#gen/slotmesh/scheduling/v1/scheduling_service_pb.ts";
import { SettlingService } from "#gen/slotmesh/scheduling/v1/settling_service_pb.ts";
import type { Caller } from "#shared/auth.ts";
import { hop } from "#shared/client.ts";
import { Code, meshError, notFound } from "#shared/errors.ts";
import { type BoundMethod, bind, type Call, constantResponse } from "#shared/handlers.ts";
import { pageOf, parsePlaceToken, toPlaceToken } from "#shared/pages.ts";
import { isSuffixedId, suffixOf } from "#shared/suffix.ts";
import { toTimestamp } from "#shared/time.ts";
import type { Gate } from "./admission.ts";
import type { Answers } from "./answers.ts";
import type { Audit } from "./audit.ts";
import type { Book } from "./book.ts";
import type { FinishWork } from "./cancel.ts";
import { appointmentIdOf, driftsOf, isFinal, type Row, type Wish, WORK_RELEASE } from "./domain.ts";
import type { SchedulingRedis } from "./redis.ts";
import type { SchedulingStore } from "./store.ts";

const PAGE_SIZE = 20;
const STEP_MS_MAX = 8000;

const SOLD_OUT = constantResponse(BookAppointmentResponseSchema, {
  outcome: BookingOutcome.SOLD_OUT,
  retryDelay: { seconds: 1n },
});

/** What the handlers work with. */
export interface SchedulingOptions {
  readonly store: SchedulingStore;
  readonly redis: SchedulingRedis;
  readonly gate: Gate;
  readonly book: Book;
  readonly answers: Answers;
  readonly finishWork: FinishWork;
  readonly audit: Audit;
  readonly now: () => number;
  /** How often a watcher hears the same state again while nothing changes, in milliseconds. */
  readonly heartbeatMs: number;
}

/** Binds the handlers of both services. */
export function schedulingMethods(options: SchedulingOptions): BoundMethod[] {
  return [...schedulingService(options), ...settlingService(options)];
}

function schedulingService(options: SchedulingOptions): BoundMethod[] {
  const { store, redis, gate, book } = options;
  return bind(
    SchedulingService,
    {
      bookAppointment: ["shopper", "operator"],
      getAppointment: ["shopper", "operator"],
      watchAppointment: ["shopper", "operator"],
      listAppointments: ["shopper", "operator"],
      cancelAppointment: ["shopper", "operator"],
    },
    {
      bookAppointment: async (request, { caller }) => {
        // Nearly all of a drop ends here: before an id is derived, and before anything is waited for.
        if (gate.isSoldOut(request.slotId, shopperOf(request.shopperId, caller))) {
          return SOLD_OUT;
        }
        return toResponse(await book(wishOf(request, caller)));
      },

      getAppointment: async ({ appointmentId }, { caller }) => {
        const appointment = await findOwn(options, appointmentId, caller);
        if (!appointment) {
          throw notFound("appointment");
        }
        return { appointment: toAppointment(appointment) };
      },

      watchAppointment: ({ appointmentId }, call) => watch(options, appointmentId, call),

      listAppointments: async (request, { caller }) => {
        const shopperId = shopperOf(request.shopperId, caller);
        const { tenantId } = caller;
        const pageSize = request.pageSize || PAGE_SIZE;
        const { atMs, id } = parsePlaceToken(request.pageToken, isSuffixedId);
        const rows = await store.list(
          { suffix: suffixOf(tenantId, shopperId), tenantId, shopperId },
          { createdAtMs: atMs, appointmentId: id },
          pageSize + 1,
        );
        const { page, nextPageToken } = pageOf(rows, pageSize, (last) =>
          toPlaceToken({ atMs: last.createdAtMs, id: last.appointmentId }),
        );
        return { appointments: page.map(toAppointment), nextPageToken };
      },

      cancelAppointment: async ({ appointmentId }, call) => {
        const appointment = await findOwn(options, appointmentId, call.caller);
        if (!appointment) {
          throw notFound("appointment");
        }
        const cancelled = await cancel(options, appointment, call);
        await redis.announce([appointmentId]).catch(() => {
          // Watchers look again by themselves.
        });
        return { appointment: toAppointment(cancelled) };
      },
    },
  );
}

function settlingService({ gate, audit }: SchedulingOptions): BoundMethod[] {
  return bind(
    SettlingService,
    { auditSlot: ["service", "operator"], rebuildSlot: ["service", "operator"] },
    {
      auditSlot: async ({ storeId, slotId }, call) => {
        const within = hop(call, STEP_MS_MAX);
        const counts = await audit(storeId, slotId, tenantBound(call.caller), within);
        if (!counts) {
          throw notFound("slot at this store");
        }
        const { admission, ...rest } = counts;
        return {
          ...rest,
          ...(admission && {
            admissionFreeSpots: admission.freeSpots,
            admissionHeldSpots: admission.heldSpots,
          }),
          drifts: driftsOf(counts),
        };
      },

      rebuildSlot: async ({ storeId, slotId }, call) => {
        const within = hop(call, STEP_MS_MAX);
        if (!(await audit(storeId, slotId, tenantBound(call.caller), within))) {
          throw notFound("slot at this store");
        }
        await gate.warm([{ storeId, slotId }]);
        return {};
      },
    },
  );
}

function tenantBound({ role, tenantId }: Caller): string | undefined {
  return role === "service" ? undefined : tenantId;
}

/** Finds an appointment of the caller: its row, or what is queued under its id. */
async function findOwn(
  { answers, redis }: SchedulingOptions,
  appointmentId: string,
  caller: Caller,
): Promise<Row | PendingWish | undefined> {
  const found = (await answers.find(appointmentId)) ?? (await findPending(redis, appointmentId));
  return found && isOwner(found, caller) ? found : undefined;
}

type PendingWish = Wish & { readonly state: typeof AppointmentState.PENDING };

async function findPending(
  redis: SchedulingRedis,
  appointmentId: string,
): Promise<PendingWish | undefined> {
  const wish = await redis.findWish(appointmentId);
  return wish && { ...wish, state: AppointmentState.PENDING };
}

function isOwner({ tenantId, shopperId }: Wish, caller: Caller): boolean {
  return (
    tenantId === caller.tenantId && (caller.role === "operator" || shopperId === caller.subjectId)
  );
}

/** Gives an appointment back, or throws why it cannot be. */
async function cancel(
  options: SchedulingOptions,
  appointment: Row | PendingWish,
  call: Call,
): Promise<Row> {
  const { store, finishWork, now } = options;
  const { appointmentId } = appointment;
  if (appointment.state === AppointmentState.PENDING) {
    // The tombstone: if the pipeline was faster, what it wrote is returned instead.
    const [row] = await store.finish([
      {
        ...appointment,
        state: AppointmentState.CANCELLED,
        refusal: RefusalReason.UNSPECIFIED,
        work: WORK_RELEASE,
        createdAtMs: now(),
        stateAtMs: now(),
      },
    ]);
    return cancel(options, row as Row, call);
  }
  const row = appointment as Row;
  if (row.state === AppointmentState.CANCELLED) {
    if (row.work !== 0) {
      await finishWork([row], hop(call, STEP_MS_MAX));
    }
    return row;
  }
  if (row.state !== AppointmentState.CONFIRMED) {
    throw meshError(Code.FailedPrecondition, "the appointment was never confirmed", {
      reason: "NOT_CANCELLABLE",
    });
  }
  await store.beginCancel(appointmentId, now());
  const begun = await store.find([appointmentId]);
  const redeemed = await finishWork(
    begun.filter((one) => one !== undefined),
    hop(call, STEP_MS_MAX),
  );
  if (redeemed.has(appointmentId)) {
    throw meshError(Code.FailedPrecondition, "its code was redeemed: it cannot be given back", {
      reason: "CODE_REDEEMED",
    });
  }
  const [cancelled] = await store.find([appointmentId]);
  if (cancelled?.state !== AppointmentState.CANCELLED) {
    throw meshError(Code.Aborted, "another cancel is under way: try again", {
      reason: "CANCEL_UNDER_WAY",
      retryMs: 500,
    });
  }
  return cancelled;
}

/** Sends an appointment's state until it is final. */
async function* watch(
  { answers, now, heartbeatMs }: SchedulingOptions,
  appointmentId: string,
  { caller, signal }: Call,
) {
  let sentState: AppointmentState | undefined;
  let sentAtMs = 0;
  while (!signal.aborted) {
    // To be woken by what is written while we read, waiting begins before the reading.
    const stop = new AbortController();
    const woken = answers.wait(appointmentId, AbortSignal.any([signal, stop.signal]));
    const row = await answers.find(appointmentId);
    if (row && !isOwner(row, caller)) {
      stop.abort();
      throw notFound("appointment");
    }
    // T2 writes CONFIRMED before the code is issued: to who waits, it is not final until it is.
    const isSettled =
      row && (row.state !== AppointmentState.CONFIRMED || (await answers.hasCode(appointmentId)));
    const state = isSettled ? row.state : AppointmentState.PENDING;
    if (state !== sentState || now() - sentAtMs >= heartbeatMs) {
      sentState = state;
      sentAtMs = now();
      yield { appointment: isSettled ? toAppointment(row) : { appointmentId, state } };
    }
    if (isFinal(state)) {
      stop.abort();
      return;
    }
    const beat = setTimeout(() => stop.abort(), sentAtMs + heartbeatMs - now());
    await woken;
    clearTimeout(beat);
  }
  throw meshError(Code.DeadlineExceeded, "no final state yet: watch again", {
    reason: "STILL_PENDING",
  });
}

function wishOf(request: BookAppointmentRequest, caller: Caller): Wish {
  const shopperId = shopperOf(request.shopperId, caller);
  return {
    appointmentId: appointmentIdOf(caller.tenantId, shopperId, request.requestId),
    tenantId: caller.tenantId,
    shopperId,
    storeId: request.storeId,
    slotId: request.slotId,
    partySize: request.partySize ?? 1,
  };
}

/** Says whose appointments a request is about. */
function shopperOf(given: string, { role, subjectId }: Caller): string {
  if (role === "operator") {
    if (given === "") {
      throw meshError(Code.InvalidArgument, "shopper_id: an operator must name the shopper", {
        reason: "SHOPPER_WANTED",
      });
    }
    return given;
  }
  if (given !== "" && given !== subjectId) {
    throw meshError(Code.PermissionDenied, "shopper_id: only an operator acts for someone else", {
      reason: "NOT_YOURS",
    });
  }
  return subjectId;
}

function toResponse(
  outcome: Awaited<ReturnType<Book>>,
): MessageInitShape<typeof BookAppointmentResponseSchema> {
  switch (outcome.kind) {
    case "queued":
      return {
        outcome: BookingOutcome.QUEUED,
        appointment: { ...outcome.wish, state: AppointmentState.PENDING },
      };
    case "already-yours":
      return {
        outcome: BookingOutcome.ALREADY_YOURS,
        appointment: outcome.row
          ? toAppointment(outcome.row)
          : { ...outcome.wish, state: AppointmentState.PENDING },
      };
    case "sold-out":
      return SOLD_OUT;
    case "user-limit":
      return {
        outcome: BookingOutcome.USER_LIMIT,
        otherAppointmentId: outcome.otherAppointmentId,
      };
    case "not-open-yet":
      return {
        outcome: BookingOutcome.NOT_OPEN_YET,
        openTime: toTimestamp(outcome.opensAtMs),
        retryDelay: { seconds: BigInt(Math.ceil(outcome.waitMs / 1000)) },
      };
    case "too-late":
      return { outcome: BookingOutcome.TOO_LATE };
    case "no-such-slot":
      return { outcome: BookingOutcome.NO_SUCH_SLOT };
    case "party-too-large":
      return { outcome: BookingOutcome.PARTY_TOO_LARGE };
  }
}

function toAppointment(row: Row | PendingWish): MessageInitShape<typeof AppointmentSchema> {
  const { appointmentId, tenantId, shopperId, storeId, slotId, partySize, state } = row;
  const appointment = { appointmentId, tenantId, shopperId, storeId, slotId, partySize, state };
  if (!("createdAtMs" in row)) {
    return appointment;
  }
  return {
    ...appointment,
    refusalReason: row.refusal,
    createTime: toTimestamp(row.createdAtMs),
    stateTime: toTimestamp(row.stateAtMs),
  };
}
