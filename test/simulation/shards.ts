// Grouping by shard as services/shared/shards.ts does it, for a keyspace of two shards.

import type { Shards } from "#shared/shards.ts";

const HALF = 1n << 63n;

/** Two shards: what is below the middle of the keyspace, and the rest. */
export const twoShards: Shards = {
  forEachShard: async (items, keyspaceIdOf, work) => {
    const places = [...items.keys()];
    const groups = Map.groupBy(
      places,
      (place) => keyspaceIdOf(items[place] as (typeof items)[number]) < HALF,
    );
    const results = new Array(items.length);
    await Promise.all(
      [...groups.values()].map(async (group) => {
        const part = await work(group.map((place) => items[place] as (typeof items)[number]));
        for (const [index, place] of group.entries()) {
          results[place] = part[index];
        }
      }),
    );
    return results;
  },
};
