// The migration files, and which of them a database still needs: everything about migrations that
// needs no database (migrate.ts has the rest).
//
// services/<service>/sql/NNNN_verb_noun.sql goes to the keyspace of that name, and those in sql/global
// to the keyspace global. Each folder counts from 1 without gaps, and a file is never edited once it
// was applied somewhere: its sha256 in the ledger tells.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

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
  const known = Map.groupBy(migrations, trackOf);
  for (const [track, rows] of Map.groupBy(ledger, trackOf)) {
    const top = Math.max(...rows.map((row) => row.number));
    const knows = known.get(track)?.length ?? 0;
    if (top <= knows) continue;
    throw new Error(
      `SQL schema of ${track} is at ${top} and this build knows ${knows}: deploy the newer build`,
    );
  }
  const rows = new Map(ledger.map((row) => [`${trackOf(row)} ${row.number}`, row]));
  return migrations.filter((migration) => {
    const row = rows.get(`${trackOf(migration)} ${migration.number}`);
    if (!row?.isDone) return true;
    if (row.sha256 === migration.sha256) return false;
    throw new Error(
      `${migration.name} of ${trackOf(migration)} changed after it was applied as ${row.name}: its ` +
        `sha256 is ${migration.sha256} and the ledger has ${row.sha256}: restore the file and put ` +
        "the change into a new one",
    );
  });
}

/** The files that count together: "codes", or "global (codes)". */
function trackOf({ keyspace, service }: { keyspace: string; service: string }): string {
  return keyspace === service ? keyspace : `${keyspace} (${service})`;
}
