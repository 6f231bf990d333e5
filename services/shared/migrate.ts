// Brings the tables to what this build knows, and refuses a database that knows more.
//
// A ledger in the keyspace global says what was applied. MySQL commits every DDL statement on its own,
// and on each shard by itself, so a crash can leave a migration half done on some shards. Therefore its
// ledger row is written first, without a time; a row without a time is run again, its DDL shard by
// shard, and only then is "it is there already" taken for done.
import { setTimeout as sleep } from "node:timers/promises";
import {
  type Connection,
  createConnection,
  type ResultSetHeader,
  type RowDataPacket,
} from "mysql2/promise";
import { findDue, type LedgerRow, type Migration, readMigrations } from "#shared/migrations.ts";

const CONNECT_MS_MAX = 5000;
const LEDGER_DEFAULT = "schema_migration";
/** How long to wait for another migrator; below vttablet's query timeout per attempt. */
const LOCK_SECONDS_MAX = 120;
const LOCK_ATTEMPT_SECONDS = 2;
/** How long a new table may take to be seen by vtgate. */
const VISIBLE_SECONDS_MAX = 15;
const VISIBLE_STEP_MS = 50;

/** "It is there already", or gone already: table, column, key exists; nothing to drop. */
const DONE_ALREADY = new Set([1050, 1060, 1061, 1091]);

const ledgerDdl = (name: string) => `
  create table if not exists ${name} (
    keyspace_name varchar(64) not null,
    service varchar(64) not null,
    number int not null,
    name varchar(200) not null,
    sha256 char(64) not null,
    applied_at_ms bigint null,
    primary key (keyspace_name, service, number)
  )`;

export interface MigrateOptions {
  /** mysql://user:password@host:port of a vtgate. */
  dsn: string;
  /** The folder that holds the services' folders. */
  servicesFolder: string;
  say?: (line: string) => void;
  /** The ledger's table in global; tests have their own. Default schema_migration. */
  ledger?: string;
}

/** What one run passes around. */
interface Run {
  dsn: string;
  say: (line: string) => void;
  /** The ledger's table, and a connection to its keyspace. */
  table: string;
  ledger: Connection;
}

/** Applies what is missing and returns how many files that were; safe to run twice at once. */
export async function migrate(options: MigrateOptions): Promise<number> {
  const migrations = readMigrations(options.servicesFolder);
  const { dsn, say = () => {}, ledger: table = LEDGER_DEFAULT } = options;
  const ledger = await connect(dsn, "global");
  const run: Run = { dsn, say, table, ledger };
  try {
    return await withLock(run, async () => {
      await ledger.query(ledgerDdl(table));
      const due = findDue(migrations, await readLedger(run));
      // What global holds (lookup tables) may be wanted by rows that another keyspace's files insert.
      const tracks = Map.groupBy(due, (migration) => migration.keyspace);
      await applyTrack(run, tracks.get("global") ?? []);
      tracks.delete("global");
      // All are waited for even when one fails: the lock is held until nothing is under way.
      const results = await Promise.allSettled(
        [...tracks.values()].map((track) => applyTrack(run, track)),
      );
      for (const result of results) if (result.status === "rejected") throw result.reason;
      return due.length;
    });
  } finally {
    ledger.destroy();
  }
}

/** Applies one keyspace's files, one after the other. */
async function applyTrack(run: Run, track: Migration[]): Promise<void> {
  const keyspace = track[0]?.keyspace;
  if (keyspace === undefined) return;
  const connection = await connect(run.dsn, keyspace);
  try {
    for (const migration of track) {
      const startedAtMs = performance.now();
      await apply(run, connection, migration);
      const ms = Math.round(performance.now() - startedAtMs);
      run.say(`  migrated ${keyspace}: ${migration.name} in ${ms} ms`);
    }
  } finally {
    connection.destroy();
  }
}

async function apply(run: Run, connection: Connection, migration: Migration): Promise<void> {
  try {
    const isRetry = await begin(run, migration);
    for (const statement of migration.statements) {
      if (isRetry && isDdl(statement)) await applyAgain(run.dsn, connection, migration, statement);
      else await connection.query(statement);
    }
    await untilVisible(connection, migration);
    await finish(run, migration);
  } catch (error) {
    const { keyspace, name } = migration;
    const reason = error instanceof Error ? error.message : error;
    throw new Error(`migration ${name} of keyspace ${keyspace}: ${reason}`, { cause: error });
  }
}

