// The SQL statements of number spaces: functions of an Sql, because they are steps of a transaction on
// one shard (allocating.ts says in what order). Each names suffixes, so vtgate sends it to their shard.

import type { Sql, Value } from "#shared/mysql.ts";
import { suffixAtEnd } from "#shared/suffix.ts";

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

/** Locks the cursors of some spaces until the transaction ends, and reads them, by nameOfSpace. Of a space that
 * has none there is nothing to lock. */
export async function lockCursors(
  sql: Sql,
  keys: readonly SpaceKey[],
): Promise<Map<string, number>> {
  const rows = await sql.select<Row & { next_number: string }>(
    `select tenant_id, shape, location, next_number from code_space
     where (${KEY_COLUMNS}) in (?) for update`,
    [keys.map(keyValues)],
  );
  return new Map(rows.map((row) => [nameOfSpace(toKey(row)), Number(row.next_number)]));
}

/** Lists numbers of some spaces that may be given again, of each the longest free first and at most so many:
 * one limit for all would be spent on the first space that has many. Whoever asks holds their cursors, so
 * nobody else does. */
export async function listFreed(
  sql: Sql,
  wants: readonly { readonly key: SpaceKey; readonly countMax: number }[],
  nowMs: number,
): Promise<SpaceNumber[]> {
  const ofOne = `(select tenant_id, shape, location, number from freed_number force index (by_time)
     where (${KEY_COLUMNS}) = (?, ?, ?, ?) and free_at_ms <= ? order by free_at_ms limit ?)`;
  const rows = await sql.select<Row & { number: string }>(
    wants.map(() => ofOne).join(" union all "),
    wants.flatMap(({ key, countMax }) => [...keyValues(key), nowMs, countMax]),
  );
  return rows.map((row) => ({ ...toKey(row), number: Number(row.number) }));
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

/** Forgets freed numbers: codes have them. */
export function deleteFreed(sql: Sql, numbers: readonly SpaceNumber[]): Promise<number> {
  return sql.write(`delete from freed_number where (${KEY_COLUMNS}, number) in (?)`, [
    numbers.map((one) => [...keyValues(one), one.number]),
  ]);
}

/** Says which of some canonical codes are live at their tenants, and names them by nameOfCode. */
export async function findLive(
  sql: Pick<Sql, "select">,
  codes: readonly { readonly tenantId: string; readonly code: string }[],
): Promise<Set<string>> {
  if (codes.length === 0) {
    return new Set();
  }
  const rows = await sql.select<{ tenant_id: string; code: string }>(
    `select tenant_id, active_code as code from pickup_code
     where (suffix, tenant_id, active_code) in (?)`,
    [codes.map(({ tenantId, code }) => [suffixAtEnd(code), tenantId, code])],
  );
  return new Set(rows.map((row) => nameOfCode({ tenantId: row.tenant_id, code: row.code })));
}

/** Names a code among those of all tenants. */
export function nameOfCode({ tenantId, code }: { tenantId: string; code: string }): string {
  return `${tenantId}|${code}`;
}

/** Names a space. */
export function nameOfSpace({ tenantId, shape, location }: SpaceKey): string {
  return `${tenantId}|${shape}|${location}`;
}

function keyValues({ tenantId, shape, location }: SpaceKey): Value[] {
  return [suffixAtEnd(location), tenantId, shape, location];
}

function toKey(row: Row): SpaceKey {
  return { tenantId: row.tenant_id, shape: row.shape, location: row.location };
}
