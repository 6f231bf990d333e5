// Scheduling's own redis.ts over a connection to the Redis in memory: every command, pipeline and script
// is one step of the network. The scripts are the product's files.

import type { RedisConnection } from "#shared/redis.ts";
import { createRedis, type SchedulingRedis } from "../../services/scheduling/redis.ts";
import { atRedis } from "./failures.ts";
import type { Actor, Network } from "./network.ts";
import type { Reply } from "./redis-lua.ts";
import type { MemoryRedis } from "./redis-memory.ts";

/** What a connection is made of. */
export interface RedisOptions {
  readonly network: Network;
  readonly memory: MemoryRedis;
  readonly now: () => number;
  /** Whether the server cannot be reached. */
  readonly isAway: () => boolean;
  /** Hands on what was published. */
  readonly publish: (message: string) => void;
}

/** Makes Scheduling's calls for a process. */
export function createSimulatedRedis(options: RedisOptions, actor: Actor): SchedulingRedis {
  return createRedis(connect(options, actor) as RedisConnection, options.now);
}

function connect({ network, memory, isAway, publish }: RedisOptions, actor: Actor): unknown {
  const send = <Result>(what: string, run: () => Result): Promise<Result> =>
    network.step(actor, atRedis(what), () => {
      if (isAway()) {
        throw new Error("Connection is closed.");
      }
      return run();
    });
  const one =
    (name: string) =>
    (...args: unknown[]) =>
      send(name, () => toClient(memory.command([name, ...args.map(String)])));
  const connection: Record<string, unknown> = {
    publish: (_channel: string, message: string) => send("publish", () => publish(message)),
    pipeline: () => {
      const queued: string[][] = [];
      const pipeline: Record<string, unknown> = {
        exec: () =>
          send(`pipeline of ${queued.length}`, () =>
            queued.map((args) => [null, toClient(memory.command(args))]),
          ),
      };
      for (const name of ["hmget", "zadd", "zrange", "zremrangebyrank"]) {
        pipeline[name] = (...args: unknown[]) => {
          queued.push([name, ...args.map(String)]);
          return pipeline;
        };
      }
      return pipeline;
    },
    defineCommand: (name: string, { numberOfKeys, lua }: { numberOfKeys: number; lua: string }) => {
      connection[name] = (...args: unknown[]) => {
        const texts = args.map(String);
        const keys = texts.slice(0, numberOfKeys);
        return send(name, () => memory.script(lua, keys, texts.slice(numberOfKeys)));
      };
    },
  };
  for (const name of ["hget", "hmget", "get", "set", "pexpire", "zrangebyscore"]) {
    connection[name] = one(name);
  }
  return connection;
}

/** Nil is false to a script and null to a client. */
function toClient(reply: Reply): unknown {
  if (reply === false) {
    return null;
  }
  return Array.isArray(reply) ? reply.map((item) => toClient(item as Reply)) : reply;
}
