// The embedded Redis: the system's redis-server when it is new enough, else Debian's package unpacked
// privately. Append-only, so that a restart keeps what was admitted; it never evicts, because a key
// that vanishes would be a hold that vanishes.
import { join } from "node:path";
import { Redis } from "ioredis";
import { ensureDebian, isDebianCached, libraryPath } from "./apt.ts";
import type { Cache } from "./cache.ts";
import { type Config, HOST } from "./config.ts";
import { makeFolder } from "./folders.ts";
import type { PartSpec } from "./process.ts";
import { findProgram, run } from "./run.ts";
import type { Need } from "./tools.ts";

const PACKAGES = ["redis-server"];
const VERSION_MIN = [6, 2] as const;
const MEMORY_MAX = "1gb";
const READY_SECONDS = 60;
const STOP_SECONDS = 10;
const PROBE_MS_MAX = 1000;

export interface RedisProgram {
  path: string;
  libraries?: string;
}

/** Finds a redis-server in PATH that is new enough. */
export async function findRedis(
  config: Config,
  signal: AbortSignal,
): Promise<RedisProgram | undefined> {
  const path = findProgram("redis-server", config.environment.PATH);
  if (path === undefined) return undefined;
  const output = await run(path, ["--version"], { signal, secondsMax: 10 });
  const [, major = 0, minor = 0] = (/v=(\d+)\.(\d+)/.exec(output) ?? []).map(Number);
  const isNewEnough =
    major > VERSION_MIN[0] || (major === VERSION_MIN[0] && minor >= VERSION_MIN[1]);
  return isNewEnough ? { path } : undefined;
}

export function redisNeed(cache: Pick<Cache, "folder">, found: RedisProgram | undefined): Need {
  const isHere = found !== undefined || isDebianCached(cache, "redis", PACKAGES);
  return {
    part: "redis",
    tools: isHere ? [] : ["apt-get", "dpkg"],
    otherwise: "or install redis-server >= 6.2, or give one in SLOTMESH_REDIS_URL",
  };
}

export async function fetchRedis(
  cache: Cache,
  found: RedisProgram | undefined,
): Promise<RedisProgram> {
  if (found) return found;
  const folder = await ensureDebian(cache, "redis", PACKAGES);
  return { path: join(folder, "usr/bin/redis-server"), libraries: libraryPath(folder) };
}

/** Describes the running redis-server. */
export function redisPart(config: Config, program: RedisProgram): PartSpec {
  const folder = join(config.dataFolder, "redis");
  makeFolder(folder, config.runAs);
  const url = redisUrl(config);
  return {
    name: "redis",
    command: program.path,
    args: redisArgs(config.ports.redis, folder),
    env: {
      PATH: config.environment.PATH,
      HOME: folder,
      ...(program.libraries && { LD_LIBRARY_PATH: program.libraries }),
    },
    cwd: folder,
    ...(config.runAs && { runAs: config.runAs }),
    logFile: join(config.dataFolder, "logs", "redis.log"),
    address: `${HOST}:${config.ports.redis}`,
    probe: () => probeRedis(url),
    readySeconds: READY_SECONDS,
    stopSeconds: STOP_SECONDS,
  };
}

export function redisUrl(config: Config): string {
  return config.given.redisUrl ?? `redis://${HOST}:${config.ports.redis}`;
}

/** Asks once; rejects while Redis is not there or still loads its file. */
export async function probeRedis(url: string): Promise<void> {
  const client = new Redis(url, {
    lazyConnect: true,
    connectTimeout: PROBE_MS_MAX,
    commandTimeout: PROBE_MS_MAX,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  // What went wrong is in the rejection; without a listener ioredis prints it as well.
  client.on("error", () => {});
  try {
    await client.connect();
    await client.ping();
  } finally {
    client.disconnect();
  }
}

function redisArgs(port: number, folder: string): string[] {
  return [
    ...["--port", String(port), "--bind", HOST, "--protected-mode", "yes"],
    ...["--dir", folder, "--daemonize", "no", "--supervised", "no"],
    ...["--appendonly", "yes", "--appendfsync", "everysec", "--save", ""],
    // A file whose tail a power failure took is loaded up to there: what is lost is advisory.
    ...["--aof-load-truncated", "yes"],
    ...["--maxmemory", MEMORY_MAX, "--maxmemory-policy", "noeviction"],
  ];
}
