// What a crash leaves behind is finished by whoever is alive: each test leaves one kind of half-done
// work behind on purpose, and waits for the reconciler.

import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CodeState } from "#gen/slotmesh/codes/v1/code_pb.ts";
import { IssuingService } from "#gen/slotmesh/codes/v1/issuing_service_pb.ts";
import { ClaimState, ClaimsService } from "#gen/slotmesh/inventory/v1/claims_service_pb.ts";
import type { Slot } from "#gen/slotmesh/inventory/v1/slot_pb.ts";
import { AppointmentState } from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import { BookingOutcome } from "#gen/slotmesh/scheduling/v1/scheduling_service_pb.ts";
import { createPass, readMeshKey } from "#shared/auth.ts";
import { createMeshClient } from "#shared/client.ts";
import { type Database, openDatabase } from "#shared/mysql.ts";
import { openRedis, redisReady } from "#shared/redis.ts";
import { silentLogger, testConfig, uniqueTenant } from "#shared/testing.ts";
import { createGate } from "../../services/scheduling/admission.ts";
import { appointmentIdOf, bodyOf } from "../../services/scheduling/domain.ts";
import { createRedis } from "../../services/scheduling/redis.ts";
import { createStore } from "../../services/scheduling/store.ts";
import { as, finalOf, openStore, type Person } from "./mesh.ts";

const WAIT = { timeout: 60_000, interval: 250 };

const tenantId = uniqueTenant();
const config = testConfig();
const meshKey = readMeshKey(config.keyDir);
const claims = createMeshClient(ClaimsService, config.addresses.inventory, {
  pass: createPass(meshKey, "scheduling", "inventory"),
});
const issuing = createMeshClient(IssuingService, config.addresses.codes, {
  pass: createPass(meshKey, "scheduling", "codes"),
});
let database: Database;
let operator: Person;

beforeAll(async () => {
  database = openDatabase(config.mysqlDsn, "scheduling");
  operator = await as("operator", tenantId);
  await operator.identity.createTenant({ tenantId, name: "BetterBuy" });
});

afterAll(async () => {
  claims.close();
  issuing.close();
  await database.stop();
});

/** Takes a claim as a pipeline does that dies right after T1. */
async function takeOnly({ storeId, slotId }: Slot): Promise<string> {
  const shopperId = randomUUID();
  const appointmentId = appointmentIdOf(tenantId, shopperId, "left");
  const { slots } = await claims.takeSpots({
    slots: [{ storeId, slotId, tenantId, takes: [{ appointmentId, shopperId, partySize: 1 }] }],
  });
  expect(slots[0]?.states).toEqual([ClaimState.LOCKED]);
  return appointmentId;
}

async function stateOf(appointmentId: string): Promise<AppointmentState | undefined> {
  try {
    return (await operator.scheduling.getAppointment({ appointmentId })).appointment?.state;
  } catch {
    return undefined;
  }
}

async function auditOf({ storeId, slotId }: Slot) {
  return operator.settling.auditSlot({ storeId, slotId });
}

