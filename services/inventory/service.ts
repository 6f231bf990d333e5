// The handlers of InventoryService: from a request to the rules and the rows, and from an outcome to a
// response or an error. What there is to book is public, so reads that name a tenant need no token and
// may name any. What a manager writes is always the tenant's of their token, and what belongs to another
// tenant does not exist for them.

import { InventoryService } from "#gen/slotmesh/inventory/v1/inventory_service_pb.ts";
import type { Caller } from "#shared/auth.ts";
import { Code, type ConnectError, meshError, notFound } from "#shared/errors.ts";
import { type Access, type BoundMethod, bind } from "#shared/handlers.ts";
import type { Ids } from "#shared/ids.ts";
import { pageOf } from "#shared/pages.ts";
import { toMs } from "#shared/time.ts";
import {
  findLocalDay,
  findPageStart,
  findTimeZone,
  isStoredId,
  requestMark,
  SLOT_MS_MAX,
  type Slot,
  type SlotKey,
  toPageToken,
} from "./domain.ts";
import { toServiceMessage, toSlotMessage, toStoreMessage } from "./messages.ts";
import type { InventoryStore, Written } from "./store.ts";

const PAGE_SIZE_DEFAULT = 50;
const AVAILABILITY_SLOTS_MAX = 2000;
const PARTY_SIZE_MAX_DEFAULT = 1;

const ACCESS: Access<typeof InventoryService> = {
  createStore: ["manager", "operator"],
  createService: ["manager", "operator"],
  createSlots: ["manager", "operator"],
  listStores: ["anonymous", "shopper", "staff", "manager", "operator", "service"],
  listServices: ["anonymous", "shopper", "staff", "manager", "operator", "service"],
  getSlot: ["shopper", "staff", "manager", "operator", "service"],
  listAvailability: ["anonymous", "shopper", "staff", "manager", "operator", "service"],
};

/** Makes the methods of InventoryService. */
export function inventoryService(options: {
  readonly store: InventoryStore;
  /** Makes the ids of stores, services and slots. */
  readonly ids: Pick<Ids, "next">;
  /** The clock, in milliseconds. */
  readonly now: () => number;
}): BoundMethod[] {
  const { store, ids, now } = options;
  return bind(InventoryService, ACCESS, {
    createStore: async ({ requestId, name, address, timeZone, latitude, longitude }, call) => {
      const zone = findTimeZone(timeZone);
      if (zone === undefined) {
        throw invalid(
          "BAD_TIME_ZONE",
          `time_zone "${timeZone}" is no IANA zone: wanted a name like "Pacific/Honolulu"`,
        );
      }
      const written = await store.createStore(
        {
          storeId: ids.next(),
          tenantId: call.caller.tenantId,
          name,
          address,
          timeZone: zone,
          latitude,
          longitude,
          createdAtMs: now(),
        },
        requestMark(requestId, [name, address, timeZone, latitude, longitude]),
      );
      return { store: toStoreMessage(rowOf(written, "store")) };
    },

    createService: async ({ requestId, name, partySizeMax }, call) => {
      const written = await store.createService(
        {
          serviceId: ids.next(),
          tenantId: call.caller.tenantId,
          name,
          partySizeMax: partySizeMax ?? PARTY_SIZE_MAX_DEFAULT,
          createdAtMs: now(),
        },
        requestMark(requestId, [name, partySizeMax ?? null]),
      );
      return { service: toServiceMessage(rowOf(written, "service")) };
    },

    createSlots: async ({ requestId, storeId, serviceId, slots, openTime }, call) => {
      const windows = slots.map(toWindow);
      const [place, service] = await findOwned(store, call.caller, storeId, serviceId);
      const nowMs = now();
      const openMs = toMs(openTime);
      const written = await store.createSlots(
        windows.map(
          ({ startsAtMs, endsAtMs, total }): Slot => ({
            storeId,
            slotId: ids.next(),
            tenantId: place.tenantId,
            serviceId,
            timeZone: place.timeZone,
            startsAtMs,
            endsAtMs,
            opensAtMs: openMs ?? nowMs,
            total,
            available: total,
            partySizeMax: service.partySizeMax,
            version: 1,
          }),
        ),
        requestMark(requestId, [serviceId, openMs ?? null, windows]),
        nowMs,
      );
      return { slots: rowOf(written, "slot").map(toSlotMessage) };
    },

    listStores: async (request, { caller }) => {
      const { page, nextPageToken } = await readPage(
        request,
        (after, rowsMax) => store.listStores(tenantOf(request.tenantId, caller), after, rowsMax),
        (last) => last.storeId,
      );
      return { stores: page.map(toStoreMessage), nextPageToken };
    },

    listServices: async (request, { caller }) => {
      const { page, nextPageToken } = await readPage(
        request,
        (after, rowsMax) => store.listServices(tenantOf(request.tenantId, caller), after, rowsMax),
        (last) => last.serviceId,
      );
      return { services: page.map(toServiceMessage), nextPageToken };
    },

    getSlot: async ({ storeId, slotId }, { caller }) => {
      const slot = await findSlot(store, { storeId, slotId });
      if (!slot || (caller.role !== "service" && caller.tenantId !== slot.tenantId)) {
        throw notFound("slot");
      }
      return { slot: toSlotMessage(slot) };
    },

    listAvailability: async ({ tenantId, storeIds, serviceId, localDate }, call) => {
      const tenant = tenantOf(tenantId, call.caller);
      if (!findLocalDay(localDate, "UTC")) {
        throw invalid(
          "BAD_DATE",
          `local_date ${localDate} is not in the calendar: wanted a day like 2026-11-07`,
        );
      }
      const known = storeIds.filter(isStoredId);
      if (known.length === 0 || (serviceId !== "" && !isStoredId(serviceId))) {
        return { slots: [] };
      }
      const stores = (await store.listStoresById(known)).filter((one) => one.tenantId === tenant);
      const spans = stores.flatMap(({ storeId, timeZone }) => {
        const day = findLocalDay(localDate, timeZone);
        return day && day.startMs < day.endMs ? [{ storeId, ...day }] : [];
      });
      const slots =
        spans.length === 0
          ? []
          : await store.listSlots(spans, serviceId || undefined, AVAILABILITY_SLOTS_MAX);
      return { slots: slots.map(toSlotMessage) };
    },
  });
}

