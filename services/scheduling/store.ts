// Every SQL statement of Scheduling. Writes are grouped by shard first; the reads that visit every
// shard say so.

import type {
  AppointmentState,
  RefusalReason,
} from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import { AppointmentState as State } from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import { type Database, idValue, retryTransient, type Value } from "#shared/mysql.ts";
import { createShards, ofSuffix } from "#shared/shards.ts";
import { suffixAtEnd } from "#shared/suffix.ts";
import { type Row, WORK_NONE, WORK_RELEASE, WORK_REVOKE, type Work } from "./domain.ts";

/** The most rows of one statement. */
const ROWS_MAX = 1000;

/** What Scheduling reads and writes. */
export type SchedulingStore = ReturnType<typeof createStore>;

const COLUMNS =
  "appointment_id, tenant_id, shopper_id, store_id, slot_id, party_size, state, refusal, work, " +
  "created_at_ms, state_at_ms";

interface AppointmentRecord {
  appointment_id: string;
  tenant_id: string;
  shopper_id: string;
  store_id: string;
  slot_id: string;
  party_size: number;
  state: number;
  refusal: number;
  work: number;
  created_at_ms: string;
  state_at_ms: string;
}

/** The statements by name, so that a test can ask Vitess where each goes. */
export const STATEMENTS = {
  insert: `insert ignore into appointment (suffix, ${COLUMNS}) values ?`,
  selectByIds: `select ${COLUMNS} from appointment where (suffix, appointment_id) in (?)`,
  selectByShopper:
    `select ${COLUMNS} from appointment where suffix = ? and tenant_id = ? and shopper_id = ? ` +
    "and (created_at_ms, appointment_id) < (?, ?) " +
    "order by created_at_ms desc, appointment_id desc limit ",
  setWork:
    "update appointment set work = ?, state_at_ms = ? " +
    "where suffix = ? and appointment_id = ? and state = ? and work = ?",
  cancel:
    "update appointment force index (primary) set state = ?, work = ?, state_at_ms = ? " +
    "where (suffix, appointment_id) in (?) and state = ? and work = ?",
  endWork:
    "update appointment force index (primary) set work = ? where (suffix, appointment_id) in (?) and work = ?",
} as const;

