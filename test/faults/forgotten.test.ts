// Goal: Redis that comes back knowing less than it did is made true again everywhere, also where nobody
// asks. Method: a slot is left with a hold that nothing else will end for two minutes, and is taken off the
// list of slots in use, as when Redis loses its last second; then Redis is killed, and nobody books there
// any more.

import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import type { Slot } from "#gen/slotmesh/inventory/v1/slot_pb.ts";
import { openRedis, redisReady } from "#shared/redis.ts";
import { silentLogger, testConfig, uniqueTenant } from "#shared/testing.ts";
import { signalProcess } from "../../deploy/stack/pids.ts";
import { findRunningStack } from "../../deploy/stack/record.ts";
import { bodyOf } from "../../services/scheduling/domain.ts";
import { createRedis } from "../../services/scheduling/redis.ts";
import { as, finalOf, openStore } from "../e2e/mesh.ts";
import { insist, RECOVERY_MS_MAX } from "./insist.ts";

const dataFolder = process.env.SLOTMESH_DATA;
/** As long as the mesh's own. */
const HOLD_MS = 120_000;

test.skipIf(dataFolder === undefined)(
  "a slot that nobody asks for any more is healed",
  async () => {
    const tenantId = uniqueTenant();
    const operator = await as("operator", tenantId);
    await operator.identity.createTenant({ tenantId, name: "BetterBuy" });
    const { slots } = await openStore(operator, [{ totalSpots: 1 }]);
    const { storeId, slotId } = slots[0] as Slot;
    const shopperId = randomUUID();
    const booked = await operator.scheduling.bookAppointment({
      ...{ storeId, slotId, shopperId, requestId: "r" },
    });
    const appointmentId = booked.appointment?.appointmentId as string;
    await finalOf(operator, appointmentId);
    await operator.scheduling.cancelAppointment({ appointmentId });

    const connection = openRedis(testConfig().redisUrl, silentLogger());
    await redisReady(connection, 5000);
    await connection.zrem("scheduling:warm", `${storeId}:${slotId}`);
    const again = { appointmentId, tenantId, shopperId, storeId, slotId, partySize: 1 };
    await createRedis(connection).admit(slotId, [{ ...again, body: bodyOf(again) }], HOLD_MS, 0);
    connection.disconnect();
    const believed = await operator.settling.auditSlot({ storeId, slotId });
    expect(believed.drifts).toEqual(["admission believes 0 spots are free, 1 are"]);

    const { parts = [] } = findRunningStack(dataFolder as string) ?? {};
    const redis = parts.find(({ name }) => name === "redis");
    expect(redis).toBeDefined();
    signalProcess(redis?.process as NonNullable<typeof redis>["process"], "SIGKILL");
    const counts = () => insist(() => operator.settling.auditSlot({ storeId, slotId }));
    await expect
      .poll(counts, { timeout: RECOVERY_MS_MAX, interval: 1000 })
      .toMatchObject({ availableSpots: 1, admissionFreeSpots: 1, drifts: [] });
  },
);
