// Taking spots and giving them back: the transactions T1, T1b and T3. This is the one place where a spot
// moves. The proof needs three things of it, and nothing of clocks, caches or queues:
//
// - each transaction keeps available + the spots of LOCKED and CONFIRMED claims = total, on one shard;
// - a claim is taken once, by its primary key: done again, T1 finds the answer of the first time, and T3
//   finds nothing to give back. So after an unknown outcome the same work is simply done again;
// - rows are locked in one order, claims before slots and each by primary key, the hot slots last, so that
//   they are held for two updates and a commit.
//
// A spot may be given back before it was taken (T3 comes before a late T1): nothing is remembered of it
// here, because the late T1's appointment has its tombstone in Scheduling, and is given back again.

import { randomBytes } from "node:crypto";
import { ClaimRefusal, ClaimState } from "#gen/slotmesh/inventory/v1/claims_service_pb.ts";
import { chunksOf } from "#shared/chunks.ts";
import { Code, meshError } from "#shared/errors.ts";
import { type Database, retryTransient, type Sql } from "#shared/mysql.ts";
import { createShards, ofXxhash } from "#shared/shards.ts";
import {
  changeSpots,
  deleteUnsettledTakes,
  insertClaims,
  insertUnsettledTakes,
  lockClaims,
  lockSlots,
  refuseClaims,
  releaseClaims,
  type StoredClaim,
  selectActiveClaims,
  selectClaims,
  selectClaimsOfTakes,
  selectOldTakes,
  selectSlots,
  selectUnsettledTakes,
} from "./claims-store.ts";
import {
  applyChanges,
  batchesOf,
  type Claim,
  type ClaimKey,
  compareKeys,
  decideTakes,
  isStoredSlot,
  nameOfClaim,
  nameOfSlot,
  nameOfTake,
  type Slot,
  type SlotKey,
  sumSpots,
  type Take,
  type TakeKey,
  toLockedClaims,
  toTakeKey,
  type UnsettledTake,
  wholeTakes,
  withSettling,
} from "./domain.ts";

/** The most claims of one transaction: past it a batch gains little and holds its slots longer. */
const CLAIMS_MAX = 500;
/** The most active claims that one reading returns; 50,000 are 9 MB, and a client takes 16. */
const ACTIVE_CLAIMS_MAX = 50_000;
/** The most rows of one read; vttablet refuses to return more than 10,000. */
const READ_ROWS_MAX = 5000;

/** An answer, and the slot after it; undefined if there is no such slot. */
export interface Taken {
  readonly claim: Claim;
  readonly slot: Slot | undefined;
}

/** What a call of T1 answers. */
export interface TakeAnswer {
  /** In the order of the wishes. */
  readonly taken: readonly Taken[];
  /** The unsettled takes that have no claims but these. */
  readonly takes: readonly TakeKey[];
}

/** A slot and the claims that hold its spots, at one moment. */
export interface Stock {
  readonly slot: Slot;
  readonly claims: readonly Claim[];
}

/** Takes spots and gives them back. */
export type Claims = ReturnType<typeof createClaims>;

