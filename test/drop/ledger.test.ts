import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import {
  AppointmentSchema,
  AppointmentState,
  RefusalReason,
} from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import {
  BookAppointmentResponseSchema,
  BookingOutcome,
} from "#gen/slotmesh/scheduling/v1/scheduling_service_pb.ts";
import { createLedger, type Shopper } from "./ledger.ts";

function newShopper(): Shopper {
  return {
    shopperId: "drop-1",
    requestId: "wish-1",
    slot: {
      storeId: "11",
      slotId: "22",
      storeName: "",
      timeZone: "UTC",
      startMs: 0,
      totalSpots: 1,
    },
    partySize: 1,
    copies: { together: 0, later: 0, late: 0 },
    outcome: BookingOutcome.UNSPECIFIED,
    appointmentId: "",
    state: AppointmentState.UNSPECIFIED,
    refusal: RefusalReason.UNSPECIFIED,
    code: "",
  };
}

function appointment(state: AppointmentState, appointmentId = "a", partySize = 1) {
  const fields = { storeId: "11", slotId: "22", shopperId: "drop-1", partySize };
  return create(AppointmentSchema, { ...fields, appointmentId, state });
}

function answer(outcome: BookingOutcome, of = appointment(AppointmentState.PENDING)) {
  const isLetIn = outcome === BookingOutcome.QUEUED || outcome === BookingOutcome.ALREADY_YOURS;
  return create(BookAppointmentResponseSchema, { outcome, ...(isLetIn && { appointment: of }) });
}

describe("the ledger", () => {
  it("lets a shopper who was sold out be let in later, and counts them once", () => {
    const admitted: Shopper[] = [];
    const ledger = createLedger((shopper) => admitted.push(shopper));
    const shopper = newShopper();
    ledger.tellBooking(shopper, answer(BookingOutcome.SOLD_OUT), 0, 1);
    expect(ledger.counts).toMatchObject({ answered: 1, soldOut: 1, admitted: 0 });
    ledger.tellBooking(shopper, answer(BookingOutcome.QUEUED), 2, 3);
    ledger.tellBooking(shopper, answer(BookingOutcome.ALREADY_YOURS), 4, 5);
    ledger.tellState(shopper, appointment(AppointmentState.CONFIRMED), 6, 7);
    expect(ledger.counts).toEqual({ answered: 1, soldOut: 0, admitted: 1, confirmed: 1, final: 1 });
    expect(admitted).toEqual([shopper]);
    expect(ledger.contradictions()).toEqual([]);
  });

  it("takes no offence at an answer that was overtaken by the final one", () => {
    const ledger = createLedger(() => {});
    const shopper = newShopper();
    ledger.tellBooking(shopper, answer(BookingOutcome.QUEUED), 0, 1);
    ledger.tellState(shopper, appointment(AppointmentState.CONFIRMED), 2, 5);
    ledger.tellBooking(shopper, answer(BookingOutcome.ALREADY_YOURS), 4, 6);
    expect(ledger.contradictions()).toEqual([]);
    expect(shopper.state).toBe(AppointmentState.CONFIRMED);
  });

  const confirmed = appointment(AppointmentState.CONFIRMED);
  const cases: readonly (readonly [string, (typeof confirmed)[], number, string])[] = [
    [
      "two appointments of one request",
      [appointment(AppointmentState.PENDING, "b")],
      9,
      "has two appointments: a and b",
    ],
    [
      "another final answer, whenever it was asked for",
      [confirmed, appointment(AppointmentState.REFUSED)],
      0,
      "was confirmed and then refused",
    ],
    [
      "PENDING after CONFIRMED",
      [confirmed, appointment(AppointmentState.PENDING)],
      9,
      "was confirmed and then pending",
    ],
    [
      "CANCELLED after CONFIRMED",
      [confirmed, appointment(AppointmentState.CANCELLED)],
      9,
      "was confirmed and then cancelled",
    ],
  ];
  it.each(cases)("hears %s", (_name, states, sentMs, sentence) => {
    const ledger = createLedger(() => {});
    const shopper = newShopper();
    ledger.tellBooking(shopper, answer(BookingOutcome.QUEUED), 0, 1);
    for (const state of states) {
      ledger.tellState(shopper, state, sentMs, sentMs + 1);
      sentMs += 2;
    }
    expect(ledger.contradictions()).toEqual([`drop-1 (request wish-1) ${sentence}`]);
  });

  it("lets an owner cancel, and hears nothing else after that", () => {
    const ledger = createLedger(() => {});
    const shopper: Shopper = { ...newShopper(), visit: "cancel" };
    ledger.tellBooking(shopper, answer(BookingOutcome.ALREADY_YOURS, confirmed), 0, 1);
    ledger.tellState(shopper, appointment(AppointmentState.CANCELLED), 2, 5);
    ledger.tellState(shopper, confirmed, 4, 6);
    expect(ledger.contradictions()).toEqual([]);
    expect(shopper.state).toBe(AppointmentState.CANCELLED);
    ledger.tellState(shopper, confirmed, 7, 8);
    expect(ledger.contradictions()).toEqual([
      "drop-1 (request wish-1) was cancelled and then confirmed",
    ]);
  });

  it("tells of the first final answer, once the appointment is known", () => {
    const finals: string[] = [];
    const ledger = createLedger(() => {}, {
      onFinal: ({ appointmentId }) => finals.push(appointmentId),
    });
    const shopper = newShopper();
    ledger.tellBooking(shopper, answer(BookingOutcome.ALREADY_YOURS, confirmed), 0, 1);
    ledger.tellState(shopper, confirmed, 2, 3);
    expect(finals).toEqual(["a"]);
  });

  it("takes PENDING after a final answer where admission was made to forget", () => {
    const pending = appointment(AppointmentState.PENDING);
    for (const [isForgetful, sentences] of [
      [true, []],
      [false, ["drop-1 (request wish-1) was confirmed and then pending"]],
    ] as const) {
      const ledger = createLedger(() => {}, { isForgetful });
      const shopper = newShopper();
      ledger.tellBooking(shopper, answer(BookingOutcome.ALREADY_YOURS, confirmed), 0, 1);
      ledger.tellState(shopper, pending, 2, 3);
      expect(ledger.contradictions()).toEqual(sentences);
    }
  });

  it("hears SOLD_OUT after CONFIRMED", () => {
    const ledger = createLedger(() => {});
    const shopper = newShopper();
    ledger.tellBooking(shopper, answer(BookingOutcome.ALREADY_YOURS, confirmed), 0, 1);
    ledger.tellBooking(shopper, answer(BookingOutcome.SOLD_OUT), 2, 3);
    expect(ledger.contradictions()).toEqual([
      "drop-1 (request wish-1) was confirmed and then told sold out",
    ]);
  });

  it("hears of an appointment for something else than was asked for", () => {
    const ledger = createLedger(() => {});
    const wrong = appointment(AppointmentState.PENDING, "a", 2);
    ledger.tellBooking(newShopper(), answer(BookingOutcome.QUEUED, wrong), 0, 1);
    expect(ledger.contradictions()).toEqual([
      "drop-1 (request wish-1) was let in to something else than it asked for",
    ]);
  });

  it("keeps the first contradictions and counts the rest", () => {
    const ledger = createLedger(() => {});
    for (let count = 0; count < 25; count += 1) {
      ledger.contradict(newShopper(), `said ${count}`);
    }
    expect(ledger.contradictions()).toHaveLength(21);
    expect(ledger.contradictions().at(-1)).toBe("and 5 more like these");
  });
});
