// The SQL statements of what is done with codes after their issue: functions of an Sql, because they are
// steps of a transaction on one shard (ledger.ts says in what order). Each names suffixes, so vtgate sends
// it to their shards.

import { idValue, type Sql } from "#shared/mysql.ts";
import { suffixAtEnd } from "#shared/suffix.ts";
import type { Line } from "./acts.ts";
import type { CodeRecord } from "./domain.ts";
import { LINE_COLUMNS, LINE_KINDS, type LineRow, lineValues, toLine } from "./line-row.ts";
import { CHANGING, COLUMNS, changingValues, type Row, STATES, toRecord } from "./row.ts";

/** The most lines of a code that are read: the last ones. */
export const LINES_MAX = 500;
/** The most redemptions and reversals of a code that are read, the last ones: one by one it has a thousand. */
const REDEMPTIONS_MAX = 2000;
/** The most unfinished transfers that are read at once. */
const TRANSFERS_MAX = 500;

/** What names a request: it counts once for a code and a store. */
export interface RequestKey {
  readonly tenantId: string;
  readonly code: string;
  readonly storeId: string;
  readonly requestId: string;
}

/** Locks the row of an appointment until the transaction ends, and reads it. By its primary key alone, so
 * that no gap is locked beside it. */
export async function lockRecord(sql: Sql, appointmentId: string): Promise<CodeRecord> {
  const [row] = await sql.select<Row>(
    `select ${COLUMNS} from pickup_code where suffix = ? and appointment_id = ? for update`,
    [suffixAtEnd(appointmentId), appointmentId],
  );
  if (!row) {
    throw new Error("a row that was read a moment ago is gone: rows of codes are never deleted");
  }
  return toRecord(row);
}

/** Writes what changed of a row, if it still is as it was read. Returns how many rows were. */
export function updateRecord(sql: Sql, before: CodeRecord, after: CodeRecord): Promise<number> {
  return sql.write(
    `update pickup_code set ${CHANGING}
     where suffix = ? and appointment_id = ? and state = ? and (state <> ? or items_left = ?)`,
    [
      ...changingValues(after),
      suffixAtEnd(before.appointmentId),
      before.appointmentId,
      STATES[before.state],
      STATES.live,
      before.itemsLeft,
    ],
  );
}

/** Writes lines. One shard. */
export function insertLines(sql: Sql, lines: readonly Line[]): Promise<number> {
  return sql.write(`insert into code_event (suffix, ${LINE_COLUMNS}) values ?`, [
    lines.map(lineValues),
  ]);
}

/** Finds the line of a request. */
export async function findLine(sql: Sql, key: RequestKey): Promise<Line | undefined> {
  const rows = await sql.select<LineRow>(
    `select ${LINE_COLUMNS} from code_event
     where suffix = ? and tenant_id = ? and code = ? and store_id = ? and request_id = ?`,
    [suffixAtEnd(key.code), key.tenantId, key.code, idValue(key.storeId), key.requestId],
  );
  return rows.map(toLine)[0];
}

/** Finds the line that reverses another. */
export async function findReversal(
  sql: Sql,
  { appointmentId, eventId }: Pick<Line, "appointmentId" | "eventId">,
): Promise<Line | undefined> {
  const rows = await sql.select<LineRow>(
    `select ${LINE_COLUMNS} from code_event
     where suffix = ? and appointment_id = ? and of_event_id = ?`,
    [suffixAtEnd(appointmentId), appointmentId, idValue(eventId)],
  );
  return rows.map(toLine)[0];
}

/** Lists the last redemptions and reversals of a code, the first first. */
export async function listRedemptions(sql: Sql, appointmentId: string): Promise<Line[]> {
  const rows = await sql.select<LineRow>(
    `select ${LINE_COLUMNS} from code_event
     where suffix = ? and appointment_id = ? and kind in (?)
     order by at_ms desc, event_id desc limit ${REDEMPTIONS_MAX}`,
    [suffixAtEnd(appointmentId), appointmentId, [LINE_KINDS.redeemed, LINE_KINDS.reversed]],
  );
  return rows.map(toLine).reverse();
}

/** Lists the last lines of a code, the first first. */
export async function listLines(sql: Sql, appointmentId: string): Promise<Line[]> {
  const rows = await sql.select<LineRow>(
    `select ${LINE_COLUMNS} from code_event
     where suffix = ? and appointment_id = ?
     order by at_ms desc, event_id desc limit ${LINES_MAX}`,
    [suffixAtEnd(appointmentId), appointmentId],
  );
  return rows.map(toLine).reverse();
}

/** Notes that the heir of a code has none yet. */
export function insertTransfer(sql: Sql, appointmentId: string, atMs: number): Promise<number> {
  return sql.write("insert into code_transfer (suffix, appointment_id, at_ms) values (?, ?, ?)", [
    suffixAtEnd(appointmentId),
    appointmentId,
    atMs,
  ]);
}

/** Lists the oldest unfinished transfers. Asks every shard: the table is nearly always empty. */
export async function listTransfers(sql: Sql, beforeMs: number): Promise<string[]> {
  const rows = await sql.select<{ appointment_id: string }>(
    `select appointment_id from code_transfer where at_ms < ?
     order by at_ms limit ${TRANSFERS_MAX}`,
    [beforeMs],
  );
  return rows.map((row) => row.appointment_id);
}

/** Forgets that a transfer is unfinished. */
export function deleteTransfer(sql: Sql, appointmentId: string): Promise<number> {
  return sql.write("delete from code_transfer where suffix = ? and appointment_id = ?", [
    suffixAtEnd(appointmentId),
    appointmentId,
  ]);
}
