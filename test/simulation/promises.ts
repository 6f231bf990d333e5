// What slotmesh promises, checked by someone who sees every row: at each write, and when all is quiet.
// The numbers are those of the invariants in test/model/README.md.

import { ClaimState } from "#gen/slotmesh/inventory/v1/claims_service_pb.ts";
import { AppointmentState } from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import type { CodeRecord } from "../../services/codes/domain.ts";
import { type Claim, nameOfClaim, nameOfSlot, type Slot } from "../../services/inventory/domain.ts";
import { isFinal, isSameWish, type Row, WORK_NONE } from "../../services/scheduling/domain.ts";
import { type ClaimTables, isActive, listActive } from "../model/claims.ts";

const { CONFIRMED, CANCELLED, EXPIRED, REFUSED } = AppointmentState;

/** Every row there is. */
export interface Rows {
  readonly tables: ClaimTables;
  readonly appointments: Map<string, Row>;
  readonly codes: Map<string, CodeRecord>;
}

/** An answer that a shopper read. */
export interface Sighting {
  readonly appointmentId: string;
  readonly state: AppointmentState;
  /** When it was asked for and when it came, in events. */
  readonly from: number;
  readonly until: number;
}

/** What shoppers were told and did. */
export interface Ledger {
  /** Appointments that were answered QUEUED or ALREADY_YOURS. */
  readonly queued: Set<string>;
  /** Appointments that someone asked to cancel. */
  readonly cancelAsked: Set<string>;
  readonly sightings: Sighting[];
  /** The redemptions that a store was told of, by appointment. */
  readonly redemptions: Map<string, Set<string>>;
}

/** Checks claims as a transaction left them. Returns what is broken. */
export function checkClaims(rows: Rows, claims: readonly Claim[]): string[] {
  const slots = new Set(claims.map(nameOfSlot));
  return [
    ...[...slots].flatMap((name) => checkSlot(rows.tables, name)),
    ...claims.flatMap((claim) => checkReleased(rows, claim)),
  ];
}

/** I1, I12. */
function checkSlot(tables: ClaimTables, name: string): string[] {
  const slot = tables.slots.get(name);
  if (!slot) {
    return [];
  }
  const active = listActive(tables, name);
  const taken = active.reduce((sum, { partySize }) => sum + partySize, 0);
  const shoppers = new Set(active.map(({ tenantId, shopperId }) => `${tenantId}/${shopperId}`));
  return [
    ...when(
      slot.available + taken !== slot.total || slot.available < 0 || slot.available > slot.total,
      `I1: slot ${name} has ${slot.available} free and ${taken} claimed of ${slot.total} spots`,
    ),
    ...when(shoppers.size < active.length, `I12: a shopper holds two claims in slot ${name}`),
  ];
}

/** I3: spots go back only once the row says so. */
function checkReleased({ appointments }: Rows, claim: Claim): string[] {
  if (claim.state !== ClaimState.RELEASED) {
    return [];
  }
  const row = appointments.get(claim.appointmentId);
  const mayBe = row && (row.state === CANCELLED || row.state === EXPIRED || !isFor(row, claim));
  return when(
    !mayBe,
    `I3: the spots of ${short(claim)} were given back while its row says ${stateName(row?.state)}`,
  );
}

/** Checks a row as a statement left it. */
export function checkRow(rows: Rows, ledger: Ledger, row: Row, before: Row | undefined): string[] {
  const changed = before && before.state !== row.state;
  const mayChange = before?.state === CONFIRMED && row.state === CANCELLED;
  const code = rows.codes.get(row.appointmentId);
  return [
    ...when(
      before !== undefined && !isSameWish(before, row),
      `I6: the row of ${short(row)} became another wish's`,
    ),
    ...when(
      changed === true && !mayChange,
      `I6: the answer of ${short(row)} changed from ${stateName(before?.state)} to ${stateName(row.state)}`,
    ),
    ...when(
      row.state === CANCELLED && !ledger.cancelAsked.has(row.appointmentId),
      `I6: ${short(row)} was cancelled and nobody asked for it`,
    ),
    ...when(
      row.state !== CONFIRMED && (code?.state === "live" || code?.state === "redeemed"),
      `I4: ${short(row)} became ${stateName(row.state)} while its code is ${code?.state}`,
    ),
    ...(row.state === CONFIRMED ? checkHasClaim(rows, row) : []),
  ];
}

/** I3: who is told yes has spots, as many as told. */
function checkHasClaim({ tables }: Rows, row: Row): string[] {
  const claim = tables.claims.get(nameOfClaim(row));
  if (!claim || !isActive(claim)) {
    return [`I3: ${short(row)} is CONFIRMED without a claim`];
  }
  return when(
    claim.partySize !== row.partySize || claim.shopperId !== row.shopperId,
    `I3: ${short(row)} is CONFIRMED for ${row.partySize} and claims ${claim.partySize} spots`,
  );
}

