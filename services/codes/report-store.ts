// The SQL statements of reports. They are about a tenant and not about anyone's codes, so each asks every
// shard; each reads one index that covers it, from the tenant's part of it the time that is asked for. They
// are not tried again: a report that was too much for the shards must not come five times.

import { idValue, type Sql, type Value } from "#shared/mysql.ts";
import { LINE_KINDS } from "./line-row.ts";

/** The kinds of lines that are counted. */
const COUNTED = ["redeemed", "reversed", "revoked", "expired"] as const;
const KINDS: readonly number[] = COUNTED.map((kind) => LINE_KINDS[kind]);
/** The most stores that are compared: vttablet returns 10,000 rows at most. */
const STORES_MAX = 10_000;

/** What happened to codes in some time. */
export interface Counts {
  readonly issued: number;
  readonly redeemedItems: number;
  readonly reversedItems: number;
  readonly revoked: number;
  readonly expired: number;
}

/** Of what is counted: a tenant and a time, from startMs up to and without endMs. */
export interface Span {
  readonly tenantId: string;
  readonly startMs: number;
  readonly endMs: number;
}

/** What happened in a store. */
export interface StoreCounts {
  readonly storeId: string;
  readonly counts: Counts;
}

/** The statements. */
export type ReportStore = ReturnType<typeof createReportStore>;

/** Makes the statements of a keyspace. */
export function createReportStore(sql: Pick<Sql, "select">) {
  return {
    /** Counts what happened, in one store if one is given. */
    count: async (span: Span, storeId?: string): Promise<Counts> => {
      const [where, values] = inStore(storeId);
      const [[issued], lines] = await Promise.all([
        sql.select<{ codes: string }>(
          `select count(*) as codes from pickup_code force index (by_issue)
           where tenant_id = ? and issued_at_ms >= ? and issued_at_ms < ? ${where}`,
          [...spanValues(span), ...values],
        ),
        sql.select<LineRow>(
          `select kind, count(*) as events, sum(items) as items
           from code_event force index (by_time)
           where tenant_id = ? and at_ms >= ? and at_ms < ? ${where} and kind in (?)
           group by kind`,
          [...spanValues(span), ...values, KINDS],
        ),
      ]);
      return toCounts(Number(issued?.codes), lines);
    },

    /** Lists the stores in which something happened, from one on, by their ids. */
    listStores: async (span: Span, afterId: string, countMax: number): Promise<StoreCounts[]> => {
      const values = [...spanValues(span), idValue(afterId)];
      const [issued, lines] = await Promise.all([
        sql.select<{ store_id: string; codes: string }>(
          `select store_id, count(*) as codes from pickup_code force index (by_issue)
           where tenant_id = ? and issued_at_ms >= ? and issued_at_ms < ? and store_id > ?
           group by store_id order by store_id limit ${countMax}`,
          values,
        ),
        sql.select<LineRow & { store_id: string }>(
          `select store_id, kind, count(*) as events, sum(items) as items
           from code_event force index (by_time)
           where tenant_id = ? and at_ms >= ? and at_ms < ? and store_id > ? and kind in (?)
           group by store_id, kind order by store_id, kind limit ${countMax * KINDS.length}`,
          [...values, KINDS],
        ),
      ]);
      const issuedIn = new Map(issued.map((row) => [row.store_id, Number(row.codes)]));
      const linesOf = Map.groupBy(lines, (row) => row.store_id);
      // Either list has its lowest stores whole, so together they have as many of the lowest.
      return [...new Set([...issuedIn.keys(), ...linesOf.keys()])]
        .sort((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1))
        .slice(0, countMax)
        .map((storeId) => ({
          storeId,
          counts: toCounts(issuedIn.get(storeId) ?? 0, linesOf.get(storeId) ?? []),
        }));
    },

    /** Counts the codes whose time is not over, in one store if one is given. */
    countLive: async (tenantId: string, nowMs: number, storeId?: string): Promise<number> => {
      const [where, values] = inStore(storeId);
      const [row] = await sql.select<{ codes: string }>(
        `select count(*) as codes from pickup_code force index (by_live)
         where tenant_id = ? and ends_at_ms > ? ${where}`,
        [tenantId, nowMs, ...values],
      );
      return Number(row?.codes);
    },

    /** Counts them by store. With more stores than 10,000, of some of them. */
    countLiveByStore: async (tenantId: string, nowMs: number): Promise<Map<string, number>> => {
      const rows = await sql.select<{ store_id: string; codes: string }>(
        `select store_id, count(*) as codes from pickup_code force index (by_live)
         where tenant_id = ? and ends_at_ms > ?
         group by store_id order by store_id limit ${STORES_MAX}`,
        [tenantId, nowMs],
      );
      return new Map(rows.map((row) => [row.store_id, Number(row.codes)]));
    },
  };
}

interface LineRow {
  readonly kind: number;
  readonly events: string;
  readonly items: string;
}

function spanValues({ tenantId, startMs, endMs }: Span): Value[] {
  return [tenantId, startMs, endMs];
}

function inStore(storeId: string | undefined): [where: string, values: Value[]] {
  return storeId === undefined ? ["", []] : ["and store_id = ?", [idValue(storeId)]];
}

function toCounts(issued: number, lines: readonly LineRow[]): Counts {
  const of = (kind: (typeof COUNTED)[number]) => lines.find((row) => row.kind === LINE_KINDS[kind]);
  return {
    issued,
    redeemedItems: Number(of("redeemed")?.items ?? 0),
    reversedItems: Number(of("reversed")?.items ?? 0),
    revoked: Number(of("revoked")?.events ?? 0),
    expired: Number(of("expired")?.events ?? 0),
  };
}
