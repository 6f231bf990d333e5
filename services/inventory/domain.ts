// The rules of what can be booked: who gets spots, what a slot and a store may be, and which instants a
// local day is made of. No I/O, no clock, no random: the time comes in as nowMs, from the clock of the
// service that is asked.
//
// A claim's life. It begins LOCKED (its spots are taken) or REFUSED (it never had any; final). LOCKED
// becomes CONFIRMED when its take is settled: a take is what one transaction took in one slot. LOCKED and
// CONFIRMED become RELEASED (final) when the appointment's row says that they may. Spots move at two
// moments only: into LOCKED, into RELEASED.

import { hash } from "node:crypto";
import { ClaimRefusal, ClaimState } from "#gen/slotmesh/inventory/v1/claims_service_pb.ts";
import { chunksOf } from "#shared/chunks.ts";

/** The longest slot. */
export const SLOT_MS_MAX = 24 * 3_600_000;

const ID_MAX = (1n << 63n) - 1n;
const DECIMAL = /^(?:0|[1-9][0-9]{0,18})$/;
const ZONE_NAME = /^[A-Za-z][A-Za-z0-9_+/-]*$/;

/** Where a slot is. */
export interface SlotKey {
  readonly storeId: string;
  readonly slotId: string;
}

/** Where a claim is. */
export interface ClaimKey extends SlotKey {
  readonly appointmentId: string;
}

/** Names a take: the claims that one transaction took in one slot. */
export interface TakeKey extends SlotKey {
  /** The transaction's number, as digits. */
  readonly attempt: string;
}

/** A take that is not settled. */
export interface UnsettledTake extends TakeKey {
  /** How many claims it took. */
  readonly claims: number;
}

/** A wish for spots. */
export interface Take extends ClaimKey {
  readonly tenantId: string;
  readonly shopperId: string;
  readonly partySize: number;
}

/** A claim as it is in the rows. */
export interface Claim extends Take {
  readonly state: ClaimState;
  readonly refusal: ClaimRefusal;
  readonly takenAtMs: number;
}

/** A slot as it is in the rows. */
export interface Slot extends SlotKey {
  readonly tenantId: string;
  readonly serviceId: string;
  readonly timeZone: string;
  readonly startsAtMs: number;
  readonly endsAtMs: number;
  readonly opensAtMs: number;
  readonly total: number;
  readonly available: number;
  readonly partySizeMax: number;
  readonly version: number;
}

/** A store. */
export interface Store {
  readonly storeId: string;
  readonly tenantId: string;
  readonly name: string;
  readonly address: string;
  readonly timeZone: string;
  readonly latitude: number;
  readonly longitude: number;
  readonly createdAtMs: number;
}

/** What is booked. */
export interface Service {
  readonly serviceId: string;
  readonly tenantId: string;
  readonly name: string;
  readonly partySizeMax: number;
  readonly createdAtMs: number;
}

/** What names a write, and what it asked for: the two sides of idempotency. */
export interface RequestMark {
  readonly key: Buffer;
  readonly hash: Buffer;
}

/** Spots that go from a slot (below zero) or back to it. */
export interface SpotChange extends SlotKey {
  readonly spots: number;
}

/** Names a slot in a map. */
export function nameOfSlot({ storeId, slotId }: SlotKey): string {
  return `${storeId}/${slotId}`;
}

/** Names a claim in a map. */
export function nameOfClaim(key: ClaimKey): string {
  return `${key.storeId}/${key.slotId}/${key.appointmentId}`;
}

/** Says whether an id can be in the rows. Any other spelling names nothing: "007" is not 7, whose row
 * lies elsewhere, and what passes 63 bits would be cut by MySQL. */
export function isStoredId(id: string): boolean {
  return DECIMAL.test(id) && BigInt(id) <= ID_MAX;
}

/** Says whether a slot's key can be in the rows. */
export function isStoredSlot({ storeId, slotId }: SlotKey): boolean {
  return isStoredId(storeId) && isStoredId(slotId);
}