/** Reads the page that a request asks for, and the token of the next. */
async function readPage<Row>(
  { pageSize, pageToken }: { readonly pageSize: number; readonly pageToken: string },
  read: (afterId: string, rowsMax: number) => Promise<Row[]>,
  idOf: (row: Row) => string,
) {
  const after = findPageStart(pageToken);
  if (after === undefined) {
    throw invalid("BAD_PAGE_TOKEN", "page_token is not one that a page gave: begin without it");
  }
  const size = pageSize || PAGE_SIZE_DEFAULT;
  return pageOf(await read(after, size + 1), size, (last) => toPageToken(idOf(last)));
}

/** Finds the store and the service that a manager names, if both are their tenant's. */
async function findOwned(
  store: InventoryStore,
  caller: Caller,
  storeId: string,
  serviceId: string,
) {
  const [stores, service] = await Promise.all([
    isStoredId(storeId) ? store.listStoresById([storeId]) : [],
    isStoredId(serviceId) ? store.findService(serviceId) : undefined,
  ]);
  const [place] = stores;
  if (place?.tenantId !== caller.tenantId) {
    throw notFound("store");
  }
  if (service?.tenantId !== caller.tenantId) {
    throw notFound("service");
  }
  return [place, service] as const;
}

async function findSlot(store: InventoryStore, key: SlotKey): Promise<Slot | undefined> {
  return isStoredId(key.storeId) && isStoredId(key.slotId) ? store.findSlot(key) : undefined;
}

/** What is public is read in the tenant that is named, or in one's own. */
function tenantOf(tenantId: string, caller: Caller): string {
  const tenant = tenantId || caller.tenantId;
  if (tenant === "") {
    throw invalid("TENANT_NEEDED", "tenant_id is needed where no token says it");
  }
  return tenant;
}

type SlotWish = {
  readonly startTime?: Parameters<typeof toMs>[0];
  readonly endTime?: Parameters<typeof toMs>[0];
  readonly totalSpots: number;
};

function toWindow({ startTime, endTime, totalSpots }: SlotWish, index: number) {
  const startsAtMs = toMs(startTime) ?? 0;
  const endsAtMs = toMs(endTime) ?? 0;
  if (endsAtMs <= startsAtMs || endsAtMs - startsAtMs > SLOT_MS_MAX) {
    throw invalid(
      "BAD_SLOT",
      `slots[${index}] must end after it begins and at most 24 hours later: it is ` +
        `${endsAtMs - startsAtMs} ms long`,
    );
  }
  return { startsAtMs, endsAtMs, total: totalSpots };
}

/** Returns what was written, or throws what stood in its way. */
function rowOf<Row>(written: Written<Row>, what: string): Row {
  switch (written.kind) {
    case "written":
      return written.row;
    case "reused":
      throw invalid(
        "REQUEST_ID_REUSED",
        "request_id was used for another request: use a new one for a new request",
      );
    default:
      throw meshError(Code.AlreadyExists, `the tenant has another ${what} of this name`, {
        reason: "NAME_TAKEN",
      });
  }
}

function invalid(reason: string, message: string): ConnectError {
  return meshError(Code.InvalidArgument, message, { reason });
}
