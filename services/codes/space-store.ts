// The SQL statements of number spaces: functions of an Sql, because they are steps of a transaction on
// one shard (allocating.ts says in what order). Each names suffixes, so vtgate sends it to their shard.

import type { Sql, Value } from "#shared/mysql.ts";

/** A number space: the numbers that codes of one tenant, shape and location have. */
export interface SpaceKey {
  readonly tenantId: string;
  /** What the codes look like; see shapeName. */
  readonly shape: string;
  /** The digits that a canonical code ends in: two or three, the last two being the suffix. */
  readonly location: string;
}

/** A number of a space. */
export interface SpaceNumber extends SpaceKey {
  readonly number: number;
}

/** A number that may be given again, and from when on. */
export interface FreedNumber extends SpaceNumber {
  readonly freeAtMs: number;
}

const KEY_COLUMNS = "suffix, tenant_id, shape, location";

interface Row {
  readonly tenant_id: string;
  readonly shape: string;
  readonly location: string;
}

/** Moves the cursors of some spaces on, each by its count. Makes those that are not there. */
export function moveCursors(
  sql: Sql,
  steps: readonly { readonly key: SpaceKey; readonly count: number }[],
): Promise<number> {
  return sql.write(
    `insert into code_space (${KEY_COLUMNS}, next_number) values ?
     on duplicate key update next_number = next_number + values(next_number)`,
    [steps.map(({ key, count }) => [...keyValues(key), count])],
  );
}

/** Reads the cursors of some spaces, by nameOfSpace. */
export async function readCursors(
  sql: Sql,
  keys: readonly SpaceKey[],
): Promise<Map<string, number>> {
  const rows = await sql.select<Row & { next_number: string }>(
    `select tenant_id, shape, location, next_number from code_space
     where (${KEY_COLUMNS}) in (?)`,
    [keys.map(keyValues)],
  );
  return new Map(rows.map((row) => [nameOfSpace(toKey(row)), Number(row.next_number)]));
}

/** Locks numbers of a space that may be given again, the longest free first, and returns them. */
export async function lockFreed(
  sql: Sql,
  key: SpaceKey,
  nowMs: number,
  countMax: number,
): Promise<number[]> {
  const rows = await sql.select<{ number: string }>(
    `select number from freed_number
     where (${KEY_COLUMNS}) = (?, ?, ?, ?) and free_at_ms <= ?
     order by free_at_ms limit ${countMax} for update skip locked`,
    [...keyValues(key), nowMs],
  );
  return rows.map(({ number }) => Number(number));
}

/** Says which of some numbers are noted as freed, whether they may be given yet or not. */
export async function findFreed(
  sql: Sql,
  key: SpaceKey,
  numbers: readonly number[],
): Promise<Set<number>> {
  const rows = await sql.select<{ number: string }>(
    `select number from freed_number where (${KEY_COLUMNS}) = (?, ?, ?, ?) and number in (?)`,
    [...keyValues(key), numbers],
  );
  return new Set(rows.map(({ number }) => Number(number)));
}

/** Notes that numbers may be given from some time on. */
export function putFreed(sql: Sql, freed: readonly FreedNumber[]): Promise<number> {
  return sql.write(
    `insert into freed_number (${KEY_COLUMNS}, number, free_at_ms) values ?
     on duplicate key update free_at_ms = values(free_at_ms)`,
    [freed.map((one) => [...keyValues(one), one.number, one.freeAtMs])],
  );
}

/** Forgets freed numbers of a space: codes have them. */
export function deleteFreed(sql: Sql, key: SpaceKey, numbers: readonly number[]): Promise<number> {
  return sql.write(
    `delete from freed_number where (${KEY_COLUMNS}) = (?, ?, ?, ?) and number in (?)`,
    [...keyValues(key), numbers],
  );
}

/** Says which of some canonical codes of one suffix are live at a tenant. */
export async function findLive(
  sql: Sql,
  tenantId: string,
  codes: readonly string[],
): Promise<Set<string>> {
  const rows = await sql.select<{ code: string }>(
    `select active_code as code from pickup_code
     where suffix = ? and tenant_id = ? and active_code in (?)`,
    [suffixOfLocation(codes[0] ?? ""), tenantId, codes],
  );
  return new Set(rows.map(({ code }) => code));
}

/** Names a space. */
export function nameOfSpace({ tenantId, shape, location }: SpaceKey): string {
  return `${tenantId}|${shape}|${location}`;
}

/** Returns the suffix that a location, or a canonical code, ends in. */
export function suffixOfLocation(location: string): string {
  return location.slice(-2);
}

function keyValues({ tenantId, shape, location }: SpaceKey): Value[] {
  return [suffixOfLocation(location), tenantId, shape, location];
}

function toKey(row: Row): SpaceKey {
  return { tenantId: row.tenant_id, shape: row.shape, location: row.location };
}
