// Every answer of the mesh in a shopper's words: what happened, and what to do next. Nobody reads a
// code name, and no sentence leaves them without a way on.

import { durationMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema, RetryInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { AppointmentState, RefusalReason } from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import { BookingOutcome } from "#gen/slotmesh/scheduling/v1/scheduling_service_pb.ts";
import { formatOpening } from "./format.ts";
import type { SlotView } from "./slots.ts";

/** How something is meant; shown by a symbol and a word, never by colour alone. */
export type Tone = "good" | "wait" | "bad" | "plain";

/** What happened, and what to do next. */
export interface Words {
  readonly tone: Tone;
  readonly title: string;
  readonly text: string;
}

/** Says what became of a wish, as long as it is not an appointment yet. */
export function bookingWords(
  outcome: BookingOutcome,
  { slot, openMs, nowMs }: { slot: SlotView; openMs: number | undefined; nowMs: number },
): Words {
  switch (outcome) {
    case BookingOutcome.QUEUED:
      return {
        tone: "wait",
        title: "You are in",
        text: "Your request is safe with us. We are confirming your spot.",
      };
    case BookingOutcome.ALREADY_YOURS:
      return {
        tone: "good",
        title: "This one is yours already",
        text: "We have this request from you. There is nothing more to do.",
      };
    case BookingOutcome.SOLD_OUT:
      return refusalWords(RefusalReason.SOLD_OUT);
    case BookingOutcome.USER_LIMIT:
      return refusalWords(RefusalReason.USER_LIMIT);
    case BookingOutcome.NOT_OPEN_YET:
      return {
        tone: "wait",
        title: "Not open yet",
        text:
          openMs === undefined
            ? "This time cannot be booked yet. Keep this page open and try again soon."
            : `${formatOpening(openMs, nowMs, slot.timeZone)}. Keep this page open: the button wakes up by itself.`,
      };
    case BookingOutcome.TOO_LATE:
      return refusalWords(RefusalReason.TOO_LATE);
    case BookingOutcome.NO_SUCH_SLOT:
      return refusalWords(RefusalReason.NO_SUCH_SLOT);
    case BookingOutcome.PARTY_TOO_LARGE:
      return {
        tone: "bad",
        title: "Too many people for one appointment",
        text: `One appointment here is for ${slot.partySizeMax} at the most. Choose fewer, then book again.`,
      };
    default:
      return UNKNOWN;
  }
}

/** Says why an appointment was refused. */
export function refusalWords(reason: RefusalReason): Words {
  switch (reason) {
    case RefusalReason.SOLD_OUT:
      return {
        tone: "bad",
        title: "Sold out",
        text: "Other people took the last spots of this time. Choose another time; a spot may also come back when someone cancels.",
      };
    case RefusalReason.USER_LIMIT:
      return {
        tone: "bad",
        title: "You have an appointment at this time",
        text: "One person can have one appointment at a time. Look at yours, or choose another time.",
      };
    case RefusalReason.NO_SUCH_SLOT:
      return {
        tone: "bad",
        title: "This time is not offered",
        text: "The store does not have this time. Choose another one.",
      };
    case RefusalReason.NOT_OPEN_YET:
      return {
        tone: "bad",
        title: "Not open yet",
        text: "This time could not be booked yet when your request arrived. Book again once it is open.",
      };
    case RefusalReason.TOO_LATE:
      return {
        tone: "bad",
        title: "Too late",
        text: "This time has begun. Choose a later one.",
      };
    case RefusalReason.PARTY_TOO_LARGE:
      return {
        tone: "bad",
        title: "Too many people for one appointment",
        text: "This store takes fewer people in one appointment. Choose the time again with fewer.",
      };
    default:
      return UNKNOWN;
  }
}

/** Says where an appointment stands. */
export function appointmentWords(state: AppointmentState, reason: RefusalReason): Words {
  switch (state) {
    case AppointmentState.PENDING:
      return {
        tone: "wait",
        title: "Confirming your spot",
        text: "Your request is safe with us and will get one answer, mostly within seconds. You may reload or close this page: the answer is under My appointments.",
      };
    case AppointmentState.CONFIRMED:
      return {
        tone: "good",
        title: "Confirmed",
        text: "Your spot is yours. Show the code at the store.",
      };
    case AppointmentState.REFUSED:
      return refusalWords(reason);
    case AppointmentState.CANCELLED:
      return {
        tone: "plain",
        title: "Cancelled",
        text: "You gave this appointment back, and its code no longer works. You can book another time.",
      };
    case AppointmentState.EXPIRED:
      return {
        tone: "bad",
        title: "Not confirmed in time",
        text: "We could not confirm your spot before the time began, and nothing was taken from you. We are sorry: please book another time.",
      };
    default:
      return UNKNOWN;
  }
}

/** A state in a word, for lists. */
export function stateWord(state: AppointmentState): string {
  switch (state) {
    case AppointmentState.PENDING:
      return "Being confirmed";
    case AppointmentState.CONFIRMED:
      return "Confirmed";
    case AppointmentState.REFUSED:
      return "Not booked";
    case AppointmentState.CANCELLED:
      return "Cancelled";
    case AppointmentState.EXPIRED:
      return "Not confirmed in time";
    default:
      return "Unknown";
  }
}

const UNKNOWN: Words = {
  tone: "bad",
  title: "We do not know this answer",
  text: "This page is older than the store's system. Reload it and try again.",
};

/** Says what an error means, for whoever met it. */
export function errorWords(error: unknown): Words {
  const reason = reasonOf(error);
  if (reason !== undefined && REASONS[reason]) {
    return { tone: "bad", ...REASONS[reason] };
  }
  if (isUnreachable(error)) {
    return { tone: "bad", ...UNREACHABLE };
  }
  const code = codeOf(error);
  return { tone: "bad", ...(CODES[code] ?? CODES[Code.Internal]) } as Words;
}

/** Tells whether the same call may go well a little later. */
export function isPassing(error: unknown): boolean {
  return isUnreachable(error) || PASSING.has(codeOf(error));
}

/** The least wait before another attempt that the server asks for, in milliseconds; 0 if it asks for none. */
export function retryMsOf(error: unknown): number {
  if (!(error instanceof ConnectError)) {
    return 0;
  }
  const [info] = error.findDetails(RetryInfoSchema);
  return info?.retryDelay ? durationMs(info.retryDelay) : 0;
}

/** The reason that an error of the mesh carries. */
export function reasonOf(error: unknown): string | undefined {
  return error instanceof ConnectError ? error.findDetails(ErrorInfoSchema)[0]?.reason : undefined;
}

/** The code of an error. */
export function codeOf(error: unknown): Code {
  return error instanceof ConnectError ? error.code : Code.Unknown;
}

/** fetch says TypeError when no answer came: no network, or nobody listens. */
function isUnreachable(error: unknown): boolean {
  return error instanceof ConnectError
    ? error.cause instanceof TypeError
    : error instanceof TypeError;
}

const PASSING = new Set([
  Code.Unavailable,
  Code.DeadlineExceeded,
  Code.ResourceExhausted,
  Code.Aborted,
  Code.Canceled,
]);

const UNREACHABLE = {
  title: "No connection",
  text: "We cannot reach the store's system. Check your connection, then try again: a request that was sent is never counted twice.",
};

const BUSY = {
  title: "Very busy right now",
  text: "Many people are here at this moment. Wait a few seconds and try again: a request that was sent is never counted twice.",
};

const REASONS: Record<string, Omit<Words, "tone">> = {
  BAD_CREDENTIALS: {
    title: "That did not match",
    text: "The sign-in name or the password is wrong. Check both, or register if you are new here.",
  },
  NAME_TAKEN: {
    title: "This sign-in name is taken",
    text: "If it is yours, sign in instead. If not, choose another one.",
  },
  NOT_CANCELLABLE: {
    title: "There is nothing to cancel",
    text: "This appointment was never confirmed, so no spot is held for you.",
  },
  CODE_REDEEMED: {
    title: "The code was used",
    text: "The store has redeemed this code, so the appointment can no longer be cancelled. Ask the store if that is wrong.",
  },
  NOT_YOUR_STORE: {
    title: "Not one of your stores",
    text: "You are not assigned to this store. Choose one of yours above, or ask a manager.",
  },
  REQUEST_ID_REUSED: {
    title: "This request was changed on the way",
    text: "Reload the page and book again.",
  },
};

const CODES: Partial<Record<Code, Omit<Words, "tone">>> = {
  [Code.Unavailable]: {
    title: "The store's system is away for a moment",
    text: "Try again in a few seconds: a request that was sent is never counted twice.",
  },
  [Code.DeadlineExceeded]: {
    title: "No answer in time",
    text: "Try again: a request that was sent is never counted twice.",
  },
  [Code.ResourceExhausted]: BUSY,
  [Code.Aborted]: BUSY,
  [Code.Canceled]: {
    title: "Interrupted",
    text: "Try again: a request that was sent is never counted twice.",
  },
  [Code.Unauthenticated]: {
    title: "You are signed out",
    text: "Your session has ended. Sign in again to go on.",
  },
  [Code.PermissionDenied]: {
    title: "Not allowed",
    text: "This account may not do that. Sign in with another one, or ask a manager.",
  },
  [Code.NotFound]: {
    title: "Not found",
    text: "There is no such thing here. Check the address, or begin at the stores.",
  },
  [Code.InvalidArgument]: {
    title: "Something is not filled in right",
    text: "Check what you typed and try again.",
  },
  [Code.Internal]: {
    title: "Something went wrong on our side",
    text: "Try again. If it stays, tell the store: nothing was taken from you.",
  },
};
