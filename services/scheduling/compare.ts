// Finds slots whose picture in Redis is not what the rows say, at the cost of one row and two small
// reads a slot: making a picture anew reads every claim of a slot, so it is kept for those that need it.

import { LRUCache } from "lru-cache";
import { chunksOf } from "#shared/chunks.ts";
import type { ClaimsClient } from "./clients.ts";
import { faultOf } from "./domain.ts";
import type { SchedulingRedis } from "./redis.ts";

/** The most slots that a call of Inventory reads. */
export const SLOTS_PER_READ_MAX = 50;

const SLOTS_REMEMBERED_MAX = 10_000;
const READ_MS_MAX = 5000;
/** A hold that no rebuilding ends was never queued, or waits in a long queue: it is not looked at again soon. */
const HOLD_RECHECK_MS = 15_000;

interface Place {
  readonly storeId: string;
  readonly slotId: string;
}

/** Returns those of some slots whose picture must be made anew. */
export type Compare = (slots: readonly Place[]) => Promise<Place[]>;

/** Makes the comparison. It remembers what the rows said the last time. */
export function createCompare(options: {
  readonly redis: SchedulingRedis;
  readonly claims: ClaimsClient;
  readonly holdMs: number;
  readonly now: () => number;
}): Compare {
  const { redis, claims, holdMs, now } = options;
  const versions = new LRUCache<string, bigint>({ max: SLOTS_REMEMBERED_MAX });
  const holdsSeenAtMs = new LRUCache<string, number>({ max: SLOTS_REMEMBERED_MAX });

  async function comparePart(slots: readonly Place[]): Promise<Place[]> {
    const keys = slots.map(({ storeId, slotId }) => ({ storeId, slotId }));
    // The rows first: what Redis knows is then at least as new, or behind.
    const { stocks } = await claims.listSlotStock(
      { keys, countsOnly: true },
      { timeoutMs: READ_MS_MAX },
    );
    const pictures = await redis.readPictures(stocks.map(({ slot }) => slot?.slotId ?? ""));
    const nowMs = now();
    return stocks.flatMap(({ slot, version }, index) => {
      const { storeId = "", slotId = "", availableSpots = 0 } = slot ?? {};
      const fault = faultOf(
        { availableSpots, version, versionBefore: versions.get(slotId) ?? -1n },
        pictures[index],
        { holdMs, nowMs },
      );
      versions.set(slotId, version);
      if (fault === "old-hold") {
        if (nowMs - (holdsSeenAtMs.get(slotId) ?? 0) < HOLD_RECHECK_MS) {
          return [];
        }
        holdsSeenAtMs.set(slotId, nowMs);
      }
      return fault ? [{ storeId, slotId }] : [];
    });
  }

  return async (slots) =>
    (await Promise.all(chunksOf(slots, SLOTS_PER_READ_MAX).map(comparePart))).flat();
}
