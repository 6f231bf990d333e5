// A record that nobody can read goes to the dead letter topic, with where it came from and why, and the
// partition goes on.

import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import type { Slot } from "#gen/slotmesh/inventory/v1/slot_pb.ts";
import { AppointmentState } from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import { type InRecord, openReceiver, openSender } from "#shared/kafka.ts";
import { silentLogger, testConfig, uniqueTenant } from "#shared/testing.ts";
import { as, finalOf, openStore } from "./mesh.ts";

const options = { brokers: testConfig().kafkaBrokers, clientId: "test", logger: silentLogger() };

test("records that cannot be read are put aside and the bookings behind them are confirmed", async () => {
  const tenantId = uniqueTenant();
  const operator = await as("operator", tenantId);
  await operator.identity.createTenant({ tenantId, name: "BetterBuy" });
  const { slots } = await openStore(operator, [{ totalSpots: 1 }]);
  const { storeId, slotId } = slots[0] as Slot;

  // The same key as the booking, so they share a partition and come before it.
  const sender = await openSender(options, "scheduling.bookings.v2");
  const marks = [`not protobuf ${randomUUID()}`, `\x0a\x03${randomUUID().slice(0, 3)}`];
  await Promise.all(
    marks.map((mark) => sender.send({ key: slotId, value: Buffer.from(mark, "latin1") })),
  );
  const shopper = await as("shopper", tenantId);
  const booked = await shopper.scheduling.bookAppointment({
    storeId,
    slotId,
    requestId: randomUUID(),
  });
  const appointment = await finalOf(shopper, booked.appointment?.appointmentId as string);
  expect(appointment.state).toBe(AppointmentState.CONFIRMED);

  const dead: InRecord[] = [];
  const receiver = await openReceiver({
    ...options,
    topic: "scheduling.bookings-dead.v1",
    group: `test.${randomUUID()}`,
    handle: async (records) => {
      dead.push(...records.filter(({ key }) => key === slotId));
    },
    onFatal: (why) => {
      throw new Error(why);
    },
  });
  while (dead.length < 2) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  expect(dead.map(({ value }) => value.toString("latin1"))).toEqual(marks);
  await Promise.all([sender.stop(), receiver.stop()]);
});
