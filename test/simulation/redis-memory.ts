// A Redis of the commands that Scheduling and its scripts use, in memory. It can be flushed and rewound.
// redis-memory.redis.test.ts holds it to the real one.

import type { Reply } from "./redis-lua.ts";
import { runScript } from "./redis-lua.ts";

type Value =
  | { readonly kind: "text"; text: string }
  | { readonly kind: "hash"; readonly fields: Map<string, string> }
  | { readonly kind: "zset"; readonly scores: Map<string, number> };

interface Entry {
  readonly value: Value;
  expiresAtMs: number | undefined;
}

/** A Redis. */
export interface MemoryRedis {
  /** Runs a command, its name in lower case first. */
  command(args: readonly string[]): Reply;
  /** Runs a script. */
  script(source: string, keys: readonly string[], args: readonly string[]): Reply;
  /** Starts again, and knows what it knew. */
  restart(): void;
  /** Starts again, and knows nothing. */
  flush(): void;
  /** Remembers what there is. Returns what starts it again with that. */
  snapshot(): () => void;
}

/** Makes a Redis by a clock. */
export function createMemoryRedis(now: () => number): MemoryRedis {
  let entries = new Map<string, Entry>();
  let run = 1;

  function find(key: string): Entry | undefined {
    const entry = entries.get(key);
    if (entry?.expiresAtMs !== undefined && entry.expiresAtMs <= now()) {
      entries.delete(key);
      return undefined;
    }
    return entry;
  }

  function findHash(key: string): Map<string, string> | undefined {
    const value = find(key)?.value;
    return value?.kind === "hash" ? value.fields : undefined;
  }

  function findZset(key: string): Map<string, number> | undefined {
    const value = find(key)?.value;
    return value?.kind === "zset" ? value.scores : undefined;
  }

  function findText(key: string): string | undefined {
    const value = find(key)?.value;
    return value?.kind === "text" ? value.text : undefined;
  }

  function hashOf(key: string): Map<string, string> {
    const known = findHash(key);
    if (known) {
      return known;
    }
    const fields = new Map<string, string>();
    entries.set(key, { value: { kind: "hash", fields }, expiresAtMs: undefined });
    return fields;
  }

  function zsetOf(key: string): Map<string, number> {
    const known = findZset(key);
    if (known) {
      return known;
    }
    const scores = new Map<string, number>();
    entries.set(key, { value: { kind: "zset", scores }, expiresAtMs: undefined });
    return scores;
  }

  function dropIfEmpty(key: string, size: number): void {
    if (size === 0) {
      entries.delete(key);
    }
  }

  function byScore(key: string, min: string, max: string): string[] {
    const [from, to] = [scoreOf(min), scoreOf(max)];
    return [...(findZset(key) ?? [])]
      .filter(([, score]) => score >= from && score <= to)
      .sort(([a, one], [b, other]) => one - other || (a < b ? -1 : 1))
      .map(([member]) => member);
  }

  const commands: Readonly<Record<string, (args: readonly string[]) => Reply>> = {
    time: () => [String(Math.floor(now() / 1000)), String((now() % 1000) * 1000)],
    hget: ([key = "", field = ""]) => findHash(key)?.get(field) ?? false,
    hmget: ([key = "", ...fields]) => fields.map((field) => findHash(key)?.get(field) ?? false),
    hset: ([key = "", ...pairs]) => {
      const hash = hashOf(key);
      const before = hash.size;
      for (let index = 0; index < pairs.length; index += 2) {
        hash.set(pairs[index] as string, pairs[index + 1] as string);
      }
      return hash.size - before;
    },
    hsetnx: ([key = "", field = "", text = ""]) => {
      const hash = hashOf(key);
      if (hash.has(field)) {
        return 0;
      }
      hash.set(field, text);
      return 1;
    },
    hdel: ([key = "", ...fields]) => {
      const hash = findHash(key);
      const removed = fields.filter((field) => hash?.delete(field)).length;
      dropIfEmpty(key, hash?.size ?? 1);
      return removed;
    },
    hlen: ([key = ""]) => findHash(key)?.size ?? 0,
    hkeys: ([key = ""]) => [...(findHash(key)?.keys() ?? [])],
    hvals: ([key = ""]) => [...(findHash(key)?.values() ?? [])],
    hgetall: ([key = ""]) => [...(findHash(key) ?? [])].flat(),
    zadd: ([key = "", ...args]) => {
      const keepsOld = args[0] === "NX";
      const pairs = keepsOld ? args.slice(1) : args;
      const zset = zsetOf(key);
      const before = zset.size;
      for (let index = 0; index < pairs.length; index += 2) {
        const member = pairs[index + 1] as string;
        if (!keepsOld || !zset.has(member)) {
          zset.set(member, Number(pairs[index]));
        }
      }
      return zset.size - before;
    },
    zrem: ([key = "", ...members]) => {
      const zset = findZset(key);
      const removed = members.filter((member) => zset?.delete(member)).length;
      dropIfEmpty(key, zset?.size ?? 1);
      return removed;
    },
    zscore: ([key = "", member = ""]) => {
      const score = findZset(key)?.get(member);
      return score === undefined ? false : String(score);
    },
    // From the first on: nobody here asks for other places.
    zrange: ([key = "", , last = "", ...flags]) => {
      const members = byScore(key, "-inf", "+inf").slice(0, Number(last) + 1);
      return flags.includes("WITHSCORES")
        ? members.flatMap((member) => [member, String(findZset(key)?.get(member))])
        : members;
    },
    zrangebyscore: ([key = "", min = "", max = "", , offset, count]) => {
      const members = byScore(key, min, max);
      return count === undefined
        ? members
        : members.slice(Number(offset), Number(offset) + Number(count));
    },
    zremrangebyscore: ([key = "", min = "", max = ""]) => {
      const zset = findZset(key);
      const members = byScore(key, min, max);
      for (const member of members) {
        zset?.delete(member);
      }
      dropIfEmpty(key, zset?.size ?? 1);
      return members.length;
    },
    // The mesh bounds a set of 10,000 with it: none here is as large.
    zremrangebyrank: () => 0,
    // All keys in one step, by a pattern with one star.
    scan: ([, , pattern = ""]) => {
      const [head = "", tail = ""] = pattern.split("*");
      const keys = [...entries.keys()].filter((key) => key.startsWith(head) && key.endsWith(tail));
      return ["0", keys.filter(find)];
    },
    info: () => `# Server\r\nrun_id:${run}\r\n`,
    exists: ([key = ""]) => (find(key) ? 1 : 0),
    get: ([key = ""]) => findText(key) ?? false,
    set: ([key = "", text = "", ...flags]) => {
      const known = findText(key);
      const isGet = flags.includes("GET");
      if (known !== undefined && flags.includes("NX")) {
        return isGet ? known : false;
      }
      const expiry = flags.indexOf("PX");
      const expiresAtMs = expiry < 0 ? undefined : now() + Number(flags[expiry + 1]);
      entries.set(key, { value: { kind: "text", text }, expiresAtMs });
      return isGet ? (known ?? false) : "OK";
    },
    pexpire: ([key = "", ms = ""]) => expireAt(key, now() + Number(ms)),
    pexpireat: ([key = "", atMs = ""]) => expireAt(key, Number(atMs)),
  };

  function expireAt(key: string, atMs: number): number {
    const entry = find(key);
    if (!entry) {
      return 0;
    }
    entry.expiresAtMs = atMs;
    return 1;
  }

  function command(args: readonly string[]): Reply {
    const [name = "", ...rest] = args;
    const run = commands[name.toLowerCase()];
    if (!run) {
      throw new Error(`the Redis of the simulation does not know ${name}: add it and its test`);
    }
    return run(rest);
  }

  return {
    command,
    script: (source, keys, args) => runScript(source, keys, args, command),
    restart: () => {
      run += 1;
    },
    flush: () => {
      entries = new Map();
      run += 1;
    },
    snapshot: () => {
      const kept = copyOf(entries);
      return () => {
        entries = copyOf(kept);
        run += 1;
      };
    },
  };
}

function copyOf(entries: ReadonlyMap<string, Entry>): Map<string, Entry> {
  return new Map(
    [...entries].map(([key, { value, expiresAtMs }]) => [
      key,
      { value: copyOfValue(value), expiresAtMs },
    ]),
  );
}

function copyOfValue(value: Value): Value {
  switch (value.kind) {
    case "text":
      return { ...value };
    case "hash":
      return { kind: "hash", fields: new Map(value.fields) };
    case "zset":
      return { kind: "zset", scores: new Map(value.scores) };
  }
}

function scoreOf(text: string): number {
  if (text === "-inf") {
    return -Infinity;
  }
  return text === "+inf" ? Infinity : Number(text);
}