/** Checks a code as a statement left it: I4, I11. */
export function checkCode(
  { appointments }: Rows,
  code: CodeRecord,
  before: CodeRecord | undefined,
): string[] {
  const row = appointments.get(code.appointmentId);
  const isUsable = code.state === "live" || code.state === "redeemed";
  return [
    ...when(
      isUsable && row?.state !== CONFIRMED,
      `I4: ${short(code)} has a ${code.state} code and its row says ${stateName(row?.state)}`,
    ),
    ...when(
      isUsable && row !== undefined && code.partySize !== row.partySize,
      `I4: the code of ${short(code)} is for ${code.partySize} and its row for ${row?.partySize}`,
    ),
    ...when(
      before !== undefined && before.state !== "live",
      `I11: the code of ${short(code)} was ${before?.state} and became ${code.state}`,
    ),
  ];
}

/** Checks everything once all is quiet. */
export function checkQuiet(rows: Rows, ledger: Ledger): string[] {
  const { tables, appointments } = rows;
  return [
    ...[...tables.slots.keys()].flatMap((name) => checkSlot(tables, name)),
    ...[...tables.slots.values()].flatMap((slot) => checkSold(rows, slot)),
    ...[...tables.claims.values()].flatMap((claim) => [
      ...when(claim.state === ClaimState.LOCKED, `I9: the claim of ${short(claim)} is LOCKED`),
      ...checkReleased(rows, claim),
    ]),
    ...[...appointments.values()].flatMap((row) => checkQuietRow(rows, row)),
    ...[...ledger.queued].flatMap((id) =>
      when(!appointments.has(id), `I8: ${id.slice(0, 4)} was QUEUED and has no answer`),
    ),
    ...checkSightings(ledger, appointments),
    ...[...ledger.redemptions].flatMap(([id, receipts]) =>
      when(
        receipts.size > 1,
        `I11: the code of ${id.slice(0, 4)} was redeemed ${receipts.size} times`,
      ),
    ),
  ];
}

/** I2: what is confirmed is what is claimed, and no more than there is. */
function checkSold({ tables, appointments }: Rows, slot: Slot): string[] {
  const name = nameOfSlot(slot);
  const confirmed = [...appointments.values()].filter(
    (row) => row.state === CONFIRMED && nameOfSlot(row) === name,
  );
  const sold = confirmed.reduce((sum, { partySize }) => sum + partySize, 0);
  return [
    ...when(sold > slot.total, `I2: slot ${name} sold ${sold} of ${slot.total} spots`),
    ...when(
      sold + slot.available !== slot.total,
      `I1: slot ${name} sold ${sold} and has ${slot.available} free of ${slot.total} spots`,
    ),
    ...when(
      listActive(tables, name).length !== confirmed.length,
      `I3: slot ${name} has ${confirmed.length} appointments and other claims`,
    ),
  ];
}

function checkQuietRow(rows: Rows, row: Row): string[] {
  const code = rows.codes.get(row.appointmentId);
  const wanted = row.state === CONFIRMED ? ["live", "redeemed"] : [undefined, "revoked"];
  return [
    ...when(!isFinal(row.state), `I6: the row of ${short(row)} says ${stateName(row.state)}`),
    ...when(row.work !== WORK_NONE, `I9: ${short(row)} still owes ${row.work}`),
    ...when(
      !wanted.includes(code?.state),
      `I4: ${short(row)} is ${stateName(row.state)} and its code is ${code?.state ?? "not there"}`,
    ),
    ...(row.state === CONFIRMED ? checkHasClaim(rows, row) : []),
  ];
}

/** I6, as shoppers see it: who asks later is not told something else, but that it was cancelled. */
function checkSightings({ sightings }: Ledger, appointments: Map<string, Row>): string[] {
  const broken: string[] = [];
  const finals = sightings.filter(({ state }) => isFinal(state));
  for (const one of finals) {
    const row = appointments.get(one.appointmentId);
    if (row?.state !== one.state && !(one.state === CONFIRMED && row?.state === CANCELLED)) {
      broken.push(
        `I6: ${short(one)} was told ${stateName(one.state)} and its row says ${stateName(row?.state)}`,
      );
    }
    const later = finals.find(
      (other) =>
        other.appointmentId === one.appointmentId &&
        other.from > one.until &&
        other.state !== one.state &&
        !(one.state === CONFIRMED && other.state === CANCELLED),
    );
    if (later) {
      broken.push(
        `I6: ${short(one)} was told ${stateName(one.state)}, and later ${stateName(later.state)}`,
      );
    }
  }
  return broken;
}

function isFor(row: Row, claim: Claim): boolean {
  return (
    nameOfClaim(row) === nameOfClaim(claim) &&
    row.partySize === claim.partySize &&
    row.shopperId === claim.shopperId
  );
}

function when(isBroken: boolean, says: string): string[] {
  return isBroken ? [says] : [];
}

function short({ appointmentId }: { readonly appointmentId: string }): string {
  return appointmentId.slice(0, 4);
}

const NAMES = new Map<AppointmentState | undefined, string>([
  [undefined, "nothing"],
  [CONFIRMED, "CONFIRMED"],
  [CANCELLED, "CANCELLED"],
  [EXPIRED, "EXPIRED"],
  [REFUSED, "REFUSED"],
]);

function stateName(state: AppointmentState | undefined): string {
  return NAMES.get(state) ?? `state ${state}`;
}
