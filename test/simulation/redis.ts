// Scheduling's own redis.ts over a connection to the Redis in memory: every command, pipeline and script
// is one step of the network. The scripts are the product's files.

import type { RedisConnection } from "#shared/redis.ts";
import { createRedis, type SchedulingRedis } from "../../services/scheduling/redis.ts";
import { atRedis } from "./failures.ts";
import { type Actor, createActor, type Network } from "./network.ts";
import type { Reply } from "./redis-lua.ts";
import type { MemoryRedis } from "./redis-memory.ts";

/** A mistake of Redis that can be put in. */
export type RedisFlaw = "a scan finds nothing";

/** What a connection is made of. */
export interface RedisOptions {
  readonly network: Pick<Network, "step">;
  readonly memory: MemoryRedis;
  readonly now: () => number;
  /** Whether the server cannot be reached. */
  readonly isAway: () => boolean;
  /** Hands on what was published. */
  readonly publish: (message: string) => void;
  readonly flaw?: RedisFlaw | undefined;
}

/** Makes Scheduling's calls for a process. */
export function createSimulatedRedis(options: RedisOptions, actor: Actor): SchedulingRedis {
  return createRedis(connect(options, actor) as RedisConnection, options.now);
}

/** Makes the calls to a Redis that is never away and answers at once, for tests without a network. */
export function createPromptRedis(memory: MemoryRedis, now: () => number): SchedulingRedis {
  const network: Pick<Network, "step"> = { step: async (_actor, _shape, apply) => apply() };
  return createSimulatedRedis(
    { network, memory, now, isAway: () => false, publish: () => {} },
    createActor("test"),
  );
}

function connect({ network, memory, isAway, publish, flaw }: RedisOptions, actor: Actor): unknown {
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
    // All keys in one step: what comes in between is found by the next scan.
    scanStream: async function* ({ match }: { match: string }) {
      const reply = await send("scan", () => memory.command(["scan", "0", "MATCH", match]));
      yield flaw === "a scan finds nothing" ? [] : (reply as readonly Reply[])[1];
    },
    publish: (_channel: string, message: string) => send("publish", () => publish(message)),
    pipeline: () => {
      const queued: string[][] = [];
      const pipeline: Record<string, unknown> = {
        exec: () =>
          send(`pipeline of ${queued.length}`, () =>
            queued.map((args) => [null, toClient(memory.command(args))]),
          ),
      };
      for (const name of ["hget", "hmget", "zadd", "zrange", "zrangebyscore", "zremrangebyrank"]) {
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
  for (const name of ["hget", "hmget", "get", "info", "set", "pexpire", "zrangebyscore"]) {
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
