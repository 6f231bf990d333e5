// Every SQL statement about stores, services and slots; those of claims are in claims-store.ts.
//
// Stores and services have names that are unique in a tenant, which no key of one shard can promise: so
// the names are in the unsharded keyspace global, and a store is two steps, its name and then its row.
// Every write says what named it (its mark), and one that finds its place taken reads who was there.

import { type Database, idValue, isDuplicate, retryTransient, type Value } from "#shared/mysql.ts";
import {
  judgeRepeat,
  type RequestMark,
  type Service,
  type Slot,
  type SlotKey,
  type Store,
} from "./domain.ts";

/** The columns of a slot, for everyone who reads one. */
export const SLOT_COLUMNS =
  "store_id, slot_id, tenant_id, service_id, time_zone, starts_at_ms, ends_at_ms, opens_at_ms, " +
  "total, available, party_size_max, version";

const STORE_COLUMNS =
  "store_id, tenant_id, name, address, time_zone, latitude, longitude, created_at_ms";
const SERVICE_COLUMNS = "service_id, tenant_id, name, party_size_max, created_at_ms";

/** A slot as MySQL returns it. */
export interface SlotRecord {
  store_id: string;
  slot_id: string;
  tenant_id: string;
  service_id: string;
  time_zone: string;
  starts_at_ms: string;
  ends_at_ms: string;
  opens_at_ms: string;
  total: number;
  available: number;
  party_size_max: number;
  version: string;
}

interface StoreRecord {
  store_id: string;
  tenant_id: string;
  name: string;
  address: string;
  time_zone: string;
  latitude: number;
  longitude: number;
  created_at_ms: string;
}

interface ServiceRecord {
  service_id: string;
  tenant_id: string;
  name: string;
  party_size_max: number;
  created_at_ms: string;
}

interface MarkRecord {
  request_key: Buffer;
  request_hash: Buffer;
}

/** What came of a write: the row, of this call or of the same one before; or who was there already. */
export type Written<Row> =
  | { readonly kind: "written"; readonly row: Row }
  | { readonly kind: "reused" }
  | { readonly kind: "name-taken" };

/** What Inventory reads and writes besides claims. */
export type InventoryStore = ReturnType<typeof createStore>;

