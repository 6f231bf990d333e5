// On a real vtgate, with a ledger and tables of this run's own, dropped at the end.
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type Connection, createConnection, type RowDataPacket } from "mysql2/promise";
import { afterAll, beforeAll, expect, test } from "vitest";
import { migrate } from "#shared/migrate.ts";
import { testConfig } from "#shared/testing.ts";

const dsn = testConfig().mysqlDsn;
const folder = mkdtempSync(join(tmpdir(), "slotmesh-migrate-"));
const dropped: string[] = [];
let connection: Connection;

beforeAll(async () => {
  connection = await createConnection(dsn);
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await connection.query("use global");
  for (const table of dropped) await connection.query(`drop table if exists ${table}`);
  connection.destroy();
});

/** A name that no other test has, in a keyspace; the table is dropped at the end. */
function uniqueTable(keyspace: string): string {
  const name = `zz_migrate_${randomBytes(6).toString("hex")}`;
  dropped.push(`${keyspace}.${name}`);
  return name;
}

function write(root: string, path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

/** Runs a statement in a keyspace, or on one shard of it: "codes:-40". */
async function query(database: string, statement: string) {
  await connection.query(`use \`${database}\``);
  return connection.query<RowDataPacket[]>(statement);
}

async function columnsOf(database: string, table: string): Promise<string[]> {
  const [rows] = await query(database, `show columns from ${table}`);
  return rows.map((row) => String(row.Field));
}

test("applies once, in both keyspaces, however often and however many at once", async () => {
  const root = mkdtempSync(join(folder, "once-"));
  const ledger = uniqueTable("global");
  const [sharded, shared] = [uniqueTable("codes"), uniqueTable("global")];
  write(root, "codes/sql/0001_create_it.sql", `create table ${sharded} (x int primary key);`);
  write(
    root,
    "codes/sql/global/0001_create_it.sql",
    `-- Why.\ncreate table ${shared} (x int primary key);\ninsert into ${shared} values (7);\n`,
  );
  const runs = [1, 2, 3].map(() => migrate({ dsn, servicesFolder: root, ledger }));
  expect((await Promise.all(runs)).sort()).toEqual([0, 0, 2]);
  expect(await migrate({ dsn, servicesFolder: root, ledger })).toBe(0);
  const [rows] = await query("global", `select x from ${shared}`);
  expect(rows).toEqual([{ x: 7 }]);
  expect(await columnsOf("codes", sharded)).toEqual(["x"]);
});

test("goes on where a crash left DDL on one shard", async () => {
  const root = mkdtempSync(join(folder, "crash-"));
  const ledger = uniqueTable("global");
  const table = uniqueTable("codes");
  write(root, "codes/sql/0001_create_it.sql", `create table ${table} (x int primary key);`);
  await migrate({ dsn, servicesFolder: root, ledger });

  write(root, "codes/sql/0002_add_y.sql", `alter table ${table} add column y int;`);
  // As a crash between two shards leaves it: one of them has the column, and the row has no time.
  await query("codes:40-80", `alter table ${table} add column y int`);
  await query(
    "global",
    `insert into ${ledger} (keyspace_name, service, number, name, sha256)
     values ('codes', 'codes', 2, '0002_add_y.sql', 'x')`,
  );
  expect(await migrate({ dsn, servicesFolder: root, ledger })).toBe(1);
  for (const shard of ["-40", "40-80", "80-c0", "c0-"]) {
    expect(await columnsOf(`codes:${shard}`, table)).toEqual(["x", "y"]);
  }
});

test("does not take a table that is there for its own, unless it was cut short", async () => {
  const root = mkdtempSync(join(folder, "there-"));
  const ledger = uniqueTable("global");
  const table = uniqueTable("global");
  await query("global", `create table ${table} (other int)`);
  write(root, "codes/sql/global/0001_create_it.sql", `create table ${table} (x int);`);
  await expect(migrate({ dsn, servicesFolder: root, ledger })).rejects.toThrow(
    /^migration 0001_create_it\.sql of keyspace global: .*already exists/,
  );
});
