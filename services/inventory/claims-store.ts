// Every SQL statement about claims and the spots of slots. They are functions of an Sql, because most
// of them are steps of a transaction; claims.ts says which and in what order.
//
// Rows are named by store_id IN (...), which is what vtgate routes by (claims.ts groups rows by shard, so
// the statement goes to one), and then exactly, slot by slot, in a list a slot. A list of tuples would
// say the same, but 500 of three columns pass the memory of MySQL's range optimizer, which then reads
// the whole table, and in an update locks it. FORCE INDEX is there for the same reason: a claim is locked
// by its own key or not at all, whatever the statistics of a slot that is a second old say.

import { ClaimRefusal, ClaimState } from "#gen/slotmesh/inventory/v1/claims_service_pb.ts";
import { idValue, type Sql, type Value } from "#shared/mysql.ts";
import {
  type Claim,
  type ClaimKey,
  nameOfSlot,
  type Slot,
  type SlotKey,
  type SpotChange,
  type TakeKey,
  type UnsettledTake,
} from "./domain.ts";
import { SLOT_COLUMNS, type SlotRecord, toSlot } from "./store.ts";

const CLAIM_COLUMNS =
  "store_id, slot_id, appointment_id, tenant_id, shopper_id, party_size, state, refusal, attempt, " +
  "taken_at_ms";

const TAKE_COLUMNS = "store_id, slot_id, attempt, claims";
/** The states of rows that hold spots. Rows are written LOCKED; CONFIRMED ones are of an older build. */
const HELD = [ClaimState.LOCKED, ClaimState.CONFIRMED];

interface TakeRecord {
  store_id: string;
  slot_id: string;
  attempt: string;
  claims: number;
}

interface ClaimRecord {
  store_id: string;
  slot_id: string;
  appointment_id: string;
  tenant_id: string;
  shopper_id: string;
  party_size: number;
  state: ClaimState;
  refusal: ClaimRefusal;
  attempt: string;
  taken_at_ms: string;
}

/** A claim, and the transaction that wrote its row. */
export interface StoredClaim extends Claim {
  readonly attempt: string;
}

/** Inserts claims, passing over those whose key is taken and those whose shopper has another active claim
 * in the slot. Returns how many were inserted. IGNORE would also cut values that do not fit; the
 * contract's bounds are the columns'. */
export function insertClaims(
  sql: Sql,
  claims: readonly Claim[],
  attempt: string,
  nowMs: number,
): Promise<number> {
  const rows = claims.map((claim): Value[] => [
    idValue(claim.storeId),
    idValue(claim.slotId),
    claim.appointmentId,
    claim.tenantId,
    claim.shopperId,
    claim.partySize,
    claim.state,
    claim.refusal,
    idValue(attempt),
    claim.takenAtMs,
    claim.state === ClaimState.REFUSED ? null : claim.shopperId,
    nowMs,
  ]);
  return sql.write(
    `insert ignore into claim (${CLAIM_COLUMNS}, active_shopper, updated_at_ms) values ?`,
    [rows],
  );
}

/** Reads claims by key; those that do not exist are left out. */
export async function selectClaims(sql: Sql, keys: readonly ClaimKey[]): Promise<StoredClaim[]> {
  const { condition, values } = namingClaims(keys);
  const records = await sql.select<ClaimRecord>(
    `select ${CLAIM_COLUMNS} from claim force index (primary) where ${condition}`,
    values,
  );
  return records.map(toClaim);
}

/** Reads claims by key and locks them until the transaction ends. */
export async function lockClaims(sql: Sql, keys: readonly ClaimKey[]): Promise<StoredClaim[]> {
  const { condition, values } = namingClaims(keys);
  const records = await sql.select<ClaimRecord>(
    `select ${CLAIM_COLUMNS} from claim force index (primary) where ${condition} ` +
      "order by store_id, slot_id, appointment_id for update",
    values,
  );
  return records.map(toClaim);
}

/** Reads slots and locks them until the transaction ends: the hot rows, so the last that are locked. */
export async function lockSlots(sql: Sql, keys: readonly SlotKey[]): Promise<Slot[]> {
  const { condition, values } = namingSlots(keys);
  const records = await sql.select<SlotRecord>(
    `select ${SLOT_COLUMNS} from slot force index (primary) where ${condition} ` +
      "order by store_id, slot_id for update",
    values,
  );
  return records.map(toSlot);
}

/** Moves spots from or back to slots, where there are so many, in one statement. Returns how many slots
 * had them: fewer than were named means that a rule above is broken. */
