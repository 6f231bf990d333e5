// Issues and revokes codes in batches, a statement per shard and round. Codes are drawn at random and
// offered; the table's keys judge. A row that was not written means one of three things, and a reading
// tells which: the appointment has its code already, it was revoked before, or the code is another's.
// Only the last one tries again, with more codes, since a live code is a rare thing to meet.

import { randomInt } from "node:crypto";
import { ofSuffix, type Shards } from "#shared/shards.ts";
import { suffixAtEnd } from "#shared/suffix.ts";
import { CODE_SPACE, formatCode, offersEach, ROUNDS_MAX, type State, stateAt } from "./domain.ts";
import type { CodeStore, NewCode, Owner } from "./store.ts";

/** What issuing needs. */
export interface IssuingOptions {
  readonly store: CodeStore;
  readonly shards: Shards;
  /** The clock, in milliseconds. */
  readonly now: () => number;
  /** Draws a number from 0 up to CODE_SPACE, each as likely as the others. */
  readonly draw: () => number;
}

/** A code to be issued. */
export type Wish = Omit<NewCode, "code" | "issuedAtMs">;

/** Draws a number for a code. randomInt rejects what would make some numbers likelier than others. */
export function drawNumber(): number {
  return randomInt(CODE_SPACE);
}

/** Makes sure that each appointment has its code. Returns where each stands, or "no-free-code". */
export function issueCodes(
  options: IssuingOptions,
  wishes: readonly Wish[],
): Promise<(State | "no-free-code")[]> {
  return options.shards.forEachShard(wishes, ofWish, (part) => issueOnShard(options, part));
}

/** Makes sure that each appointment has no live code, now and later. Returns where each stands. */
export function revokeCodes(
  { store, shards, now }: IssuingOptions,
  owners: readonly Owner[],
): Promise<State[]> {
  return shards.forEachShard(owners, ofWish, async (part) => {
    const byId = inKeyOrder(part);
    const ids = [...byId.keys()];
    const nowMs = now();
    // The tombstones come first: after them no issue can slip in behind the update.
    const buried = await store.insertTombstones([...byId.values()], nowMs);
    const revoked = buried < ids.length ? await store.revokeLive(ids, nowMs) : 0;
    if (buried + revoked === ids.length) {
      return part.map(() => "revoked");
    }
    const rows = await store.listStates(ids);
    const states = new Map(rows.map((row) => [row.appointmentId, stateAt(row, nowMs)]));
    return part.map(({ appointmentId }) => known(states.get(appointmentId)));
  });
}

/** Says where the codes of some appointments stand, in order; undefined where there is no row. */
export async function listStates(
  { store, shards, now }: IssuingOptions,
  appointmentIds: readonly string[],
): Promise<(State | undefined)[]> {
  return shards.forEachShard(appointmentIds, ofSuffix, async (part) => {
    const rows = await store.listStates([...new Set(part)]);
    const states = new Map(rows.map((row) => [row.appointmentId, stateAt(row, now())]));
    return part.map((id) => states.get(id));
  });
}

async function issueOnShard(
  { store, now, draw }: IssuingOptions,
  part: readonly Wish[],
): Promise<(State | "no-free-code")[]> {
  const waiting = inKeyOrder(part);
  const states = new Map<string, State>();
  for (let round = 0; round < ROUNDS_MAX && waiting.size > 0; round += 1) {
    const nowMs = now();
    const each = offersEach(round, waiting.size);
    const offers = [...waiting.values()].flatMap((wish) =>
      drawCodes(draw, suffixAtEnd(wish.appointmentId), each).map((code) => ({
        ...wish,
        code,
        issuedAtMs: nowMs,
      })),
    );
    const written = await store.insertCodes(offers);
    if (written === waiting.size) {
      // The primary key takes one code an appointment: as many as wait means each of them.
      for (const wish of waiting.values()) {
        states.set(wish.appointmentId, stateAt({ ...wish, state: "live" }, nowMs));
      }
      waiting.clear();
      break;
    }
    for (const row of await store.listStates([...waiting.keys()])) {
      states.set(row.appointmentId, stateAt(row, nowMs));
      waiting.delete(row.appointmentId);
    }
  }
  return part.map(({ appointmentId }) => states.get(appointmentId) ?? "no-free-code");
}

/** Draws distinct codes, at most as many as asked for: fewer where the same number is drawn again. */
function drawCodes(draw: () => number, suffix: string, count: number): string[] {
  return [...new Set(Array.from({ length: count }, () => formatCode(draw(), suffix)))];
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
