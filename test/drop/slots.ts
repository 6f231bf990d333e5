// Opens a drop's own slots, so that drops can run again and again beside each other: at the demo's
// stores, from 9:00 a.m. on, on a far day that the run's number chooses.

import { hash } from "node:crypto";
import { toTimestamp } from "#shared/time.ts";
import {
  type DemoShop,
  type MeshEnv,
  SLOTS_PER_DAY,
  seedShop,
  slotsOfDay,
} from "../../deploy/stack/demo.ts";
import { isTransient, withRetries } from "./lanes.ts";
import type { DropSlot } from "./ledger.ts";
import type { Clients } from "./mesh.ts";
import type { DropOptions } from "./options.ts";

/** Beyond what the demo itself shows, and less than what people would page to. */
const DAYS_AHEAD_MIN = 30;
const DAYS_AHEAD_SPREAD = 330;
const CALL_MS = 10_000;
const PATIENCE_MS = 30_000;

/** Opens the slots of a run. */
export async function openSlots(
  env: MeshEnv,
  clients: Clients,
  runId: string,
  options: Pick<DropOptions, "slots" | "spots" | "partyMax">,
  signal: AbortSignal,
): Promise<DropSlot[]> {
  const shop = await seedShop(env, clients.token);
  const patience = { untilMs: performance.now() + PATIENCE_MS, signal, isPassing: isTransient };
  const serviceId = await serviceFor(options.partyMax, shop, clients, patience);
  const perStore = shop.stores.map(async (store, index) => {
    const count = Math.floor((options.slots - index + shop.stores.length - 1) / shop.stores.length);
    if (count <= 0) {
      return [];
    }
    const times = timesOf(runId, store.timeZone, count);
    const { slots } = await withRetries(
      () =>
        clients.inventory.createSlots(
          {
            storeId: store.storeId,
            serviceId,
            slots: times.map(({ startMs, endMs }) => ({
              startTime: toTimestamp(startMs),
              endTime: toTimestamp(endMs),
              totalSpots: options.spots,
            })),
            requestId: `drop-${runId}-${index}`,
          },
          { timeoutMs: CALL_MS },
        ),
      patience,
    );
    return slots.map(({ slotId }, time) => ({
      storeId: store.storeId,
      slotId,
      storeName: store.name,
      timeZone: store.timeZone,
      startMs: times[time]?.startMs ?? 0,
      totalSpots: options.spots,
    }));
  });
  return (await Promise.all(perStore)).flat();
}

/** The demo's service, or one that allows larger parties. */
async function serviceFor(
  partyMax: number,
  shop: DemoShop,
  clients: Clients,
  patience: Parameters<typeof withRetries>[1],
): Promise<string> {
  if (partyMax <= shop.partySizeMax) {
    return shop.serviceId;
  }
  const { service } = await withRetries(
    () =>
      clients.inventory.createService(
        {
          name: `Drop of parties up to ${partyMax}`,
          partySizeMax: partyMax,
          requestId: `drop-service-${partyMax}`,
        },
        { timeoutMs: CALL_MS },
      ),
    patience,
  );
  return service?.serviceId ?? "";
}

function timesOf(runId: string, timeZone: string, count: number) {
  const chosen = Number.parseInt(hash("sha256", runId, "hex").slice(0, 8), 16);
  const days = DAYS_AHEAD_MIN + (chosen % DAYS_AHEAD_SPREAD);
  const first = Temporal.Now.plainDateISO(timeZone).add({ days });
  return Array.from({ length: Math.ceil(count / SLOTS_PER_DAY) }, (_, day) =>
    slotsOfDay(first.add({ days: day }), timeZone, SLOTS_PER_DAY),
  )
    .flat()
    .slice(0, count);
}