export function changeSpots(sql: Sql, changes: readonly SpotChange[]): Promise<number> {
  const { condition, values } = namingSlots(changes);
  const [first] = changes;
  const isOne = changes.length === 1 && first !== undefined;
  const spots = isOne
    ? "?"
    : `case ${changes.map(() => "when store_id = ? and slot_id = ? then ?").join(" ")} end`;
  const spotsValues = isOne
    ? [first.spots]
    : changes.flatMap((change): Value[] => [
        idValue(change.storeId),
        idValue(change.slotId),
        change.spots,
      ]);
  return sql.write(
    "update slot force index (primary) " +
      `set available = available + ${spots}, version = version + 1 ` +
      `where ${condition} and available + ${spots} between 0 and total`,
    [...spotsValues, ...values, ...spotsValues],
  );
}

/** Turns locked claims into refused ones, each with its reason. Returns how many were. */
export function refuseClaims(
  sql: Sql,
  claims: readonly (ClaimKey & { readonly refusal: ClaimRefusal })[],
  nowMs: number,
): Promise<number> {
  const { condition, values } = namingClaims(claims);
  const [last, ...others] = [...Map.groupBy(claims, ({ refusal }) => refusal)].reverse();
  const cases = others.map(([refusal, group]) => {
    const { exact, exactValues } = namingClaims(group);
    return { text: `when ${exact} then ?`, values: [...exactValues, refusal] };
  });
  const refusals =
    cases.length === 0 ? "?" : `case ${cases.map(({ text }) => text).join(" ")} else ? end`;
  return sql.write(
    `update claim force index (primary) set state = ?, refusal = ${refusals}, ` +
      `active_shopper = null, updated_at_ms = ? where ${condition} and state = ?`,
    [
      ClaimState.REFUSED,
      ...cases.flatMap((one) => one.values),
      last?.[0] ?? ClaimRefusal.UNSPECIFIED,
      nowMs,
      ...values,
      ClaimState.LOCKED,
    ],
  );
}

/** Notes takes as not settled. */
export function insertUnsettledTakes(
  sql: Sql,
  takes: readonly UnsettledTake[],
  nowMs: number,
): Promise<number> {
  const rows = takes.map((take): Value[] => [
    idValue(take.storeId),
    idValue(take.slotId),
    idValue(take.attempt),
    take.claims,
    nowMs,
  ]);
  return sql.write(
    "insert into unsettled_take (store_id, slot_id, attempt, claims, taken_at_ms) values ?",
    [rows],
  );
}

/** Reads the unsettled takes of some slots. */
export async function selectUnsettledTakes(
  sql: Sql,
  keys: readonly SlotKey[],
): Promise<UnsettledTake[]> {
  const { condition, values } = namingSlots(keys);
  const records = await sql.select<TakeRecord>(
    `select ${TAKE_COLUMNS} from unsettled_take force index (primary) where ${condition}`,
    values,
  );
  return records.map(toUnsettledTake);
}

/** Reads takes that were made up to an instant and are not settled, oldest first. Scatters: a take's age
 * says nothing of its shard. For the reconciler, which asks every few seconds. */
export async function selectOldTakes(
  sql: Sql,
  takenUntilMs: number,
  rowsMax: number,
): Promise<UnsettledTake[]> {
  const records = await sql.select<TakeRecord>(
    `select ${TAKE_COLUMNS} from unsettled_take where taken_at_ms <= ? ` +
      "order by taken_at_ms, store_id, slot_id, attempt limit ?",
    [takenUntilMs, rowsMax],
  );
  return records.map(toUnsettledTake);
}

/** Reads the claims of takes that hold spots now. Walks the claims of their slots: for what is left
 * behind, which is rare. */
export async function selectClaimsOfTakes(
  sql: Sql,
  takes: readonly TakeKey[],
): Promise<StoredClaim[]> {
  const { condition, values } = namingTakes(takes);
  const records = await sql.select<ClaimRecord>(
    `select ${CLAIM_COLUMNS} from claim force index (primary) where ${condition} and state in (?)`,
    [...values, HELD],
  );
  return records.map(toClaim);
}

/** Settles takes; passes over those that are settled. A DELETE takes no FORCE INDEX but this hint: read
 * whole, as MySQL would a table that is nearly empty, it would lock everyone's takes. */
export function deleteUnsettledTakes(sql: Sql, takes: readonly TakeKey[]): Promise<number> {
  const { condition, values } = namingTakes(takes);
  return sql.write(
    `delete /*+ index(unsettled_take primary) */ from unsettled_take where ${condition}`,
    values,
  );
}

