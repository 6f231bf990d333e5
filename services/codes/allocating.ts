// Hands out the numbers that become codes. Each number space, of a tenant, a shape and a location, is
// walked in the order of its keyed permutation by a cursor, a row on the codes' own shard. A process
// leases a block of positions by moving the cursor on and hands them out from memory, so a code costs no
// round trip here, and any number of processes walk one space without ever meeting.
//
// Once the cursor has been round, numbers come from freed_number: codes that died, after their
// quarantine. A lease puts them off for LEASE_MS instead of deleting them, so they come back if this
// process dies; whether a code has them by then, the live codes tell. When none is free either, the walk
// goes on from the start and picks up the blocks that ended with their processes. So a full space costs
// what an empty one does, until it is truly full. Two codes with one number are impossible however this fails: the unique
// key of the live codes is the judge, and a number that it refuses costs another try.

import { LRUCache } from "lru-cache";
import type { Database, Sql } from "#shared/mysql.ts";
import type { Permutation } from "./permutation.ts";
import {
  deleteFreed,
  findFreed,
  findLive,
  listFreed,
  moveCursors,
  nameOfCode,
  nameOfSpace,
  putFreed,
  readCursors,
  type SpaceKey,
  type SpaceNumber,
} from "./space-store.ts";

const BLOCK_MIN = 16;
const BLOCK_MAX = 512;
/** A block is at most this part of its space: what a process holds, others do not have. */
const BLOCK_PART_MAX = 1000;
const BLOCKS_KEPT_MAX = 20_000;
const LEASE_MS = 600_000;
/** How many freed numbers of each space are looked at besides those that are missing, since codes may have
 * some; then, of one that is still short, how many in one go, and how often. */
const FREED_SPARE = 4;
const FREED_NUMBERS = 500;
const FREED_LOOKS_MAX = 20;
/** How many positions the walk looks at when nothing else is left. */
const WALK_NUMBERS = 1000;

/** A number space. */
export interface Space {
  readonly key: SpaceKey;
  /** How many numbers may be out at once: those at the positions from 0 up to here. */
  readonly usable: number;
  /** The order of the numbers. */
  readonly permutation: Pick<Permutation, "permute" | "size">;
  /** Writes the canonical code of a number. */
  codeOf(number: number): string;
}

/** A wish for numbers of a space. */
export interface Want {
  readonly space: Space;
  readonly count: number;
}

/** Where numbers come from. */
export interface NumberSource {
  /** Takes numbers for each want, all of one shard and each of another space: as many as are wanted, or
   * fewer where the space is full. */
  take(wants: readonly Want[]): Promise<number[][]>;
  /** Takes back numbers that no code was made of. */
  putBack(space: Space, numbers: readonly number[]): void;
  /** Hears that the table judged numbers. If absent, it need not be told. */
  release?(space: Space, numbers: readonly number[]): void;
}

/** The numbers of a space that this process holds, and how many it leased last. */
interface Block {
  space: Space;
  readonly numbers: number[];
  leased: number;
}

/** Makes the source that walks permutations. */
export function createAllocator(options: {
  readonly database: Pick<Database, "transact">;
  /** The clock, in milliseconds. */
  readonly now: () => number;
}): NumberSource {
  const { database, now } = options;
  const blocks = new LRUCache<string, Block>({ max: BLOCKS_KEPT_MAX });

  function blockOf(space: Space): Block {
    const name = nameOfSpace(space.key);
    let block = blocks.get(name);
    if (!block) {
      block = { space, numbers: [], leased: 0 };
      blocks.set(name, block);
    }
    // Another version of the policy may have moved the line where the space counts as full.
    block.space = space;
    return block;
  }

  return {
    take: async (wants) => {
      const held = wants.map(({ space, count }) => ({ block: blockOf(space), count }));
      const short = held.filter(({ block, count }) => block.numbers.length < count);
      if (short.length > 0) {
        const asked = short.map(({ block, count }) => ({
          space: block.space,
          count: blockSize(block, count),
          held: block.numbers,
        }));
        const leased = await database.transact((sql) => lease(sql, asked, now()));
        for (const [index, { block }] of short.entries()) {
          const numbers = leased[index] ?? [];
          block.numbers.push(...numbers);
          block.leased = numbers.length;
        }
      }
      return held.map(({ block, count }) => block.numbers.splice(0, count));
    },
    putBack: (space, numbers) => {
      blockOf(space).numbers.push(...numbers);
    },
  };
}

/** Twice as many as the last time, within bounds, and at least what is missing. */
function blockSize({ space, leased, numbers }: Block, count: number): number {
  const part = Math.ceil(space.usable / BLOCK_PART_MAX);
  const wanted = Math.min(Math.max(BLOCK_MIN, leased * 2), BLOCK_MAX, part);
  return Math.max(wanted, count - numbers.length);
}

/** What a lease is asked for: a want, and what is held of its space already. */
interface Asked extends Want {
  readonly held: readonly number[];
}

