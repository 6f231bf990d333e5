// Collects single calls into batches: one round trip then serves all that came in the meantime.
// Bounded in batch size and in what may wait; a failed batch fails each of its calls.

import { Code, meshError } from "#shared/errors.ts";
import { nodeTimers, type Timers } from "#shared/time.ts";

/** How a batcher collects. */
export interface BatchOptions<Item, Result> {
  /** Does a whole batch. Must return one result per item, in order. */
  readonly run: (items: readonly Item[]) => Promise<readonly Result[]>;
  /** The most items of one batch. */
  readonly itemsMax: number;
  /** The most batches that run at once. */
  readonly batchesMax: number;
  /** The most items that may wait; beyond it, calls get RESOURCE_EXHAUSTED. */
  readonly waitingMax: number;
  /** How long the first item waits for company, in milliseconds. 0: the rest of this turn of the event loop. */
  readonly lingerMs: number;
  /** What waits. If absent, Node's timers. */
  readonly timers?: Timers | undefined;
}

interface Waiting<Item, Result> {
  item: Item;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
}

/** Makes a function that does one item as part of a batch. */
export function createBatcher<Item, Result>(
  options: BatchOptions<Item, Result>,
): (item: Item) => Promise<Result> {
  const { timers = nodeTimers } = options;
  let waiting: Waiting<Item, Result>[] = [];
  let running = 0;
  let scheduled = false;

  function schedule(): void {
    if (scheduled || running >= options.batchesMax || waiting.length === 0) {
      return;
    }
    scheduled = true;
    if (options.lingerMs === 0 || waiting.length >= options.itemsMax) {
      timers.soon(flush);
    } else {
      timers.after(options.lingerMs, flush);
    }
  }

  function flush(): void {
    scheduled = false;
    while (waiting.length > 0 && running < options.batchesMax) {
      const batch = waiting.slice(0, options.itemsMax);
      waiting = waiting.slice(options.itemsMax);
      void runBatch(batch);
    }
  }

  async function runBatch(batch: Waiting<Item, Result>[]): Promise<void> {
    running += 1;
    try {
      const results = await options.run(batch.map(({ item }) => item));
      if (results.length !== batch.length) {
        throw new Error(`a batch of ${batch.length} came back with ${results.length} results`);
      }
      for (const [index, { resolve }] of batch.entries()) {
        resolve(results[index] as Result);
      }
    } catch (error) {
      for (const { reject } of batch) {
        reject(error);
      }
    } finally {
      running -= 1;
      schedule();
    }
  }

  return (item) =>
    new Promise((resolve, reject) => {
      if (waiting.length >= options.waitingMax) {
        reject(
          meshError(Code.ResourceExhausted, "too much is waiting: try again later", {
            reason: "OVERLOADED",
            retryMs: 1000,
          }),
        );
        return;
      }
      waiting.push({ item, resolve, reject });
      schedule();
    });
}
