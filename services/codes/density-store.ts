// The SQL statements of density: a walk over the live codes of a suffix by the index by_end, which holds
// them together and nothing dead between them, and the counts that come of it.

import { retryTransient, type Sql, type Value } from "#shared/mysql.ts";
import { SUFFIXES } from "#shared/suffix.ts";
import { LINES, type Line } from "./density.ts";

/** The live codes of a page: a statement over them is short, and its groups are fewer than the 10,000 rows
 * that vttablet returns at most. */
export const PAGE_CODES = 10_000;
const STORED_ROWS = 5000;

/** A place in the walk: the last code of a page. */
export interface Place {
  readonly endsAtMs: number;
  readonly tenantId: string;
  readonly code: string;
}

/** How many live codes of a length a tenant has at a suffix. */
export interface LiveCount {
  readonly tenantId: string;
  /** The length of the canonical codes. */
  readonly symbols: number;
  readonly live: number;
}

/** The same as it is stored, and the line that was told of. */
export interface StoredDensity extends LiveCount {
  readonly suffix: string;
  readonly reached: Line;
}

/** The statements. */
export type DensityStore = ReturnType<typeof createDensityStore>;

/** Makes the statements of a keyspace. */
export function createDensityStore(sql: Sql) {
  return {
    /** Counts the next page of live codes of a suffix, by tenant and length. */
    countPage: async (suffix: string, after: Place | undefined): Promise<LiveCount[]> => {
      const [condition, values] = following(after);
      const rows = await retryTransient(() =>
        sql.select<{ tenant_id: string; symbols: string; codes: string }>(
          `select tenant_id, length(active_code) as symbols, count(*) as codes
           from (select tenant_id, active_code from pickup_code force index (by_end)
                 where suffix = ? and ${condition}
                 order by ends_at_ms, tenant_id, active_code limit ${PAGE_CODES}) as page
           group by tenant_id, symbols`,
          [suffix, ...values],
        ),
      );
      return rows.map((row) => ({
        tenantId: row.tenant_id,
        symbols: Number(row.symbols),
        live: Number(row.codes),
      }));
    },

    /** Finds the last code of the next page. Undefined if fewer are left. */
    findPageEnd: async (suffix: string, after: Place | undefined): Promise<Place | undefined> => {
      const [condition, values] = following(after);
      const [row] = await retryTransient(() =>
        sql.select<{ ends_at_ms: string; tenant_id: string; active_code: string }>(
          `select ends_at_ms, tenant_id, active_code from pickup_code force index (by_end)
           where suffix = ? and ${condition}
           order by ends_at_ms, tenant_id, active_code limit 1 offset ${PAGE_CODES - 1}`,
          [suffix, ...values],
        ),
      );
      return (
        row && {
          endsAtMs: Number(row.ends_at_ms),
          tenantId: row.tenant_id,
          code: row.active_code,
        }
      );
    },

    /** Lists what is stored of a suffix, a page from a tenant and length on. */
    listStored: async (
      suffix: string,
      after: Pick<LiveCount, "tenantId" | "symbols">,
    ): Promise<StoredDensity[]> => {
      const rows = await retryTransient(() =>
        sql.select<StoredRow>(
          `select ${COLUMNS} from code_density
           where suffix = ? and (tenant_id > ? or (tenant_id = ? and symbols > ?))
           order by tenant_id, symbols limit ${STORED_ROWS}`,
          [suffix, after.tenantId, after.tenantId, after.symbols],
        ),
      );
      return rows.map(toStored);
    },

    /** Stores counts of a suffix; which line was told of stays. */
    putCounts: (suffix: string, counts: readonly LiveCount[]): Promise<number> =>
      retryTransient(() =>
        sql.write(
          `insert into code_density (suffix, tenant_id, symbols, live_codes, reached) values ?
           on duplicate key update live_codes = values(live_codes)`,
          [counts.map((one) => [suffix, one.tenantId, one.symbols, one.live, LINES.none])],
        ),
      ),

    /** Forgets counts of a suffix: nothing is live there. */
    deleteCounts: (
      suffix: string,
      counts: readonly Pick<LiveCount, "tenantId" | "symbols">[],
    ): Promise<number> =>
      retryTransient(() =>
        sql.write(
          "delete from code_density where suffix = ? and (suffix, tenant_id, symbols) in (?)",
          [suffix, counts.map((one) => [suffix, one.tenantId, one.symbols])],
        ),
      ),

    /** Notes that another line counts. Returns false if someone else noted it. */
    moveLine: async (
      { suffix, tenantId, symbols, reached }: StoredDensity,
      line: Line,
    ): Promise<boolean> => {
      const count = await retryTransient(() =>
        sql.write(
          `update code_density set reached = ?
           where suffix = ? and tenant_id = ? and symbols = ? and reached = ?`,
          [line, suffix, tenantId, symbols, reached],
        ),
      );
      return count === 1;
    },

    /** Lists what is stored of a tenant: a row a suffix and length. Asks every shard. */
    listOfTenant: async (tenantId: string): Promise<StoredDensity[]> => {
      const rows = await retryTransient(() =>
        sql.select<StoredRow>(
          `select ${COLUMNS} from code_density where suffix in (?) and tenant_id = ?`,
          [SUFFIXES, tenantId],
        ),
      );
      return rows.map(toStored);
    },
  };
}

const COLUMNS = "suffix, tenant_id, symbols, live_codes, reached";

/** The live codes after a place, in words that the range optimizer reads: it does not read tuples. */
function following(after: Place | undefined): [condition: string, values: Value[]] {
  return after
    ? [
        `(ends_at_ms > ? or (ends_at_ms = ? and (tenant_id > ? or (tenant_id = ? and active_code > ?))))`,
        [after.endsAtMs, after.endsAtMs, after.tenantId, after.tenantId, after.code],
      ]
    : ["ends_at_ms >= 0", []];
}

interface StoredRow {
  readonly suffix: string;
  readonly tenant_id: string;
  readonly symbols: number;
  readonly live_codes: string;
  readonly reached: number;
}

function toStored(row: StoredRow): StoredDensity {
  return {
    suffix: row.suffix,
    tenantId: row.tenant_id,
    symbols: row.symbols,
    live: Number(row.live_codes),
    reached: row.reached as Line,
  };
}
