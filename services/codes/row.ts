// How a row of pickup_code is read and written: its columns, its states as numbers, and what there is to
// know of the code in it.

import { idValue, type Value } from "#shared/mysql.ts";
import { ofSuffix } from "#shared/shards.ts";
import { suffixAtEnd } from "#shared/suffix.ts";
import type { CodeRecord, Heir, Receipt, StoredState } from "./domain.ts";

/** The states as numbers, those of the proto. */
export const STATES: Record<StoredState, number> = { live: 1, redeemed: 2, revoked: 3 };
const STATE_NAMES = new Map(
  Object.entries(STATES).map(([name, value]) => [value, name as StoredState]),
);

/** The columns of a record. */
export const COLUMNS = `appointment_id, tenant_id, shopper_id, store_id, party_size, code,
  active_code, state, issued_at_ms, opens_at_ms, expires_at_ms, revoked_at_ms,
  policy_version, subject, goods, items, items_left, serial, any_store,
  locked_by, locked_store_id, locked_until_ms, transferred_to_id, transferred_to_shopper_id,
  redemption_id, redeemed_at_ms, redeemed_store_id, redeemed_by, redeem_request_id, redeemed_items`;

/** A row as the library returns it: BIGINT as strings. */
export interface Row {
  readonly appointment_id: string;
  readonly tenant_id: string;
  readonly shopper_id: string;
  readonly store_id: string;
  readonly party_size: number | null;
  readonly code: string | null;
  readonly active_code: string | null;
  readonly state: number;
  readonly issued_at_ms: string | null;
  readonly opens_at_ms: string | null;
  readonly expires_at_ms: string | null;
  readonly revoked_at_ms: string | null;
  readonly policy_version: number;
  readonly subject: string | null;
  readonly goods: string | null;
  readonly items: number;
  readonly items_left: number;
  readonly serial: number;
  readonly any_store: number;
  readonly locked_by: string | null;
  readonly locked_store_id: string | null;
  readonly locked_until_ms: string | null;
  readonly transferred_to_id: string | null;
  readonly transferred_to_shopper_id: string | null;
  readonly redemption_id: string | null;
  readonly redeemed_at_ms: string | null;
  readonly redeemed_store_id: string | null;
  readonly redeemed_by: string | null;
  readonly redeem_request_id: string | null;
  readonly redeemed_items: number | null;
}

/** What redeeming changes of a row, in the order of changingValues. */
export const CHANGING = `state = ?, active_code = ?, items_left = ?, expires_at_ms = ?, revoked_at_ms = ?,
  locked_by = ?, locked_store_id = ?, locked_until_ms = ?, transferred_to_id = ?,
  transferred_to_shopper_id = ?, redemption_id = ?, redeemed_at_ms = ?, redeemed_store_id = ?,
  redeemed_by = ?, redeem_request_id = ?, redeemed_items = ?`;

/** The values of CHANGING. */
export function changingValues(record: CodeRecord): Value[] {
  const { lock, heir, receipt } = record;
  return [
    STATES[record.state],
    record.isHeld ? (record.code ?? null) : null,
    record.itemsLeft,
    record.expiresAtMs ?? null,
    record.revokedAtMs ?? null,
    ...(lock ? [lock.staffId, idValue(lock.storeId), lock.untilMs] : [null, null, null]),
    ...(heir ? [heir.appointmentId, heir.shopperId] : [null, null]),
    ...(receipt
      ? [
          idValue(receipt.redemptionId),
          receipt.redeemedAtMs,
          idValue(receipt.storeId),
          receipt.staffId,
          receipt.requestId,
          receipt.items,
        ]
      : [null, null, null, null, null, null]),
  ];
}

/** The primary keys of some appointments' rows, for an IN over suffix and appointment. */
export function keysOf(appointmentIds: readonly string[]): Value[] {
  return appointmentIds.map((id) => [suffixAtEnd(id), id]);
}

/** Computes the keyspace id of an appointment's row. */
export function ofAppointment({ appointmentId }: { readonly appointmentId: string }): bigint {
  return ofSuffix(appointmentId);
}

/** Returns each appointment once, in the order of the primary key: batches that meet take their locks
 * in one order and do not deadlock. */
export function inKeyOrder<Item extends { readonly appointmentId: string }>(
  items: readonly Item[],
): Map<string, Item> {
  const byId = new Map(items.map((item) => [item.appointmentId, item]));
  const order = (id: string) => suffixAtEnd(id) + id;
  return new Map([...byId].sort(([a], [b]) => (order(a) < order(b) ? -1 : 1)));
}

/** Reads the state of a row. */
export function stateOf(row: Pick<Row, "state">): StoredState {
  const state = STATE_NAMES.get(row.state);
  if (!state) {
    throw new Error(`pickup_code holds the state ${row.state}, which this build does not know`);
  }
  return state;
}

/** Reads a number that may be absent. */
export function toNumber(value: string | number | null): number | undefined {
  return value === null ? undefined : Number(value);
}

/** Reads a row. */
export function toRecord(row: Row): CodeRecord {
  const state = stateOf(row);
  return {
    appointmentId: row.appointment_id,
    tenantId: row.tenant_id,
    shopperId: row.shopper_id,
    storeId: row.store_id,
    code: row.code ?? undefined,
    isHeld: row.active_code !== null,
    partySize: toNumber(row.party_size),
    issuedAtMs: toNumber(row.issued_at_ms),
    opensAtMs: toNumber(row.opens_at_ms),
    expiresAtMs: toNumber(row.expires_at_ms),
    revokedAtMs: toNumber(row.revoked_at_ms),
    state,
    policyVersion: row.policy_version,
    subject: row.subject ?? "",
    goods: row.goods ?? "",
    items: row.items,
    // What was redeemed before items were counted has the column's default.
    itemsLeft: state === "redeemed" ? 0 : row.items_left,
    serial: row.serial,
    anyStore: row.any_store === 1,
    lock:
      row.locked_by === null
        ? undefined
        : {
            staffId: row.locked_by,
            storeId: row.locked_store_id ?? "",
            untilMs: Number(row.locked_until_ms),
          },
    heir: toHeir(row),
    receipt: toReceipt(row),
  };
}

/** Reads to whom a code was given. */
export function toHeir(
  row: Pick<Row, "transferred_to_id" | "transferred_to_shopper_id">,
): Heir | undefined {
  return row.transferred_to_id === null
    ? undefined
    : { appointmentId: row.transferred_to_id, shopperId: row.transferred_to_shopper_id ?? "" };
}

function toReceipt(row: Row): Receipt | undefined {
  return row.redemption_id === null
    ? undefined
    : {
        redemptionId: row.redemption_id,
        requestId: row.redeem_request_id ?? "",
        storeId: row.redeemed_store_id ?? "",
        staffId: row.redeemed_by ?? "",
        redeemedAtMs: Number(row.redeemed_at_ms),
        // Before items were counted, each code was one.
        items: row.redeemed_items ?? 1,
      };
}