/** Opens the statements on a keyspace. */
export function createStore(database: Database) {
  const shards = createShards(database);
  const keyspaceIdOf = (id: string) => ofSuffix(id);
  // Tuples, because MySQL takes two IN lists for their cross product, and reads the table from 100 on.
  const keysOf = (ids: readonly string[]) => ids.map((id) => [suffixAtEnd(id), id]);

  function perShard<Result>(
    ids: readonly string[],
    work: (ids: readonly string[]) => Promise<readonly Result[]>,
  ): Promise<Result[]> {
    return retryTransient(() => shards.forEachShard(ids, keyspaceIdOf, work));
  }

  async function selectByIds(ids: readonly string[]): Promise<Map<string, Row>> {
    const records = await database.select<AppointmentRecord>(STATEMENTS.selectByIds, [keysOf(ids)]);
    return new Map(records.map((record) => [record.appointment_id, toRow(record)]));
  }

  return {
    /** Writes rows where there are none (T2), and returns what the rows say now, in order. */
    async finish(rows: readonly Row[]): Promise<Row[]> {
      checkCount(rows.length);
      return retryTransient(() =>
        shards.forEachShard(
          rows,
          (row) => ofSuffix(row.appointmentId),
          async (part) => {
            const written = await database.write(STATEMENTS.insert, [part.map(toValues)]);
            if (written === part.length) {
              return part;
            }
            // IGNORE also passes over a row that Vitess would misroute, so absence is checked.
            const known = await selectByIds(part.map(({ appointmentId }) => appointmentId));
            return part.map(({ appointmentId }) => {
              const row = known.get(appointmentId);
              if (!row) {
                throw new Error("an appointment was neither written nor there before");
              }
              return row;
            });
          },
        ),
      );
    },

    /** Finds rows by id, in order; undefined where there is none. */
    async find(ids: readonly string[]): Promise<(Row | undefined)[]> {
      checkCount(ids.length);
      return perShard(ids, async (part) => {
        const known = await selectByIds(part);
        return part.map((id) => known.get(id));
      });
    },

    /** Lists a shopper's rows, newest first, from just before a place. */
    async list(
      owner: { suffix: string; tenantId: string; shopperId: string },
      before: { createdAtMs: number; appointmentId: string },
      count: number,
    ): Promise<Row[]> {
      const records = await database.select<AppointmentRecord>(
        STATEMENTS.selectByShopper + String(Math.trunc(count)),
        [owner.suffix, owner.tenantId, owner.shopperId, before.createdAtMs, before.appointmentId],
      );
      return records.map(toRow);
    },

    /** Begins to cancel a confirmed appointment: its code is to be killed next. */
    async beginCancel(id: string, nowMs: number): Promise<boolean> {
      const written = await retryTransient(() =>
        database.write(STATEMENTS.setWork, [
          WORK_REVOKE,
          nowMs,
          suffixAtEnd(id),
          id,
          State.CONFIRMED,
          WORK_NONE,
        ]),
      );
      return written === 1;
    },

    /** Makes rows CANCELLED whose codes are dead: their spots are to be given back next. */
    async cancel(ids: readonly string[], nowMs: number): Promise<void> {
      await perShard(ids, async (part) => {
        await database.write(STATEMENTS.cancel, [
          State.CANCELLED,
          WORK_RELEASE,
          nowMs,
          keysOf(part),
          State.CONFIRMED,
          WORK_REVOKE,
        ]);
        return part;
      });
    },

    /** Notes that what was owed is done. */
    async endWork(ids: readonly string[], work: Work): Promise<void> {
      await perShard(ids, async (part) => {
        await database.write(STATEMENTS.endWork, [WORK_NONE, keysOf(part), work]);
        return part;
      });
    },

    /** Lists rows that owe something since before a moment. Reads every shard: for the reconciler. */
    async listOwing(beforeMs: number, count: number): Promise<Row[]> {
      const records = await database.select<AppointmentRecord>(
        `select ${COLUMNS} from appointment where work in (?) and state_at_ms < ? ` +
          `order by state_at_ms limit ${Math.trunc(count)}`,
        [[WORK_REVOKE, WORK_RELEASE], beforeMs],
      );
      return records.map(toRow);
    },

    /** Counts a slot's confirmed appointments. Reads every shard: for the audit. */
    async countConfirmed(slotId: string) {
      const slot = [idValue(slotId), State.CONFIRMED];
      const [sums, doubled] = await Promise.all([
        database.select<{ appointments: string; spots: string | null }>(
          "select count(*) as appointments, sum(party_size) as spots from appointment " +
            "where slot_id = ? and state = ?",
          slot,
        ),
        // A shopper's rows share a shard, so each shard counts its shoppers alone.
        database.select<{ shopper_id: string }>(
          "select suffix, tenant_id, shopper_id, count(*) as n from appointment " +
            "where slot_id = ? and state = ? group by suffix, tenant_id, shopper_id having n > 1",
          slot,
        ),
      ]);
      return {
        appointments: Number(sums[0]?.appointments ?? 0),
        spots: Number(sums[0]?.spots ?? 0),
        doubledShoppers: doubled.length,
      };
    },

    /** Lists a slot's confirmed appointments after an id. Reads every shard: for the audit. */
    async listConfirmed(slotId: string, afterId: string): Promise<string[]> {
      const records = await database.select<{ appointment_id: string }>(
        "select appointment_id from appointment where slot_id = ? and state = ? " +
          `and appointment_id > ? order by appointment_id limit ${ROWS_MAX}`,
        [idValue(slotId), State.CONFIRMED, afterId],
      );
      return records.map((record) => record.appointment_id);
    },
  };
}

function checkCount(count: number): void {
  if (count > ROWS_MAX) {
    throw new Error(`${count} rows in one statement: at most ${ROWS_MAX}`);
  }
}

function toValues(row: Row): Value[] {
  return [
    suffixAtEnd(row.appointmentId),
    row.appointmentId,
    row.tenantId,
    row.shopperId,
    idValue(row.storeId),
    idValue(row.slotId),
    row.partySize,
    row.state,
    row.refusal,
    row.work,
    row.createdAtMs,
    row.stateAtMs,
  ];
}

function toRow(record: AppointmentRecord): Row {
  return {
    appointmentId: record.appointment_id,
    tenantId: record.tenant_id,
    shopperId: record.shopper_id,
    storeId: record.store_id,
    slotId: record.slot_id,
    partySize: record.party_size,
    state: record.state as AppointmentState,
    refusal: record.refusal as RefusalReason,
    work: record.work as Work,
    createdAtMs: Number(record.created_at_ms),
    stateAtMs: Number(record.state_at_ms),
  };
}
