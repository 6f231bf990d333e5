// What the tests of Codes on real Vitess share: the services as someone calls them, without a wire, a
// count of statements, and appointments that no other test has.

import { randomBytes } from "node:crypto";
import { CodesService } from "#gen/slotmesh/codes/v1/codes_service_pb.ts";
import { IssuingService } from "#gen/slotmesh/codes/v1/issuing_service_pb.ts";
import { createSequence } from "#shared/ids.ts";
import { openDatabase, type Sql, type Value } from "#shared/mysql.ts";
import { createShards } from "#shared/shards.ts";
import { clientAs, testConfig, uniqueId, uniqueTenant } from "#shared/testing.ts";
import { toTimestamp } from "#shared/time.ts";
import { type CodesOptions, codesService } from "./service.ts";
import { createStore } from "./store.ts";

const HOUR_MS = 3_600_000;

/** What a test may see or change about a statement before it runs. */
export type Hook = (kind: "select" | "write", statement: string) => Promise<void> | void;

/** Opens Codes on the real keyspace. */
export function openCodes(changes: Partial<CodesOptions> & { before?: Hook; after?: Hook } = {}) {
  const database = openDatabase(testConfig().mysqlDsn, "codes");
  const { before, after, ...options } = changes;
  const hooked: Sql = {
    select: async <Row>(statement: string, values?: readonly Value[]) => {
      await before?.("select", statement);
      return database.select<Row>(statement, values);
    },
    write: async (statement, values) => {
      await before?.("write", statement);
      const count = await database.write(statement, values);
      await after?.("write", statement);
      return count;
    },
  };
  const store = createStore(hooked);
  const next = createSequence(randomBytes(2).readUInt16BE() % 1024, Date.now);
  const methods = codesService({
    store,
    shards: createShards(database),
    ids: { next },
    ...options,
  });
  const tenantId = uniqueTenant();
  const storeId = uniqueId();
  return {
    database,
    store,
    tenantId,
    storeId,
    issuing: clientAs(IssuingService, methods, { role: "service", subjectId: "scheduling" }),
    /** A clerk of the store. */
    clerk: clientAs(CodesService, methods, {
      role: "staff",
      tenantId,
      subjectId: "clerk",
      storeIds: [storeId],
    }),
    /** Anyone else. */
    as: (caller: Parameters<typeof clientAs>[2]) => clientAs(CodesService, methods, caller),
    /** A wish for a code of this tenant and store. */
    wish: (suffix: string, wished: { expiresAtMs?: number; shopperId?: string } = {}) => ({
      appointmentId: uniqueAppointment(suffix),
      tenantId,
      shopperId: wished.shopperId ?? "shopper",
      storeId,
      partySize: 2,
      expireTime: toTimestamp(wished.expiresAtMs ?? Date.now() + HOUR_MS),
    }),
    /** Reads the digits of an appointment's code. */
    digitsOf: async ({ appointmentId }: { appointmentId: string }) => {
      const record = await store.findByAppointment(appointmentId, tenantId);
      return record?.code ?? "";
    },
  };
}

/** Returns an appointment id of a suffix that no other test has. */
export function uniqueAppointment(suffix: string): string {
  return randomBytes(16).toString("hex") + suffix;
}

/** Waits for a rejection and returns it. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}
