// The SQL statements of policies. A tenant's versions lie together, at a suffix of the tenant itself.

import { isDuplicate, retryTransient, type Sql } from "#shared/mysql.ts";
import { suffixOf } from "#shared/suffix.ts";
import type { Policy, PolicySpec } from "./policy.ts";

/** A version, with who made it and when. */
export interface MadePolicy {
  readonly policy: Policy;
  readonly createdBy: string;
  readonly createdAtMs: number;
}

/** The statements. */
export type PolicyStore = ReturnType<typeof createPolicyStore>;

/** Makes the statements of a keyspace. */
export function createPolicyStore(sql: Sql) {
  return {
    /** Lists the versions that a tenant made. */
    list: async (tenantId: string): Promise<MadePolicy[]> => {
      const rows = await retryTransient(() =>
        sql.select<{
          readonly version: number;
          readonly policy: PolicySpec;
          readonly created_by: string;
          readonly created_at_ms: string;
        }>(
          `select version, policy, created_by, created_at_ms from code_policy
           where suffix = ? and tenant_id = ?`,
          [suffixOfTenant(tenantId), tenantId],
        ),
      );
      return rows.map((row) => ({
        policy: { ...row.policy, version: row.version },
        createdBy: row.created_by,
        createdAtMs: Number(row.created_at_ms),
      }));
    },

    /** Writes a version. Does nothing if there is one of that number. */
    insert: async (tenantId: string, { policy, createdBy, createdAtMs }: MadePolicy) => {
      const { version, ...spec } = policy;
      try {
        await retryTransient(() =>
          sql.write(
            `insert into code_policy (suffix, tenant_id, version, policy, created_by, created_at_ms)
             values (?, ?, ?, ?, ?, ?)`,
            [
              ...[suffixOfTenant(tenantId), tenantId, version, JSON.stringify(spec)],
              ...[createdBy, createdAtMs],
            ],
          ),
        );
      } catch (error) {
        if (!isDuplicate(error)) {
          throw error;
        }
      }
    },

    /** Counts the live codes of a tenant by policy version. Asks every shard. */
    countLive: async (tenantId: string): Promise<Map<number, number>> => {
      const rows = await retryTransient(() =>
        sql.select<{ readonly policy_version: number; readonly codes: string }>(
          `select policy_version, count(*) as codes from pickup_code
           where tenant_id = ? and active_code is not null group by policy_version`,
          [tenantId],
        ),
      );
      return new Map(rows.map((row) => [row.policy_version, Number(row.codes)]));
    },
  };
}

/** Returns the suffix at which lies what is a tenant's and nobody's in particular. */
export function suffixOfTenant(tenantId: string): string {
  return suffixOf(tenantId, "");
}
