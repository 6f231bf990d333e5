// Every Redis call of Scheduling. What is here is advisory and can be lost: the scripts answer from it,
// the rows decide, and warm() makes it anew from them.
//
// Keys, the braces around what shares a hash slot:
//   scheduling:{<slot>}:stock | holds | wishes | shoppers   one slot's picture, see lua/admit-4.lua
//   scheduling:notes:{<tag>}:<turn>  hash: appointment -> what was wished, for 10 to 20 minutes: from
//                                    admission until the answer is surely written
//   scheduling:warm                  zset: "<store>:<slot>" -> when it was last asked for; the slots in use
//   scheduling:sweeper               who reconciles at this moment
//   scheduling:answers               channel: appointments whose final answer was just written

import { join } from "node:path";
import { loadScripts, type RedisConnection, takeLease } from "#shared/redis.ts";
import type { PictureHead, Wish } from "./domain.ts";

/** How long a hash of notes is written; it is read for as long again. */
const NOTE_MS = 600_000;
const NOTE_TAGS = 4;
/** Below all versions: what comes with it says nothing of the free spots. */
const NO_VERSION = -1n;
const WARM_SLOTS_MAX = 10_000;
/** How many keys one step of a scan looks at: below a millisecond of Redis. */
const SCAN_KEYS = 1000;
const ANSWERS_CHANNEL = "scheduling:answers";
const WARM_KEY = "scheduling:warm";
const SWEEPER_KEY = "scheduling:sweeper";
/** What the warm script says instead of a difference when there was no picture. */
const COLD = -1_000_000_000;

/** What admission says of a wish, as the script numbers it. */
export const ADMISSION = {
  1: "admitted",
  2: "already-yours",
  3: "sold-out",
  4: "user-limit",
  5: "not-open-yet",
  6: "not-warmed",
  7: "too-late",
  8: "no-such-slot",
  9: "party-too-large",
  10: "request-id-reused",
} as const;

/** What admission says of a wish. */
export interface Admission {
  readonly kind: (typeof ADMISSION)[keyof typeof ADMISSION];
  /** already-yours: "A" queued, "C" taken. user-limit: the other appointment. not-open-yet: when, in ms. */
  readonly detail: string;
}

/** A wish as the scripts take it. */
export interface AdmissionWish extends Wish {
  readonly body: string;
}

/** A hold that no answer has ended. */
export type Hold = Pick<AdmissionWish, "slotId" | "appointmentId" | "shopperId"> &
  Pick<AdmissionWish, "partySize" | "body">;

/** A wish that the rows decided. "C": it has spots; "R": it has none. */
export interface Decided {
  readonly wish: Hold;
  readonly status: "C" | "R";
}

/** What the rows say of a slot, as the scripts take it. */
export interface SlotPicture {
  readonly tenantId: string;
  readonly storeId: string;
  readonly slotId: string;
  readonly totalSpots: number;
  readonly partySizeMax: number;
  readonly opensAtMs: number;
  readonly startsAtMs: number;
  readonly availableSpots: number;
  readonly version: bigint;
  readonly claimed: readonly AdmissionWish[];
}

/** What Scheduling keeps in Redis. */
export type SchedulingRedis = ReturnType<typeof createRedis>;

