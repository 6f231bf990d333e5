// Every SQL statement of Codes. Each names the suffix, or tuples of suffix and appointment, so vtgate
// sends it to the shards of those suffixes alone (routes.vitess.test.ts holds it to that); writes of
// many rows want rows of one shard, see shards.ts.
//
// Every statement has the effect of once when it runs twice, so the store itself repeats what failed
// for a passing reason or with an unknown outcome. INSERT IGNORE is silent about more than duplicates:
// it clips values that do not fit, and drops a row whose code is not of its suffix. So sizes are
// checked before, and no row is taken for written unless the count or a reading says so.

import { idValue, isDuplicate, retryTransient, type Sql, type Value } from "#shared/mysql.ts";
import { suffixAtEnd } from "#shared/suffix.ts";
import type { CodeRecord, Receipt, StoredState } from "./domain.ts";

/** The most rows of one code that are read. A code comes again once in a million issues of its suffix. */
const ROWS_OF_CODE_MAX = 100;

/** The states as numbers, those of the proto. */
const STATES: Record<StoredState, number> = { live: 1, redeemed: 2, revoked: 3 };
const STATE_NAMES = new Map(
  Object.entries(STATES).map(([name, value]) => [value, name as StoredState]),
);

const COLUMNS = `appointment_id, tenant_id, shopper_id, store_id, party_size, code, state,
  issued_at_ms, expires_at_ms, redemption_id, redeemed_at_ms, redeemed_store_id, redeemed_by,
  redeem_request_id`;

/** Whose a code is, and where it counts. */
export interface Owner {
  readonly appointmentId: string;
  readonly tenantId: string;
  readonly shopperId: string;
  readonly storeId: string;
}

/** A live code to be written. */
export interface NewCode extends Owner {
  readonly code: string;
  readonly partySize: number;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
}

/** Where an appointment's code stands. */
export interface StateRow {
  readonly appointmentId: string;
  readonly state: StoredState;
  readonly expiresAtMs: number | undefined;
}

/** The statements. */
export type CodeStore = ReturnType<typeof createStore>;

/** Makes the statements of a keyspace. */
export function createStore(sql: Sql) {
  const select = <Row>(statement: string, values: readonly Value[]) =>
    retryTransient(() => sql.select<Row>(statement, values));
  const write = (statement: string, values: readonly Value[]) =>
    retryTransient(() => sql.write(statement, values));

  return {
    /** Writes the codes that are free, of appointments without a row. Of several codes of an
     * appointment, the first free one is taken. Returns how many were written. One shard. */
    insertCodes: (codes: readonly NewCode[]) =>
      write(
        `insert ignore into pickup_code (suffix, appointment_id, tenant_id, shopper_id, store_id,
           state, party_size, code, active_code, issued_at_ms, expires_at_ms)
         values ?`,
        [
          codes.map((row) => [
            ...ownerValues(row),
            STATES.live,
            row.partySize,
            row.code,
            row.code,
            row.issuedAtMs,
            row.expiresAtMs,
          ]),
        ],
      ),

    /** Writes a tombstone for each appointment without a row. Returns how many. One shard. */
    insertTombstones: (owners: readonly Owner[], revokedAtMs: number) =>
      write(
        `insert ignore into pickup_code (suffix, appointment_id, tenant_id, shopper_id, store_id,
           state, revoked_at_ms)
         values ?`,
        [owners.map((owner) => [...ownerValues(owner), STATES.revoked, revokedAtMs])],
      ),

    /** Revokes the codes that are live. Returns how many. One shard. */
    revokeLive: (appointmentIds: readonly string[], revokedAtMs: number) =>
      write(
        `update pickup_code set state = ?, active_code = null, revoked_at_ms = ?
         where (suffix, appointment_id) in (?) and state = ?`,
        [STATES.revoked, revokedAtMs, keys(appointmentIds), STATES.live],
      ),

    /** Reads where the codes of some appointments stand; those without a row are left out. */
    listStates: async (appointmentIds: readonly string[]): Promise<StateRow[]> => {
      const rows = await select<Row>(
        `select appointment_id, state, expires_at_ms from pickup_code
         where (suffix, appointment_id) in (?)`,
        [keys(appointmentIds)],
      );
      return rows.map((row) => ({
        appointmentId: row.appointment_id,
        state: stateOf(row),
        expiresAtMs: toNumber(row.expires_at_ms),
      }));
    },

    /** Counts the live codes of a suffix. Reads all its rows: for errors, not for the daily way. */
    countLive: async (suffix: string): Promise<number> => {
      const [row] = await select<{ codes: string }>(
        `select count(*) as codes from pickup_code where suffix = ? and state = ?`,
        [suffix, STATES.live],
      );
      return Number(row?.codes);
    },

    /** Finds the code of an appointment of a tenant, and of one shopper if one is given. */
    findByAppointment: async (
      appointmentId: string,
      tenantId: string,
      shopperId?: string,
    ): Promise<CodeRecord | undefined> => {
      const rows = await select<Row>(
        `select ${COLUMNS} from pickup_code
         where suffix = ? and appointment_id = ? and tenant_id = ?
           ${shopperId === undefined ? "" : "and shopper_id = ?"}`,
        [
          suffixAtEnd(appointmentId),
          appointmentId,
          tenantId,
          ...(shopperId === undefined ? [] : [shopperId]),
        ],
      );
      return rows.map(toRecord)[0];
    },

    /** Finds what a code stands for at a store: the live appointment, or else the last. */
    findByCode: async (
      code: string,
      tenantId: string,
      storeId: string,
    ): Promise<CodeRecord | undefined> => {
      const rows = await select<Row>(
        `select ${COLUMNS} from pickup_code
         where suffix = ? and code = ? and tenant_id = ? and store_id = ?
         order by active_code is null, issued_at_ms desc limit 1`,
        [suffixAtEnd(code), code, tenantId, idValue(storeId)],
      );
      return rows.map(toRecord)[0];
    },

    /** Lists what a code stood for at a tenant: the live appointment first, then the last issued. */
    listByCode: async (code: string, tenantId: string): Promise<CodeRecord[]> => {
      const rows = await select<Row>(
        `select ${COLUMNS} from pickup_code
         where suffix = ? and code = ? and tenant_id = ?
         order by active_code is null, issued_at_ms desc limit ${ROWS_OF_CODE_MAX}`,
        [suffixAtEnd(code), code, tenantId],
      );
      return rows.map(toRecord);
    },

    /** Redeems a code if it is live at this store now, and frees its digits. A request that redeemed
     * these digits before is refused by the key once_a_request, and changes nothing. */
    redeem: async (code: string, tenantId: string, receipt: Receipt): Promise<void> => {
      const { redemptionId, requestId, storeId, staffId, redeemedAtMs } = receipt;
      try {
        await write(
          `update pickup_code
           set state = ?, active_code = null, redemption_id = ?, redeemed_at_ms = ?,
             redeemed_store_id = ?, redeemed_by = ?, redeem_request_id = ?
           where suffix = ? and active_code = ? and tenant_id = ? and store_id = ? and state = ?
             and expires_at_ms > ?`,
          [
            STATES.redeemed,
            idValue(redemptionId),
            redeemedAtMs,
            idValue(storeId),
            staffId,
            requestId,
            suffixAtEnd(code),
            code,
            tenantId,
            idValue(storeId),
            STATES.live,
            redeemedAtMs,
          ],
        );
      } catch (error) {
        if (!isDuplicate(error)) {
          throw error;
        }
      }
    },
  };
}

