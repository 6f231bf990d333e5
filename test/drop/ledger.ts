// What each shopper was told, and what contradicts it. An answer binds from the moment it arrived: only
// a request that was sent after that can contradict it, because answers overtake each other on the way.
//
// Allowed: SOLD_OUT, then QUEUED (a spot came back). QUEUED, then SOLD_OUT: admission is advisory and may
// have forgotten; the appointment's own final answer is what counts. CONFIRMED, then CANCELLED by its
// owner. Never: two appointments for one request id, and a final answer that is followed by any other.

import type { Appointment } from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import { AppointmentState, RefusalReason } from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import type { BookAppointmentResponse } from "#gen/slotmesh/scheduling/v1/scheduling_service_pb.ts";
import { BookingOutcome } from "#gen/slotmesh/scheduling/v1/scheduling_service_pb.ts";

const CONTRADICTIONS_MAX = 20;

/** A slot of this run. */
export interface DropSlot {
  readonly storeId: string;
  readonly slotId: string;
  readonly storeName: string;
  readonly timeZone: string;
  readonly startMs: number;
  readonly totalSpots: number;
}

/** Someone who wants a place, and what they know. Times are of performance.now(). */
export interface Shopper {
  readonly shopperId: string;
  readonly requestId: string;
  readonly slot: DropSlot;
  readonly partySize: number;
  /** How often the same request is sent: along with the first, after an answer, and after the end. */
  readonly copies: { readonly together: number; readonly later: number; readonly late: number };
  /** What they do once they have it. If absent, they keep it. */
  readonly visit?: "cancel" | "redeem" | "both";
  /** When the first request was sent. */
  sentMs?: number;
  /** When the first answer came. */
  answeredMs?: number;
  /** The last answer to a request. */
  outcome: BookingOutcome;
  /** Empty until let in. */
  appointmentId: string;
  state: AppointmentState;
  refusal: RefusalReason;
  /** When the final state came. */
  finalMs?: number;
  /** When they learnt that it is cancelled, after it was confirmed. */
  cancelledMs?: number;
  /** Empty until fetched. */
  code: string;
  /** Whether they have redeemed it. */
  isRedeemed?: boolean;
}

/** Makes someone who was told nothing yet. */
export function newShopper(
  who: Pick<Shopper, "shopperId" | "requestId" | "slot" | "partySize" | "copies">,
): Shopper {
  return {
    ...who,
    outcome: BookingOutcome.UNSPECIFIED,
    appointmentId: "",
    state: AppointmentState.UNSPECIFIED,
    refusal: RefusalReason.UNSPECIFIED,
    code: "",
  };
}

/** Names a value of an enum as people read it: "sold out". */
export function nameOf(values: Readonly<Record<string, number>>, value: number): string {
  const found = Object.keys(values).find((name) => values[name] === value);
  return found?.toLowerCase().replaceAll("_", " ") ?? `unknown (${value})`;
}

/** Keeps what was told. */
export interface Ledger {
  /** Takes an answer to a request that was sent at sentMs and came at nowMs. */
  tellBooking(
    shopper: Shopper,
    response: BookAppointmentResponse,
    sentMs: number,
    nowMs: number,
  ): void;
  /** Takes an appointment that was asked for at sentMs and came at nowMs. */
  tellState(shopper: Shopper, appointment: Appointment, sentMs: number, nowMs: number): void;
  /** Notes any other promise that was broken. */
  contradict(shopper: Shopper, sentence: string): void;
  readonly counts: {
    answered: number;
    admitted: number;
    soldOut: number;
    confirmed: number;
    final: number;
  };
  /** The first contradictions, and how many more there were. */
  contradictions(): string[];
}

/** What else is done with what is told. */
export interface LedgerOptions {
  /** Hears of each shopper's first final answer. */
  readonly onFinal?: (shopper: Shopper) => void;
  /** Admission was made to forget: a booking sent again may be told PENDING after its final answer. */
  readonly isForgetful?: boolean;
}

