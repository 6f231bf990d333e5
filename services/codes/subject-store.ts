// The SQL statements of subjects and campaigns. A campaign's row and the secret of a tenant's ids lie at a
// suffix of the tenant; the codes are read by their ids, which name their suffixes.

import type { CodeState } from "#gen/slotmesh/codes/v1/code_pb.ts";
import { retryTransient, type Sql } from "#shared/mysql.ts";
import { suffixOfTenant } from "./policy-store.ts";
import { keysOf } from "./row.ts";

/** The code of a subject, as it is stored. */
export interface SubjectRow {
  readonly appointmentId: string;
  readonly tenantId: string;
  readonly shopperId: string;
  /** Undefined if it was revoked before it was issued, as is all that follows but the state. */
  readonly subject: string | undefined;
  readonly bodyHash: string | undefined;
  readonly code: string | undefined;
  readonly expiresAtMs: number | undefined;
  readonly policyVersion: number;
  /** The state, whose number is the proto's. Expired is live past its time. */
  readonly state: CodeState;
  /** Whether its number is its own. */
  readonly isHeld: boolean;
}

/** What every code of a campaign is. */
export interface CampaignTerms {
  readonly storeId: string;
  readonly goods: string;
  readonly items: number;
  readonly opensAtMs?: number | undefined;
  readonly expiresAtMs?: number | undefined;
  readonly shopperTemplate: string;
}

/** A campaign, and how far it is. */
export interface Campaign {
  readonly tenantId: string;
  readonly campaignId: string;
  readonly wanted: number;
  readonly terms: CampaignTerms;
  /** The policy that all its codes are issued under. */
  readonly policyVersion: number;
  /** The codes of the numbers from 0 up to here are issued. */
  readonly nextIndex: number;
}

/** The statements. */
export type SubjectStore = ReturnType<typeof createSubjectStore>;

/** Makes the statements of a keyspace. */
export function createSubjectStore(sql: Sql) {
  return {
    /** Reads the codes of some ids; those without a row are left out. */
    listSubjects: async (appointmentIds: readonly string[]): Promise<SubjectRow[]> => {
      const rows = await retryTransient(() =>
        sql.select<Row>(
          `select appointment_id, tenant_id, shopper_id, subject, body_hash, code, expires_at_ms,
             policy_version, state, active_code is not null as is_held
           from pickup_code where (suffix, appointment_id) in (?)`,
          [keysOf(appointmentIds)],
        ),
      );
      return rows.map(toSubjectRow);
    },

    /** Finds what the ids of a tenant's subjects hang on. */
    findSecret: async (tenantId: string): Promise<string | undefined> => {
      const [row] = await retryTransient(() =>
        sql.select<{ readonly secret: string }>(
          "select secret from subject_secret where suffix = ? and tenant_id = ?",
          [suffixOfTenant(tenantId), tenantId],
        ),
      );
      return row?.secret;
    },

    /** Writes it. Does nothing if it is there. */
    insertSecret: async (tenantId: string, secret: string): Promise<void> => {
      await retryTransient(() =>
        sql.write(
          "insert ignore into subject_secret (suffix, tenant_id, secret) values (?, ?, ?)",
          [suffixOfTenant(tenantId), tenantId, secret],
        ),
      );
    },

    /** Writes a campaign that has not begun. Does nothing if there is one of its name. */
    insertCampaign: async (
      { tenantId, campaignId, wanted, terms, policyVersion }: Omit<Campaign, "nextIndex">,
      { createdBy, createdAtMs }: { readonly createdBy: string; readonly createdAtMs: number },
    ): Promise<void> => {
      await retryTransient(() =>
        sql.write(
          `insert ignore into code_campaign (suffix, tenant_id, campaign_id, wanted, terms,
             policy_version, created_by, created_at_ms)
           values (?, ?, ?, ?, ?, ?, ?, ?)`,
          [
            ...[suffixOfTenant(tenantId), tenantId, campaignId, wanted, JSON.stringify(terms)],
            ...[policyVersion, createdBy, createdAtMs],
          ],
        ),
      );
    },

    /** Finds a campaign. */
    findCampaign: async (tenantId: string, campaignId: string): Promise<Campaign | undefined> => {
      const [row] = await retryTransient(() =>
        sql.select<{
          readonly wanted: number;
          readonly terms: CampaignTerms;
          readonly policy_version: number;
          readonly next_index: number;
        }>(
          `select wanted, terms, policy_version, next_index from code_campaign
           where suffix = ? and tenant_id = ? and campaign_id = ?`,
          [suffixOfTenant(tenantId), tenantId, campaignId],
        ),
      );
      return (
        row && {
          ...{ tenantId, campaignId, wanted: row.wanted, terms: row.terms },
          ...{ policyVersion: row.policy_version, nextIndex: row.next_index },
        }
      );
    },

    /** Moves a campaign on from where it is. Returns false if it is elsewhere: someone else moved it, or
     * this did and nobody heard. */
    advanceCampaign: async (
      { tenantId, campaignId, nextIndex }: Campaign,
      toIndex: number,
    ): Promise<boolean> => {
      const count = await retryTransient(() =>
        sql.write(
          `update code_campaign set next_index = ?
           where suffix = ? and tenant_id = ? and campaign_id = ? and next_index = ?`,
          [toIndex, suffixOfTenant(tenantId), tenantId, campaignId, nextIndex],
        ),
      );
      return count === 1;
    },
  };
}

/** A row as the library returns it: BIGINT as strings. */
interface Row {
  readonly appointment_id: string;
  readonly tenant_id: string;
  readonly shopper_id: string;
  readonly subject: string | null;
  readonly body_hash: string | null;
  readonly code: string | null;
  readonly expires_at_ms: string | null;
  readonly policy_version: number;
  readonly state: CodeState;
  readonly is_held: number;
}

function toSubjectRow(row: Row): SubjectRow {
  return {
    appointmentId: row.appointment_id,
    tenantId: row.tenant_id,
    shopperId: row.shopper_id,
    subject: row.subject ?? undefined,
    bodyHash: row.body_hash ?? undefined,
    code: row.code ?? undefined,
    expiresAtMs: row.expires_at_ms === null ? undefined : Number(row.expires_at_ms),
    policyVersion: row.policy_version,
    state: row.state,
    isHeld: Number(row.is_held) === 1,
  };
}