/** Orders claims as their primary key does. Everyone locks in this order, so nobody waits in a ring. */
export function compareKeys(a: ClaimKey, b: ClaimKey): number {
  return (
    compareIds(a.storeId, b.storeId) ||
    compareIds(a.slotId, b.slotId) ||
    (a.appointmentId < b.appointmentId ? -1 : Number(a.appointmentId > b.appointmentId))
  );
}

function compareIds(a: string, b: string): number {
  return a.length - b.length || (a < b ? -1 : Number(a > b));
}

/** Splits wishes into the batches that are decided one after the other, a transaction each. A wish that
 * is there twice is decided once. Of one shopper's several wishes for a slot the first comes before the
 * others: when it is refused, another may still get spots. Otherwise the order stays as it is. */
export function batchesOf(takes: readonly Take[], rowsMax: number): Take[][] {
  const wishes = new Map<string, Take>();
  for (const take of takes) {
    const name = nameOfClaim(take);
    if (!wishes.has(name)) {
      wishes.set(name, take);
    }
  }
  const seen = new Set<string>();
  const first: Take[] = [];
  const later: Take[] = [];
  for (const take of wishes.values()) {
    const place = `${nameOfSlot(take)}/${take.tenantId}/${take.shopperId}`;
    (seen.has(place) ? later : first).push(take);
    seen.add(place);
  }
  return [...chunksOf(first, rowsMax), ...chunksOf(later, rowsMax)];
}

/** Makes the rows of wishes that take their spots. */
export function toLockedClaims(takes: readonly Take[], nowMs: number): Claim[] {
  return takes.map((take) => ({
    ...take,
    state: ClaimState.LOCKED,
    refusal: ClaimRefusal.UNSPECIFIED,
    takenAtMs: nowMs,
  }));
}

/** Decides wishes in the order given, against slots that nobody else can change meanwhile. Returns the
 * refusal of each, UNSPECIFIED for those that get spots. */
export function decideTakes(
  takes: readonly Take[],
  slots: ReadonlyMap<string, Slot>,
  nowMs: number,
): ClaimRefusal[] {
  const free = new Map([...slots].map(([name, { available }]) => [name, available]));
  return takes.map((take) => {
    const name = nameOfSlot(take);
    const slot = slots.get(name);
    const left = free.get(name) ?? 0;
    const refusal = refusalOf(take, slot, left, nowMs);
    if (refusal === ClaimRefusal.UNSPECIFIED) {
      free.set(name, left - take.partySize);
    }
    return refusal;
  });
}

/** What is said first is what will not change: a slot that is not there, a time, a rule, the stock. */
function refusalOf(take: Take, slot: Slot | undefined, free: number, nowMs: number): ClaimRefusal {
  if (!slot || slot.tenantId !== take.tenantId) {
    return ClaimRefusal.NO_SUCH_SLOT;
  }
  if (nowMs >= slot.startsAtMs) {
    return ClaimRefusal.TOO_LATE;
  }
  if (nowMs < slot.opensAtMs) {
    return ClaimRefusal.NOT_OPEN;
  }
  if (take.partySize > slot.partySizeMax) {
    return ClaimRefusal.PARTY_TOO_LARGE;
  }
  return take.partySize > free ? ClaimRefusal.SOLD_OUT : ClaimRefusal.UNSPECIFIED;
}

/** Names a take in a map. */
export function nameOfTake({ storeId, slotId, attempt }: TakeKey): string {
  return `${storeId}/${slotId}/${attempt}`;
}

/** Says whether a claim's spots were taken, now or before. */
export function wasTaken({ state }: Pick<Claim, "state">): boolean {
  return state !== ClaimState.REFUSED;
}

/** Returns claims as they stand: one that holds spots is LOCKED until its take is settled. */
export function withSettling<Stored extends Claim & { readonly attempt: string }>(
  claims: readonly Stored[],
  unsettled: readonly TakeKey[],
): Stored[] {
  const open = new Set(unsettled.map(nameOfTake));
  return claims.map((claim) => {
    const isHeld = claim.state === ClaimState.LOCKED || claim.state === ClaimState.CONFIRMED;
    if (!isHeld) {
      return claim;
    }
    const state = open.has(nameOfTake(claim)) ? ClaimState.LOCKED : ClaimState.CONFIRMED;
    return { ...claim, state };
  });
}

