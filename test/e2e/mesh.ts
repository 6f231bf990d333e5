// The mesh as its users see it: clients over the real wire, each with someone's token. The test run
// says where it is, in the environment.

import { randomUUID } from "node:crypto";
import { CodesService } from "#gen/slotmesh/codes/v1/codes_service_pb.ts";
import { IdentityService } from "#gen/slotmesh/identity/v1/identity_service_pb.ts";
import { InventoryService } from "#gen/slotmesh/inventory/v1/inventory_service_pb.ts";
import type { Slot } from "#gen/slotmesh/inventory/v1/slot_pb.ts";
import type { Appointment } from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import { SchedulingService } from "#gen/slotmesh/scheduling/v1/scheduling_service_pb.ts";
import { SettlingService } from "#gen/slotmesh/scheduling/v1/settling_service_pb.ts";
import type { Caller } from "#shared/auth.ts";
import { createMeshClient } from "#shared/client.ts";
import { testConfig, uniqueId } from "#shared/testing.ts";
import { toTimestamp } from "#shared/time.ts";
import { createSignToken, readTokenKeys } from "../../services/identity/tokens.ts";

/** Tests check answers, not speed: a slow machine must not fail them. */
const CALL_MS = 10_000;
const HOUR_MS = 3600_000;
const TOKEN_SECONDS = 3600;

const config = testConfig();
const sign = createSignToken(await readTokenKeys(config.keyDir));

/** The clients of one person. */
export type Person = ReturnType<typeof withToken>;

/** Makes clients that show a token, or none. */
export function withToken(token: string | undefined) {
  const credential = token === undefined ? undefined : { token };
  const { addresses } = config;
  return {
    identity: createMeshClient(IdentityService, addresses.identity, credential, CALL_MS),
    inventory: createMeshClient(InventoryService, addresses.inventory, credential, CALL_MS),
    scheduling: createMeshClient(SchedulingService, addresses.scheduling, credential, CALL_MS),
    settling: createMeshClient(SettlingService, addresses.scheduling, credential, CALL_MS),
    codes: createMeshClient(CodesService, addresses.codes, credential, CALL_MS),
  };
}

/** Signs a token for someone and makes their clients. */
export async function as(
  role: Exclude<Caller["role"], "anonymous" | "service">,
  tenantId: string,
  change: { subjectId?: string; storeIds?: readonly string[] } = {},
): Promise<Person & { subjectId: string; token: string }> {
  const subjectId = change.subjectId ?? uniqueId();
  const storeIds = change.storeIds ?? [];
  const subject = { tenantId, subjectId, role, storeIds };
  const token = await sign(subject, Date.now(), TOKEN_SECONDS);
  return { ...withToken(token), subjectId, token };
}

/** Creates a tenant's store, service and slots. */
export async function openStore(
  operator: Person,
  slots: readonly { totalSpots: number; startsInMs?: number }[],
  change: { partySizeMax?: number; opensInMs?: number; timeZone?: string } = {},
): Promise<{ storeId: string; serviceId: string; slots: Slot[] }> {
  const requestId = randomUUID();
  const [{ store }, { service }] = await Promise.all([
    operator.inventory.createStore({
      name: `Aiea ${requestId}`,
      address: "98-051 Kam Hwy, Aiea, HI 96701",
      timeZone: change.timeZone ?? "Pacific/Honolulu",
      latitude: 21.38,
      longitude: -157.93,
      requestId,
    }),
    operator.inventory.createService({
      name: `iPhone Launch Trade In ${requestId}`,
      partySizeMax: change.partySizeMax ?? 2,
      requestId,
    }),
  ]);
  const storeId = store?.storeId as string;
  const serviceId = service?.serviceId as string;
  const created = await operator.inventory.createSlots({
    storeId,
    serviceId,
    requestId,
    ...(change.opensInMs && { openTime: toTimestamp(Date.now() + change.opensInMs) }),
    slots: slots.map(({ totalSpots, startsInMs = 24 * HOUR_MS }, index) => ({
      startTime: toTimestamp(Date.now() + startsInMs + index * HOUR_MS),
      endTime: toTimestamp(Date.now() + startsInMs + index * HOUR_MS + HOUR_MS / 3),
      totalSpots,
    })),
  });
  return { storeId, serviceId, slots: created.slots };
}

/** Watches an appointment until its final state. */
export async function finalOf(person: Person, appointmentId: string): Promise<Appointment> {
  let last: Appointment | undefined;
  const states = person.scheduling.watchAppointment({ appointmentId }, { timeoutMs: 60_000 });
  for await (const { appointment } of states) {
    last = appointment;
  }
  return last as Appointment;
}
