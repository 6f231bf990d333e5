// Runs many seeds on all cores: each thread takes the next few when it is done with its last.

import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { Flaws } from "./flaws.ts";

const SEEDS_PER_TURN = 20;
/** How many broken seeds are told with what they broke. */
const BROKEN_TOLD_MAX = 20;

/** A seed that broke a promise. */
export interface BrokenSeed {
  readonly seed: number;
  readonly broken: readonly string[];
}

/** What a turn of seeds came to. */
export interface TurnReport {
  readonly seeds: number;
  readonly events: number;
  readonly counts: ReadonlyMap<string, number>;
  readonly brokenSeeds: number;
  readonly broken: readonly BrokenSeed[];
}

/** What a thread is asked for. */
export interface Turn {
  readonly from: number;
  readonly count: number;
  readonly flaws: Flaws;
}

/** Runs seeds from one on. Stops early after the first broken seed if asked to. */
export async function runSeeds(options: {
  readonly from: number;
  readonly count: number;
  readonly flaws?: Flaws;
  readonly stopsAtBroken?: boolean;
  readonly onProgress?: (done: number) => void;
}): Promise<TurnReport> {
  const { from, count, flaws = {}, stopsAtBroken = false, onProgress } = options;
  const counts = new Map<string, number>();
  const broken: BrokenSeed[] = [];
  const sums = { seeds: 0, events: 0, brokenSeeds: 0 };
  let next = from;

  function take(report: TurnReport): void {
    sums.seeds += report.seeds;
    sums.events += report.events;
    sums.brokenSeeds += report.brokenSeeds;
    broken.push(...report.broken);
    for (const [what, times] of report.counts) {
      counts.set(what, (counts.get(what) ?? 0) + times);
    }
    onProgress?.(sums.seeds);
  }

  function nextTurn(): Turn | undefined {
    if (next >= from + count || (stopsAtBroken && sums.brokenSeeds > 0)) {
      return undefined;
    }
    const turn = { from: next, count: Math.min(SEEDS_PER_TURN, from + count - next), flaws };
    next += turn.count;
    return turn;
  }

  const threads = Math.min(availableParallelism(), Math.ceil(count / SEEDS_PER_TURN));
  await Promise.all(Array.from({ length: threads }, () => runThread(nextTurn, take)));
  broken.sort((a, b) => a.seed - b.seed);
  return { ...sums, counts, broken: broken.slice(0, BROKEN_TOLD_MAX) };
}

function runThread(
  nextTurn: () => Turn | undefined,
  take: (report: TurnReport) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./thread.ts", import.meta.url));
    const go = () => {
      const turn = nextTurn();
      if (turn) {
        worker.postMessage(turn);
      } else {
        void worker.terminate().then(() => resolve());
      }
    };
    worker.on("message", (report: TurnReport) => {
      take(report);
      go();
    });
    worker.on("error", reject);
    go();
  });
}
