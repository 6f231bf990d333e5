// The gate in front of the queue: asks Redis in batches, warms what is cold, and answers from memory for
// slots that were sold out a moment ago, which is nearly all the traffic of a drop.
//
// The memory is at most FLAG_MS old, knows who holds spots, so that a winner's retry still finds their
// own appointment, and is dropped when this process sees spots come back. A little before it is too old
// one wish goes to Redis and brings a new one, while the others are still answered from the old.
//
// Redis may come back without its last second, or may not have heard of an answer while it was away. So a
// refusal counts only for a slot that was made from the rows since Redis was last away: a winner whom
// Redis forgot is not told that it is sold out.

import { createBatcher } from "#shared/batch.ts";
import { Code, meshError } from "#shared/errors.ts";
import type { Logger } from "#shared/log.ts";
import type { Timers } from "#shared/time.ts";
import type { ClaimsClient } from "./clients.ts";
import { toPicture } from "./clients.ts";
import { bodyOf, type Wish } from "./domain.ts";
import type { Admission, AdmissionWish, SchedulingRedis, SlotPicture } from "./redis.ts";

const FLAG_MS = 50;
const FLAG_RENEW_MS = 20;
const FLAG_HOLDERS_MAX = 2000;
const FLAGS_MAX = 10_000;
const WISHES_PER_SCRIPT_MAX = 128;
const SCRIPTS_PER_SLOT_MAX = 4;
const WAITING_PER_SLOT_MAX = 50_000;
const BATCHERS_MAX = 20_000;
const WARM_TRIES_MAX = 3;
const TRUSTED_MAX = 20_000;
const NOTE_WARM_MS = 30_000;

/** Refusals that an old picture of a slot may be wrong about. */
const DOUBTFUL: ReadonlySet<Admission["kind"]> = new Set(["sold-out", "user-limit"]);

/** Answers that do not say that there is such a slot at that store. */
const UNPLACED: ReadonlySet<Admission["kind"]> = new Set([
  "no-such-slot",
  "not-warmed",
  "request-id-reused",
]);

/** Says who is let in. */
export interface Gate {
  /** Asks for a wish. Throws UNAVAILABLE when Redis is away. */
  admit(wish: Wish): Promise<Admission>;
  /** Says whether a shopper can be told at once, without an appointment id, that a slot is sold out. */
  isSoldOut(slotId: string, shopperId: string): boolean;
  /** Forgets that a slot was sold out. */
  clear(slotId: string): void;
  /** Notes that Redis was away: what it says of slots may be old. */
  distrust(): void;
  /** Makes admission's picture of slots anew from the rows. Returns how many spots the old ones were off
   * by, in sum, and which slots exist. */
  warm(slots: readonly { storeId: string; slotId: string }[]): Promise<{
    driftSpots: number;
    found: Set<string>;
  }>;
}

interface Flag {
  readonly untilMs: number;
  readonly renewAtMs: number;
  /** Shoppers who hold or have spots. */
  readonly holders: ReadonlySet<string>;
  /** A wish is on its way to Redis for a new one. */
  isRenewing: boolean;
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
  /** How often Redis was away, and at which count each slot was made from the rows. */
  let absences = 0;
  const trusted = new Map<string, number>();

  async function ask(
    slotId: string,
    wishes: readonly AdmissionWish[],
  ): Promise<readonly Admission[]> {
    const askedAtMs = now();
    const wantHolders = (flags.get(slotId)?.renewAtMs ?? 0) <= askedAtMs;
    const { admissions, freeSpots, holders } = await redis
      .admit(slotId, wishes, holdMs, wantHolders ? FLAG_HOLDERS_MAX : 0)
      .catch((error: unknown) => {
        distrust();
        throw error;
      });
    const isSoldOut = freeSpots <= 0 && admissions.some(({ kind }) => kind === "sold-out");
    // Where the holders are too many to be told, there is no flag: their retries must reach Redis.
    if (isSoldOut && holders.length > 0 && trusted.get(slotId) === absences) {
      bound(flags, FLAGS_MAX);
      flags.set(slotId, {
        untilMs: askedAtMs + FLAG_MS,
        renewAtMs: askedAtMs + FLAG_RENEW_MS,
        holders: new Set(holders),
        isRenewing: false,
      });
    } else if (wantHolders) {
      flags.delete(slotId);
    }
    return admissions;
  }

  function isSoldOut(slotId: string, shopperId: string): boolean {
    const flag = flags.get(slotId);
    if (!flag) {
      return false;
    }
    const nowMs = now();
    if (nowMs > flag.untilMs || flag.holders.has(shopperId)) {
      return false;
    }
    if (nowMs >= flag.renewAtMs && !flag.isRenewing) {
      flag.isRenewing = true;
      return false;
    }
    return true;
  }

  function distrust(): void {
    absences += 1;
    flags.clear();
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

  /** Notes that a slot is in use. Only of slots that exist: the list is bounded, and a place on it that a
   * wish for nothing takes is another's. */
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
          const isThere = found.has(slotId);
          if (isThere) {
            // A Redis that forgot the slot forgot as well that it is in use.
            notedAtMs.delete(slotId);
            noteUse({ storeId, slotId });
          }
          return isThere;
        })
        .finally(() => warming.delete(key));
      warming.set(key, running);
    }
    return running;
  }

  async function warm(slots: readonly { storeId: string; slotId: string }[]) {
    const before = absences;
    const { stocks } = await claims.listSlotStock({ keys: slots.map((slot) => ({ ...slot })) });
    const drifts = await Promise.all(stocks.map((stock) => warmFrom(toPicture(stock), before)));
    return {
      driftSpots: drifts.reduce((sum, drift) => sum + Math.abs(drift), 0),
      found: new Set(stocks.map(({ slot }) => slot?.slotId ?? "")),
    };
  }

  async function warmFrom(picture: SlotPicture, absencesBefore: number): Promise<number> {
    const drift = await redis.warm(picture);
    flags.delete(picture.slotId);
    if (drift !== "stale") {
      bound(trusted, TRUSTED_MAX);
      trusted.set(picture.slotId, absencesBefore);
    }
    return typeof drift === "number" ? drift : 0;
  }

  return {
    admit: async (wish) => {
      const batcher = batcherOf(wish.slotId);
      const asked = { ...wish, body: bodyOf(wish) };
      let admission = await batcher(asked);
      for (let tries = 0; admission.kind === "not-warmed" && tries < WARM_TRIES_MAX; tries += 1) {
        if (!(await warmOne(wish.storeId, wish.slotId))) {
          return { kind: "no-such-slot", detail: "" };
        }
        admission = await batcher(asked);
      }
      const isDoubtful = DOUBTFUL.has(admission.kind) && trusted.get(wish.slotId) !== absences;
      // Without the rows what Redis says must do.
      if (isDoubtful && (await warmOne(wish.storeId, wish.slotId).catch(() => false))) {
        admission = await batcher(asked);
      }
      if (admission.kind === "not-warmed") {
        throw meshError(Code.Unavailable, "the slot could not be warmed: try again", {
          reason: "NOT_WARMED",
          retryMs: 500,
        });
      }
      if (!UNPLACED.has(admission.kind)) {
        noteUse(wish);
      }
      return admission;
    },
    isSoldOut,
    clear: (slotId) => {
      flags.delete(slotId);
    },
    distrust,
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