/** Opens the claims of the keyspace inventory. */
export function createClaims(database: Database) {
  const shards = createShards(database);

  /** Runs work on each shard over the keys that can be in the rows. */
  function perShard<Key extends SlotKey, Result>(
    keys: readonly Key[],
    work: (keys: readonly Key[]) => Promise<readonly Result[]>,
  ): Promise<Result[]> {
    return shards.forEachShard(keys, ({ storeId }) => ofXxhash(storeId), work);
  }

  async function takeOnShard(
    takes: readonly Take[],
    nowMs: number,
    whole: Map<string, TakeKey>,
  ): Promise<Taken[]> {
    const claims = new Map<string, StoredClaim>();
    const unsettled = new Map<string, UnsettledTake>();
    const slots = new Map<string, Slot>();
    // One after the other: each batch's takes come before those of the next.
    for (const batch of batchesOf(takes, CLAIMS_MAX)) {
      const taken = await retryTransient(() =>
        database.transact((sql) => takeBatch(sql, batch, nowMs)),
      );
      for (const claim of taken.claims) {
        claims.set(nameOfClaim(claim), claim);
      }
      for (const [name, slot] of taken.slots) {
        slots.set(name, slot);
      }
      for (const take of taken.unsettled) {
        unsettled.set(nameOfTake(take), take);
      }
    }
    for (const take of wholeTakes([...claims.values()], [...unsettled.values()])) {
      whole.set(nameOfTake(take), take);
    }
    return takes.map((take) => {
      const claim = claims.get(nameOfClaim(take));
      if (!claim) {
        throw new Error(`appointment ${take.appointmentId} was neither taken nor refused`);
      }
      return { claim, slot: slots.get(nameOfSlot(take)) };
    });
  }

  return {
    /** Takes spots (T1). An id that no row can have names no slot, now and for ever, so that answer needs
     * no row. */
    async take(takes: readonly Take[], nowMs: number): Promise<TakeAnswer> {
      const whole = new Map<string, TakeKey>();
      const stored = await perShard(takes.filter(isStoredSlot), (part) =>
        takeOnShard(part, nowMs, whole),
      );
      const answers = stored.values();
      const taken = takes.map((take) =>
        isStoredSlot(take) ? (answers.next().value as Taken) : noSuchSlot(take, nowMs),
      );
      return { taken, takes: [...whole.values()] };
    },

    /** Settles takes (T1b). */
    async settle(takes: readonly TakeKey[]): Promise<void> {
      await perShard(takes.filter(isStoredSlot), async (part) => {
        await retryTransient(() => deleteUnsettledTakes(database, part));
        return [];
      });
    },

    /** Gives spots back (T3), and returns the slots of the claims that were given back, now or before. */
    async release(keys: readonly ClaimKey[], nowMs: number): Promise<Slot[]> {
      const slots = new Map<string, Slot>();
      await perShard(keys.filter(isStoredSlot), async (part) => {
        for (const chunk of chunksOf([...part].sort(compareKeys), CLAIMS_MAX)) {
          const released = await retryTransient(() =>
            database.transact((sql) => releaseBatch(sql, chunk, nowMs)),
          );
          for (const [name, slot] of released) {
            slots.set(name, slot);
          }
        }
        return [];
      });
      return [...slots.values()];
    },

    /** Lists takes that were made up to an instant and are not settled, oldest first, with their claims
     * that hold spots: as many takes as have claimsMax claims, but at least one. */
    async listUnsettled(
      takenUntilMs: number,
      claimsMax: number,
    ): Promise<{ claims: Claim[]; takes: TakeKey[] }> {
      const found = await retryTransient(() => selectOldTakes(database, takenUntilMs, claimsMax));
      let sum = 0;
      const takes = found.filter((take, index) => {
        sum += take.claims;
        return index === 0 || sum <= claimsMax;
      });
      const claims: Claim[] = [];
      await perShard(takes, async (part) => {
        const stored = await retryTransient(() => selectClaimsOfTakes(database, part));
        claims.push(...withSettling(stored, part));
        return [];
      });
      return {
        claims: claims.sort((a, b) => a.takenAtMs - b.takenAtMs),
        takes: takes.map(toTakeKey),
      };
    },

    /** Reads slots without their claims, which can be many. */
    async listCounts(keys: readonly SlotKey[]): Promise<Stock[]> {
      const slots = await perShard(wantedSlots(keys), async (part) => {
        const found = await retryTransient(() => selectSlots(database, part));
        const byName = new Map(found.map((slot) => [nameOfSlot(slot), slot]));
        return part.map((key) => byName.get(nameOfSlot(key)));
      });
      return slots.flatMap((slot) => (slot ? [{ slot, claims: [] }] : []));
    },

    /** Reads slots and the claims that hold their spots, each shard at one moment. */
    async listStock(keys: readonly SlotKey[]): Promise<Stock[]> {
      const wanted = wantedSlots(keys);
      const stocks = await perShard(wanted, async (part) => {
        const found = await retryTransient(() => database.transact((sql) => readStock(sql, part)));
        return part.map((key) => found.get(nameOfSlot(key)));
      });
      return stocks.filter((stock) => stock !== undefined);
    },
  };
}