/** A row as the library returns it: BIGINT as strings. */
interface Row {
  readonly appointment_id: string;
  readonly tenant_id: string;
  readonly shopper_id: string;
  readonly store_id: string;
  readonly party_size: number | null;
  readonly code: string | null;
  readonly state: number;
  readonly issued_at_ms: string | null;
  readonly expires_at_ms: string | null;
  readonly redemption_id: string | null;
  readonly redeemed_at_ms: string | null;
  readonly redeemed_store_id: string | null;
  readonly redeemed_by: string | null;
  readonly redeem_request_id: string | null;
}

function ownerValues(owner: Owner): Value[] {
  const { appointmentId, tenantId, shopperId, storeId } = owner;
  return [suffixAtEnd(appointmentId), appointmentId, tenantId, shopperId, idValue(storeId)];
}

function keys(appointmentIds: readonly string[]): Value[] {
  return appointmentIds.map((id) => [suffixAtEnd(id), id]);
}

function stateOf(row: Pick<Row, "state">): StoredState {
  const state = STATE_NAMES.get(row.state);
  if (!state) {
    throw new Error(`pickup_code holds the state ${row.state}, which this build does not know`);
  }
  return state;
}

function toNumber(value: string | number | null): number | undefined {
  return value === null ? undefined : Number(value);
}

function toRecord(row: Row): CodeRecord {
  return {
    appointmentId: row.appointment_id,
    tenantId: row.tenant_id,
    shopperId: row.shopper_id,
    storeId: row.store_id,
    code: row.code ?? undefined,
    partySize: toNumber(row.party_size),
    issuedAtMs: toNumber(row.issued_at_ms),
    expiresAtMs: toNumber(row.expires_at_ms),
    state: stateOf(row),
    receipt:
      row.redemption_id === null
        ? undefined
        : {
            redemptionId: row.redemption_id,
            requestId: row.redeem_request_id ?? "",
            storeId: row.redeemed_store_id ?? "",
            staffId: row.redeemed_by ?? "",
            redeemedAtMs: Number(row.redeemed_at_ms),
          },
  };
}
