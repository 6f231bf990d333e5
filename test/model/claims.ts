// Inventory's three transactions over plain maps: what T1, T1b and T3 of services/inventory/claims.ts do
// to the rows, one call one transaction. Who gets spots, what is summed and in which order is decided by
// Inventory's own rules (domain.ts); here is only what SQL does there: keys that pass over, and updates
// that look at the state. The model and the simulation both run on this, and both can break it by a flaw.

import { ClaimRefusal, ClaimState } from "#gen/slotmesh/inventory/v1/claims_service_pb.ts";
import {
  applyChanges,
  type Claim,
  type ClaimKey,
  compareKeys,
  decideTakes,
  nameOfClaim,
  nameOfSlot,
  nameOfTake,
  type Slot,
  type SpotChange,
  sumSpots,
  type Take,
  type TakeKey,
  toLockedClaims,
  toTakeKey,
  type UnsettledTake,
  wholeTakes,
} from "../../services/inventory/domain.ts";

/** A claim's row, and the transaction that wrote it. */
export type ClaimRow = Claim & { readonly attempt?: string };

/** A take's row. */
export type TakeRow = UnsettledTake & { readonly takenAtMs: number };

/** The rows. A claim whose take is settled is CONFIRMED here, as withSettling() of the product says. */
export interface ClaimTables {
  readonly slots: Map<string, Slot>;
  readonly claims: Map<string, ClaimRow>;
  /** Where it is absent, each claim is marked by itself, as a take of one. */
  readonly takes?: Map<string, TakeRow>;
}

/** A mistake that the transactions could hold; the tests show that each would be seen. */
export type ClaimFlaw =
  /** A claim has no key: a repeated take takes again. */
  | "no claim key"
  /** Whoever comes gets spots, whether there are any or not. */
  | "no look at the stock"
  /** A shopper may hold any number of claims in a slot. */
  | "no shopper key"
  /** T3 gives back what was given back before. */
  | "release looks at no state"
  /** T1b marks claims that were given back. */
  | "mark looks at no state"
  /** A take is told to whoever meets a part of it. */
  | "a part settles the whole";

/** T1 for wishes that name each claim once. Returns each wish's claim, the slots after it, and the takes
 * that are not settled there. */
export function takeBatch(
  tables: ClaimTables,
  takes: readonly Take[],
  nowMs: number,
  flaw?: ClaimFlaw,
): { claims: ClaimRow[]; slots: Map<string, Slot>; unsettled: UnsettledTake[] } {
  // No two transactions write the same number of claims before them.
  const attempt = String(tables.claims.size + 1);
  const stored = new Map<string, ClaimRow>();
  const fresh = new Set<string>();
  const limited: Claim[] = [];
  for (const claim of toLockedClaims([...takes].sort(compareKeys), nowMs)) {
    const name = nameOfClaim(claim);
    const known = tables.claims.get(name);
    if (known && flaw !== "no claim key") {
      stored.set(name, known);
    } else if (flaw !== "no shopper key" && hasOtherClaim(tables, claim)) {
      limited.push(claim);
    } else {
      put({ ...claim, attempt });
      fresh.add(name);
    }
  }
  for (const claim of limited) {
    put({ ...claim, state: ClaimState.REFUSED, refusal: ClaimRefusal.USER_LIMIT });
  }
  const slots = new Map(
    takes.flatMap((take) => {
      const slot = tables.slots.get(nameOfSlot(take));
      return slot ? [[nameOfSlot(take), slot] as const] : [];
    }),
  );
  const undecided = takes.filter((take) => fresh.has(nameOfClaim(take)));
  const refusals = decideTakes(undecided, slots, nowMs).map((refusal) =>
    flaw === "no look at the stock" && refusal === ClaimRefusal.SOLD_OUT
      ? ClaimRefusal.UNSPECIFIED
      : refusal,
  );
  const winners = undecided.filter((_, index) => refusals[index] === ClaimRefusal.UNSPECIFIED);
  const after = moveSpots(tables, slots, sumSpots(winners, -1), flaw);
  for (const [index, take] of undecided.entries()) {
    const refusal = refusals[index] ?? ClaimRefusal.UNSPECIFIED;
    if (refusal !== ClaimRefusal.UNSPECIFIED) {
      put({ ...take, state: ClaimState.REFUSED, refusal, takenAtMs: nowMs, attempt });
    }
  }
  for (const group of Map.groupBy(winners, nameOfSlot).values()) {
    const { storeId, slotId } = group[0] as Take;
    const take = { storeId, slotId, attempt, claims: group.length, takenAtMs: nowMs };
    tables.takes?.set(nameOfTake(take), take);
  }
  return {
    claims: takes.map((take) => stored.get(nameOfClaim(take)) as ClaimRow),
    slots: after,
    unsettled: [...(tables.takes?.values() ?? [])].filter((take) => slots.has(nameOfSlot(take))),
  };

  function put(claim: ClaimRow): void {
    tables.claims.set(nameOfClaim(claim), claim);
    stored.set(nameOfClaim(claim), claim);
  }
}