/** Opens the calls on a connection. The clock, in milliseconds, says which notes are of now. */
export function createRedis(redis: RedisConnection, now: () => number = Date.now) {
  const scripts = loadScripts<"admit" | "settle" | "warm" | "note">(
    redis,
    join(import.meta.dirname, "lua"),
  );

  /** Ends the holds of decided wishes of one slot. "C": has spots; "R": has none. */
  async function settle(
    slotId: string,
    availableSpots: number,
    version: bigint,
    decided: readonly Decided[],
  ): Promise<void> {
    const args = decided.flatMap(({ wish, status }) => [
      wish.appointmentId,
      wish.shopperId,
      wish.partySize,
      wish.body,
      status,
    ]);
    await scripts.settle(keysOf(slotId), [availableSpots, version.toString(), ...args]);
  }

  return {
    /** Asks for some wishes of one slot at once. Where nothing is free, also says who holds or has
     * spots, if they are at most holdersMax. */
    async admit(
      slotId: string,
      wishes: readonly AdmissionWish[],
      holdMs: number,
      holdersMax: number,
    ): Promise<{ admissions: Admission[]; freeSpots: number; holders: string[] }> {
      const args = wishes.flatMap((wish) => [
        wish.appointmentId,
        wish.shopperId,
        wish.partySize,
        wish.body,
        `${wish.tenantId}:${wish.storeId}`,
      ]);
      const reply = (await scripts.admit(keysOf(slotId), [holdMs, holdersMax, ...args])) as [
        number,
        ...(number | string)[],
      ];
      const admissions = wishes.map((_, index) => ({
        kind: ADMISSION[reply[1 + index * 2] as keyof typeof ADMISSION],
        detail: String(reply[2 + index * 2]),
      }));
      const holders = reply.slice(1 + wishes.length * 2).map(String);
      return { admissions, freeSpots: reply[0], holders };
    },

    settle,

    /** Ends holds of one slot, and leaves the free spots as admission knows them. */
    endHolds: (slotId: string, decided: readonly Decided[]): Promise<void> =>
      settle(slotId, 0, NO_VERSION, decided),

    /** Makes a slot's picture anew from the rows. Returns by how many spots the old one was too
     * generous, undefined if there was none, or "stale" if Redis knows something later. */
    async warm(picture: SlotPicture): Promise<number | undefined | "stale"> {
      const [isDone, drift] = (await scripts.warm(keysOf(picture.slotId), [
        picture.tenantId,
        picture.storeId,
        picture.totalSpots,
        picture.partySizeMax,
        picture.opensAtMs,
        picture.startsAtMs,
        picture.availableSpots,
        picture.version.toString(),
        ...picture.claimed.flatMap((wish) => [
          wish.appointmentId,
          wish.shopperId,
          wish.partySize,
          wish.body,
        ]),
      ])) as [number, number];
      if (isDone === 0) {
        return "stale";
      }
      return drift === COLD ? undefined : drift;
    },

    /** Reads what admission believes of a slot, or undefined if it is cold. */
    async readStock(slotId: string): Promise<{ freeSpots: number; heldSpots: number } | undefined> {
      const [available, held] = await redis.hmget(keysOf(slotId)[0], "available", "held");
      if (available == null || held == null) {
        return undefined;
      }
      return { freeSpots: Number(available) - Number(held), heldSpots: Number(held) };
    },

    /** Reads what admission believes of some slots, in short and in one trip; undefined where a slot is
     * cold. */
    async readPictures(slotIds: readonly string[]): Promise<(PictureHead | undefined)[]> {
      const pipeline = redis.pipeline();
      for (const slotId of slotIds) {
        const [stock, holds] = keysOf(slotId);
        pipeline.hmget(stock, "available", "version", "held");
        pipeline.zrange(holds, 0, "0", "WITHSCORES");
      }
      const answers = await replies(pipeline.exec());
      return slotIds.map((_, index) => {
        const [available, version, held] = answers[index * 2] as (string | null)[];
        const [, endsAtMs] = answers[index * 2 + 1] as string[];
        if (available == null || version == null) {
          return undefined;
        }
        return {
          availableSpots: Number(available),
          version: BigInt(version),
          heldSpots: Number(held),
          firstHoldEndsAtMs: endsAtMs === undefined ? undefined : Number(endsAtMs),
        };
      });
    },

    /** Lists the holds of slots that end by a moment, the oldest first. */
    async listHolds(
      slotIds: readonly string[],
      endByMs: number,
      perSlotMax: number,
    ): Promise<Hold[]> {
      const read = redis.pipeline();
      for (const slotId of slotIds) {
        read.zrangebyscore(keysOf(slotId)[1], "-inf", endByMs, "LIMIT", 0, perSlotMax);
      }
      const held = (await replies(read.exec())) as string[][];
      const inUse = slotIds.flatMap((slotId, index) => {
        const appointmentIds = held[index] ?? [];
        return appointmentIds.length > 0 ? [{ slotId, appointmentIds }] : [];
      });
      const readWishes = redis.pipeline();
      for (const { slotId, appointmentIds } of inUse) {
        readWishes.hmget(keysOf(slotId)[2], ...appointmentIds);
      }
      const wishes = (await replies(readWishes.exec())) as (string | null)[][];
      return inUse.flatMap(({ slotId, appointmentIds }, index) =>
        appointmentIds.flatMap((appointmentId, position) => {
          const wish = /^A(\d+):([^:]*):(.*)$/s.exec(wishes[index]?.[position] ?? "");
          return wish
            ? [
                {
                  ...{ slotId, appointmentId, shopperId: wish[3] ?? "" },
                  ...{ partySize: Number(wish[1]), body: wish[2] ?? "" },
                },
              ]
            : [];
        }),
      );
    },

    /** Notes what is wished under each appointment id, and returns what was noted there before. */
    async noteWishes(wishes: readonly Wish[]): Promise<(Wish | undefined)[]> {
      const groups = [...Map.groupBy(wishes, ({ appointmentId }) => noteTagOf(appointmentId))];
      const known = new Map<Wish, Wish | undefined>();
      await Promise.all(
        groups.map(async ([tag, group]) => {
          const texts = (await scripts.note(noteKeysOf(tag, now()), [
            2 * NOTE_MS,
            ...group.flatMap((wish) => [wish.appointmentId, encodeWish(wish)]),
          ])) as string[];
          for (const [index, wish] of group.entries()) {
            known.set(wish, decodeWish(wish.appointmentId, texts[index]));
          }
        }),
      );
      return wishes.map((wish) => known.get(wish));
    },

    /** Finds what is wished under an appointment id. */
    async findWish(appointmentId: string): Promise<Wish | undefined> {
      const keys = noteKeysOf(noteTagOf(appointmentId), now());
      const texts = await Promise.all(keys.map((key) => redis.hget(key, appointmentId)));
      return decodeWish(appointmentId, texts[0] ?? texts[1]);
    },

    /** Tells every process that final answers were written. */
    async announce(appointmentIds: readonly string[]): Promise<void> {
      await redis.publish(ANSWERS_CHANNEL, appointmentIds.join(","));
    },

    /** Notes that a slot is in use, so that the sweeper keeps its picture true. */
    async noteWarm(storeId: string, slotId: string, nowMs: number): Promise<void> {
      await redis
        .pipeline()
        .zadd(WARM_KEY, nowMs, `${storeId}:${slotId}`)
        .zremrangebyrank(WARM_KEY, 0, -WARM_SLOTS_MAX - 1)
        .exec();
    },

    /** Names this run of Redis: another one may know less than it did. Undefined if Redis does not say. */
    async serverRun(): Promise<string | undefined> {
      return /^run_id:(\w+)/m.exec(await redis.info("server"))?.[1];
    },

    /** Takes every slot that there is a picture of for one in use since a moment, unless it is noted
     * already. Reads all keys. */
    async noteAllWarm(sinceMs: number): Promise<void> {
      const scan = redis.scanStream({ match: "scheduling:{*}:stock", count: SCAN_KEYS });
      for await (const keys of scan as AsyncIterable<string[]>) {
        const read = redis.pipeline();
        for (const key of keys) {
          read.hget(key, "store");
        }
        const stores = keys.length > 0 ? await replies(read.exec()) : [];
        const places = keys.flatMap((key, index) => {
          const slotId = /\{([0-9]+)\}/.exec(key)?.[1];
          return slotId && stores[index] ? [sinceMs, `${stores[index]}:${slotId}`] : [];
        });
        if (places.length > 0) {
          const note = redis.pipeline();
          note.zadd(WARM_KEY, "NX", ...places);
          note.zremrangebyrank(WARM_KEY, 0, -WARM_SLOTS_MAX - 1);
          await replies(note.exec());
        }
      }
    },

    /** Lists slots in use since a moment. */
    async listWarm(sinceMs: number): Promise<{ storeId: string; slotId: string }[]> {
      const members = await redis.zrangebyscore(WARM_KEY, sinceMs, "+inf");
      return members.map((member) => {
        const [storeId = "", slotId = ""] = member.split(":");
        return { storeId, slotId };
      });
    },

    /** Becomes the process that sweeps, for a while. Returns whether it is. */
    leaseSweeper: (owner: string, leaseMs: number): Promise<boolean> =>
      takeLease(redis, SWEEPER_KEY, owner, leaseMs),
  };
}