/** Opens the statements on the keyspace inventory. */
export function createStore(database: Database) {
  return {
    /** Creates a store: its name first, which decides, then its row. A crash in between leaves a name
     * that only the same request can use, and does when it is repeated. */
    async createStore(store: Store, mark: RequestMark): Promise<Written<Store>> {
      const named = await retryTransient(() => nameStore(database, store, mark));
      if (named.kind === "written") {
        await retryTransient(() => insertStore(database, named.row));
      }
      return named;
    },

    /** Creates a service. */
    createService: (service: Service, mark: RequestMark): Promise<Written<Service>> =>
      retryTransient(() => insertService(database, service, mark)),

    /** Creates the slots of one call at one store, all or none: one statement on one shard. */
    createSlots: (slots: readonly Slot[], mark: RequestMark, nowMs: number) =>
      retryTransient(() => insertSlots(database, slots, mark, nowMs)),

    /** Reads the stores of these ids. */
    async listStoresById(storeIds: readonly string[]): Promise<Store[]> {
      const records = await database.select<StoreRecord>(
        `select ${STORE_COLUMNS} from store where store_id in (?)`,
        [storeIds.map(idValue)],
      );
      return records.map(toStore);
    },

    /** Reads a page of a tenant's stores in the order of their ids. Scatters: a tenant's stores lie on
     * every shard. For pages that cache it. */
    async listStores(tenantId: string, afterStoreId: string, rowsMax: number): Promise<Store[]> {
      const records = await database.select<StoreRecord>(
        `select ${STORE_COLUMNS} from store where tenant_id = ? and store_id > ? ` +
          "order by store_id limit ?",
        [tenantId, idValue(afterStoreId), rowsMax],
      );
      return records.map(toStore);
    },

    /** Reads a page of a tenant's services in the order of their ids. Unsharded. */
    async listServices(tenantId: string, afterServiceId: string, rowsMax: number) {
      const records = await database.select<ServiceRecord>(
        `select ${SERVICE_COLUMNS} from global.service where tenant_id = ? and service_id > ? ` +
          "order by service_id limit ?",
        [tenantId, idValue(afterServiceId), rowsMax],
      );
      return records.map(toService);
    },

    /** Finds a service. Unsharded. */
    async findService(serviceId: string): Promise<Service | undefined> {
      const [record] = await database.select<ServiceRecord>(
        `select ${SERVICE_COLUMNS} from global.service where service_id = ?`,
        [idValue(serviceId)],
      );
      return record && toService(record);
    },

    /** Finds a slot. */
    async findSlot({ storeId, slotId }: SlotKey): Promise<Slot | undefined> {
      const [record] = await database.select<SlotRecord>(
        `select ${SLOT_COLUMNS} from slot where store_id = ? and slot_id = ?`,
        [idValue(storeId), idValue(slotId)],
      );
      return record && toSlot(record);
    },

    /** Lists the slots that begin at each store in its own span, by store and start. */
    async listSlots(
      spans: readonly { storeId: string; startMs: number; endMs: number }[],
      serviceId: string | undefined,
      rowsMax: number,
    ): Promise<Slot[]> {
      // The IN is for vtgate, which routes by it; the spans are for MySQL's index by start.
      const span = "(store_id = ? and starts_at_ms >= ? and starts_at_ms < ?)";
      const records = await database.select<SlotRecord>(
        `select ${SLOT_COLUMNS} from slot where store_id in (?) ` +
          `and (${spans.map(() => span).join(" or ")}) ` +
          (serviceId === undefined ? "" : "and service_id = ? ") +
          "order by store_id, starts_at_ms, slot_id limit ?",
        [
          spans.map(({ storeId }) => idValue(storeId)),
          ...spans.flatMap(({ storeId, startMs, endMs }) => [idValue(storeId), startMs, endMs]),
          ...(serviceId === undefined ? [] : [idValue(serviceId)]),
          rowsMax,
        ],
      );
      return records.map(toSlot);
    },
  };
}

async function nameStore(
  database: Database,
  store: Store,
  mark: RequestMark,
): Promise<Written<Store>> {
  try {
    await database.write(
      "insert into global.store_name " +
        "(tenant_id, name, store_id, request_key, request_hash, created_at_ms) values (?)",
      [
        [
          store.tenantId,
          store.name,
          idValue(store.storeId),
          mark.key,
          mark.hash,
          store.createdAtMs,
        ],
      ],
    );
    return { kind: "written", row: store };
  } catch (error) {
    if (!isDuplicate(error)) {
      throw error;
    }
  }
  const records = await database.select<MarkRecord & { store_id: string; created_at_ms: string }>(
    "select store_id, request_key, request_hash, created_at_ms from global.store_name " +
      "where tenant_id = ? and (name = ? or request_key = ?)",
    [store.tenantId, store.name, mark.key],
  );
  const judged = judgeRepeat(records.map(withMark), mark);
  if (judged.kind !== "repeat") {
    return judged;
  }
  const { store_id: storeId, created_at_ms: createdAtMs } = judged.row;
  return { kind: "written", row: { ...store, storeId, createdAtMs: Number(createdAtMs) } };
}

async function insertStore(database: Database, store: Store): Promise<void> {
  try {
    await database.write(`insert into store (${STORE_COLUMNS}) values (?)`, [
      [
        idValue(store.storeId),
        store.tenantId,
        store.name,
        store.address,
        store.timeZone,
        store.latitude,
        store.longitude,
        store.createdAtMs,
      ],
    ]);
  } catch (error) {
    // Its row is there since the first time.
    if (!isDuplicate(error)) {
      throw error;
    }
  }
}

