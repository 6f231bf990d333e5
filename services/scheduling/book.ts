// Booking, up to the answer that the shopper gets at once: ask the gate, note the wish, put it into the
// queue, and say QUEUED only when the broker has it.
//
// What can go wrong on the way leaves nothing worse than a hold that ends by itself:
// - Redis is away: a small capped number of wishes a second goes straight to the queue, and the rows
//   decide alone; the rest is told to come back.
// - the queue is away, or its answer is lost: UNAVAILABLE, the hold stays, and the same request_id puts
//   the same wish in again; one appointment id makes the second copy harmless.

import { AppointmentState } from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import { createBatcher } from "#shared/batch.ts";
import { Code, isTransient, meshError } from "#shared/errors.ts";
import type { RateLimiter } from "#shared/limiter.ts";
import type { Logger } from "#shared/log.ts";
import type { Timers } from "#shared/time.ts";
import type { Gate } from "./admission.ts";
import type { Answers } from "./answers.ts";
import type { SchedulingFailpoints } from "./config.ts";
import { bodyOf, isSameWish, type Row, type Wish } from "./domain.ts";
import type { BookingQueue } from "./events.ts";
import type { Admission, SchedulingRedis } from "./redis.ts";

const NOTES_PER_TRIP_MAX = 256;
const NOTE_TRIPS_MAX = 4;
const NOTES_WAITING_MAX = 50_000;
const QUEUED_REMEMBERED_MAX = 50_000;

const ADMITTED: Admission = { kind: "admitted", detail: "" };
const ANSWERED: Admission = { kind: "already-yours", detail: "C" };

/** What becomes of a wish at once. */
export type BookOutcome =
  | { readonly kind: "queued"; readonly wish: Wish }
  | { readonly kind: "already-yours"; readonly wish: Wish; readonly row?: Row }
  | { readonly kind: "sold-out" | "too-late" | "no-such-slot" | "party-too-large" }
  | { readonly kind: "user-limit"; readonly otherAppointmentId: string }
  | { readonly kind: "not-open-yet"; readonly opensAtMs: number; readonly waitMs: number };

/** Books. */
export type Book = (wish: Wish) => Promise<BookOutcome>;

/** Makes the booking. */
export function createBook(options: {
  readonly gate: Gate;
  readonly redis: SchedulingRedis;
  readonly queue: BookingQueue;
  readonly answers: Answers;
  /** Bounds how many wishes a second pass while Redis is away. */
  readonly unguarded: RateLimiter;
  readonly now: () => number;
  readonly logger: Logger;
  /** What waits for a batch. If absent, Node's timers. */
  readonly timers?: Timers;
  readonly failpoints?: SchedulingFailpoints;
}): Book {
  const { gate, redis, queue, answers, unguarded, now, logger, failpoints } = options;
  const queueing = new Map<string, Promise<void>>();
  const queued = new Set<string>();
  const note = createBatcher<Wish, Wish | undefined>({
    run: (wishes) => redis.noteWishes(wishes),
    itemsMax: NOTES_PER_TRIP_MAX,
    batchesMax: NOTE_TRIPS_MAX,
    waitingMax: NOTES_WAITING_MAX,
    lingerMs: 0,
    timers: options.timers,
  });

  /** Puts a wish into the queue, once for all who ask for it in this process. */
  function putOnce(wish: Wish): Promise<void> {
    const { appointmentId } = wish;
    if (queued.has(appointmentId)) {
      return Promise.resolve();
    }
    let putting = queueing.get(appointmentId);
    if (!putting) {
      putting = queue
        .put({ ...wish, admittedAtMs: now() })
        .then(() => {
          if (queued.size >= QUEUED_REMEMBERED_MAX) {
            queued.delete(queued.values().next().value as string);
          }
          queued.add(appointmentId);
        })
        .finally(() => queueing.delete(appointmentId));
      queueing.set(appointmentId, putting);
    }
    return putting;
  }

  /** Notes the wish under its id, and refuses an id that another wish was noted under. Returns whether
   * the same was noted before. */
  async function noteOnce(wish: Wish): Promise<boolean> {
    const noted = await note(wish).catch((error: unknown) => {
      // Without the note, the rows still tell two wishes apart (the pipeline releases the second).
      logger.debug({ cause: (error as Error).message }, "a wish was not noted");
      return undefined;
    });
    if (noted && !isSameWish(noted, wish)) {
      await endHold(wish, "R");
      throw requestIdReused();
    }
    return noted !== undefined;
  }

  /** Finds the answer of a wish that was let in anew although it had been let in before: once there is
   * one, nothing comes that would end the new hold. */
  async function findAnswer(wish: Wish): Promise<Row | undefined> {
    const row = await answers.find(wish.appointmentId).catch(() => {
      // Without the rows it is queued again, which does no harm.
      return undefined;
    });
    if (row) {
      const hasSpots = row.state === AppointmentState.CONFIRMED && isSameWish(row, wish);
      await endHold(wish, hasSpots ? "C" : "R");
    }
    return row;
  }

  async function endHold(wish: Wish, status: "C" | "R"): Promise<void> {
    const decided = [{ wish: { ...wish, body: bodyOf(wish) }, status }];
    await redis.endHolds(wish.slotId, decided).catch(() => {
      // The hold ends by itself.
    });
  }

  /** Admits without admission, while Redis is away: a few, and none who has an answer already. */
  async function admitUnguarded(wish: Wish, error: unknown): Promise<Admission> {
    if (!isTransient(error) || !unguarded.tryTake()) {
      throw meshError(Code.Unavailable, "admission is away: send the same again", {
        reason: "ADMISSION_AWAY",
        retryMs: 1000,
        cause: error,
      });
    }
    const isAnswered = (await answers.find(wish.appointmentId)) !== undefined;
    return isAnswered ? ANSWERED : ADMITTED;
  }

  return async (wish) => {
    const admission = await gate.admit(wish).catch((error) => admitUnguarded(wish, error));
    switch (admission.kind) {
      case "admitted": {
        await failpoints?.("after-admit");
        const isKnown = (await noteOnce(wish)) || queued.has(wish.appointmentId);
        const row = isKnown ? await findAnswer(wish) : undefined;
        if (row) {
          return alreadyYours(wish, row);
        }
        await putOnce(wish);
        await failpoints?.("after-ack");
        return { kind: "queued", wish };
      }
      case "already-yours":
        if (admission.detail === "A") {
          await noteOnce(wish);
          await putOnce(wish);
          return { kind: "already-yours", wish };
        }
        return alreadyYours(wish, await answers.find(wish.appointmentId));
      case "user-limit":
        return { kind: "user-limit", otherAppointmentId: admission.detail };
      case "not-open-yet": {
        const opensAtMs = Number(admission.detail);
        return { kind: "not-open-yet", opensAtMs, waitMs: Math.max(0, opensAtMs - now()) };
      }
      case "request-id-reused":
        throw requestIdReused();
      case "not-warmed":
        throw new Error("the gate warms what is not warm");
      default:
        return { kind: admission.kind };
    }
  };
}

function alreadyYours(wish: Wish, row: Row | undefined): BookOutcome {
  if (row && !isSameWish(row, wish)) {
    throw requestIdReused();
  }
  return row ? { kind: "already-yours", wish, row } : { kind: "already-yours", wish };
}

function requestIdReused() {
  return meshError(
    Code.InvalidArgument,
    "request_id: it came before with another store, slot or party_size",
    { reason: "REQUEST_ID_REUSED" },
  );
}