/** Hears answers on a connection of its own. */
export function subscribeAnswers(
  redis: RedisConnection,
  hear: (appointmentIds: readonly string[]) => void,
): void {
  redis.on("message", (_channel, message: string) => hear(message.split(",")));
  const subscribe = () => {
    redis.subscribe(ANSWERS_CHANNEL).catch(() => {
      // The next connection subscribes; until then watchers look by themselves.
    });
  };
  redis.on("ready", subscribe);
  if (redis.status === "ready") {
    subscribe();
  }
}

function keysOf(slotId: string): [string, string, string, string] {
  const tag = `scheduling:{${slotId}}`;
  return [`${tag}:stock`, `${tag}:holds`, `${tag}:wishes`, `${tag}:shoppers`];
}

/** Spreads the notes over the nodes of a cluster, in few groups: each costs a call a batch. */
function noteTagOf(appointmentId: string): number {
  return Number.parseInt(appointmentId.charAt(0), 16) % NOTE_TAGS;
}

function noteKeysOf(tag: number, nowMs: number): [string, string] {
  const turn = Math.floor(nowMs / NOTE_MS);
  return [`scheduling:notes:{${tag}}:${turn}`, `scheduling:notes:{${tag}}:${turn - 1}`];
}

function encodeWish(wish: Wish): string {
  return [wish.tenantId, wish.storeId, wish.slotId, wish.partySize, wish.shopperId].join("|");
}

function decodeWish(appointmentId: string, text: unknown): Wish | undefined {
  if (typeof text !== "string" || text === "") {
    return undefined;
  }
  const [tenantId = "", storeId = "", slotId = "", partySize, ...shopper] = text.split("|");
  return {
    appointmentId,
    tenantId,
    storeId,
    slotId,
    partySize: Number(partySize),
    shopperId: shopper.join("|"),
  };
}

async function replies(pending: Promise<[Error | null, unknown][] | null>): Promise<unknown[]> {
  return ((await pending) ?? []).map(([error, reply]) => {
    if (error) {
      throw error;
    }
    return reply;
  });
}
