import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, expect, test } from "vitest";
import {
  findDue,
  type LedgerRow,
  type Migration,
  readMigrations,
  splitStatements,
} from "#shared/migrations.ts";

const folder = mkdtempSync(join(tmpdir(), "slotmesh-migrations-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Makes a services folder of these files. */
function services(name: string, files: Record<string, string>): string {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name, path)), { recursive: true });
    writeFileSync(join(folder, name, path), text);
  }
  return join(folder, name);
}

function migration(number: number, sha256 = "a"): Migration {
  const name = `000${number}_create_code.sql`;
  return { keyspace: "codes", service: "codes", number, name, sha256, statements: [] };
}

function row(number: number, change: Partial<LedgerRow> = {}): LedgerRow {
  return { ...migration(number), isDone: true, ...change };
}

test.each([
  [
    "two statements",
    "create table a (x int);\nselect 1;\n",
    ["create table a (x int)", "select 1"],
  ],
  ["no terminator at the end", "select 1;\nselect 2", ["select 1", "select 2"]],
  ["comments are left out", "-- why; it's so\nselect 1 -- one\n;\n# two\n", ["select 1"]],
  ["a comment in the middle", "select /* a; b */ 1;", ["select  1"]],
  [
    "quotes keep what they hold",
    `select ';', "--", '#', 'it''s', '\\';';`,
    [`select ';', "--", '#', 'it''s', '\\';'`],
  ],
  ["a name in backticks", "select 1 as `a;b`;", ["select 1 as `a;b`"]],
  ["minus and slash are no comments", "select 1-1, 4/2, 2--1;", ["select 1-1, 4/2, 2--1"]],
  [
    "lines are kept",
    "create table a (\n  -- the key\n  x int\n);",
    ["create table a (\n  x int\n)"],
  ],
  ["nothing", "-- only a comment\n;;\n", []],
])("splits statements: %s", (_name, text, statements) => {
  expect(splitStatements(text)).toEqual(statements);
});

test("reads each service's folder, and its folder for global", () => {
  const root = services("all", {
    "codes/sql/0001_create_code.sql": "create table code (x int);",
    "codes/sql/0002_add_state.sql": "alter table code add y int;",
    "codes/sql/global/0001_create_tenant.sql": "create table tenant (x int);",
    "codes/sql/vschema.json": "{}",
    "web/main.ts": "",
  });
  const found = readMigrations(root).map(({ keyspace, service, number, name }) => {
    return `${keyspace} ${service} ${number} ${name}`;
  });
  expect(found).toEqual([
    "codes codes 1 0001_create_code.sql",
    "codes codes 2 0002_add_state.sql",
    "global codes 1 0001_create_tenant.sql",
  ]);
});

test("refuses a name that is no migration's", () => {
  const root = services("name", { "codes/sql/1_create.sql": "" });
  expect(() => readMigrations(root)).toThrow(
    `${root}/codes/sql/1_create.sql: a migration is named NNNN_verb_noun.sql`,
  );
});

test("refuses two files of one number, and a gap", () => {
  const doubled = services("doubled", {
    "codes/sql/0001_create_a.sql": "",
    "codes/sql/0001_create_b.sql": "",
  });
  expect(() => readMigrations(doubled)).toThrow(
    `${doubled}/codes/sql/0001_create_b.sql: its number is 1, and the next one here is 2`,
  );
  const gap = services("gap", { "codes/sql/0002_create_b.sql": "" });
  expect(() => readMigrations(gap)).toThrow(
    `${gap}/codes/sql/0002_create_b.sql: its number is 2, and the next one here is 1`,
  );
});

test("what is not in the ledger, or was cut short, is due", () => {
  const files = [migration(1), migration(2), migration(3)];
  expect(findDue(files, [])).toEqual(files);
  expect(findDue(files, [row(1), row(2, { isDone: false })])).toEqual(files.slice(1));
  expect(findDue(files, [row(1), row(2), row(3)])).toEqual([]);
});

test("a file whose run was cut short may have been mended", () => {
  const mended = migration(1, "b");
  expect(findDue([mended], [row(1, { isDone: false })])).toEqual([mended]);
});

test("refuses a file that changed after it was applied", () => {
  expect(() => findDue([migration(1, "b")], [row(1, { name: "0001_old.sql" })])).toThrow(
    "0001_create_code.sql of codes changed after it was applied as 0001_old.sql: its sha256 is b and " +
      "the ledger has a: restore the file and put the change into a new one",
  );
});

test("refuses a database that a newer build has migrated", () => {
  expect(() => findDue([migration(1)], [row(1), row(2)])).toThrow(
    "SQL schema of codes is at 2 and this build knows 1: deploy the newer build",
  );
  expect(() => findDue([], [row(7, { keyspace: "global" })])).toThrow(
    "SQL schema of global (codes) is at 7 and this build knows 0: deploy the newer build",
  );
});
