// The gate in front of the queue: asks Redis in batches, warms what is cold, and answers from memory for
// slots that were sold out a moment ago, which is nearly all the traffic of a drop.
//
// The memory is at most FLAG_MS old, knows who holds spots, so that a winner's retry still finds their
// own appointment, and is dropped when this process sees spots come back.

import { createBatcher } from "#shared/batch.ts";
import { Code, meshError } from "#shared/errors.ts";
import type { Logger } from "#shared/log.ts";
import type { Timers } from "#shared/time.ts";
import type { ClaimsClient } from "./clients.ts";
import { toPicture } from "./clients.ts";
import { bodyHashOf, type Wish } from "./domain.ts";
import type { Admission, AdmissionWish, SchedulingRedis, SlotPicture } from "./redis.ts";

const FLAG_MS = 50;
const FLAG_HOLDERS_MAX = 2000;
const FLAGS_MAX = 10_000;
const WISHES_PER_SCRIPT_MAX = 128;
const SCRIPTS_PER_SLOT_MAX = 4;
const WAITING_PER_SLOT_MAX = 50_000;
const BATCHERS_MAX = 20_000;
const WARM_TRIES_MAX = 3;
const NOTE_WARM_MS = 30_000;

const SOLD_OUT: Admission = { kind: "sold-out", detail: "" };

/** Says who is let in. */
export interface Gate {
  /** Asks for a wish. Throws UNAVAILABLE when Redis is away. */
  admit(wish: Wish): Promise<Admission>;
  /** Forgets that a slot was sold out. */
  clear(slotId: string): void;
  /** Makes admission's picture of slots anew from the rows. Returns how many spots the old ones were off
   * by, in sum, and which slots exist. */
  warm(slots: readonly { storeId: string; slotId: string }[]): Promise<{
    driftSpots: number;
    found: Set<string>;
  }>;
}

interface Flag {
  readonly untilMs: number;
  readonly holders: ReadonlySet<string>;
}

/** Makes the gate. */
export function createGate(options: {
  readonly redis: SchedulingRedis;
  readonly claims: ClaimsClient;
  readonly holdMs: number;
  readonly now: () => number;
  readonly logger: Logger;
  /** What waits for a batch. If absent, Node's timers. */
  readonly timers?: Timers;
}): Gate {
  const { redis, claims, holdMs, now, timers } = options;
  const flags = new Map<string, Flag>();
  const batchers = new Map<string, (wish: AdmissionWish) => Promise<Admission>>();
  const warming = new Map<string, Promise<boolean>>();
  const notedAtMs = new Map<string, number>();

  async function ask(
    slotId: string,
    wishes: readonly AdmissionWish[],
  ): Promise<readonly Admission[]> {
    const askedAtMs = now();
    const wantHolders = (flags.get(slotId)?.untilMs ?? 0) < askedAtMs;
    const { admissions, freeSpots, holders } = await redis.admit(
      slotId,
      wishes,
      holdMs,
      wantHolders ? FLAG_HOLDERS_MAX : 0,
    );
    const isSoldOut = freeSpots <= 0 && admissions.some(({ kind }) => kind === "sold-out");
    // Where the holders are too many to be told, there is no flag: their retries must reach Redis.
    if (isSoldOut && holders.length > 0) {
      bound(flags, FLAGS_MAX);
      flags.set(slotId, { untilMs: askedAtMs + FLAG_MS, holders: new Set(holders) });
    }
    return admissions;
  }

  function batcherOf(slotId: string) {
    let batcher = batchers.get(slotId);
    if (!batcher) {
      bound(batchers, BATCHERS_MAX);
      batcher = createBatcher<AdmissionWish, Admission>({
        run: (wishes) => ask(slotId, wishes),
        itemsMax: WISHES_PER_SCRIPT_MAX,
        batchesMax: SCRIPTS_PER_SLOT_MAX,
        waitingMax: WAITING_PER_SLOT_MAX,
        lingerMs: 0,
        timers,
      });
      batchers.set(slotId, batcher);
    }
    return batcher;
  }

  function noteUse({ storeId, slotId }: Pick<Wish, "storeId" | "slotId">): void {
    const nowMs = now();
    if (nowMs - (notedAtMs.get(slotId) ?? 0) > NOTE_WARM_MS) {
      bound(notedAtMs, FLAGS_MAX);
      notedAtMs.set(slotId, nowMs);
      redis.noteWarm(storeId, slotId, nowMs).catch(() => {
        // The next wish after NOTE_WARM_MS notes it again.
      });
    }
  }

  /** Warms one slot, once for all who wait for it. Returns whether there is such a slot. */
  function warmOne(storeId: string, slotId: string): Promise<boolean> {
    const key = `${storeId}:${slotId}`;
    let running = warming.get(key);
    if (!running) {
      running = warm([{ storeId, slotId }])
        .then(({ found }) => {
          // A Redis that forgot the slot forgot as well that it is in use.
          notedAtMs.delete(slotId);
          noteUse({ storeId, slotId });
          return found.has(slotId);
        })
        .finally(() => warming.delete(key));
      warming.set(key, running);
    }
    return running;
  }

  async function warm(slots: readonly { storeId: string; slotId: string }[]) {
    const { stocks } = await claims.listSlotStock({ keys: slots.map((slot) => ({ ...slot })) });
    const drifts = await Promise.all(stocks.map((stock) => warmFrom(toPicture(stock))));
    return {
      driftSpots: drifts.reduce((sum, drift) => sum + Math.abs(drift), 0),
      found: new Set(stocks.map(({ slot }) => slot?.slotId ?? "")),
    };
  }

  async function warmFrom(picture: SlotPicture): Promise<number> {
    const drift = await redis.warm(picture);
    flags.delete(picture.slotId);
    return typeof drift === "number" ? drift : 0;
  }

  return {
    admit: async (wish) => {
      noteUse(wish);
      const flag = flags.get(wish.slotId);
      if (flag && flag.untilMs >= now() && !flag.holders.has(wish.appointmentId)) {
        return SOLD_OUT;
      }
      const batcher = batcherOf(wish.slotId);
      const asked = { ...wish, bodyHash: bodyHashOf(wish) };
      let admission = await batcher(asked);
      for (let tries = 0; admission.kind === "not-warmed" && tries < WARM_TRIES_MAX; tries += 1) {
        if (!(await warmOne(wish.storeId, wish.slotId))) {
          return { kind: "no-such-slot", detail: "" };
        }
        admission = await batcher(asked);
      }
      if (admission.kind === "not-warmed") {
        throw meshError(Code.Unavailable, "the slot could not be warmed: try again", {
          reason: "NOT_WARMED",
          retryMs: 500,
        });
      }
      return admission;
    },
    clear: (slotId) => {
      flags.delete(slotId);
    },
    warm,
  };
}

/** Keeps a map within its bound by dropping what was put in first. */
function bound(map: Map<string, unknown>, sizeMax: number): void {
  if (map.size >= sizeMax) {
    const [oldest] = map.keys();
    map.delete(oldest as string);
  }
}
