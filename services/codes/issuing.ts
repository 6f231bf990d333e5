// Issues codes in batches, a statement per shard and round. Numbers come from a source that knows which are
// free (allocating.ts); the table's keys judge. A row that was not written means one of three things, and a
// reading tells which: the appointment has its code already, it was revoked before (revoking.ts), or the
// number is another's after all. Only the last one tries again.

import { retryTransient } from "#shared/mysql.ts";
import type { Shards } from "#shared/shards.ts";
import type { NumberSource, Space } from "./allocating.ts";
import { ROUNDS_MAX, type State, stateAt } from "./domain.ts";
import type { Policies } from "./policies.ts";
import type { Policy } from "./policy.ts";
import { inKeyOrder, ofAppointment } from "./row.ts";
import type { Spaces } from "./spaces.ts";
import type { CodeStore, NewCode } from "./store.ts";

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
  return options.shards.forEachShard(wishes, ofAppointment, (part) => issueOnShard(options, part));
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
    const offers = await makeOffers(options, [...waiting.values()], { isRetry: round > 0 });
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
  { isRetry }: { readonly isRetry: boolean },
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
    const taken = await takeFor(sources, [...bySpace], { isRetry });
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
  options: { readonly isRetry: boolean },
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
      const numbers = await retryTransient(() => sources[strategy].take(wants, options));
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