/** T1b for takes: what is still held of them is confirmed. */
export function settleBatch(tables: ClaimTables, takes: readonly TakeKey[]): void {
  for (const take of takes) {
    if (tables.takes?.delete(nameOfTake(take))) {
      for (const claim of claimsOf(tables, take)) {
        tables.claims.set(nameOfClaim(claim), { ...claim, state: ClaimState.CONFIRMED });
      }
    }
  }
}

/** Lists the claims of a take that hold spots and are not confirmed. */
export function claimsOf(tables: ClaimTables, take: TakeKey): ClaimRow[] {
  return [...tables.claims.values()].filter(
    (claim) =>
      claim.state === ClaimState.LOCKED &&
      claim.attempt === take.attempt &&
      nameOfSlot(claim) === nameOfSlot(take),
  );
}

/** Finds the takes that a caller of T1 may settle. */
export function settleable(
  claims: readonly ClaimRow[],
  unsettled: readonly UnsettledTake[],
  flaw?: ClaimFlaw,
): TakeKey[] {
  const rows = claims.map((claim) => ({ ...claim, attempt: claim.attempt ?? "" }));
  if (flaw === "a part settles the whole") {
    const met = new Set(rows.map(nameOfTake));
    return unsettled.filter((take) => met.has(nameOfTake(take))).map(toTakeKey);
  }
  return wholeTakes(rows, unsettled);
}

/** T1b for single claims. */
export function markBatch(tables: ClaimTables, keys: readonly ClaimKey[], flaw?: ClaimFlaw): void {
  for (const key of keys) {
    const claim = tables.claims.get(nameOfClaim(key));
    const canMark =
      claim?.state === ClaimState.LOCKED ||
      (flaw === "mark looks at no state" && claim?.state === ClaimState.RELEASED);
    if (claim && canMark) {
      tables.claims.set(nameOfClaim(key), { ...claim, state: ClaimState.CONFIRMED });
    }
  }
}

/** T3. Returns the slots of the claims that were given back, now or before. */
export function releaseBatch(
  tables: ClaimTables,
  keys: readonly ClaimKey[],
  flaw?: ClaimFlaw,
): Map<string, Slot> {
  const given = keys
    .map((key) => tables.claims.get(nameOfClaim(key)))
    .filter((claim) => claim !== undefined)
    .filter(({ state }) => state !== ClaimState.REFUSED);
  const held = given.filter((claim) => flaw === "release looks at no state" || isActive(claim));
  const slots = new Map(
    given.map((claim) => [nameOfSlot(claim), tables.slots.get(nameOfSlot(claim)) as Slot]),
  );
  const after = moveSpots(tables, slots, sumSpots(held, 1), flaw);
  for (const claim of held) {
    tables.claims.set(nameOfClaim(claim), { ...claim, state: ClaimState.RELEASED });
  }
  return after;
}

/** Says whether a claim holds spots. */
export function isActive({ state }: Pick<Claim, "state">): boolean {
  return state === ClaimState.LOCKED || state === ClaimState.CONFIRMED;
}

/** Lists the claims of a slot that hold spots. */
export function listActive(tables: ClaimTables, slotName: string): Claim[] {
  return [...tables.claims.values()].filter(
    (claim) => isActive(claim) && nameOfSlot(claim) === slotName,
  );
}

function hasOtherClaim(tables: ClaimTables, claim: Claim): boolean {
  return listActive(tables, nameOfSlot(claim)).some(
    ({ tenantId, shopperId, appointmentId }) =>
      tenantId === claim.tenantId &&
      shopperId === claim.shopperId &&
      appointmentId !== claim.appointmentId,
  );
}

/** Moves spots. MySQL's check is the last line: what it refuses is a bug, and the transaction is void. */
function moveSpots(
  tables: ClaimTables,
  slots: ReadonlyMap<string, Slot>,
  changes: readonly SpotChange[],
  flaw: ClaimFlaw | undefined,
): Map<string, Slot> {
  const after = applyChanges(slots, changes);
  for (const [name, slot] of after) {
    if (!flaw && (slot.available < 0 || slot.available > slot.total)) {
      throw new Error(`${slot.available} of ${slot.total} spots would be free in ${name}`);
    }
    tables.slots.set(name, slot);
  }
  return after;
}
