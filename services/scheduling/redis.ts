// Every Redis call of Scheduling. What is here is advisory and can be lost: the scripts answer from it,
// the rows decide, and warm() makes it anew from them.
//
// Keys, the braces around what shares a hash slot:
//   scheduling:{<slot>}:stock | holds | wishes | shoppers   one slot's picture, see lua/admit-4.lua
//   scheduling:wish:<appointment>    what was wished, from admission until the answer is surely written
//   scheduling:warm                  zset: "<store>:<slot>" -> when it was last asked for
//   scheduling:sweeper               who reconciles at this moment
//   scheduling:answers               channel: appointments whose final answer was just written

import { join } from "node:path";
import { loadScripts, type RedisConnection } from "#shared/redis.ts";
import type { Wish } from "./domain.ts";

const WISH_MS = 600_000;
const WARM_SLOTS_MAX = 10_000;
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
  readonly bodyHash: string;
}

/** A hold that no answer has ended. */
export type Hold = Pick<AdmissionWish, "slotId" | "appointmentId" | "shopperId"> &
  Pick<AdmissionWish, "partySize" | "bodyHash">;

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

/** Opens the calls on a connection. */
export function createRedis(redis: RedisConnection) {
  const scripts = loadScripts<"admit" | "settle" | "warm">(redis, join(import.meta.dirname, "lua"));

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
        wish.bodyHash,
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

    /** Ends the holds of decided wishes of one slot. "C": has spots; "R": has none. */
    async settle(
      slotId: string,
      availableSpots: number,
      version: bigint,
      decided: readonly { wish: Hold; status: "C" | "R" }[],
    ): Promise<void> {
      const args = decided.flatMap(({ wish, status }) => [
        wish.appointmentId,
        wish.shopperId,
        wish.partySize,
        wish.bodyHash,
        status,
      ]);
      await scripts.settle(keysOf(slotId), [availableSpots, version.toString(), ...args]);
    },

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
          wish.bodyHash,
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

    /** Lists the oldest holds of slots. */
    async listHolds(slotIds: readonly string[], perSlotMax: number): Promise<Hold[]> {
      const read = redis.pipeline();
      for (const slotId of slotIds) {
        read.zrange(keysOf(slotId)[1], "0", String(perSlotMax - 1));
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
                  ...{ partySize: Number(wish[1]), bodyHash: wish[2] ?? "" },
                },
              ]
            : [];
        }),
      );
    },

    /** Notes what is wished under each appointment id, and returns what was noted there before. */
    async noteWishes(wishes: readonly Wish[]): Promise<(Wish | undefined)[]> {
      const pipeline = redis.pipeline();
      for (const wish of wishes) {
        pipeline.set(wishKey(wish.appointmentId), encodeWish(wish), "PX", WISH_MS, "NX", "GET");
      }
      return (await replies(pipeline.exec())).map((reply, index) =>
        decodeWish((wishes[index] as Wish).appointmentId, reply),
      );
    },

    /** Finds what is wished under an appointment id. */
    async findWish(appointmentId: string): Promise<Wish | undefined> {
      return decodeWish(appointmentId, await redis.get(wishKey(appointmentId)));
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

    /** Lists slots in use since a moment. */
    async listWarm(sinceMs: number): Promise<{ storeId: string; slotId: string }[]> {
      const members = await redis.zrangebyscore(WARM_KEY, sinceMs, "+inf");
      return members.map((member) => {
        const [storeId = "", slotId = ""] = member.split(":");
        return { storeId, slotId };
      });
    },

    /** Becomes the process that sweeps, for a while. Returns whether it is. */
    async leaseSweeper(owner: string, leaseMs: number): Promise<boolean> {
      if (await redis.set(SWEEPER_KEY, owner, "PX", leaseMs, "NX")) {
        return true;
      }
      if ((await redis.get(SWEEPER_KEY)) !== owner) {
        return false;
      }
      await redis.pexpire(SWEEPER_KEY, leaseMs);
      return true;
    },
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

function wishKey(appointmentId: string): string {
  return `scheduling:wish:${appointmentId}`;
}

function encodeWish(wish: Wish): string {
  return [wish.tenantId, wish.storeId, wish.slotId, wish.partySize, wish.shopperId].join("|");
}

function decodeWish(appointmentId: string, text: unknown): Wish | undefined {
  if (typeof text !== "string") {
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