/** Writes the ledger row without a time; true when an earlier run left one. */
async function begin({ ledger, table }: Run, migration: Migration): Promise<boolean> {
  const { keyspace, service, number, name, sha256 } = migration;
  const [result] = await ledger.query<ResultSetHeader>(
    `insert ignore into ${table} (keyspace_name, service, number, name, sha256)
     values (?, ?, ?, ?, ?)`,
    [keyspace, service, number, name, sha256],
  );
  return result.affectedRows === 0;
}

async function finish({ ledger, table }: Run, migration: Migration): Promise<void> {
  const { keyspace, service, number, name, sha256 } = migration;
  await ledger.query(
    `update ${table} set applied_at_ms = ?, name = ?, sha256 = ?
     where keyspace_name = ? and service = ? and number = ?`,
    [Date.now(), name, sha256, keyspace, service, number],
  );
}

/** Runs a DDL statement on each shard by itself, where "it is there already" is as good as done. */
async function applyAgain(
  dsn: string,
  connection: Connection,
  migration: Migration,
  statement: string,
): Promise<void> {
  const [rows] = await connection.query<RowDataPacket[]>("show vitess_shards");
  const shards = rows
    .map((row) => String(Object.values(row)[0]))
    .filter((shard) => shard.startsWith(`${migration.keyspace}/`));
  await Promise.all(
    shards.map(async (shard) => {
      const target = await connect(dsn, shard.replace("/", ":"));
      try {
        await target.query(statement);
      } catch (error) {
        if (!DONE_ALREADY.has((error as { errno?: number }).errno ?? 0)) throw error;
      } finally {
        target.destroy();
      }
    }),
  );
}

function isDdl(statement: string): boolean {
  return /^(create|alter|drop|rename|truncate)\b/i.test(statement);
}

/** Waits until vtgate sees the tables a file made: it hears of them from the tablets, a little later. */
async function untilVisible(connection: Connection, migration: Migration): Promise<void> {
  const created = /^create\s+table\s+(?:if\s+not\s+exists\s+)?(`?\w+`?)/i;
  const tables = migration.statements.flatMap((statement) => created.exec(statement)?.[1] ?? []);
  const endMs = performance.now() + VISIBLE_SECONDS_MAX * 1000;
  for (const table of tables) {
    for (;;) {
      try {
        await connection.query(`select 1 from ${table} limit 1`);
        break;
      } catch (error) {
        if (performance.now() > endMs) throw error;
        await sleep(VISIBLE_STEP_MS);
      }
    }
  }
}

async function readLedger({ ledger, table }: Run): Promise<LedgerRow[]> {
  const [rows] = await ledger.query<RowDataPacket[]>(
    `select keyspace_name, service, number, name, sha256, applied_at_ms from ${table}`,
  );
  return rows.map((row) => ({
    keyspace: String(row.keyspace_name),
    service: String(row.service),
    number: Number(row.number),
    name: String(row.name),
    sha256: String(row.sha256),
    isDone: row.applied_at_ms !== null,
  }));
}

/**
 * Runs work while holding a lock in MySQL, on a connection of its own. The lock ends with that
 * connection, so a migrator that dies holds nobody up.
 */
async function withLock<T>(run: Run, work: () => Promise<T>): Promise<T> {
  const name = `slotmesh.${run.table}`;
  const connection = await connect(run.dsn, "global");
  try {
    const endMs = performance.now() + LOCK_SECONDS_MAX * 1000;
    for (let said = false; !(await tryLock(connection, name)); said = true) {
      if (!said) run.say("migrations: waiting for another migrator");
      if (performance.now() < endMs) continue;
      throw new Error(`another migrator has held the lock ${name} for ${LOCK_SECONDS_MAX} s`);
    }
    return await work();
  } finally {
    connection.destroy();
  }
}

async function tryLock(connection: Connection, name: string): Promise<boolean> {
  // Vitess wants get_lock alone in its select.
  const [rows] = await connection.query<RowDataPacket[]>(
    `select get_lock('${name}', ${LOCK_ATTEMPT_SECONDS})`,
  );
  return Number(Object.values(rows[0] ?? {})[0]) === 1;
}

async function connect(dsn: string, database: string): Promise<Connection> {
  const connection = await createConnection({ uri: dsn, connectTimeout: CONNECT_MS_MAX });
  await connection.query(`use \`${database}\``);
  return connection;
}
