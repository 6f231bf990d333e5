// Where the embedded stack keeps its things, which ports it uses, and what was given from outside.
// The only file of deploy/stack that reads process.env; everything else is passed a Config.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { statSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** Every port the stack listens on, with its default. `SLOTMESH_<NAME>_PORT` overrides it. */
export const PORT_DEFAULTS = {
  vtgate: 15306,
  vtcomboHttp: 15000,
  vtcomboGrpc: 15001,
  // Not 6379, so as not to meet the system's own Redis.
  redis: 6479,
  kafka: 9192,
  kafkaController: 9193,
  identity: 50051,
  inventory: 50052,
  scheduling: 50053,
  codes: 50054,
  settler: 50055,
  identityHttp: 50061,
  gateway: 8080,
} as const;

export type PortName = keyof typeof PORT_DEFAULTS;
export type Ports = Record<PortName, number>;

/** The services that own a keyspace each, and the browser's edge, which owns none. */
export const KEYSPACE_SERVICES = ["identity", "inventory", "scheduling", "codes"] as const;
/** The processes of the services: Scheduling has two, one that answers and one that settles. */
export const SERVICE_NAMES = [...KEYSPACE_SERVICES, "settler", "gateway"] as const;
export type ServiceName = (typeof SERVICE_NAMES)[number];

/** Everything listens here only: the embedded stack is for one machine. */
export const HOST = "127.0.0.1";

const PORT_MAX = 65535;

/** A user to run a part as; absent when the stack itself runs as a normal user. */
export interface RunAs {
  uid: number;
  gid: number;
}

export interface Config {
  checkout: string;
  cacheFolder: string;
  dataFolder: string;
  /** Why the data folder is not `.data` of the checkout; absent when it is where it was asked for. */
  dataFolderNote?: string;
  ports: Ports;
  /** mysqld and vtcombo refuse to run as root: they and the other embedded parts run as nobody. */
  runAs?: RunAs;
  /** Components that exist already and are used instead of starting our own. */
  given: { mysqlDsn?: string; kafkaBrokers?: string; redisUrl?: string };
  /** The environment as it was: the services inherit it, the embedded parts do not. */
  environment: NodeJS.ProcessEnv;
}

export interface ConfigOptions {
  /** Overrides SLOTMESH_DATA. */
  dataFolder?: string;
  /** Overrides single ports, after the environment. */
  ports?: Partial<Ports>;
}

/** Reads the environment into a Config; throws with a sentence when a value makes no sense. */
export function loadConfig(options: ConfigOptions = {}): Config {
  const environment = process.env;
  const isRoot = process.getuid?.() === 0;
  const runAs = isRoot ? findNobody() : undefined;
  const checkout = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
  const data = chooseDataFolder(checkout, runAs, options.dataFolder ?? environment.SLOTMESH_DATA);
  const cacheFolder = chooseCacheFolder(isRoot, environment);
  const closed = runAs && findClosedFolder(cacheFolder, runAs);
  if (closed !== undefined) {
    throw new Error(
      `SLOTMESH_CACHE ${cacheFolder}: the user nobody, who runs the database, cannot go through ` +
        `${closed}: choose another folder, or allow it with chmod o+x ${closed}`,
    );
  }
  return {
    checkout,
    cacheFolder,
    ...data,
    ports: { ...readPorts(environment), ...options.ports },
    ...(runAs && { runAs }),
    given: readGiven(environment),
    environment,
  };
}

/** The name of the environment variable that sets a port: identityHttp is SLOTMESH_IDENTITY_HTTP_PORT. */
export function portVariable(name: PortName): string {
  return `SLOTMESH_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}_PORT`;
}

