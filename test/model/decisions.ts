// What the product's own rules say in the model: Inventory's of taking, marking and giving back, Scheduling's
// of the row that a claim makes and of what follows it. Each question is asked of them once; the answer
// depends on nothing but what it is asked with.

import { type Claim, nameOfClaim, nameOfSlot, type Slot } from "../../services/inventory/domain.ts";
import {
  type NextStep,
  nextStep,
  type Row,
  rowOfClaim,
  type Wish,
  wishOfClaim,
} from "../../services/scheduling/domain.ts";
import type { State } from "./checker.ts";
import { type ClaimTables, markBatch, releaseBatch, takeBatch } from "./claims.ts";
import type { Configuration, Flaws } from "./configurations.ts";
import {
  freeSpots,
  type Layout,
  packClaim,
  packRow,
  packSpots,
  unpackClaim,
  unpackRow,
} from "./states.ts";

const STORE = "7";
const TENANT = "t";
/** Slots begin at this moment; it is before it or after. */
const STARTS_AT_MS = 1000;

/** The answers, by packed claims and rows. */
export type Decisions = ReturnType<typeof createDecisions>;

/** Makes the answers of a configuration. */
export function createDecisions(configuration: Configuration, layout: Layout, flaws: Flaws) {
  const { records, shoppers, spots } = configuration;

  const wishOf = (record: number): Wish => {
    const { appointment, slot, party } = records[record] as Configuration["records"][number];
    return {
      appointmentId: `appointment-${appointment}`,
      tenantId: TENANT,
      shopperId: shoppers[appointment] as string,
      storeId: STORE,
      slotId: String(slot + 1),
      partySize: party,
    };
  };
  const wishes = [...records.keys()].map(wishOf);
  const recordOf = (claim: Claim): number =>
    wishes.findIndex(
      (wish) => nameOfClaim(wish) === nameOfClaim(claim) && wish.partySize === claim.partySize,
    );
  const toClaim = (packed: number): Claim | undefined => {
    const claim = unpackClaim(packed);
    return (
      claim && {
        ...(wishes[claim.record] as Wish),
        state: claim.state,
        refusal: claim.refusal,
        takenAtMs: 0,
      }
    );
  };
  const fromClaim = (claim: Claim | undefined): number =>
    claim ? packClaim({ state: claim.state, refusal: claim.refusal, record: recordOf(claim) }) : 0;
  const slotOf = (slot: number, available: number): Slot => ({
    storeId: STORE,
    slotId: String(slot + 1),
    tenantId: TENANT,
    serviceId: "1",
    timeZone: "UTC",
    startsAtMs: STARTS_AT_MS,
    endsAtMs: STARTS_AT_MS + 1,
    opensAtMs: 0,
    total: spots[slot] as number,
    available,
    partySizeMax: 9,
    version: 0,
  });
  /** The wish that the pipeline goes on with: the claim's, unless the mistake is to take the record's. */
  const wishFor = (record: number, claim: Claim): Wish =>
    flaws.scheme === "the record's word counts, not the claim's"
      ? (wishes[record] as Wish)
      : wishOfClaim({ ...claim, key: claim as never });

  const take = memo((begun: number, record: number, free: number, ...claims: number[]) => {
    const { slot } = records[record] as Configuration["records"][number];
    const tables: ClaimTables = {
      slots: new Map([[nameOfSlot(wishes[record] as Wish), slotOf(slot, free)]]),
      claims: new Map(
        claims.flatMap((packed) => {
          const claim = toClaim(packed);
          return claim ? [[nameOfClaim(claim), claim] as const] : [];
        }),
      ),
    };
    takeBatch(tables, [wishes[record] as Wish], begun * STARTS_AT_MS, flaws.claims);
    const after = layout.recordOf.map((first) =>
      fromClaim(tables.claims.get(nameOfClaim(wishes[first] as Wish))),
    );
    const left = tables.slots.get(nameOfSlot(wishes[record] as Wish))?.available ?? free;
    return { claims: after, spots: packSpots(left) };
  });

  const release = memo((packed: number, free: number, slot: number) => {
    const claim = toClaim(packed);
    if (!claim) {
      return { claim: 0, spots: packSpots(free) };
    }
    const name = nameOfSlot(claim);
    const tables: ClaimTables = {
      slots: new Map([[name, slotOf(slot, free)]]),
      claims: new Map([[nameOfClaim(claim), claim]]),
    };
    // The model's invariants judge the stock, so MySQL's check must not come before them.
    releaseBatch(tables, [claim], flaws.claims ?? (flaws.scheme && "mark looks at no state"));
    return {
      claim: fromClaim(tables.claims.get(nameOfClaim(claim))),
      spots: packSpots(tables.slots.get(name)?.available ?? free),
    };
  });

  const mark = memo((packed: number) => {
    const claim = toClaim(packed);
    if (!claim) {
      return 0;
    }
    const tables: ClaimTables = {
      slots: new Map(),
      claims: new Map([[nameOfClaim(claim), claim]]),
    };
    markBatch(tables, [claim], flaws.claims);
    return fromClaim(tables.claims.get(nameOfClaim(claim)));
  });

  const rowOf = memo((record: number, packed: number) => {
    const claim = toClaim(packed) as Claim;
    const row = rowOfClaim(wishFor(record, claim), claim, 0, 0);
    const of = wishes.findIndex(
      (wish) => nameOfClaim(wish) === nameOfClaim(row) && wish.partySize === row.partySize,
    );
    return packRow({ state: row.state, refusal: row.refusal, work: row.work, record: of });
  });

  const next = memo((record: number, packedClaim: number, packedRow: number): NextStep => {
    const claim = toClaim(packedClaim) as Claim;
    const known = unpackRow(packedRow) as NonNullable<ReturnType<typeof unpackRow>>;
    const row: Row = {
      ...(wishes[known.record] as Wish),
      state: known.state,
      refusal: known.refusal,
      work: known.work,
      createdAtMs: 0,
      stateAtMs: 0,
    };
    return nextStep(wishFor(record, claim), row, claim.state);
  });

  return {
    take: (state: State, record: number) => {
      const { slot } = records[record] as Configuration["records"][number];
      return take(
        state[layout.begun] as number,
        record,
        freeSpots(state, layout, slot),
        ...state.slice(layout.claims, layout.rows),
      );
    },
    release,
    mark,
    rowOf,
    nextStep: next,
  };
}

function memo<Args extends number[], Result>(
  decide: (...args: Args) => Result,
): (...args: Args) => Result {
  const known = new Map<string, Result>();
  return (...args) => {
    const key = String.fromCharCode(...args.map((arg) => arg + 64));
    let result = known.get(key);
    if (result === undefined) {
      result = decide(...args);
      known.set(key, result);
    }
    return result;
  };
}