/** Turns claims that hold spots into released ones. Returns how many were. */
export function releaseClaims(sql: Sql, keys: readonly ClaimKey[], nowMs: number): Promise<number> {
  const { condition, values } = namingClaims(keys);
  return sql.write(
    "update claim force index (primary) " +
      "set state = ?, active_shopper = null, updated_at_ms = ? " +
      `where ${condition} and state in (?)`,
    [ClaimState.RELEASED, nowMs, ...values, HELD],
  );
}

/** Reads slots by key; those that do not exist are left out. */
export async function selectSlots(sql: Sql, keys: readonly SlotKey[]): Promise<Slot[]> {
  const { condition, values } = namingSlots(keys);
  const records = await sql.select<SlotRecord>(
    `select ${SLOT_COLUMNS} from slot force index (primary) where ${condition}`,
    values,
  );
  return records.map(toSlot);
}

/** Reads a page of the claims that hold spots of some slots, after a claim, in the order of the unique
 * key: it has no entries for claims that hold none, however many were refused. */
export async function selectActiveClaims(
  sql: Sql,
  keys: readonly SlotKey[],
  after: Claim | undefined,
  rowsMax: number,
): Promise<StoredClaim[]> {
  const { condition, values } = namingSlots(keys);
  const records = await sql.select<ClaimRecord>(
    `select ${CLAIM_COLUMNS} from claim force index (by_active_shopper) ` +
      `where ${condition} and active_shopper is not null ` +
      (after ? "and (store_id, slot_id, tenant_id, active_shopper) > (?) " : "") +
      "order by store_id, slot_id, tenant_id, active_shopper limit ?",
    [
      ...values,
      ...(after
        ? [[idValue(after.storeId), idValue(after.slotId), after.tenantId, after.shopperId]]
        : []),
      rowsMax,
    ],
  );
  return records.map(toClaim);
}

/** Names slots in a where clause, store by store. */
function namingSlots(keys: readonly SlotKey[]): { condition: string; values: Value[] } {
  const stores = Map.groupBy(keys, ({ storeId }) => storeId);
  const exact = [...stores].map(() => "(store_id = ? and slot_id in (?))").join(" or ");
  return {
    condition: `store_id in (?) and (${exact})`,
    values: [
      [...stores.keys()].map(idValue),
      ...[...stores].flatMap(([storeId, group]): Value[] => [
        idValue(storeId),
        group.map(({ slotId }) => idValue(slotId)),
      ]),
    ],
  };
}

/** Names claims in a where clause, slot by slot: exactly, and with the stores in front for vtgate. */
function namingClaims(keys: readonly ClaimKey[]) {
  const slots = [...Map.groupBy(keys, nameOfSlot).values()];
  const exact = slots
    .map(() => "(store_id = ? and slot_id = ? and appointment_id in (?))")
    .join(" or ");
  const exactValues = slots.flatMap((group): Value[] => {
    const { storeId, slotId } = group[0] as ClaimKey;
    return [idValue(storeId), idValue(slotId), group.map(({ appointmentId }) => appointmentId)];
  });
  const stores = [...new Set(keys.map(({ storeId }) => storeId))];
  return {
    condition: `store_id in (?) and (${exact})`,
    values: [stores.map(idValue), ...exactValues],
    exact,
    exactValues,
  };
}

/** Names takes in a where clause, slot by slot, with the stores in front for vtgate. */
function namingTakes(takes: readonly TakeKey[]): { condition: string; values: Value[] } {
  const slots = [...Map.groupBy(takes, nameOfSlot).values()];
  const exact = slots.map(() => "(store_id = ? and slot_id = ? and attempt in (?))").join(" or ");
  const stores = [...new Set(takes.map(({ storeId }) => storeId))];
  return {
    condition: `store_id in (?) and (${exact})`,
    values: [
      stores.map(idValue),
      ...slots.flatMap((group): Value[] => {
        const { storeId, slotId } = group[0] as TakeKey;
        return [idValue(storeId), idValue(slotId), group.map(({ attempt }) => idValue(attempt))];
      }),
    ],
  };
}

function toUnsettledTake(record: TakeRecord): UnsettledTake {
  return {
    storeId: record.store_id,
    slotId: record.slot_id,
    attempt: record.attempt,
    claims: record.claims,
  };
}

function toClaim(record: ClaimRecord): StoredClaim {
  return {
    storeId: record.store_id,
    slotId: record.slot_id,
    appointmentId: record.appointment_id,
    tenantId: record.tenant_id,
    shopperId: record.shopper_id,
    partySize: record.party_size,
    state: record.state,
    refusal: record.refusal,
    attempt: record.attempt,
    takenAtMs: Number(record.taken_at_ms),
  };
}
