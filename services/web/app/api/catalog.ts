// What is public: the stores, what is booked in them, and what is free on a day.

import type { Service, Store } from "#gen/slotmesh/inventory/v1/store_pb.ts";
import { toSlotView } from "../lib/convert.ts";
import type { SlotView } from "../lib/slots.ts";
import { catalog } from "./mesh.ts";

const PAGE_SIZE = 100;
/** More stores than these are for a page with a search. */
const PAGES_MAX = 5;
const STORES_PER_CALL = 20;

/** Loads all stores and services of a tenant, up to a bound. */
export async function loadCatalog(tenantId: string, signal: AbortSignal) {
  const [stores, services] = await Promise.all([
    loadStores(tenantId, signal),
    loadServices(tenantId, signal),
  ]);
  const byId = new Map(stores.map((store) => [store.storeId, store]));
  return {
    // By name: the order of ids means nothing to people.
    stores: stores.toSorted((a, b) => a.name.localeCompare(b.name)),
    services: new Map(services.map((service) => [service.serviceId, service])),
    findStore: (storeId: string | undefined) => byId.get(storeId ?? ""),
  };
}

/** Loads the slots of some stores on a day, in each store's own zone. */
export async function loadDay(
  tenantId: string,
  storeIds: readonly string[],
  localDate: string,
  signal: AbortSignal,
): Promise<SlotView[]> {
  const chunks = Array.from({ length: Math.ceil(storeIds.length / STORES_PER_CALL) }, (_, index) =>
    storeIds.slice(index * STORES_PER_CALL, (index + 1) * STORES_PER_CALL),
  );
  const answers = await Promise.all(
    chunks.map((chunk) =>
      catalog.listAvailability({ tenantId, storeIds: chunk, localDate }, { signal }),
    ),
  );
  return answers.flatMap(({ slots }) => slots.map(toSlotView));
}

async function loadStores(tenantId: string, signal: AbortSignal): Promise<Store[]> {
  const all: Store[] = [];
  let pageToken = "";
  for (let page = 1; page <= PAGES_MAX; page += 1) {
    const request = { tenantId, pageSize: PAGE_SIZE, pageToken };
    // Each page names the next.
    const { stores, nextPageToken } = await catalog.listStores(request, { signal });
    all.push(...stores);
    if (nextPageToken === "") {
      break;
    }
    pageToken = nextPageToken;
  }
  return all;
}

async function loadServices(tenantId: string, signal: AbortSignal): Promise<Service[]> {
  const { services } = await catalog.listServices({ tenantId, pageSize: PAGE_SIZE }, { signal });
  return services;
}
