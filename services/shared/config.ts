// Reads settings out of an environment. Each service's config.ts is the only file that touches
// process.env, and this one for scripts; what is missing or malformed stops the start with the variable's
// name and what was wanted.

import { fileURLToPath } from "node:url";

/** Where `npm start` keeps the keys unless it says otherwise. */
const KEY_DIR = fileURLToPath(new URL("../../.data/keys", import.meta.url));

/** An environment: names to values. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Returns a variable, or the fallback where it is absent or empty. Throws if there is neither. */
export function readString(env: Environment, name: string, fallback?: string): string {
  const value = env[name] || fallback;
  if (value === undefined) {
    throw new Error(`${name} is not set, and has no default`);
  }
  return value;
}

/** Reads the folder of keys for a script that runs beside the mesh, not in it. */
export function readKeyDir(env: Environment = process.env): string {
  return readString(env, "SLOTMESH_KEY_DIR", KEY_DIR);
}

/** Returns a whole number between min and max. Throws if the variable is anything else. */
export function readInteger(
  env: Environment,
  name: string,
  fallback: number,
  { min, max }: { min: number; max: number },
): number {
  const text = env[name] || String(fallback);
  const value = Number(text);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new Error(`${name} is "${text}": wanted a whole number from ${min} to ${max}`);
  }
  return value;
}

/** Where everything of the mesh is, as every service sees it. */
export interface MeshConfig {
  /** Address to listen on: an IP address or host name. */
  readonly bind: string;
  /** vtgate's MySQL address without a database, as in "mysql://root@127.0.0.1:15306". */
  readonly mysqlDsn: string;
  /** "redis://host:port". */
  readonly redisUrl: string;
  /** "host:port" of each broker. */
  readonly kafkaBrokers: readonly string[];
  /** Folder of the keys of this installation. Each process needs those alone that its main.ts reads. */
  readonly keyDir: string;
  /** Where Identity publishes the keys of its tokens. */
  readonly jwksUrl: string;
  /** gRPC addresses of the services, "host:port". */
  readonly addresses: {
    readonly identity: string;
    readonly inventory: string;
    readonly scheduling: string;
    readonly codes: string;
  };
  /** The least level that is logged. */
  readonly logLevel: string;
  /** How long health says NOT_SERVING before calls are refused, in milliseconds. */
  readonly drainMs: number;
}

/** Reads what all services share. */
export function readMeshConfig(env: Environment): MeshConfig {
  return {
    bind: readString(env, "SLOTMESH_BIND", "127.0.0.1"),
    mysqlDsn: readString(env, "SLOTMESH_MYSQL_DSN", "mysql://root@127.0.0.1:15306"),
    redisUrl: readString(env, "SLOTMESH_REDIS_URL", "redis://127.0.0.1:6479"),
    kafkaBrokers: readString(env, "SLOTMESH_KAFKA_BROKERS", "127.0.0.1:9192").split(","),
    keyDir: readString(env, "SLOTMESH_KEY_DIR"),
    jwksUrl: readString(env, "SLOTMESH_JWKS_URL", "http://127.0.0.1:50061/.well-known/jwks.json"),
    addresses: {
      identity: readString(env, "SLOTMESH_IDENTITY_ADDRESS", "127.0.0.1:50051"),
      inventory: readString(env, "SLOTMESH_INVENTORY_ADDRESS", "127.0.0.1:50052"),
      scheduling: readString(env, "SLOTMESH_SCHEDULING_ADDRESS", "127.0.0.1:50053"),
      codes: readString(env, "SLOTMESH_CODES_ADDRESS", "127.0.0.1:50054"),
    },
    logLevel: readString(env, "SLOTMESH_LOG_LEVEL", "info"),
    drainMs: readInteger(env, "SLOTMESH_DRAIN_MS", 2000, { min: 0, max: 60_000 }),
  };
}

/** The TCP ports that may be asked for. */
export const PORTS = { min: 1, max: 65535 } as const;