/** Leases numbers of some spaces of one shard in one transaction. */
async function lease(sql: Sql, asked: readonly Asked[], nowMs: number): Promise<number[][]> {
  // In the order of the key: leases that meet take their locks in one order and do not deadlock.
  const inOrder = [...asked].sort((a, b) =>
    nameOfSpace(a.space.key) < nameOfSpace(b.space.key) ? -1 : 1,
  );
  await moveCursors(
    sql,
    inOrder.map(({ space, count }) => ({ key: space.key, count })),
  );
  const cursors = await readCursors(
    sql,
    inOrder.map(({ space }) => space.key),
  );
  const leases = inOrder.map(({ space, count, held }) => {
    const end = cursors.get(nameOfSpace(space.key)) ?? 0;
    const fresh = space.permutation.permute(positions(end - count, Math.min(end, space.usable)));
    return { space, count, numbers: fresh, known: new Set([...held, ...fresh]) };
  });
  const isShort = ({ numbers, count }: Lease) => numbers.length < count;
  await recycle(sql, leases.filter(isShort), FREED_SPARE, nowMs);
  for (const one of leases.filter(isShort)) {
    // One after the other: a transaction has one connection.
    await recycleAll(sql, one, nowMs);
  }
  const numbers = new Map(leases.map((one) => [one.space, one.numbers]));
  return asked.map(({ space }) => numbers.get(space) ?? []);
}

/** What a lease has of a space so far. */
interface Lease {
  readonly space: Space;
  readonly count: number;
  readonly numbers: number[];
  /** What this process holds or has just leased. */
  readonly known: Set<number>;
}

/** Looks at freed numbers of a space until it has enough or there are none, and then walks. */
async function recycleAll(sql: Sql, lease: Lease, nowMs: number): Promise<void> {
  const before = lease.numbers.length;
  let looked = FREED_NUMBERS;
  for (let look = 0; look < FREED_LOOKS_MAX && looked > 0; look += 1) {
    looked =
      lease.numbers.length < lease.count ? await recycle(sql, [lease], FREED_NUMBERS, nowMs) : 0;
  }
  if (lease.numbers.length === before && before < lease.count) {
    await walk(sql, lease);
  }
}

/** Takes freed numbers for some spaces in one look, the longest free first: what is missing, and some to
 * spare. A number can be noted as free and be a code all the same, if its lease ran out or the cursor came
 * by: then the note goes. Returns how many were looked at. */
async function recycle(
  sql: Sql,
  leases: readonly Lease[],
  spare: number,
  nowMs: number,
): Promise<number> {
  if (leases.length === 0) {
    return 0;
  }
  const freed = await listFreed(
    sql,
    leases.map(({ space, count, numbers }) => ({
      key: space.key,
      countMax: count - numbers.length + spare,
    })),
    nowMs,
  );
  const bySpace = new Map(leases.map((one) => [nameOfSpace(one.space.key), one]));
  const candidates = freed.flatMap((one) => {
    const lease = bySpace.get(nameOfSpace(one));
    return lease ? [{ ...one, lease, code: lease.space.codeOf(one.number) }] : [];
  });
  const live = await findLive(sql, candidates);
  const taken: SpaceNumber[] = [];
  const leased: SpaceNumber[] = [];
  for (const one of candidates) {
    const { lease, number } = one;
    if (live.has(nameOfCode(one))) {
      taken.push(one);
    } else if (lease.numbers.length < lease.count) {
      leased.push(one);
      if (!lease.known.has(number)) {
        lease.known.add(number);
        lease.numbers.push(number);
      }
    }
  }
  if (taken.length > 0) {
    await deleteFreed(sql, taken);
  }
  if (leased.length > 0) {
    const freeAtMs = nowMs + LEASE_MS;
    await putFreed(
      sql,
      leased.map((one) => ({ ...one, freeAtMs })),
    );
  }
  return freed.length;
}

/** Looks for numbers that no code has and nobody noted as free: their block ended with its process. */
async function walk(sql: Sql, { space, numbers, known }: Lease): Promise<void> {
  const { tenantId } = space.key;
  const count = Math.min(WALK_NUMBERS, space.usable);
  await moveCursors(sql, [{ key: space.key, count }]);
  const end = (await readCursors(sql, [space.key])).get(nameOfSpace(space.key)) ?? 0;
  const passed = space.permutation
    .permute(positions(end - count, end).map((position) => position % space.usable))
    .map((number) => ({ tenantId, number, code: space.codeOf(number) }));
  const live = await findLive(sql, passed);
  const freed = await findFreed(
    sql,
    space.key,
    passed.map(({ number }) => number),
  );
  const lost = passed.filter(
    (one) => !live.has(nameOfCode(one)) && !freed.has(one.number) && !known.has(one.number),
  );
  numbers.push(...lost.map(({ number }) => number));
}

function positions(start: number, end: number): number[] {
  return Array.from({ length: Math.max(0, end - start) }, (_, index) => start + index);
}
