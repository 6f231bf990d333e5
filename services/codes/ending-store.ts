// The SQL statements of how codes end without a clerk: the lines that the ledger gets when a code is taken
// back or its time is over, and what is found and changed for the latter. Each names suffixes of one shard.

import type { Sql } from "#shared/mysql.ts";
import { eventIdOf, type Line } from "./acts.ts";
import { LINE_COLUMNS, lineValues } from "./line-row.ts";
import { keysOf, STATES } from "./row.ts";

/** Who ended codes, and why. */
export interface By {
  /** A member of staff, or a service by its name. */
  readonly actorId: string;
  /** May be empty. */
  readonly reason: string;
}

/** A code that ends, or may. */
export interface Ending {
  readonly appointmentId: string;
  readonly tenantId: string;
  readonly storeId: string;
  readonly code: string;
  readonly policyVersion: number;
  readonly itemsLeft: number;
  readonly expiresAtMs: number;
  /** Whether its number is its own: it loses it an hour after its time. */
  readonly isHeld: boolean;
}

/** Locks the live codes of some appointments until the transaction ends, and returns them. One shard. */
export async function lockLive(sql: Sql, appointmentIds: readonly string[]): Promise<Ending[]> {
  const rows = await sql.select<Row>(
    `select ${COLUMNS} from pickup_code
     where (suffix, appointment_id) in (?) and state = ? for update`,
    [keysOf(appointmentIds), STATES.live],
  );
  return rows.map(toEnding);
}

/** Writes the lines of codes that ended. A line that is there already stays as it is. One shard.
 *
 * The store of such a line is the one that the code was issued for: reports count it there. */
export function insertEndings(
  sql: Sql,
  kind: "revoked" | "expired",
  endings: readonly Ending[],
  act: By & { readonly atMs: number },
): Promise<number> {
  return sql.write(`insert ignore into code_event (suffix, ${LINE_COLUMNS}) values ?`, [
    endings.map((ending) => lineValues(lineOf(kind, ending, act))),
  ]);
}

/** Lists codes of some suffixes whose time was over before a moment and that still hold their numbers, and
 * at most so many. Reads nothing else, however many codes are live or dead. */
export async function listOverdue(
  sql: Sql,
  suffixes: readonly string[],
  beforeMs: number,
  countMax: number,
): Promise<Ending[]> {
  const rows = await sql.select<Row>(
    `select ${COLUMNS} from pickup_code force index (by_end)
     where suffix in (?) and ends_at_ms < ? limit ${countMax}`,
    [suffixes, beforeMs],
  );
  return rows.map(toEnding);
}

/** Locks those of some codes that are still overdue until the transaction ends, and returns them. Leaves out
 * what someone else is at. */
export async function lockOverdue(
  sql: Sql,
  appointmentIds: readonly string[],
  beforeMs: number,
): Promise<Ending[]> {
  const rows = await sql.select<Row>(
    `select ${COLUMNS} from pickup_code
     where (suffix, appointment_id) in (?) and active_code is not null and expires_at_ms < ?
     for update skip locked`,
    [keysOf(appointmentIds), beforeMs],
  );
  return rows.map(toEnding);
}

/** Takes the numbers of codes that are locked. Their state stays live: past its time, that is expired. */
export function dropNumbers(sql: Sql, appointmentIds: readonly string[]): Promise<number> {
  return sql.write(
    "update pickup_code set active_code = null where (suffix, appointment_id) in (?)",
    [keysOf(appointmentIds)],
  );
}

const COLUMNS = `appointment_id, tenant_id, store_id, code, policy_version, items_left, expires_at_ms,
  active_code is not null as is_held`;

/** A row as the library returns it: BIGINT as strings. */
interface Row {
  readonly appointment_id: string;
  readonly tenant_id: string;
  readonly store_id: string;
  readonly code: string;
  readonly policy_version: number;
  readonly items_left: number;
  readonly expires_at_ms: string;
  readonly is_held: number | string;
}

function toEnding(row: Row): Ending {
  return {
    appointmentId: row.appointment_id,
    tenantId: row.tenant_id,
    storeId: row.store_id,
    code: row.code,
    policyVersion: row.policy_version,
    itemsLeft: row.items_left,
    expiresAtMs: Number(row.expires_at_ms),
    isHeld: Number(row.is_held) === 1,
  };
}

/** A code is taken back once, and its time is over once: so that is what the request is called, and the
 * line's id follows from it. */
function lineOf(
  kind: "revoked" | "expired",
  ending: Ending,
  { actorId, reason, atMs }: By & { readonly atMs: number },
): Line {
  const { appointmentId, tenantId, storeId, code, itemsLeft, expiresAtMs } = ending;
  const requestId = `${kind}/${kind === "expired" ? `${expiresAtMs}/` : ""}${appointmentId}`;
  return {
    eventId: eventIdOf(appointmentId, storeId, requestId),
    ...{ kind, appointmentId, tenantId, code, storeId, requestId, atMs },
    ...{ staffId: actorId, reason, items: itemsLeft, ofEventId: undefined },
  };
}
