// Groups rows by shard before they are written. vtgate runs with --transaction-mode SINGLE and refuses
// a statement that writes to two shards (errno 1317, nothing written), so a batch becomes one statement
// or transaction per shard. The shard ranges are read from vtgate; when they change under a batch,
// vtgate's refusal says so, and the part that was refused is grouped anew.

import xxhash from "xxhash-wasm";
import { isTwoShards } from "#shared/errors.ts";
import type { Database } from "#shared/mysql.ts";
import { keyspaceIdOfSuffix, parseShard, type ShardRange, shardOf } from "#shared/suffix.ts";

const REGROUPS_MAX = 3;
const RANGES_VALID_MS = 60_000;

const { h64Raw } = await xxhash();
const encoder = new TextEncoder();

/** Computes the keyspace id of a suffix, or of anything that ends in one. Throws if it does not. */
export function ofSuffix(value: string): bigint {
  const id = keyspaceIdOfSuffix(value);
  if (id === undefined) {
    throw new Error("a shard value must end in two digits");
  }
  return id;
}

/** Computes the keyspace id of a decimal id as Vitess's xxhash vindex does: the hash of its digits,
 * its bytes in little-endian order. */
export function ofXxhash(id: string): bigint {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(h64Raw(encoder.encode(id)));
  return bytes.readBigUInt64BE();
}

/** Groups and runs. */
export interface Shards {
  /** Runs work once per shard, in parallel, over the items that lie there, and returns the results in
   * the order of the items. The work must be idempotent. */
  forEachShard<Item, Result>(
    items: readonly Item[],
    keyspaceIdOf: (item: Item) => bigint,
    work: (items: readonly Item[]) => Promise<readonly Result[]>,
  ): Promise<Result[]>;
}

/** Makes the grouping of a keyspace. */
export function createShards(database: Database): Shards {
  let ranges: Promise<readonly ShardRange[]> | undefined;
  let readAtMs = 0;

  function readRanges(): Promise<readonly ShardRange[]> {
    if (!ranges || Date.now() - readAtMs > RANGES_VALID_MS) {
      readAtMs = Date.now();
      ranges = queryRanges(database);
      ranges.catch(() => {
        ranges = undefined;
      });
    }
    return ranges;
  }

  async function run<Item, Result>(
    items: readonly Item[],
    keyspaceIdOf: (item: Item) => bigint,
    work: (items: readonly Item[]) => Promise<readonly Result[]>,
    regroups: number,
  ): Promise<Result[]> {
    const known = await readRanges();
    const groups = new Map<string, number[]>();
    for (const [index, item] of items.entries()) {
      const shard = shardOf(known, keyspaceIdOf(item)).name;
      const group = groups.get(shard);
      if (group) {
        group.push(index);
      } else {
        groups.set(shard, [index]);
      }
    }
    const results = new Array<Result>(items.length);
    await Promise.all(
      [...groups.values()].map(async (indexes) => {
        const part = indexes.map((index) => items[index] as Item);
        const answers = await work(part).catch((error: unknown) => {
          if (!isTwoShards(error) || regroups >= REGROUPS_MAX) {
            throw error;
          }
          ranges = undefined;
          return run(part, keyspaceIdOf, work, regroups + 1);
        });
        for (const [position, index] of indexes.entries()) {
          results[index] = answers[position] as Result;
        }
      }),
    );
    return results;
  }

  return {
    forEachShard: (items, keyspaceIdOf, work) => run(items, keyspaceIdOf, work, 0),
  };
}

async function queryRanges(database: Database): Promise<readonly ShardRange[]> {
  const rows = await database.select<{ Shards: string }>("show vitess_shards");
  const prefix = `${database.keyspace}/`;
  const ranges = rows
    .map((row) => row.Shards)
    .filter((name) => name.startsWith(prefix))
    .map((name) => parseShard(name.slice(prefix.length)));
  if (ranges.length === 0) {
    throw new Error(`vtgate knows no shards of ${database.keyspace}: was its vschema applied?`);
  }
  return ranges;
}