describe.concurrent("left behind:", () => {
  test("a claim without an appointment is confirmed and gets its code", async ({ expect }) => {
    const { slots } = await openStore(operator, [{ totalSpots: 2 }]);
    const slot = slots[0] as Slot;
    const appointmentId = await takeOnly(slot);
    expect((await finalOf(operator, appointmentId)).state).toBe(AppointmentState.CONFIRMED);
    const { code } = await operator.codes.getCode({ appointmentId });
    expect(code?.state).toBe(CodeState.LIVE);
    await expect
      .poll(() => auditOf(slot), WAIT)
      .toMatchObject({ claimedSpots: 1, availableSpots: 1, drifts: [] });
  });

  test("a claim whose slot began meanwhile becomes EXPIRED, and its spot is free", async ({
    expect,
  }) => {
    const { slots } = await openStore(operator, [{ totalSpots: 1, startsInMs: 4000 }]);
    const slot = slots[0] as Slot;
    const appointmentId = await takeOnly(slot);
    await expect.poll(() => stateOf(appointmentId), WAIT).toBe(AppointmentState.EXPIRED);
    await expect
      .poll(() => auditOf(slot), WAIT)
      .toMatchObject({ availableSpots: 1, lockedSpots: 0, confirmedSpots: 0 });
    // The tombstone in Codes: whatever comes late cannot issue any more.
    const stateOfCode = async () =>
      (await issuing.listCodeStates({ appointmentIds: [appointmentId] })).states[0];
    await expect.poll(stateOfCode, WAIT).toBe(CodeState.REVOKED);
  });

  test("a cancel that stopped after its first step is finished", async ({ expect }) => {
    const { slots } = await openStore(operator, [{ totalSpots: 1 }]);
    const slot = slots[0] as Slot;
    const { storeId, slotId } = slot;
    const shopperId = randomUUID();
    const wish = { storeId, slotId, shopperId, requestId: "r" };
    const booked = await operator.scheduling.bookAppointment(wish);
    const appointmentId = booked.appointment?.appointmentId as string;
    await finalOf(operator, appointmentId);
    await createStore(database).beginCancel(appointmentId, Date.now());
    await expect.poll(() => stateOf(appointmentId), WAIT).toBe(AppointmentState.CANCELLED);
    await expect
      .poll(() => auditOf(slot), WAIT)
      .toMatchObject({ availableSpots: 1, claimedSpots: 0, drifts: [] });
  });

  test("a hold whose answer is written is given back", async ({ expect }) => {
    const { slots } = await openStore(operator, [{ totalSpots: 1 }]);
    const slot = slots[0] as Slot;
    const { storeId, slotId } = slot;
    const shopperId = randomUUID();
    const wish = { storeId, slotId, shopperId, requestId: "r" };
    const booked = await operator.scheduling.bookAppointment(wish);
    const appointmentId = booked.appointment?.appointmentId as string;
    await finalOf(operator, appointmentId);
    await operator.scheduling.cancelAppointment({ appointmentId });

    // As Redis does that comes back without its last second: the hold is there again.
    const connection = openRedis(config.redisUrl, silentLogger());
    await redisReady(connection, 5000);
    const again = { appointmentId, tenantId, shopperId, storeId, slotId, partySize: 1 };
    const asked = [{ ...again, body: bodyOf(again) }];
    const { freeSpots } = await createRedis(connection).admit(slotId, asked, 120_000, 0);
    connection.disconnect();
    expect(freeSpots).toBe(0);

    await expect
      .poll(() => auditOf(slot), WAIT)
      .toMatchObject({ availableSpots: 1, admissionFreeSpots: 1, drifts: [] });
  });

  test("a winner whom Redis forgot is not told that it is sold out", async ({ expect }) => {
    const { slots } = await openStore(operator, [{ totalSpots: 1 }]);
    const slot = slots[0] as Slot;
    const { storeId, slotId } = slot;
    const shopperId = randomUUID();
    const wish = { storeId, slotId, shopperId, requestId: "r" };
    const booked = await operator.scheduling.bookAppointment(wish);
    const appointmentId = booked.appointment?.appointmentId as string;
    await finalOf(operator, appointmentId);

    const connection = openRedis(config.redisUrl, silentLogger());
    await redisReady(connection, 5000);
    const gate = createGate({
      ...{ claims, holdMs: 1000, now: Date.now, logger: silentLogger() },
      redis: createRedis(connection),
    });
    const asked = { appointmentId, tenantId, shopperId, storeId, slotId, partySize: 1 };
    const forget = () =>
      connection.del(`scheduling:{${slotId}}:wishes`, `scheduling:{${slotId}}:shoppers`);
    await forget();
    expect(await gate.admit(asked)).toEqual({ kind: "already-yours", detail: "C" });
    await forget();
    gate.distrust();
    expect(await gate.admit(asked)).toEqual({ kind: "already-yours", detail: "C" });
    // Redis that does not answer may miss what others tell it, whether or not the connection breaks.
    const closed = once(connection, "close");
    connection.disconnect(true);
    await expect(gate.admit(asked)).rejects.toThrow();
    await closed;
    await redisReady(connection, 5000);
    await forget();
    expect(await gate.admit(asked)).toEqual({ kind: "already-yours", detail: "C" });
    expect(await gate.admit({ ...asked, appointmentId: `${"0".repeat(32)}00` })).toMatchObject({
      kind: "user-limit",
    });
    connection.disconnect();
  });

  test("a slot that Redis lost is made anew from the rows, winners and all", async ({ expect }) => {
    const { slots } = await openStore(operator, [{ totalSpots: 2 }]);
    const slot = slots[0] as Slot;
    const { storeId, slotId } = slot;
    const book = (shopperId: string) =>
      operator.scheduling.bookAppointment({ storeId, slotId, shopperId, requestId: "r" });
    const first = await book("first");
    await finalOf(operator, first.appointment?.appointmentId as string);

    const redis = openRedis(config.redisUrl, silentLogger());
    await redisReady(redis, 5000);
    const tag = `scheduling:{${slotId}}`;
    await redis.del(`${tag}:stock`, `${tag}:holds`, `${tag}:wishes`, `${tag}:shoppers`);
    redis.disconnect();

    expect((await book("first")).outcome).toBe(BookingOutcome.ALREADY_YOURS);
    expect((await book("second")).outcome).toBe(BookingOutcome.QUEUED);
    expect((await book("third")).outcome).toBe(BookingOutcome.SOLD_OUT);
  });
});