/** What every script's --help says about the environment. */
export function environmentHelp(): string {
  const ports = (Object.keys(PORT_DEFAULTS) as PortName[]).map(
    (name) => `  ${portVariable(name).padEnd(32)} ${PORT_DEFAULTS[name]}`,
  );
  return [
    "Environment (default):",
    "  SLOTMESH_DATA                    data, keys, logs (.data in the checkout; as root, if the",
    "                                   user nobody cannot reach it, below /var/lib/slotmesh)",
    "  SLOTMESH_CACHE                   fetched and built parts (/var/cache/slotmesh as root,",
    "                                   else $XDG_CACHE_HOME/slotmesh or ~/.cache/slotmesh)",
    "  SLOTMESH_MYSQL_DSN               a vtgate to use, mysql://user:password@host:port (own)",
    "  SLOTMESH_KAFKA_BROKERS           brokers to use, host:port,host:port (own)",
    "  SLOTMESH_REDIS_URL               a Redis to use, redis://host:port (own)",
    "  SLOTMESH_WEB_ROOT                the folder of a built page to serve (own, of this checkout)",
    "  SLOTMESH_WEB_TENANT              whose page it is without /t/<tenant> (betterbuy)",
    "  SLOTMESH_WEB_TENANT_NAME         what the page calls them (BetterBuy)",
    ...ports,
  ].join("\n");
}

function readPorts(environment: NodeJS.ProcessEnv): Ports {
  const ports: Ports = { ...PORT_DEFAULTS };
  for (const name of Object.keys(ports) as PortName[]) {
    const text = environment[portVariable(name)];
    if (text === undefined || text === "") continue;
    const port = Number(text);
    if (!Number.isInteger(port) || port < 1 || port > PORT_MAX) {
      throw new Error(`${portVariable(name)} is "${text}": wanted a number from 1 to ${PORT_MAX}`);
    }
    ports[name] = port;
  }
  return ports;
}

function readGiven(environment: NodeJS.ProcessEnv): Config["given"] {
  const mysqlDsn = environment.SLOTMESH_MYSQL_DSN;
  const kafkaBrokers = environment.SLOTMESH_KAFKA_BROKERS;
  const redisUrl = environment.SLOTMESH_REDIS_URL;
  return {
    ...(mysqlDsn && { mysqlDsn }),
    ...(kafkaBrokers && { kafkaBrokers }),
    ...(redisUrl && { redisUrl }),
  };
}

function chooseCacheFolder(isRoot: boolean, environment: NodeJS.ProcessEnv): string {
  if (environment.SLOTMESH_CACHE) return resolve(environment.SLOTMESH_CACHE);
  if (isRoot) return "/var/cache/slotmesh";
  return join(environment.XDG_CACHE_HOME || join(homedir(), ".cache"), "slotmesh");
}

/**
 * Chooses the data folder. A checkout in root's home (mode 0700) is closed to the user nobody, so its
 * data goes to /var/lib; a folder that was asked for by name is never replaced silently.
 */
function chooseDataFolder(
  checkout: string,
  runAs: RunAs | undefined,
  asked: string | undefined,
): { dataFolder: string; dataFolderNote?: string } {
  const dataFolder = asked ? resolve(asked) : join(checkout, ".data");
  const closed = runAs && findClosedFolder(dataFolder, runAs);
  if (closed === undefined) return { dataFolder };
  const why = `the user nobody, who runs the database, cannot go through ${closed}`;
  if (asked) {
    throw new Error(
      `SLOTMESH_DATA ${dataFolder}: ${why}: choose another folder, or chmod o+x ${closed}`,
    );
  }
  const hash = createHash("sha256").update(checkout).digest("hex").slice(0, 12);
  const instead = join("/var/lib/slotmesh", hash);
  return { dataFolder: instead, dataFolderNote: `data is in ${instead}: ${why}` };
}

/** Finds the topmost folder on the way to `path` that this user may not go through. */
function findClosedFolder(path: string, user: RunAs): string | undefined {
  const parents: string[] = [];
  for (let folder = path; ; folder = dirname(folder)) {
    parents.unshift(folder);
    if (dirname(folder) === folder) break;
  }
  return parents.find((folder) => {
    const found = statSync(folder, { throwIfNoEntry: false });
    if (!found) return false; // We make it ourselves, open.
    if (found.uid === user.uid) return (found.mode & 0o100) === 0;
    if (found.gid === user.gid) return (found.mode & 0o010) === 0;
    return (found.mode & 0o001) === 0;
  });
}

function findNobody(): RunAs {
  const id = (flag: string) =>
    Number(execFileSync("id", [flag, "nobody"], { encoding: "utf8", timeout: 5000 }));
  try {
    return { uid: id("-u"), gid: id("-g") };
  } catch (error) {
    throw new Error(
      "MySQL and Vitess refuse to run as root, and this system has no user nobody: " +
        "start slotmesh as a normal user",
      { cause: error },
    );
  }
}