/** T1, once, for wishes of one shard that name each claim once. */
async function takeBatch(
  sql: Sql,
  takes: readonly Take[],
  nowMs: number,
): Promise<{ claims: StoredClaim[]; slots: Map<string, Slot>; unsettled: UnsettledTake[] }> {
  const attempt = randomAttempt();
  const inOrder = [...takes].sort(compareKeys);
  // 1. Insert them all as if there were spots: the keys say who was here before.
  const wished = toLockedClaims(inOrder, nowMs);
  const inserted = await insertClaims(sql, wished, attempt, nowMs);
  // 2. If some were passed over, read who is who. A plain read will do: the insert waited for whoever it
  // met, so that row is committed, and locked by us.
  const stored = new Map<string, StoredClaim>();
  const fresh = new Set<string>();
  let before: UnsettledTake[] = [];
  if (inserted === takes.length) {
    for (const claim of wished) {
      stored.set(nameOfClaim(claim), { ...claim, attempt });
      fresh.add(nameOfClaim(claim));
    }
  } else {
    before = await selectUnsettledTakes(sql, slotsOf(inOrder));
    for (const claim of await selectClaims(sql, inOrder)) {
      stored.set(nameOfClaim(claim), claim);
      if (claim.attempt === attempt) {
        fresh.add(nameOfClaim(claim));
      }
    }
    const limited = wished.filter((claim) => !stored.has(nameOfClaim(claim)));
    for (const claim of await refuseLimited(sql, limited, attempt, nowMs)) {
      stored.set(nameOfClaim(claim), { ...claim, attempt });
    }
  }
  // 3. Lock the slots and decide, in the order of the wishes.
  const slots = new Map(
    (await lockSlots(sql, slotsOf(inOrder))).map((slot) => [nameOfSlot(slot), slot]),
  );
  const undecided = takes.filter((take) => fresh.has(nameOfClaim(take)));
  const refusals = decideTakes(undecided, slots, nowMs);
  const winners = undecided.filter((_, index) => refusals[index] === ClaimRefusal.UNSPECIFIED);
  const losers = undecided.flatMap((take, index) => {
    const refusal = refusals[index] ?? ClaimRefusal.UNSPECIFIED;
    return refusal === ClaimRefusal.UNSPECIFIED ? [] : [{ ...take, refusal }];
  });
  // 4. Write what was decided.
  const changes = sumSpots(winners, -1);
  await mustWrite(changes.length, "slots", () => changeSpots(sql, changes));
  await mustWrite(losers.length, "refused claims", () => refuseClaims(sql, losers, nowMs));
  for (const loser of losers) {
    const claim = { ...loser, state: ClaimState.REFUSED, takenAtMs: nowMs, attempt };
    stored.set(nameOfClaim(loser), claim);
  }
  const made = takesOf(winners, attempt);
  await mustWrite(made.length, "takes", () => insertUnsettledTakes(sql, made, nowMs));
  const unsettled = [...before, ...made];
  return {
    claims: withSettling([...stored.values()], unsettled),
    slots: applyChanges(slots, changes),
    unsettled,
  };
}

function takesOf(winners: readonly Take[], attempt: string): UnsettledTake[] {
  return [...Map.groupBy(winners, nameOfSlot).values()].map((group) => {
    const { storeId, slotId } = group[0] as Take;
    return { storeId, slotId, attempt, claims: group.length };
  });
}

/** Gives the shoppers who hold another claim in the slot a row of their own that says so: an answer, once
 * given, stays. */