/** Finds the unsettled takes all of whose claims are among these. */
export function wholeTakes(
  claims: readonly (Claim & { readonly attempt: string })[],
  unsettled: readonly UnsettledTake[],
): TakeKey[] {
  const counts = new Map<string, number>();
  for (const claim of claims.filter(wasTaken)) {
    const name = nameOfTake(claim);
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return unsettled.filter((take) => counts.get(nameOfTake(take)) === take.claims).map(toTakeKey);
}

/** Returns a take's key alone. */
export function toTakeKey({ storeId, slotId, attempt }: TakeKey): TakeKey {
  return { storeId, slotId, attempt };
}

/** Sums the spots of claims by slot, in the order of the slots' keys. */
export function sumSpots(claims: readonly Take[], sign: 1 | -1): SpotChange[] {
  const sums = new Map<string, SpotChange>();
  for (const { storeId, slotId, partySize } of [...claims].sort(compareKeys)) {
    const name = nameOfSlot({ storeId, slotId });
    const spots = (sums.get(name)?.spots ?? 0) + sign * partySize;
    sums.set(name, { storeId, slotId, spots });
  }
  return [...sums.values()];
}

/** Returns slots as they are after a change of their spots. */
export function applyChanges(
  slots: ReadonlyMap<string, Slot>,
  changes: readonly SpotChange[],
): Map<string, Slot> {
  const after = new Map(slots);
  for (const change of changes) {
    const name = nameOfSlot(change);
    const slot = slots.get(name);
    if (slot) {
      const available = slot.available + change.spots;
      after.set(name, { ...slot, available, version: slot.version + 1 });
    }
  }
  return after;
}

/** Makes the mark of a write. The request's id is hashed too, so that any text of any length is a key. */
export function requestMark(requestId: string, body: readonly unknown[]): RequestMark {
  return {
    key: hash("sha256", requestId, "buffer"),
    hash: hash("sha256", JSON.stringify(body), "buffer"),
  };
}

/** Says what a write met that found its place taken. */
export function judgeRepeat<Row extends { readonly mark: RequestMark }>(
  rows: readonly Row[],
  mark: RequestMark,
): { kind: "repeat"; row: Row } | { kind: "reused" } | { kind: "name-taken" } {
  const row = rows.find((candidate) => candidate.mark.key.equals(mark.key));
  if (!row) {
    return { kind: "name-taken" };
  }
  return row.mark.hash.equals(mark.hash) ? { kind: "repeat", row } : { kind: "reused" };
}

/** Finds the name of an IANA zone in its usual spelling, or undefined. An offset is no zone: it knows
 * nothing of summer. */
export function findTimeZone(text: string): string | undefined {
  if (!ZONE_NAME.test(text)) {
    return undefined;
  }
  try {
    return Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(text).timeZoneId;
  } catch {
    return undefined;
  }
}

/** Finds the instants of a local day, from startMs up to and without endMs; undefined if the calendar has
 * no such day. A day has 23, 24 or 25 hours, or 24 and a half on Lord Howe, and begins at 01:00 where
 * midnight is skipped. A day that its zone skipped has none: start and end are one instant. */
export function findLocalDay(
  date: string,
  timeZone: string,
): { startMs: number; endMs: number } | undefined {
  let day: Temporal.PlainDate;
  try {
    day = Temporal.PlainDate.from(date, { overflow: "reject" });
  } catch {
    return undefined;
  }
  return {
    startMs: day.toZonedDateTime(timeZone).epochMilliseconds,
    endMs: day.add({ days: 1 }).toZonedDateTime(timeZone).epochMilliseconds,
  };
}

/** Makes the token of the page that follows a store or a service. */
export function toPageToken(id: string): string {
  return Buffer.from(id).toString("base64url");
}

/** Finds the id that a page follows; undefined if the token is not one of ours. */
export function findPageStart(token: string): string | undefined {
  const id = token === "" ? "0" : Buffer.from(token, "base64url").toString();
  return isStoredId(id) ? id : undefined;
}
