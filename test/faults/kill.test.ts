// Goal: kill -9 of any part costs time, never a spot. Method: kill each part in turn while bookings run,
// wait until a new booking goes through, and audit every slot at the end. The pids come from the record
// that the supervisor keeps of what it started.

import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import type { Slot } from "#gen/slotmesh/inventory/v1/slot_pb.ts";
import { AppointmentState } from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import { uniqueTenant } from "#shared/testing.ts";
import { as, finalOf, openStore, type Person } from "../e2e/mesh.ts";
import { auditUntilQuiet, insist, RECOVERY_MS_MAX } from "./insist.ts";

const TOTAL_SPOTS = 40;
const IN_FLIGHT = 20;

const PARTS = [
  "scheduling",
  "settler",
  "inventory",
  "codes",
  "identity",
  "gateway",
  "redis",
  "kafka",
  "vtcombo",
  "mysqld",
];

const tenantId = uniqueTenant();
const dataFolder = process.env.SLOTMESH_DATA;
let operator: Person;

beforeAll(async () => {
  operator = await as("operator", tenantId);
  await operator.identity.createTenant({ tenantId, name: "BetterBuy" });
});

/** Returns the pid of a part, or undefined while it does not run. */
function pidOf(name: string): number | undefined {
  const record = JSON.parse(readFileSync(join(dataFolder as string, "run/stack.json"), "utf8")) as {
    parts: { name: string; process: { pid: number } }[];
  };
  return record.parts.find((part) => part.name === name)?.process.pid;
}

async function bookAndWait(slot: Slot, shopperId: string): Promise<AppointmentState> {
  const wish = { storeId: slot.storeId, slotId: slot.slotId, requestId: shopperId, shopperId };
  const booked = await insist(() => operator.scheduling.bookAppointment(wish));
  const appointmentId = booked.appointment?.appointmentId;
  expect(appointmentId, `outcome ${booked.outcome}`).toBeDefined();
  return (await insist(() => finalOf(operator, appointmentId as string))).state;
}

describe.skipIf(dataFolder === undefined).each(PARTS)("kill -9 of %s", (name) => {
  test("loses no booking that was in flight, and the next one goes through", async () => {
    const { slots } = await insist(() => openStore(operator, [{ totalSpots: TOTAL_SPOTS }]));
    const slot = slots[0] as Slot;
    const pid = pidOf(name) as number;
    const inFlight = Array.from({ length: IN_FLIGHT }, (_, index) =>
      bookAndWait(slot, `in-flight-${index}-${randomUUID()}`),
    );
    process.kill(pid, "SIGKILL");
    const states = await Promise.all(inFlight);
    expect(states.every((state) => state === AppointmentState.CONFIRMED)).toBe(true);
    expect(await bookAndWait(slot, `after-${randomUUID()}`)).toBe(AppointmentState.CONFIRMED);
    expect(await auditUntilQuiet(operator, slot)).toMatchObject({
      totalSpots: TOTAL_SPOTS,
      confirmedSpots: IN_FLIGHT + 1,
      availableSpots: TOTAL_SPOTS - IN_FLIGHT - 1,
      drifts: [],
    });
    await expect.poll(() => pidOf(name), { timeout: RECOVERY_MS_MAX }).toBeGreaterThan(0);
    expect(pidOf(name)).not.toBe(pid);
  });
});
