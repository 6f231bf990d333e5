// What one sweep looks at, by a clock that stands still: the product's sweep over the Redis in memory,
// and rows that the test makes up.

import { expect, test } from "vitest";
import { AppointmentState } from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import { silentLogger } from "#shared/testing.ts";
import { toTimestamp } from "#shared/time.ts";
import { createGate } from "../../services/scheduling/admission.ts";
import type { ClaimsClient } from "../../services/scheduling/clients.ts";
import { bodyOf, type Row, type Wish } from "../../services/scheduling/domain.ts";
import { createSweep, type ReconcilerOptions } from "../../services/scheduling/reconcile.ts";
import type { SchedulingStore } from "../../services/scheduling/store.ts";
import { createPromptRedis } from "./redis.ts";
import { createMemoryRedis } from "./redis-memory.ts";

const NOW_MS = 1_000_000;
const HOLD_MS = 120_000;
const HOUR_MS = 3_600_000;
const PLACE = { storeId: "7", slotId: "101" };
const OTHER = { storeId: "7", slotId: "102" };
const SLOT = { tenantId: "t", totalSpots: 3, availableSpots: 3, partySizeMax: 2 };

/** A sweep of a mesh with two slots, which have pictures and are not noted to be in use. */
async function setUp() {
  const clock = { ms: NOW_MS };
  const now = () => clock.ms;
  const memory = createMemoryRedis(now);
  const redis = createPromptRedis(memory, now);
  const times = { openTime: toTimestamp(0), startTime: toTimestamp(NOW_MS + HOUR_MS) };
  const claims = {
    listUnsettledClaims: async () => ({ claims: [], takes: [] }),
    listSlotStock: async ({ keys }: { keys: object[] }) => ({
      stocks: keys.map((key) => ({
        slot: { ...SLOT, ...key, ...times },
        version: 1n,
        activeClaims: [],
      })),
    }),
  } as unknown as ClaimsClient;
  /** Whose rows the sweeps asked for; all are cancelled. */
  const asked: (readonly string[])[] = [];
  const row = { slotId: PLACE.slotId, state: AppointmentState.CANCELLED } as Row;
  const store = {
    listOwing: async () => [],
    find: async (appointmentIds: readonly string[]) => {
      asked.push(appointmentIds);
      return appointmentIds.map(() => row);
    },
  } as unknown as SchedulingStore;
  const logger = silentLogger();
  const gate = createGate({ redis, claims, holdMs: HOLD_MS, now, logger });
  const parts = { store, redis, gate, claims, holdMs: HOLD_MS, now, logger };
  const sweep = createSweep(parts as unknown as ReconcilerOptions);
  await gate.warm([PLACE, OTHER]);
  const listInUse = () => redis.listWarm(clock.ms - HOUR_MS);
  expect(await listInUse()).toEqual([]);
  return { clock, memory, redis, sweep, listInUse, asked };
}

test("slots that there is a picture of are in use after a restart of Redis, and only then", async () => {
  const { memory, sweep, listInUse } = await setUp();
  const forget = () => memory.command(["zrem", "scheduling:warm", "7:101", "7:102"]);
  // A process that just started does not know what it missed.
  await sweep();
  expect(await listInUse()).toEqual([PLACE, OTHER]);
  forget();
  await sweep();
  expect(await listInUse()).toEqual([]);
  memory.restart();
  await sweep();
  expect(await listInUse()).toEqual([PLACE, OTHER]);
});

test("a slot that was forgotten is swept for some minutes, and one in use is noted as it was", async () => {
  const { clock, redis, sweep } = await setUp();
  await redis.noteWarm("7", "101", clock.ms);
  await sweep();
  expect(await redis.listWarm(clock.ms)).toEqual([PLACE]);
  expect(await redis.listWarm(clock.ms - 299_999)).toEqual([PLACE]);
  expect(await redis.listWarm(clock.ms - 300_000)).toEqual([OTHER, PLACE]);
});

test("the rows of holds are read when they are ten seconds old, and not before", async () => {
  const { clock, redis, sweep, asked } = await setUp();
  const wishOf = (shopperId: string) => {
    const wish: Wish = {
      ...PLACE,
      appointmentId: shopperId,
      tenantId: "t",
      shopperId,
      partySize: 1,
    };
    return { ...wish, body: bodyOf(wish) };
  };
  await redis.admit("101", [wishOf("ann")], HOLD_MS, 0);
  clock.ms += 5000;
  await redis.admit("101", [wishOf("bob")], HOLD_MS, 0);
  clock.ms += 4999;
  await sweep();
  expect(asked).toEqual([]);
  clock.ms += 1;
  await sweep();
  expect(asked).toEqual([["ann"]]);
  expect(await redis.readStock("101")).toEqual({ freeSpots: 2, heldSpots: 1 });
});
