// The SQL statements of tills. A store's codes lie with their owners, on every shard: so what is read of a
// store is read shard by shard, by the suffixes that lie there, in the order of their last change.

import { idValue, type Sql } from "#shared/mysql.ts";
import type { Line } from "./acts.ts";
import type { CodeRecord } from "./domain.ts";
import { LINE_COLUMNS, LINE_KINDS, type LineRow, toLine } from "./line-row.ts";
import { COLUMNS, type Row, toRecord } from "./row.ts";

/** A store of a tenant. */
export interface StoreKey {
  readonly tenantId: string;
  readonly storeId: string;
}

/** A place in the order of a store's changes on one shard. */
export interface ChangePlace {
  /** Seconds since 1970 with three decimals, as MySQL writes them. */
  readonly changedAt: string;
  readonly expiresAtMs: number;
  readonly suffix: string;
  readonly appointmentId: string;
}

/** A page of a store's codes. */
export interface ChangePage {
  readonly records: readonly CodeRecord[];
  /** Where the next page begins. Undefined: this was the last. */
  readonly next: ChangePlace | undefined;
}

/** Returns the place before everything that changed since a time. */
export function placeAt(ms: number): ChangePlace {
  return { changedAt: (ms / 1000).toFixed(3), expiresAtMs: 0, suffix: "", appointmentId: "" };
}

/** Lists a store's codes of some suffixes, from a place on, whose time ends after another: those that
 * changed first come first. Asks the shards of the suffixes. */
export async function listChanged(
  sql: Sql,
  { tenantId, storeId }: StoreKey,
  suffixes: readonly string[],
  options: { readonly from: ChangePlace; readonly endsAfterMs: number; readonly countMax: number },
): Promise<ChangePage> {
  const { from, endsAfterMs, countMax } = options;
  // The first bound on changed_at is what the index by_store begins at; the order is the index's own.
  const rows = await sql.select<Row & { readonly changed: string; readonly suffix: string }>(
    `select ${COLUMNS}, suffix, unix_timestamp(changed_at) as changed
     from pickup_code force index (by_store)
     where suffix in (?) and tenant_id = ? and store_id = ?
       and changed_at >= from_unixtime(?) and expires_at_ms > ?
       and (changed_at > from_unixtime(?) or expires_at_ms > ?
         or (expires_at_ms = ? and (suffix > ? or (suffix = ? and appointment_id > ?))))
     order by changed_at, expires_at_ms, suffix, appointment_id limit ${countMax + 1}`,
    [
      suffixes,
      tenantId,
      idValue(storeId),
      Number(from.changedAt),
      endsAfterMs,
      Number(from.changedAt),
      from.expiresAtMs,
      from.expiresAtMs,
      from.suffix,
      from.suffix,
      from.appointmentId,
    ],
  );
  const page = rows.slice(0, countMax);
  const last = page.at(-1);
  return {
    records: page.map(toRecord),
    next:
      rows.length > countMax && last
        ? {
            changedAt: last.changed,
            expiresAtMs: Number(last.expires_at_ms),
            suffix: last.suffix,
            appointmentId: last.appointment_id,
          }
        : undefined,
  };
}

/** Lists the conflicts of a store that were seen before a place and after a time, the last first. Asks
 * every shard: codes lie with their owners. */
export async function listConflicts(
  sql: Sql,
  { tenantId, storeId }: StoreKey,
  options: {
    readonly before: { readonly atMs: number; readonly eventId: string };
    readonly sinceMs: number;
    readonly countMax: number;
  },
): Promise<Line[]> {
  const { before, sinceMs, countMax } = options;
  const rows = await sql.select<LineRow>(
    `select ${LINE_COLUMNS} from code_event
     where tenant_id = ? and store_id = ? and kind = ? and at_ms >= ? and at_ms <= ?
       and (at_ms < ? or event_id < ?)
     order by at_ms desc, event_id desc limit ${countMax}`,
    [
      tenantId,
      idValue(storeId),
      LINE_KINDS.conflict,
      sinceMs,
      before.atMs,
      before.atMs,
      idValue(before.eventId),
    ],
  );
  return rows.map(toLine);
}
