// Vitess in one process (vtgate, tablets, topology in memory) over the embedded mysqld, built from
// source with our vindex in it. A restart forgets the topology and makes it again from the same
// arguments, while the rows stay in MySQL: so every start is the same, the first and any later one.
import { createHash } from "node:crypto";
import { chmodSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { createConnection } from "mysql2/promise";
import { type Cache, ensure, isCached } from "./cache.ts";
import { type Config, HOST } from "./config.ts";
import { makeFolder } from "./folders.ts";
import { MYSQL_VERSION, mysqldSocket } from "./mysqld.ts";
import type { PartSpec } from "./process.ts";
import { findProgram, run } from "./run.ts";
import type { Need } from "./tools.ts";
import { KEYSPACES, writeSchemaFolder } from "./vschema.ts";

const BUILD_SECONDS_MAX = 1800;
const READY_SECONDS = 180;
const STOP_SECONDS = 15;
const PROBE_MS_MAX = 3000;

/** Per tablet; 15 tablets share one mysqld, so the sum stays below its max_connections of 1500. */
const TRANSACTIONS_MAX = 50;
const READS_MAX = 20;
const STREAMS_MAX = 10;
const TRANSACTION_SECONDS_MAX = 10;
/** Below the transaction's bound, so that a slow statement is named and not only its transaction. */
const QUERY_SECONDS_MAX = 8;

/** Reads which build is wanted: the sources' sum and Go's version. */
export async function vtcomboStamp(config: Config, signal: AbortSignal): Promise<string> {
  const sources = hashSources(join(config.checkout, "deploy", "vitess"));
  if (findProgram("go", config.environment.PATH)) {
    const version = await run("go", ["env", "GOVERSION"], { signal, secondsMax: 30 });
    return `${sources}-${version.trim()}`;
  }
  // Without Go a build of the same sources by any Go serves.
  const built = listFolder(config.cacheFolder).find((name) =>
    name.startsWith(`vtcombo-${sources}-`),
  );
  return built?.slice("vtcombo-".length) ?? `${sources}-none`;
}

export function vtcomboNeed(cache: Pick<Cache, "folder">, stamp: string): Need {
  return {
    part: "vtcombo",
    tools: isCached(cache, "vtcombo", stamp) ? [] : ["go"],
    otherwise: "or give a vtgate in SLOTMESH_MYSQL_DSN",
  };
}

/** Builds vtcombo when these sources were not built yet, and returns the program. */
export async function buildVtcombo(cache: Cache, config: Config, stamp: string): Promise<string> {
  const folder = await ensure(cache, {
    name: "vtcombo",
    stamp,
    doing: "building Vitess from source, once (about 3 minutes on 2 cores)",
    build: async (target) => {
      const program = join(target, "vtcombo");
      const args = ["build", "-trimpath", "-ldflags", "-s -w", "-o", program, "./cmd/vtcombo"];
      await run("go", args, {
        cwd: join(config.checkout, "deploy", "vitess"),
        env: { ...config.environment, CGO_ENABLED: "0" },
        signal: cache.signal,
        secondsMax: BUILD_SECONDS_MAX,
      });
      chmodSync(program, 0o755);
    },
  });
  return join(folder, "vtcombo");
}

/** Describes the running vtcombo. */
export function vtcomboPart(config: Config, program: string): PartSpec {
  // Vitess wants a folder of its own to exist, and keeps nothing in it here.
  const folder = join(config.dataFolder, "run", "vtdataroot");
  makeFolder(folder, config.runAs);
  const { vtgate } = config.ports;
  return {
    name: "vtcombo",
    command: program,
    args: [...topologyArgs(config), ...listenArgs(config), ...limitArgs(), ...logArgs()],
    env: {
      PATH: config.environment.PATH,
      HOME: folder,
      VTDATAROOT: folder,
      GOGC: "400",
      GOMEMLIMIT: "1GiB",
    },
    cwd: folder,
    ...(config.runAs && { runAs: config.runAs }),
    logFile: join(config.dataFolder, "logs", "vtcombo.log"),
    address: `${HOST}:${vtgate}`,
    probe: () => probeKeyspaces(vtgateDsn(config)),
    alive: () => probeVtgate(vtgateDsn(config)),
    readySeconds: READY_SECONDS,
    stopSeconds: STOP_SECONDS,
  };
}

export function vtgateDsn(config: Config): string {
  return config.given.mysqlDsn ?? `mysql://slotmesh@${HOST}:${config.ports.vtgate}`;
}

/** Asks every shard of every keyspace for one answer; rejects while one does not serve. */
export async function probeKeyspaces(dsn: string): Promise<void> {
  const connection = await createConnection({ uri: dsn, connectTimeout: PROBE_MS_MAX });
  try {
    for (const [keyspace, shards] of Object.entries(KEYSPACES)) {
      for (const shard of shards) {
        // One connection speaks one statement at a time; each takes less than a millisecond.
        await connection.query(`use \`${keyspace}:${shard}\``);
        await connection.query({ sql: "select 1 from dual", timeout: PROBE_MS_MAX });
      }
    }
  } finally {
    connection.destroy();
  }
}

/** Asks vtgate alone, which answers this without a database. */
async function probeVtgate(dsn: string): Promise<void> {
  const connection = await createConnection({ uri: dsn, connectTimeout: PROBE_MS_MAX });
  connection.destroy();
}

function topologyArgs(config: Config): string[] {
  const keyspaces = Object.entries(KEYSPACES).map(([name, shards]) => ({
    name,
    shards: shards.map((shard) => ({ name: shard })),
    // Only the primary: a replica here would be a second tablet on the same mysqld, with pools of its
    // own. Zero means the default of vtcombo (2 and 1), and a negative number means none.
    replicaCount: 1,
    rdonlyCount: -1,
  }));
  const users = ["app", "dba", "allprivs", "filtered", "repl", "appdebug"];
  return [
    "--json-topo",
    JSON.stringify({ cells: ["zone1"], keyspaces }),
    "--schema-dir",
    writeSchemaFolder(config),
    "--db-socket",
    mysqldSocket(config),
    ...users.flatMap((user) => [`--db-${user}-user`, "root"]),
    "--tablet-types-to-wait",
    "primary",
    "--mysql-server-version",
    `${MYSQL_VERSION}-Vitess`,
  ];
}

function listenArgs(config: Config): string[] {
  const { vtgate, vtcomboHttp, vtcomboGrpc } = config.ports;
  return [
    ...["--mysql-server-port", String(vtgate), "--mysql-server-bind-address", HOST],
    ...["--mysql-auth-server-impl", "none"],
    ...["--port", String(vtcomboHttp), "--bind-address", HOST],
    ...["--grpc-port", String(vtcomboGrpc), "--grpc-bind-address", HOST],
    ...["--service-map", "grpc-vtgateservice,grpc-vtctl,grpc-vtctld"],
  ];
}

function limitArgs(): string[] {
  return [
    // A transaction that would touch two shards is refused: it would not be atomic (design.md).
    ...["--transaction-mode", "SINGLE"],
    ...["--queryserver-config-transaction-cap", String(TRANSACTIONS_MAX)],
    ...["--queryserver-config-pool-size", String(READS_MAX)],
    ...["--queryserver-config-stream-pool-size", String(STREAMS_MAX)],
    ...["--queryserver-config-transaction-timeout", `${TRANSACTION_SECONDS_MAX}s`],
    ...["--queryserver-config-query-timeout", `${QUERY_SECONDS_MAX}s`],
    ...["--queryserver-config-txpool-timeout", "1s"],
    // It would let a read share the answer of one that began before our last commit.
    "--enable-consolidator=false",
  ];
}

function logArgs(): string[] {
  // Neither the log nor the pages on the HTTP port show what was in a statement.
  const quiet = ["--sanitize-log-messages", "--redact-debug-ui-queries"];
  return ["--log-format", "text", "--log-level", "warn", ...quiet];
}

/** Every source that the build reads, in a fixed order. */
function hashSources(folder: string): string {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !/(_test\.go|\.md)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const hash = createHash("sha256");
  for (const file of files) hash.update(`${relative(folder, file)}\0`).update(readFileSync(file));
  return hash.digest("hex").slice(0, 16);
}

function listFolder(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // Nothing was cached yet.
  }
}
