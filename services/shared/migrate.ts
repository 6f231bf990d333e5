// Brings the tables to what this build knows, and refuses a database that knows more.
//
// services/<service>/sql/NNNN_verb_noun.sql goes to the keyspace of that name, and those in sql/global
// to the keyspace global. A ledger in global says what was applied. MySQL commits every DDL statement
// on its own and on each shard by itself, so a crash can leave a migration half done on some shards:
// its ledger row is written first, without a time; a row without a time is run again, shard by shard,
// and only then is "it is there already" taken for done.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type Connection,
  createConnection,
  type ResultSetHeader,
  type RowDataPacket,
} from "mysql2/promise";

const CONNECT_MS_MAX = 5000;
const LOCK_NAME = "slotmesh.migrate";
/** How long to wait for another migrator; below vttablet's query timeout per attempt. */
const LOCK_SECONDS_MAX = 120;
const LOCK_ATTEMPT_SECONDS = 2;
/** How long a new table may take to be seen by vtgate. */
const VISIBLE_SECONDS_MAX = 15;
const VISIBLE_STEP_MS = 50;

/** "It is there already", or gone already: table, column, key exists; nothing to drop. */
const DONE_ALREADY = new Set([1050, 1060, 1061, 1091]);

const LEDGER = `
  create table if not exists schema_migration (
    keyspace_name varchar(64) not null,
    service varchar(64) not null,
    number int not null,
    name varchar(200) not null,
    sha256 char(64) not null,
    applied_at_ms bigint null,
    primary key (keyspace_name, service, number)
  )`;

/** One migration file. */
export interface Migration {
  keyspace: string;
  service: string;
  number: number;
  /** 0001_create_code.sql */
  name: string;
  sha256: string;
  statements: string[];
}

/** One row of the ledger. */
export interface LedgerRow {
  keyspace: string;
  service: string;
  number: number;
  name: string;
  sha256: string;
  /** False when its migrator did not come to the end. */
  isDone: boolean;
}

export interface MigrateOptions {
  /** mysql://user:password@host:port of a vtgate. */
  dsn: string;
  /** The folder that holds the services' folders. */
  servicesFolder: string;
  say?: (line: string) => void;
}

/** Applies what is missing and returns how many files that were; safe to run twice at once. */
export async function migrate(options: MigrateOptions): Promise<number> {
  const say = options.say ?? (() => {});
  const migrations = readMigrations(options.servicesFolder);
  const ledger = await connect(options.dsn, "global");
  try {
    return await withLock(options.dsn, say, async () => {
      await ledger.query(LEDGER);
      const due = findDue(migrations, await readLedger(ledger));
      // What global holds (lookup tables) may be wanted by rows that another keyspace's files insert.
      const isGlobal = (migration: Migration) => migration.keyspace === "global";
      await applyTrack(options.dsn, ledger, due.filter(isGlobal), say);
      const others = Map.groupBy(
        due.filter((one) => !isGlobal(one)),
        (one) => one.keyspace,
      );
      await Promise.all(
        [...others.values()].map((track) => applyTrack(options.dsn, ledger, track, say)),
      );
      return due.length;
    });
  } finally {
    ledger.destroy();
  }
}

/** Reads every migration file, in the order they are applied in. */
export function readMigrations(servicesFolder: string): Migration[] {
  const services = readdirSync(servicesFolder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
  return services.flatMap((service) => [
    ...readFolder(join(servicesFolder, service, "sql"), service, service),
    ...readFolder(join(servicesFolder, service, "sql", "global"), "global", service),
  ]);
}

function readFolder(folder: string, keyspace: string, service: string): Migration[] {
  const migrations = listSql(folder).map((name) => {
    const number = /^(\d{4})_[a-z0-9_]+\.sql$/.exec(name)?.[1];
    if (number === undefined) {
      throw new Error(`${join(folder, name)}: a migration is named NNNN_verb_noun.sql`);
    }
    const text = readFileSync(join(folder, name), "utf8");
    const sha256 = createHash("sha256").update(text).digest("hex");
    const statements = splitStatements(text);
    return { keyspace, service, number: Number(number), name, sha256, statements };
  });
  for (const [index, migration] of migrations.entries()) {
    // No gaps and no doubles: two branches that both took a number meet here and not in production.
    if (migration.number === index + 1) continue;
    throw new Error(
      `${join(folder, migration.name)}: its number is ${migration.number}, and the next one here is ` +
        `${index + 1}`,
    );
  }
  return migrations;
}

function listSql(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith(".sql"))
      .sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return []; // A service without tables.
    throw error;
  }
}

