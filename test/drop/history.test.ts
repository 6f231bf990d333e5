import { create } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { AppointmentState } from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import {
  BookAppointmentResponseSchema,
  BookingOutcome,
} from "#gen/slotmesh/scheduling/v1/scheduling_service_pb.ts";
import { Code, ConnectError, meshError } from "#shared/errors.ts";
import { appointmentIdOf } from "../../services/scheduling/domain.ts";
import { createHistory, withHistory } from "./history.ts";
import type { Clients } from "./mesh.ts";

const WISH = { shopperId: "s", requestId: "r" };
const KEY = appointmentIdOf("betterbuy", "s", "r");

/** Clients whose bookings are answered with what is given, one after the other. */
function clientsOf(...answers: readonly (() => unknown)[]): Clients {
  const next = [...answers];
  const bookAppointment = async () => next.shift()?.();
  return { scheduling: [{ bookAppointment }], watching: {} } as unknown as Clients;
}

it("tells what was done, what was refused and what is not known", async () => {
  const history = createHistory();
  const { scheduling } = withHistory(
    clientsOf(
      () => {
        throw new ConnectError("read ECONNRESET", Code.Unavailable);
      },
      () => {
        throw meshError(Code.Unavailable, "away", { reason: "QUEUE_AWAY" });
      },
      () => create(BookAppointmentResponseSchema, { outcome: BookingOutcome.SOLD_OUT }),
      () => {
        throw meshError(Code.ResourceExhausted, "busy", { reason: "OVERLOADED" });
      },
      () =>
        create(BookAppointmentResponseSchema, {
          outcome: BookingOutcome.QUEUED,
          appointment: { state: AppointmentState.PENDING },
        }),
    ),
    history,
  );
  for (let sent = 0; sent < 5; sent += 1) {
    await scheduling[0]?.bookAppointment(WISH).catch(() => {});
  }
  const ends = history.events.filter(({ phase }) => phase !== "invoke");
  expect(ends.map(({ phase, said }) => `${phase}: ${said}`)).toEqual([
    "unknown: Unavailable",
    "unknown: Unavailable QUEUE_AWAY",
    "refused: sold out",
    "refused: ResourceExhausted OVERLOADED",
    "ok: pending",
  ]);
  expect(new Set(history.events.map(({ key }) => key))).toEqual(new Set([KEY]));
  expect(history.inFlight()).toBe(0);
});

it("knows what is in flight", async () => {
  const history = createHistory();
  let answer = (_: unknown) => {};
  const clients = clientsOf(
    () =>
      new Promise((resolve) => {
        answer = resolve;
      }),
  );
  const booking = withHistory(clients, history).scheduling[0]?.bookAppointment(WISH);
  await new Promise(setImmediate);
  expect(history.inFlight()).toBe(1);
  answer(create(BookAppointmentResponseSchema, { outcome: BookingOutcome.SOLD_OUT }));
  await booking;
  expect(history.inFlight()).toBe(0);
});