async function insertService(
  database: Database,
  service: Service,
  mark: RequestMark,
): Promise<Written<Service>> {
  const { serviceId, tenantId, name, partySizeMax, createdAtMs } = service;
  try {
    await database.write(
      `insert into global.service (${SERVICE_COLUMNS}, request_key, request_hash) values (?)`,
      [[idValue(serviceId), tenantId, name, partySizeMax, createdAtMs, mark.key, mark.hash]],
    );
    return { kind: "written", row: service };
  } catch (error) {
    if (!isDuplicate(error)) {
      throw error;
    }
  }
  const records = await database.select<MarkRecord & ServiceRecord>(
    `select ${SERVICE_COLUMNS}, request_key, request_hash from global.service ` +
      "where tenant_id = ? and (name = ? or request_key = ?)",
    [tenantId, name, mark.key],
  );
  const judged = judgeRepeat(records.map(withMark), mark);
  return judged.kind === "repeat" ? { kind: "written", row: toService(judged.row) } : judged;
}

async function insertSlots(
  database: Database,
  slots: readonly Slot[],
  mark: RequestMark,
  nowMs: number,
): Promise<Written<Slot[]>> {
  // Looked for first, so that a retry costs a read and not 500 rows; the unique key is what decides.
  const known = await findSlotsOfRequest(database, slots, mark);
  if (known) {
    return known;
  }
  const rows = slots.map((slot, ordinal): Value[] => [
    idValue(slot.storeId),
    idValue(slot.slotId),
    slot.tenantId,
    idValue(slot.serviceId),
    slot.timeZone,
    slot.startsAtMs,
    slot.endsAtMs,
    slot.opensAtMs,
    slot.total,
    slot.available,
    slot.partySizeMax,
    slot.version,
    mark.key,
    mark.hash,
    ordinal,
    nowMs,
  ]);
  try {
    await database.write(
      `insert into slot (${SLOT_COLUMNS}, request_key, request_hash, ordinal, created_at_ms) ` +
        "values ?",
      [rows],
    );
    return { kind: "written", row: [...slots] };
  } catch (error) {
    const meanwhile = isDuplicate(error) && (await findSlotsOfRequest(database, slots, mark));
    if (!meanwhile) {
      throw error;
    }
    return meanwhile;
  }
}

/** Finds what a request made at its store; undefined if it made nothing there. */
async function findSlotsOfRequest(
  database: Database,
  slots: readonly Slot[],
  mark: RequestMark,
): Promise<Written<Slot[]> | undefined> {
  const records = await database.select<MarkRecord & SlotRecord>(
    `select ${SLOT_COLUMNS}, request_key, request_hash from slot ` +
      "where store_id in (?) and request_key = ? order by ordinal",
    [[...new Set(slots.map(({ storeId }) => storeId))].map(idValue), mark.key],
  );
  if (records.length === 0) {
    return undefined;
  }
  const { kind } = judgeRepeat(records.map(withMark), mark);
  return kind === "repeat" ? { kind: "written", row: records.map(toSlot) } : { kind: "reused" };
}

function withMark<Row extends MarkRecord>(record: Row): Row & { mark: RequestMark } {
  return { ...record, mark: { key: record.request_key, hash: record.request_hash } };
}

/** Makes a slot of its record. */
export function toSlot(record: SlotRecord): Slot {
  return {
    storeId: record.store_id,
    slotId: record.slot_id,
    tenantId: record.tenant_id,
    serviceId: record.service_id,
    timeZone: record.time_zone,
    startsAtMs: Number(record.starts_at_ms),
    endsAtMs: Number(record.ends_at_ms),
    opensAtMs: Number(record.opens_at_ms),
    total: record.total,
    available: record.available,
    partySizeMax: record.party_size_max,
    version: Number(record.version),
  };
}

function toStore(record: StoreRecord): Store {
  return {
    storeId: record.store_id,
    tenantId: record.tenant_id,
    name: record.name,
    address: record.address,
    timeZone: record.time_zone,
    latitude: record.latitude,
    longitude: record.longitude,
    createdAtMs: Number(record.created_at_ms),
  };
}

function toService(record: ServiceRecord): Service {
  return {
    serviceId: record.service_id,
    tenantId: record.tenant_id,
    name: record.name,
    partySizeMax: record.party_size_max,
    createdAtMs: Number(record.created_at_ms),
  };
}