/** Makes an empty ledger. */
export function createLedger(
  onAdmitted: (shopper: Shopper) => void,
  { onFinal = () => {}, isForgetful = false }: LedgerOptions = {},
): Ledger {
  const counts = { answered: 0, admitted: 0, soldOut: 0, confirmed: 0, final: 0 };
  const sentences: string[] = [];
  let more = 0;

  function contradict({ shopperId, requestId }: Shopper, sentence: string): void {
    if (sentences.length < CONTRADICTIONS_MAX) {
      sentences.push(`${shopperId} (request ${requestId}) ${sentence}`);
    } else {
      more += 1;
    }
  }

  function tellState(shopper: Shopper, appointment: Appointment, sentMs: number, nowMs: number) {
    const { appointmentId, state } = appointment;
    if (shopper.appointmentId !== "" && shopper.appointmentId !== appointmentId) {
      contradict(shopper, `has two appointments: ${shopper.appointmentId} and ${appointmentId}`);
      return;
    }
    if (shopper.finalMs !== undefined) {
      tellAgain(shopper, appointment, sentMs, nowMs);
      return;
    }
    shopper.state = state;
    if (isFinal(state)) {
      shopper.refusal = appointment.refusalReason;
      shopper.finalMs = nowMs;
      counts.final += 1;
      counts.confirmed += Number(state === AppointmentState.CONFIRMED);
      onFinal(shopper);
    }
  }

  /** Takes a state after the first final one. */
  function tellAgain(shopper: Shopper, appointment: Appointment, sentMs: number, nowMs: number) {
    const { state, refusalReason } = appointment;
    const isCancelling = mayCancel(shopper);
    if (state === AppointmentState.CANCELLED && shopper.state === AppointmentState.CONFIRMED) {
      if (isCancelling) {
        shopper.state = state;
        shopper.cancelledMs = nowMs;
        return;
      }
    }
    const isSame = state === shopper.state && refusalReason === shopper.refusal;
    const isOvertaken = sentMs <= (shopper.cancelledMs ?? shopper.finalMs ?? 0);
    const isForgotten = isForgetful && !isFinal(state);
    const isOlder =
      isOvertaken && (!isFinal(state) || (isCancelling && state === AppointmentState.CONFIRMED));
    if (!isSame && !isOlder && !isForgotten) {
      contradict(shopper, `was ${stateName(shopper.state)} and then ${stateName(state)}`);
    }
  }

  function admit(shopper: Shopper, appointment: Appointment, sentMs: number, nowMs: number) {
    if (!isOf(appointment, shopper)) {
      contradict(shopper, "was let in to something else than it asked for");
    }
    const isFirst = shopper.appointmentId === "";
    if (isFirst) {
      shopper.appointmentId = appointment.appointmentId;
      counts.admitted += 1;
      counts.soldOut -= Number(shopper.outcome === BookingOutcome.SOLD_OUT);
    }
    tellState(shopper, appointment, sentMs, nowMs);
    if (isFirst) {
      onAdmitted(shopper);
    }
  }

  return {
    counts,
    contradict,
    tellState,
    contradictions: () => (more > 0 ? [...sentences, `and ${more} more like these`] : sentences),
    tellBooking: (shopper, { outcome, appointment }, sentMs, nowMs) => {
      counts.answered += Number(shopper.answeredMs === undefined);
      shopper.answeredMs ??= nowMs;
      if (outcome === BookingOutcome.QUEUED || outcome === BookingOutcome.ALREADY_YOURS) {
        if (appointment) {
          admit(shopper, appointment, sentMs, nowMs);
        } else {
          contradict(shopper, `was answered ${outcomeName(outcome)} without an appointment`);
        }
        shopper.outcome = outcome;
        return;
      }
      // Who is cancelling may have cancelled before they are told so.
      const isWinner = shopper.state === AppointmentState.CONFIRMED && !mayCancel(shopper);
      if (isWinner && sentMs > (shopper.finalMs ?? 0)) {
        contradict(shopper, `was confirmed and then told ${outcomeName(outcome)}`);
      }
      if (shopper.appointmentId === "") {
        const isSoldOut = outcome === BookingOutcome.SOLD_OUT;
        const wasSoldOut = shopper.outcome === BookingOutcome.SOLD_OUT;
        counts.soldOut += Number(isSoldOut) - Number(wasSoldOut);
        shopper.outcome = outcome;
      }
    },
  };
}

/** Says whether a shopper is one of those who give back what they won. */
export function mayCancel({ visit }: Shopper): boolean {
  return visit === "cancel" || visit === "both";
}

function isFinal(state: AppointmentState): boolean {
  return state !== AppointmentState.UNSPECIFIED && state !== AppointmentState.PENDING;
}

function isOf(appointment: Appointment, { slot, shopperId, partySize }: Shopper): boolean {
  return (
    appointment.slotId === slot.slotId &&
    appointment.storeId === slot.storeId &&
    appointment.shopperId === shopperId &&
    appointment.partySize === partySize
  );
}

function stateName(state: AppointmentState): string {
  return nameOf(AppointmentState, state);
}

function outcomeName(outcome: BookingOutcome): string {
  return nameOf(BookingOutcome, outcome);
}
