// Issues and revokes codes in batches, a statement per shard and round. Numbers come from a source that
// knows which are free (allocating.ts); the table's keys judge. A row that was not written means one of
// three things, and a reading tells which: the appointment has its code already, it was revoked before,
// or the number is another's after all. Only the last one tries again.

import { retryTransient } from "#shared/mysql.ts";
import { ofSuffix, type Shards } from "#shared/shards.ts";
import { suffixAtEnd } from "#shared/suffix.ts";
import type { NumberSource, Space } from "./allocating.ts";
import { type Heir, ROUNDS_MAX, type State, stateAt } from "./domain.ts";
import { freedNumbersOf } from "./freeing.ts";
import type { Policies } from "./policies.ts";
import type { Policy } from "./policy.ts";
import type { Spaces } from "./spaces.ts";
import type { CodeStore, NewCode, Owner, StateRow } from "./store.ts";

/** What issuing needs. */
export interface IssuingOptions {
  readonly store: CodeStore;
  readonly shards: Shards;
  readonly policies: Policies;
  readonly spaces: Spaces;
  /** Where the numbers of each strategy come from. */
  readonly sources: Readonly<Record<Policy["allocation"], NumberSource>>;
  /** The clock, in milliseconds. */
  readonly now: () => number;
}

/** A code to be issued. */
export interface Wish extends Omit<NewCode, "code" | "issuedAtMs" | "policyVersion"> {
  readonly policy: Policy;
}

/** Makes sure that each appointment has its code. Returns where each stands, or "no-free-code". */
export function issueCodes(
  options: IssuingOptions,
  wishes: readonly Wish[],
): Promise<(State | "no-free-code")[]> {
  return options.shards.forEachShard(wishes, ofWish, (part) => issueOnShard(options, part));
}

/** Makes sure that each appointment has no live code, now and later. Returns where each stands. */
export async function revokeCodes(
  options: IssuingOptions,
  owners: readonly Owner[],
): Promise<State[]> {
  const standings = await options.shards.forEachShard(owners, ofWish, (part) =>
    revokeOnShard(options, part),
  );
  const states = await followHeirs(standings, (heirs) =>
    revokeCodes(
      options,
      heirs.map(({ index, heir }) => ({ ...(owners[index] as Owner), ...heir })),
    ),
  );
  return states.map(known);
}

/** Says where the codes of some appointments stand, in order; undefined where there is no row. */
export async function listStates(
  options: Pick<IssuingOptions, "store" | "shards" | "now">,
  appointmentIds: readonly string[],
): Promise<(State | undefined)[]> {
  const { store, shards, now } = options;
  const standings = await shards.forEachShard(appointmentIds, ofSuffix, async (part) => {
    const rows = await store.listStates([...new Set(part)]);
    const byId = new Map(rows.map((row) => [row.appointmentId, standingOf(row, now())]));
    return part.map((id) => byId.get(id));
  });
  return followHeirs(standings, (heirs) =>
    listStates(
      options,
      heirs.map(({ heir }) => heir.appointmentId),
    ),
  );
}

/** Where an appointment's code stands, and to whom it was given. */
interface Standing {
  readonly state: State;
  readonly heir: Heir | undefined;
}

/** Asks on where codes were given away: an appointment's code is then its heir's, and what is asked or
 * taken back is that. A code goes from hand to hand so often at most; see transferring.ts. */
async function followHeirs(
  standings: readonly (Standing | undefined)[],
  ask: (
    heirs: readonly { readonly index: number; readonly heir: Heir }[],
  ) => Promise<readonly (State | undefined)[]>,
): Promise<(State | undefined)[]> {
  const states = standings.map((standing) => standing?.state);
  const heirs = standings.flatMap((standing, index) =>
    standing?.heir ? [{ index, heir: standing.heir }] : [],
  );
  if (heirs.length > 0) {
    const theirs = await ask(heirs);
    for (const [position, { index }] of heirs.entries()) {
      states[index] = theirs[position];
    }
  }
  return states;
}

function standingOf(row: StateRow, nowMs: number): Standing {
  return { state: stateAt(row, nowMs), heir: row.heir };
}

async function revokeOnShard(
  { store, policies, now }: IssuingOptions,
  part: readonly Owner[],
): Promise<Standing[]> {
  const byId = inKeyOrder(part);
  const ids = [...byId.keys()];
  const nowMs = now();
  // The tombstones come first: after them no issue can slip in behind the update.
  const buried = await store.insertTombstones([...byId.values()], nowMs);
  if (buried === ids.length) {
    return part.map(() => ({ state: "revoked", heir: undefined }));
  }
  // Before the transaction: a policy that must be read takes a connection of its own.
  const tenants = new Set(part.map(({ tenantId }) => tenantId));
  await Promise.all([...tenants].map(policies.list));
  await store.revokeLive(ids, nowMs, (ended) => freedNumbersOf(policies, ended, nowMs));
  const rows = await store.listStates(ids);
  const standings = new Map(rows.map((row) => [row.appointmentId, standingOf(row, nowMs)]));
  return part.map(({ appointmentId }) => known(standings.get(appointmentId)));
}