/** Splits a file at each `;` outside quotes and comments; comments are left out. */
export function splitStatements(text: string): string[] {
  // In this order: a quoted text, a comment to the line's end, a comment in the middle, a terminator.
  const pieces =
    /'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`[^`]*`|(?:--(?=\s|$)|#)[^\n]*|\/\*[\s\S]*?\*\/|;|[^'"`;#/-]+|[\s\S]/g;
  const statements: string[] = [];
  let statement = "";
  for (const [piece] of text.matchAll(pieces)) {
    if (piece === ";") {
      statements.push(statement);
      statement = "";
    } else if (!/^(--|#|\/\*)/.test(piece)) {
      statement += piece;
    }
  }
  statements.push(statement);
  return statements.map(tidy).filter((one) => one !== "");
}

/** Drops the empty lines that comments leave. */
function tidy(statement: string): string {
  const lines = statement.split("\n").map((line) => line.trimEnd());
  return lines
    .filter((line) => line !== "")
    .join("\n")
    .trim();
}

/**
 * Decides what has to be applied. Refuses a database that a newer build has migrated, and a file that
 * changed after it was applied: the tables would no longer be what the files say.
 */
export function findDue(migrations: Migration[], ledger: LedgerRow[]): Migration[] {
  const trackOf = (one: { keyspace: string; service: string }) => `${one.keyspace}/${one.service}`;
  const known = Map.groupBy(migrations, trackOf);
  for (const [track, rows] of Map.groupBy(ledger, trackOf)) {
    const top = Math.max(...rows.map((row) => row.number));
    const knows = known.get(track)?.length ?? 0;
    if (top <= knows) continue;
    const row = rows[0] as LedgerRow;
    const where = row.keyspace === row.service ? row.keyspace : `${row.keyspace} of ${row.service}`;
    throw new Error(
      `SQL schema of ${where} is at ${top} and this build knows ${knows}: deploy the newer build`,
    );
  }
  return migrations.filter((migration) => {
    const row = ledger.find(
      (one) => trackOf(one) === trackOf(migration) && one.number === migration.number,
    );
    if (!row?.isDone) return true;
    if (row.sha256 === migration.sha256) return false;
    throw new Error(
      `${migration.name} of ${trackOf(migration)} changed after it was applied as ${row.name}: its ` +
        `sha256 is ${migration.sha256} and the ledger has ${row.sha256}: restore the file and put the ` +
        "change into a new one",
    );
  });
}

/** Applies one keyspace's files, one after the other. */
async function applyTrack(
  dsn: string,
  ledger: Connection,
  track: Migration[],
  say: (line: string) => void,
): Promise<void> {
  const first = track[0];
  if (!first) return;
  const connection = await connect(dsn, first.keyspace);
  try {
    for (const migration of track) {
      const startedAtMs = performance.now();
      const isRetry = await begin(ledger, migration);
      for (const statement of migration.statements) {
        if (isRetry && isDdl(statement)) await applyAgain(dsn, connection, migration, statement);
        else await connection.query(statement);
      }
      await untilVisible(connection, migration);
      await finish(ledger, migration);
      const ms = Math.round(performance.now() - startedAtMs);
      say(`  migrated ${migration.keyspace}: ${migration.name} in ${ms} ms`);
    }
  } catch (error) {
    throw new Error(`keyspace ${first.keyspace}: ${(error as Error).message}`, { cause: error });
  } finally {
    connection.destroy();
  }
}

/** Writes the ledger row without a time; true when an earlier run left one. */
async function begin(ledger: Connection, migration: Migration): Promise<boolean> {
  const { keyspace, service, number, name, sha256 } = migration;
  const [result] = await ledger.query<ResultSetHeader>(
    `insert ignore into schema_migration (keyspace_name, service, number, name, sha256)
     values (?, ?, ?, ?, ?)`,
    [keyspace, service, number, name, sha256],
  );
  return result.affectedRows === 0;
}

async function finish(ledger: Connection, migration: Migration): Promise<void> {
  const { keyspace, service, number, name, sha256 } = migration;
  await ledger.query(
    `update schema_migration set applied_at_ms = ?, name = ?, sha256 = ?
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

async function readLedger(ledger: Connection): Promise<LedgerRow[]> {
  const [rows] = await ledger.query<RowDataPacket[]>(
    "select keyspace_name, service, number, name, sha256, applied_at_ms from schema_migration",
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
async function withLock<T>(
  dsn: string,
  say: (line: string) => void,
  work: () => Promise<T>,
): Promise<T> {
  const connection = await connect(dsn, "global");
  try {
    const endMs = performance.now() + LOCK_SECONDS_MAX * 1000;
    for (let said = false; !(await tryLock(connection)); said = true) {
      if (!said) say("migrations: waiting for another migrator");
      if (performance.now() < endMs) continue;
      throw new Error(`another migrator has held ${LOCK_NAME} for ${LOCK_SECONDS_MAX} s`);
    }
    return await work();
  } finally {
    connection.destroy();
  }
}

async function tryLock(connection: Connection): Promise<boolean> {
  // Vitess wants get_lock alone in its select.
  const [rows] = await connection.query<RowDataPacket[]>(
    `select get_lock('${LOCK_NAME}', ${LOCK_ATTEMPT_SECONDS})`,
  );
  return Number(Object.values(rows[0] ?? {})[0]) === 1;
}

async function connect(dsn: string, database: string): Promise<Connection> {
  const connection = await createConnection({ uri: dsn, connectTimeout: CONNECT_MS_MAX });
  await connection.query(`use \`${database}\``);
  return connection;
}
