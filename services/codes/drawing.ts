// The other way to find free numbers, as the design of pickup codes that this service began with has it:
// draw a batch at random, strike out what someone else has locked and what is live, lock what is left,
// insert, unlock. Up to five rounds of 4, 8, 16, 32 and 64 draws a code. It needs no cursor and no
// quarantine, and is as good while a space is nearly empty; nearly full it gives up: at 99.9 % of a
// space for nine codes in ten, and at 99 % already for some (measured in bench/README.md). A tenant chooses it by
// policy. Draws are from the system's random source, each number as likely as the others.

import { randomInt } from "node:crypto";
import type { Database } from "#shared/mysql.ts";
import type { NumberSource, Space, Want } from "./allocating.ts";
import { findLive, nameOfCode, nameOfSpace } from "./space-store.ts";

const ROUNDS_MAX = 5;
/** A lock ends by itself if its process dies before the insert. */
const LOCK_MS = 10_000;

/** Locks that every process sees. */
export interface NumberLocks {
  /** Locks the names that nobody has locked, and says for each whether it was. */
  lock(names: readonly string[], lockMs: number): Promise<boolean[]>;
  /** Says for each name whether someone has locked it. */
  areLocked(names: readonly string[]): Promise<boolean[]>;
  /** Ends locks. */
  unlock(names: readonly string[]): Promise<void>;
}

/** Makes the source that draws. */
export function createDrawing(options: {
  readonly database: Pick<Database, "select" | "write">;
  readonly locks: NumberLocks;
  /** Draws a number from 0 up to a bound. If absent, at random. */
  readonly draw?: (bound: number) => number;
}): NumberSource {
  const { draw = randomInt } = options;
  return {
    take: (wants) => Promise.all(wants.map((want) => drawFree({ ...options, draw }, want))),
    // Nobody waits for a number: it is drawn again one day.
    putBack: () => undefined,
    release: (space, numbers) => {
      options.locks.unlock(numbers.map((number) => lockName(space, number))).catch(() => {
        // They end by themselves.
      });
    },
  };
}

async function drawFree(
  { database, locks, draw }: Required<Parameters<typeof createDrawing>[0]>,
  { space, count }: Want,
): Promise<number[]> {
  const taken: number[] = [];
  // Each round is drawn because the last one was not enough.
  for (let round = 1; round <= ROUNDS_MAX && taken.length < count; round += 1) {
    const drawn = drawMany(draw, space, count - taken.length - 1 + (2 << round));
    const areLocked = await locks.areLocked(drawn.map((number) => lockName(space, number)));
    const unlocked = drawn.filter((_, index) => !areLocked[index]);
    const { tenantId } = space.key;
    const drawnCodes = unlocked.map((number) => ({ tenantId, number, code: space.codeOf(number) }));
    const live = await findLive(database, drawnCodes);
    const free = drawnCodes
      .filter((one) => !live.has(nameOfCode(one)))
      .map(({ number }) => number)
      .slice(0, count - taken.length);
    const isOurs = await locks.lock(
      free.map((number) => lockName(space, number)),
      LOCK_MS,
    );
    taken.push(...free.filter((_, index) => isOurs[index]));
  }
  return taken;
}

function drawMany(draw: (bound: number) => number, space: Space, count: number): number[] {
  return [...new Set(Array.from({ length: count }, () => draw(space.permutation.size)))];
}

function lockName(space: Space, number: number): string {
  return `${nameOfSpace(space.key)}|${number}`;
}