/** A number that is offered to an appointment. */
interface Offer {
  readonly wish: Wish;
  readonly space: Space;
  readonly number: number;
  readonly code: string;
}

async function issueOnShard(
  options: IssuingOptions,
  part: readonly Wish[],
): Promise<(State | "no-free-code")[]> {
  const { store, now } = options;
  const waiting = inKeyOrder(part);
  const states = new Map<string, State>();
  for (let round = 0; round < ROUNDS_MAX && waiting.size > 0; round += 1) {
    const nowMs = now();
    const offers = await makeOffers(options, [...waiting.values()]);
    if (offers.length === 0) {
      break;
    }
    const written = await store
      .insertCodes(offers.map((offer) => toNewCode(offer, nowMs)))
      .finally(() => release(options, offers));
    if (written === waiting.size) {
      for (const wish of waiting.values()) {
        states.set(wish.appointmentId, stateAt({ ...wish, state: "live" }, nowMs));
      }
      waiting.clear();
      break;
    }
    const rows = await store.listStates([...waiting.keys()]);
    const codes = new Map(rows.map((row) => [row.appointmentId, row.code]));
    for (const row of rows) {
      states.set(row.appointmentId, stateAt(row, nowMs));
      waiting.delete(row.appointmentId);
    }
    putBackUnused(options, offers, codes);
  }
  return part.map(({ appointmentId }) => states.get(appointmentId) ?? "no-free-code");
}

/** Takes a number for each appointment, from the first of its spaces that has one; none where all of
 * them are full. */
async function makeOffers(
  { spaces, sources }: IssuingOptions,
  wishes: readonly Wish[],
): Promise<Offer[]> {
  const offers: Offer[] = [];
  let left = wishes.map((wish) => ({
    wish,
    spaces: spaces.of(wish.policy, wish.tenantId, wish.appointmentId),
  }));
  for (let level = 0; left.length > 0; level += 1) {
    const bySpace = Map.groupBy(
      left.filter((one) => one.spaces.length > level),
      (one) => one.spaces[level] as Space,
    );
    const taken = await takeFor(sources, [...bySpace]);
    left = [];
    for (const [index, [space, asking]] of [...bySpace].entries()) {
      const numbers = taken[index] ?? [];
      for (const [position, one] of asking.entries()) {
        const number = numbers[position];
        if (number === undefined) {
          left.push(one);
        } else {
          offers.push({ wish: one.wish, space, number, code: space.codeOf(number) });
        }
      }
    }
  }
  return offers;
}

/** Asks each strategy's source once for all spaces that are asked of it. */
async function takeFor(
  sources: IssuingOptions["sources"],
  asking: readonly (readonly [Space, readonly { readonly wish: Wish }[]])[],
): Promise<number[][]> {
  const taken = new Array<number[]>(asking.length);
  const byStrategy = Map.groupBy(
    asking.keys(),
    (index) => asking[index]?.[1][0]?.wish.policy.allocation ?? "permutation",
  );
  await Promise.all(
    [...byStrategy].map(async ([strategy, indexes]) => {
      const wants = indexes.map((index) => {
        const [space, wishes] = asking[index] as (typeof asking)[number];
        return { space, count: wishes.length };
      });
      const numbers = await retryTransient(() => sources[strategy].take(wants));
      for (const [position, index] of indexes.entries()) {
        taken[index] = numbers[position] ?? [];
      }
    }),
  );
  return taken;
}

/** Tells the sources that the offers are judged. */
function release({ sources }: IssuingOptions, offers: readonly Offer[]): void {
  for (const [strategy, theirs] of Map.groupBy(offers, ({ wish }) => wish.policy.allocation)) {
    for (const [space, judged] of Map.groupBy(theirs, (offer) => offer.space)) {
      sources[strategy].release?.(
        space,
        judged.map(({ number }) => number),
      );
    }
  }
}

/** Gives back the numbers of appointments that turned out to have a row with another code. */
function putBackUnused(
  { sources }: IssuingOptions,
  offers: readonly Offer[],
  codes: ReadonlyMap<string, string | undefined>,
): void {
  for (const { wish, space, number, code } of offers) {
    const { appointmentId, policy } = wish;
    if (codes.has(appointmentId) && codes.get(appointmentId) !== code) {
      sources[policy.allocation].putBack(space, [number]);
    }
  }
}

function toNewCode({ wish, code }: Offer, issuedAtMs: number): NewCode {
  const { policy, ...rest } = wish;
  return { ...rest, code, policyVersion: policy.version, issuedAtMs };
}

/** Returns each appointment once, in the order of the primary key: batches that meet take their locks
 * in one order and do not deadlock. */
function inKeyOrder<Item extends Owner>(items: readonly Item[]): Map<string, Item> {
  const byId = new Map(items.map((item) => [item.appointmentId, item]));
  const order = (id: string) => suffixAtEnd(id) + id;
  return new Map([...byId].sort(([a], [b]) => (order(a) < order(b) ? -1 : 1)));
}

function ofWish({ appointmentId }: Owner): bigint {
  return ofSuffix(appointmentId);
}

function known<Value>(value: Value | undefined): Value {
  if (value === undefined) {
    throw new Error("a row that was just written is not there: was its vschema changed?");
  }
  return value;
}
