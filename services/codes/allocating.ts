// Hands out the numbers that become codes. Each number space, of a tenant, a shape and a location, is
// walked in the order of its keyed permutation by a cursor, a row on the codes' own shard. A process
// leases a block of positions by moving the cursor on and hands them out from memory, so a code costs no
// round trip here, and any number of processes walk one space without ever meeting.
//
// Once the cursor has been round, numbers come from freed_number: codes that died, after their quarantine.
// A lease deletes them there, so what is noted as free is free, but for what a cursor came by after another
// key or strategy: whoever comes again after a refusal has each compared with the live codes. When none is free
// either, the walk goes on from the start and picks up what ended with its process. So a full space costs
// little more than an empty one, until it is truly full. Two codes with one number are impossible however
// this fails: the unique key of the live codes is the judge, and a number that it refuses costs another try.

import { LRUCache } from "lru-cache";
import type { Database, Sql } from "#shared/mysql.ts";
import type { Permutation } from "./permutation.ts";
import {
  deleteFreed,
  findFreed,
  findLive,
  listFreed,
  lockCursors,
  moveCursors,
  nameOfCode,
  nameOfSpace,
  type SpaceKey,
  type SpaceNumber,
} from "./space-store.ts";

const BLOCK_MIN = 16;
const BLOCK_MAX = 512;
/** A block is at most this part of its space: what a process holds, others do not have. */
const BLOCK_PART_MAX = 1000;
const BLOCKS_KEPT_MAX = 20_000;
/** How many freed numbers of each space are compared with the live codes in one look, and how often. */
const CHECKED_NUMBERS = 500;
const CHECKED_LOOKS_MAX = 20;
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
   * fewer where the space is full. `isRetry` says that a number was refused just now. */
  take(wants: readonly Want[], options?: { readonly isRetry?: boolean }): Promise<number[][]>;
  /** Takes back numbers that no code was made of. */
  putBack(space: Space, numbers: readonly number[]): void;
  /** Hears that the table judged numbers. If absent, it need not be told. */
  release?(space: Space, numbers: readonly number[]): void;
}

/** The numbers of a space that this process holds, how many it leased last, and where the cursor was then. */
interface Block {
  space: Space;
  readonly numbers: number[];
  leased: number;
  cursor: number;
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
      block = { space, numbers: [], leased: 0, cursor: 0 };
      blocks.set(name, block);
    }
    // Another version of the policy may have moved the line where the space counts as full.
    block.space = space;
    return block;
  }

  return {
    take: async (wants, { isRetry = false } = {}) => {
      const held = wants.map(({ space, count }) => ({ block: blockOf(space), count }));
      const short = held.filter(({ block, count }) => block.numbers.length < count);
      if (short.length > 0) {
        const asked = short.map(({ block, count }) => ({
          space: block.space,
          needed: count - block.numbers.length,
          count: blockSize(block, count),
          held: block.numbers,
          isRound: block.cursor >= block.space.usable,
        }));
        const leased = await database.transact((sql) =>
          lease(sql, asked, { isRetry, nowMs: now() }),
        );
        for (const [index, { block }] of short.entries()) {
          const { numbers, cursor } = leased[index] as Lease;
          block.numbers.push(...numbers);
          block.leased = numbers.length;
          block.cursor = cursor;
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

/** What a lease is asked for: a block, of which so many are needed, and what is known of its space. */
interface Asked extends Want {
  readonly needed: number;
  readonly held: readonly number[];
  /** Whether the cursor has been round. */
  readonly isRound: boolean;
}

/** What a lease has of a space so far. */
interface Lease extends Asked {
  readonly cursor: number;
  readonly numbers: number[];
  /** What this process holds or has just leased. */
  readonly known: Set<number>;
}

/** How a lease looks for freed numbers. */
interface Looking {
  readonly isRetry: boolean;
  readonly nowMs: number;
}

/** Leases numbers of some spaces of one shard in one transaction. */
async function lease(sql: Sql, asked: readonly Asked[], looking: Looking): Promise<Lease[]> {
  // In the order of the key: leases that meet take their locks in one order and do not deadlock.
  const inOrder = [...asked].sort((a, b) =>
    nameOfSpace(a.space.key) < nameOfSpace(b.space.key) ? -1 : 1,
  );
  const leases = await leaseFresh(sql, inOrder);
  const listShort = () => leases.filter(({ numbers, count }) => numbers.length < count);
  let looked = await recycle(sql, listShort(), looking);
  for (let look = 1; looking.isRetry && looked > 0 && look < CHECKED_LOOKS_MAX; look += 1) {
    looked = await recycle(sql, listShort(), looking);
  }
  for (const one of leases.filter(({ numbers, needed }) => numbers.length < needed)) {
    // One after the other: a transaction has one connection.
    await walk(sql, one);
  }
  const bySpace = new Map(leases.map((one) => [one.space, one]));
  return asked.map(({ space }) => bySpace.get(space) as Lease);
}

/** Takes numbers that were never given. Locks the cursors, also where all of them have been round. */
async function leaseFresh(sql: Sql, asked: readonly Asked[]): Promise<Lease[]> {
  const keys = asked.map(({ space }) => space.key);
  const isFresh = asked.some(({ isRound }) => !isRound);
  if (isFresh) {
    await moveCursors(
      sql,
      asked.map(({ space, count }) => ({ key: space.key, count })),
    );
  }
  const cursors = await lockCursors(sql, keys);
  return asked.map((one) => {
    const { space, count, held } = one;
    const cursor = cursors.get(nameOfSpace(space.key)) ?? 0;
    const numbers = isFresh
      ? space.permutation.permute(positions(cursor - count, Math.min(cursor, space.usable)))
      : [];
    return { ...one, cursor, numbers, known: new Set([...held, ...numbers]) };
  });
}

/** Takes freed numbers for some spaces in one look, the longest free first, and with `isRetry` only those that
 * no code has. Returns how many were looked at. */
async function recycle(
  sql: Sql,
  leases: readonly Lease[],
  { isRetry, nowMs }: Looking,
): Promise<number> {
  if (leases.length === 0) {
    return 0;
  }
  const wants = leases.map(({ space, count, numbers }) => ({
    key: space.key,
    countMax: isRetry ? CHECKED_NUMBERS : count - numbers.length,
  }));
  const freed = await listFreed(sql, wants, nowMs);
  const bySpace = new Map(leases.map((one) => [nameOfSpace(one.space.key), one]));
  const candidates = freed.flatMap((one) => {
    const lease = bySpace.get(nameOfSpace(one));
    return lease ? [{ ...one, lease, code: lease.space.codeOf(one.number) }] : [];
  });
  const live = isRetry ? await findLive(sql, candidates) : new Set();
  const gone: SpaceNumber[] = [];
  for (const one of candidates) {
    const { lease, number } = one;
    if (live.has(nameOfCode(one))) {
      gone.push(one);
    } else if (lease.numbers.length < lease.count) {
      gone.push(one);
      if (!lease.known.has(number)) {
        lease.known.add(number);
        lease.numbers.push(number);
      }
    }
  }
  if (gone.length > 0) {
    await deleteFreed(sql, gone);
  }
  return freed.length;
}

/** Looks for numbers that no code has and nobody noted as free: they ended with the process that held them. */
async function walk(sql: Sql, { space, numbers, known }: Lease): Promise<void> {
  const { tenantId } = space.key;
  const count = Math.min(WALK_NUMBERS, space.usable);
  await moveCursors(sql, [{ key: space.key, count }]);
  const end = (await lockCursors(sql, [space.key])).get(nameOfSpace(space.key)) ?? 0;
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