async function refuseLimited(
  sql: Sql,
  claims: readonly Claim[],
  attempt: string,
  nowMs: number,
): Promise<Claim[]> {
  const refused = claims.map((claim) => ({
    ...claim,
    state: ClaimState.REFUSED,
    refusal: ClaimRefusal.USER_LIMIT,
  }));
  if (refused.length > 0 && (await insertClaims(sql, refused, attempt, nowMs)) !== refused.length) {
    // Someone answered the same wish at the same time: done again, we find that answer.
    throw meshError(Code.Aborted, "the same wish was answered at the same time: try again", {
      reason: "ANSWERED_MEANWHILE",
    });
  }
  return refused;
}

/** T3, once, for claims of one shard. */
async function releaseBatch(
  sql: Sql,
  keys: readonly ClaimKey[],
  nowMs: number,
): Promise<Map<string, Slot>> {
  const claims = await lockClaims(sql, keys);
  const held = claims.filter(
    ({ state }) => state === ClaimState.LOCKED || state === ClaimState.CONFIRMED,
  );
  // Slots of claims that were given back before are told again: that answer may have been lost.
  const given = claims.filter(({ state }) => state !== ClaimState.REFUSED);
  if (given.length === 0) {
    return new Map();
  }
  const slots = new Map(
    (await lockSlots(sql, slotsOf(given))).map((slot) => [nameOfSlot(slot), slot]),
  );
  const changes = sumSpots(held, 1);
  await mustWrite(held.length, "released claims", () => releaseClaims(sql, held, nowMs));
  await mustWrite(changes.length, "slots", () => changeSpots(sql, changes));
  return applyChanges(slots, changes);
}

/** Reads slots and their active claims in one transaction, whose snapshot (REPEATABLE READ, the default
 * of MySQL and so of Vitess) is the moment that all of it is of. */
async function readStock(sql: Sql, keys: readonly SlotKey[]): Promise<Map<string, Stock>> {
  const slots = await selectSlots(sql, keys);
  const claims: StoredClaim[] = [];
  for (let rows = READ_ROWS_MAX; slots.length > 0 && rows === READ_ROWS_MAX; ) {
    const page = await selectActiveClaims(sql, slots, claims.at(-1), READ_ROWS_MAX);
    rows = page.length;
    claims.push(...page);
    if (claims.length > ACTIVE_CLAIMS_MAX) {
      throw meshError(
        Code.ResourceExhausted,
        `these slots have more than ${ACTIVE_CLAIMS_MAX} active claims: ask for fewer slots`,
        { reason: "TOO_MANY_CLAIMS" },
      );
    }
  }
  const unsettled = claims.length > 0 ? await selectUnsettledTakes(sql, slots) : [];
  const bySlot = Map.groupBy(withSettling(claims, unsettled), nameOfSlot);
  return new Map(
    slots.map((slot) => [nameOfSlot(slot), { slot, claims: bySlot.get(nameOfSlot(slot)) ?? [] }]),
  );
}

/** Writes rows that are locked and known, if there are any. Fewer than were named means that the rows are
 * not what the rules above promise: a bug, and the transaction is rolled back. */
async function mustWrite(rows: number, what: string, write: () => Promise<number>): Promise<void> {
  const written = rows === 0 ? 0 : await write();
  if (written !== rows) {
    throw new Error(`wanted to write ${rows} ${what}, and ${written} were as they should be`);
  }
}

/** Names each slot that can be in the rows, once. */
function wantedSlots(keys: readonly SlotKey[]): SlotKey[] {
  return slotsOf(keys.filter(isStoredSlot));
}

function slotsOf(keys: readonly SlotKey[]): SlotKey[] {
  return [...new Map(keys.map((key) => [nameOfSlot(key), key])).values()];
}

function noSuchSlot(take: Take, nowMs: number): Taken {
  const claim: Claim = {
    ...take,
    state: ClaimState.REFUSED,
    refusal: ClaimRefusal.NO_SUCH_SLOT,
    takenAtMs: nowMs,
  };
  return { claim, slot: undefined };
}

/** A number that no other transaction has. */
function randomAttempt(): string {
  return (randomBytes(8).readBigUInt64BE() >> 1n).toString();
}
