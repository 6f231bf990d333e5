// Redis, with ioredis's defaults turned round: nothing is resent by itself (a resent script would run
// twice), nothing queues while the server is away, and each command ends in time. Scripts live in
// files named verbNoun-<number of keys>.lua: the name is the command and its contract.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import type { Logger } from "#shared/log.ts";

const COMMAND_MS_MAX = 1000;
const CONNECT_MS_MAX = 2000;
const RECONNECT_MS_MAX = 1000;

/** A connection to Redis. */
export type RedisConnection = Redis;

/** Runs a script: keys first, then arguments. */
export type Script = (
  keys: readonly string[],
  args: readonly (string | number | Buffer)[],
) => Promise<unknown>;

/** Opens a connection, and goes on trying while the server is away; commands fail meanwhile. */
export function openRedis(url: string, logger: Logger): Redis {
  const redis = new Redis(url, {
    commandTimeout: COMMAND_MS_MAX,
    connectTimeout: CONNECT_MS_MAX,
    autoResendUnfulfilledCommands: false,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt) => Math.min(RECONNECT_MS_MAX, 50 * attempt) * (0.5 + Math.random()),
    // 1: reconnect, but do not resend.
    reconnectOnError: (error) => (error.message.startsWith("READONLY") ? 1 : false),
  });
  let isAway = false;
  redis.on("error", (error: Error) => {
    if (!isAway) {
      isAway = true;
      logger.warn({ cause: error.message }, "redis is away");
    }
  });
  redis.on("ready", () => {
    if (isAway) {
      isAway = false;
      logger.info("redis is back");
    }
  });
  return redis;
}

/** Waits until a connection can be used, for at most the time given. */
export function redisReady(redis: Redis, msMax: number): Promise<void> {
  if (redis.status === "ready") {
    return Promise.resolve();
  }
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      redis.off("ready", ready);
      reject(new Error(`redis was not ready within ${msMax} ms`));
    }, msMax);
    const ready = () => {
      clearTimeout(timer);
      resolve();
    };
    redis.once("ready", ready);
  });
}

/** Loads each script of a folder as a function of its name. Throws if a name does not end in -<keys>. */
export function loadScripts<Name extends string>(
  redis: Redis,
  folder: string,
): Record<Name, Script> {
  const scripts: Record<string, Script> = {};
  for (const file of readdirSync(folder)) {
    const match = /^([a-z][A-Za-z]*)-([0-9]+)\.lua$/.exec(file);
    if (!match) {
      throw new Error(`${join(folder, file)}: wanted a name like verbNoun-2.lua`);
    }
    const [, name = "", keys] = match;
    redis.defineCommand(name, {
      numberOfKeys: Number(keys),
      lua: readFileSync(join(folder, file), "utf8"),
    });
    const command = (redis as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>)[
      name
    ];
    scripts[name] = (keyNames, args) =>
      command?.call(redis, ...keyNames, ...args) as Promise<unknown>;
  }
  return scripts as Record<Name, Script>;
}

/** Takes a lease for so long, or renews the owner's own. Returns whether it is theirs. Two can hold it for a
 * moment when it ends between the calls: what it guards must be idempotent. */
export async function takeLease(
  redis: RedisConnection,
  key: string,
  owner: string,
  leaseMs: number,
): Promise<boolean> {
  if (await redis.set(key, owner, "PX", leaseMs, "NX")) {
    return true;
  }
  if ((await redis.get(key)) !== owner) {
    return false;
  }
  await redis.pexpire(key, leaseMs);
  return true;
}
