// Every SQL statement of Codes. Each names the suffix, or tuples of suffix and appointment, so vtgate
// sends it to the shards of those suffixes alone (routes.vitess.test.ts holds it to that); writes of
// many rows want rows of one shard, see shards.ts.
//
// Every statement has the effect of once when it runs twice, so the store itself repeats what failed
// for a passing reason or with an unknown outcome. INSERT IGNORE is silent about more than duplicates:
// it clips values that do not fit, and drops a row whose code is not of its suffix. So sizes are
// checked before, and no row is taken for written unless the count or a reading says so.

import { type Database, idValue, retryTransient, type Value } from "#shared/mysql.ts";
import { suffixAtEnd } from "#shared/suffix.ts";
import type { CodeRecord, Heir, StoredState } from "./domain.ts";
import { type By, insertEndings, lockLive } from "./ending-store.ts";
import type { EndedCode } from "./freeing.ts";
import { COLUMNS, keysOf, type Row, STATES, stateOf, toHeir, toNumber, toRecord } from "./row.ts";
import { type FreedNumber, putFreed } from "./space-store.ts";

/** The most rows of one code that are read. A code comes again once in a million issues of its suffix. */
const ROWS_OF_CODE_MAX = 100;

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
  readonly policyVersion: number;
  readonly partySize: number;
  readonly items: number;
  /** What a clerk hands over. */
  readonly goods: string;
  readonly anyStore: boolean;
  readonly issuedAtMs: number;
  /** When it can be redeemed first. Undefined: at once. */
  readonly opensAtMs: number | undefined;
  readonly expiresAtMs: number;
  /** Which code it is for the same thing. If absent, the first. */
  readonly serial?: number;
  /** What its issuer calls it, and what tells two bodies under one name apart. If absent, it is for an
   * appointment. */
  readonly subject?: string;
  readonly bodyHash?: string;
}

/** Where an appointment's code stands. */
export interface StateRow {
  readonly appointmentId: string;
  /** The canonical code. Undefined if it was revoked before it was issued. */
  readonly code: string | undefined;
  readonly state: StoredState;
  readonly expiresAtMs: number | undefined;
  /** To whom it was given: what is asked of this code is asked of theirs. */
  readonly heir: Heir | undefined;
}

/** The columns of a code that are left out of a statement in which every row has the table's own value: of
 * 20 values in a row, vtgate and MySQL took a fifth of their time for the six that were never set. */
const DEFAULTED: readonly {
  readonly column: string;
  readonly fallback: number | null;
  readonly of: (row: NewCode) => string | number | bigint | null;
}[] = [
  { column: "policy_version", fallback: 0, of: (row) => row.policyVersion },
  { column: "items", fallback: 1, of: (row) => row.items },
  { column: "items_left", fallback: 1, of: (row) => row.items },
  { column: "goods", fallback: null, of: (row) => row.goods || null },
  { column: "any_store", fallback: 0, of: (row) => (row.anyStore ? 1 : 0) },
  { column: "opens_at_ms", fallback: null, of: (row) => row.opensAtMs ?? null },
  { column: "serial", fallback: 1, of: (row) => row.serial ?? 1 },
  { column: "subject", fallback: null, of: (row) => row.subject ?? null },
  {
    column: "body_hash",
    fallback: null,
    of: ({ bodyHash }) => (bodyHash === undefined ? null : idValue(bodyHash)),
  },
];

/** The statements. */
export type CodeStore = ReturnType<typeof createStore>;

