// Counts the live codes of every tenant at every suffix, and says once when a count passes a line of the
// tenant's policy. The walk goes suffix by suffix and page by page, and stops when its time is over: the
// next one goes on from there. So a sweep has a bound however many codes there are, and with ten thousand
// tenants at a hundred suffixes a round takes some sweeps more. What is dead is never looked at.

import { LRUCache } from "lru-cache";
import { chunksOf } from "#shared/chunks.ts";
import type { Logger } from "#shared/log.ts";
import { SUFFIXES } from "#shared/suffix.ts";
import { densityOf, LINES, type Line, nextLine } from "./density.ts";
import {
  type DensityStore,
  type LiveCount,
  PAGE_CODES,
  type Place,
  type StoredDensity,
} from "./density-store.ts";
import type { Policies } from "./policies.ts";
import type { Policy } from "./policy.ts";

const ROWS_A_WRITE = 1000;
/** How many tenants' policies are read at once, how many are kept, and for how long. */
const POLICIES_AT_ONCE = 20;
const POLICIES_KEPT_MAX = 10_000;
const POLICIES_KEPT_MS = 300_000;

/** What counting needs. */
export interface CountingOptions {
  readonly densityStore: DensityStore;
  readonly policies: Policies;
  readonly logger: Pick<Logger, "warn">;
  /** What is walked through. If absent, all suffixes. */
  readonly suffixes?: readonly string[];
}

/** Makes the walk: each call goes on from where the last one stopped, until all suffixes were counted once
 * or the time for it is over. Returns how many suffixes were counted to their end. */
export function createCounting(
  options: CountingOptions,
): (isTimeOver: () => boolean) => Promise<number> {
  const { densityStore, suffixes = SUFFIXES } = options;
  const known = new LRUCache<string, readonly Policy[]>({
    max: POLICIES_KEPT_MAX,
    ttl: POLICIES_KEPT_MS,
  });
  /** Where the walk is: in which suffix, after which code, and what it counted there so far. */
  let index = 0;
  let place: Place | undefined;
  let counts = new Map<string, LiveCount>();

  /** Counts a page. Returns whether it was the last of its suffix. */
  async function countPage(suffix: string): Promise<boolean> {
    const page = await densityStore.countPage(suffix, place);
    const codes = page.reduce((sum, { live }) => sum + live, 0);
    const end = codes < PAGE_CODES ? undefined : await densityStore.findPageEnd(suffix, place);
    for (const one of page) {
      const before = counts.get(nameOf(one))?.live ?? 0;
      counts.set(nameOf(one), { ...one, live: before + one.live });
    }
    place = end;
    return end === undefined;
  }

  return async (isTimeOver) => {
    let done = 0;
    while (done < suffixes.length && !isTimeOver()) {
      const suffix = suffixes[index % suffixes.length] as string;
      if (await countPage(suffix)) {
        await settle({ ...options, known }, suffix, counts);
        counts = new Map();
        index += 1;
        done += 1;
      }
    }
    return done;
  };
}

interface Settling extends CountingOptions {
  readonly known: LRUCache<string, readonly Policy[]>;
}

/** Stores what was counted at a suffix where it is not stored yet, and sees to the lines. */
async function settle(
  options: Settling,
  suffix: string,
  counts: ReadonlyMap<string, LiveCount>,
): Promise<void> {
  const { densityStore } = options;
  const fresh = new Map(counts);
  let after = { tenantId: "", symbols: 0 };
  let page = await densityStore.listStored(suffix, after);
  while (page.length > 0) {
    const stored = page;
    const counted = stored.map((row) => ({ ...row, live: counts.get(nameOf(row))?.live ?? 0 }));
    await store(
      densityStore,
      suffix,
      counted.filter(({ live }, index) => live !== stored[index]?.live),
    );
    await seeToLines(
      options,
      counted.filter(({ live }) => live > 0),
    );
    for (const row of stored) {
      fresh.delete(nameOf(row));
    }
    after = stored.at(-1) as StoredDensity;
    page = await densityStore.listStored(suffix, after);
  }
  const added = [...fresh.values()];
  await store(densityStore, suffix, added);
  await seeToLines(
    options,
    added.map((one) => ({ ...one, suffix, reached: LINES.none })),
  );
}

async function store(
  densityStore: DensityStore,
  suffix: string,
  counts: readonly LiveCount[],
): Promise<void> {
  for (const part of chunksOf(counts, ROWS_A_WRITE)) {
    const live = part.filter((one) => one.live > 0);
    const gone = part.filter((one) => one.live === 0);
    if (live.length > 0) {
      await densityStore.putCounts(suffix, live);
    }
    if (gone.length > 0) {
      await densityStore.deleteCounts(suffix, gone);
    }
  }
}

/** Notes which line counts for each of some rows, and warns where it is a higher one. */
async function seeToLines(options: Settling, rows: readonly StoredDensity[]): Promise<void> {
  for (const part of chunksOf(rows, POLICIES_AT_ONCE)) {
    await Promise.all(part.map((row) => seeToLine(options, row)));
  }
}

async function seeToLine(options: Settling, row: StoredDensity): Promise<void> {
  const { densityStore, logger } = options;
  const { tenantId, suffix, live, reached } = row;
  const density = densityOf(await policiesOf(options, tenantId), row);
  const line: Line = density ? nextLine(reached, density) : LINES.none;
  if (line === reached || !(await densityStore.moveLine(row, line))) {
    return;
  }
  if (density && line > reached) {
    const { numbers, randomSymbols } = density;
    logger.warn(
      { tenantId, suffix, randomSymbols, live, numbers, perThousand: density.perThousand },
      line === LINES.stop
        ? "a location is full: it has reached the stop line of its policy"
        : "a location fills up: it has reached the warning line of its policy",
    );
  }
}

async function policiesOf(
  { policies, known }: Settling,
  tenantId: string,
): Promise<readonly Policy[]> {
  const kept = known.get(tenantId);
  if (kept) {
    return kept;
  }
  const read = await policies.list(tenantId);
  known.set(tenantId, read);
  return read;
}

function nameOf({ tenantId, symbols }: Pick<LiveCount, "tenantId" | "symbols">): string {
  return `${tenantId}|${symbols}`;
}
