// Snowflake ids (Twitter, 2010): 41 bits of milliseconds since EPOCH_MS, 10 bits of machine, 12 bits of
// sequence. They sort by time and need no round trip. They pass 2^53, so they are decimal strings
// everywhere in TypeScript. Machine ids are leased in Redis; while no lease is held, no id is made.

import { randomUUID } from "node:crypto";
import type { Redis } from "ioredis";
import { Code, meshError } from "#shared/errors.ts";
import type { Logger } from "#shared/log.ts";

/** 2024-01-01T00:00:00Z. The 41 bits last until 2093. */
export const EPOCH_MS = 1_704_067_200_000;

const MACHINES = 1024;
const SEQUENCES = 4096;
const LEASE_MS = 600_000;
const RENEW_MS = 30_000;
const RETRY_MS = 1000;
/** A clock may step back by this much and is waited for; beyond it, no id is made. */
const STEP_BACK_MS_MAX = 1000;

/** Makes ids. */
export interface Ids {
  /** Returns a new id. Throws UNAVAILABLE while no machine id is leased or the clock stands wrong. */
  next(): string;
  stop(): Promise<void>;
}

/** Makes the pure part: ids of one machine from a clock. */
export function createSequence(machine: number, now: () => number): () => string {
  let lastMs = 0;
  let sequence = 0;
  return () => {
    let ms = now();
    if (ms < lastMs - STEP_BACK_MS_MAX) {
      throw unavailable("the clock stepped back");
    }
    // Within the bound, time stands still rather than run backwards.
    ms = Math.max(ms, lastMs);
    if (ms === lastMs) {
      sequence += 1;
      if (sequence === SEQUENCES) {
        ms += 1;
        sequence = 0;
      }
    } else {
      sequence = 0;
    }
    lastMs = ms;
    return (
      (BigInt(ms - EPOCH_MS) << 22n) |
      (BigInt(machine) << 12n) |
      BigInt(sequence)
    ).toString();
  };
}

/** Leases a machine id and makes ids with it. Goes on trying in the background while Redis is away. */
export function createIds(redis: Redis, logger: Logger, now: () => number = Date.now): Ids {
  const owner = randomUUID();
  let machine: number | undefined;
  let leasedUntilMs = 0;
  let next: (() => string) | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;

  async function lease(): Promise<void> {
    const askedAtMs = now();
    if (machine !== undefined && (await renew(machine))) {
      leasedUntilMs = askedAtMs + LEASE_MS;
      return;
    }
    machine = undefined;
    const first = Math.floor(Math.random() * MACHINES);
    for (let step = 0; step < MACHINES; step += 1) {
      const candidate = (first + step) % MACHINES;
      if (await redis.set(leaseKey(candidate), owner, "PX", LEASE_MS, "NX")) {
        machine = candidate;
        leasedUntilMs = askedAtMs + LEASE_MS;
        next = createSequence(candidate, now);
        logger.info({ machine: candidate }, "leased a machine id");
        return;
      }
    }
    throw new Error(`all ${MACHINES} machine ids are leased`);
  }

  async function renew(held: number): Promise<boolean> {
    const holder = await redis.get(leaseKey(held));
    if (holder !== null && holder !== owner) {
      return false;
    }
    await redis.set(leaseKey(held), owner, "PX", LEASE_MS);
    return true;
  }

  async function keep(): Promise<void> {
    let waitMs = RENEW_MS;
    try {
      await lease();
    } catch (error) {
      waitMs = RETRY_MS;
      logger.debug({ cause: (error as Error).message }, "no machine id yet");
    }
    if (!isStopped) {
      timer = setTimeout(() => void keep(), waitMs);
    }
  }

  redis.once("ready", () => {
    clearTimeout(timer);
    void keep();
  });
  void keep();

  return {
    next: () => {
      if (!next || now() > leasedUntilMs) {
        throw unavailable("no machine id is leased: Redis is away");
      }
      return next();
    },
    stop: async () => {
      isStopped = true;
      clearTimeout(timer);
      if (machine !== undefined) {
        await redis.del(leaseKey(machine)).catch(() => {
          // The lease runs out by itself.
        });
      }
    },
  };
}

function leaseKey(machine: number): string {
  return `ids:machine:${machine}`;
}

function unavailable(why: string) {
  return meshError(Code.Unavailable, `no id can be made: ${why}`, {
    reason: "NO_IDS",
    retryMs: 1000,
  });
}