/** Makes the statements of a keyspace. */
export function createStore(database: Pick<Database, "select" | "write" | "transact">) {
  const select = <Row>(statement: string, values: readonly Value[]) =>
    retryTransient(() => database.select<Row>(statement, values));
  const write = (statement: string, values: readonly Value[]) =>
    retryTransient(() => database.write(statement, values));

  return {
    /** Writes the codes that are free, of appointments without a row. Of several codes of an
     * appointment, the first free one is taken. Returns how many were written. One shard. */
    insertCodes: (codes: readonly NewCode[]) => {
      const wanted = DEFAULTED.filter(({ fallback, of }) =>
        codes.some((row) => of(row) !== fallback),
      );
      const columns = wanted.map(({ column }) => `, ${column}`).join("");
      return write(
        `insert ignore into pickup_code (suffix, appointment_id, tenant_id, shopper_id, store_id,
           state, party_size, code, active_code, issued_at_ms, expires_at_ms${columns})
         values ?`,
        [
          codes.map((row) => [
            ...[...ownerValues(row), STATES.live, row.partySize, row.code, row.code],
            ...[row.issuedAtMs, row.expiresAtMs],
            ...wanted.map(({ of }) => of(row)),
          ]),
        ],
      );
    },

    /** Writes a tombstone for each appointment without a row. Returns how many. One shard. */
    insertTombstones: (owners: readonly Owner[], revokedAtMs: number) =>
      write(
        `insert ignore into pickup_code (suffix, appointment_id, tenant_id, shopper_id, store_id,
           state, revoked_at_ms)
         values ?`,
        [owners.map((owner) => [...ownerValues(owner), STATES.revoked, revokedAtMs])],
      ),

    /** Revokes the codes that are live, and notes when their numbers may be given again, which `freedOf`
     * tells of codes that ended. One shard. */
    revokeLive: (
      appointmentIds: readonly string[],
      act: By & { readonly atMs: number },
      freedOf: (ended: readonly EndedCode[]) => Promise<readonly FreedNumber[]>,
    ): Promise<void> =>
      retryTransient(() =>
        database.transact(async (sql) => {
          const live = await lockLive(sql, appointmentIds);
          if (live.length > 0) {
            const ids = live.map(({ appointmentId }) => appointmentId);
            await sql.write(
              `update pickup_code set state = ?, active_code = null, revoked_at_ms = ?
               where (suffix, appointment_id) in (?) and state = ?`,
              [STATES.revoked, act.atMs, keysOf(ids), STATES.live],
            );
            await insertEndings(sql, "revoked", live, act);
            const held = live.filter(({ isHeld }) => isHeld);
            if (held.length > 0) {
              await putFreed(sql, await freedOf(held));
            }
          }
        }),
      ),

    /** Reads where the codes of some appointments stand; those without a row are left out. */
    listStates: async (appointmentIds: readonly string[]): Promise<StateRow[]> => {
      const rows = await select<Row>(
        `select appointment_id, code, state, expires_at_ms, transferred_to_id,
           transferred_to_shopper_id
         from pickup_code where (suffix, appointment_id) in (?)`,
        [keysOf(appointmentIds)],
      );
      return rows.map((row) => ({
        appointmentId: row.appointment_id,
        code: row.code ?? undefined,
        state: stateOf(row),
        expiresAtMs: toNumber(row.expires_at_ms),
        heir: toHeir(row),
      }));
    },

    /** Counts the live codes of a tenant at a suffix. Reads the key of each: for errors and gauges. */
    countLive: async (suffix: string, tenantId: string): Promise<number> => {
      const [row] = await select<{ codes: string }>(
        `select count(*) as codes from pickup_code
         where suffix = ? and tenant_id = ? and active_code is not null`,
        [suffix, tenantId],
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

    /** Reads the codes of some appointments; those without a row are left out. */
    listByAppointments: async (appointmentIds: readonly string[]): Promise<CodeRecord[]> => {
      const rows = await select<Row>(
        `select ${COLUMNS} from pickup_code where (suffix, appointment_id) in (?)`,
        [keysOf(appointmentIds)],
      );
      return rows.map(toRecord);
    },

    /** Lists the codes of a member at a suffix, the last issued first, from a place on. */
    listByMember: async (
      suffix: string,
      tenantId: string,
      shopperId: string,
      from: { readonly issuedAtMs: number; readonly appointmentId: string },
      countMax: number,
    ): Promise<CodeRecord[]> => {
      // The first bound on issued_at_ms is what the index by_member begins at.
      const rows = await select<Row>(
        `select ${COLUMNS} from pickup_code
         where suffix = ? and tenant_id = ? and shopper_id = ? and issued_at_ms <= ?
           and (issued_at_ms, appointment_id) < (?, ?)
         order by issued_at_ms desc, appointment_id desc limit ${countMax}`,
        [suffix, tenantId, shopperId, from.issuedAtMs, from.issuedAtMs, from.appointmentId],
      );
      return rows.map(toRecord);
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
  };
}

function ownerValues(owner: Owner): Value[] {
  const { appointmentId, tenantId, shopperId, storeId } = owner;
  return [suffixAtEnd(appointmentId), appointmentId, tenantId, shopperId, idValue(storeId)];
}
