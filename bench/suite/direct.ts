// The source document's way to sell a spot, and a bare loop of INSERTs: what the design is measured
// against, on the same MySQL at the same durability, through the same driver.

import { randomUUID } from "node:crypto";
import mysql, { type Pool } from "mysql2/promise";
import { inOrder, runLanes } from "../../test/drop/lanes.ts";

/** As many as the document's consumers would have: more gain nothing on one hot row. */
const CONNECTIONS = 64;
const STATEMENT_MS_MAX = 20_000;

/** Where the statements go. */
export type Target = { readonly socketPath: string } | { readonly dsn: string };

/** Sells spots one at a time: one UPDATE of the hot row and one INSERT, a transaction each. Returns how
 * many a second. Throws if the row does not say in the end that each was sold once. */
export async function sellOneByOne(target: Target, count: number): Promise<number> {
  const name = `bench_${randomUUID().replaceAll("-", "_")}`;
  const pool = openPool(target);
  try {
    const query = (sql: string, values: unknown[] = []) =>
      pool.query({ sql, values, timeout: STATEMENT_MS_MAX });
    await query(
      `create table ${name}_inventory (id bigint primary key, available_spot int not null)`,
    );
    await query(
      `create table ${name}_appointment (appointment_no varchar(100) primary key, ` +
        "inventory_id bigint not null, user_id bigint not null, status tinyint not null)",
    );
    await query(`insert into ${name}_inventory (id, available_spot) values (1, ?)`, [count]);
    const sell = async (user: number) => {
      const connection = await pool.getConnection();
      const run = (sql: string, values: unknown[] = []) =>
        connection.query({ sql, values, timeout: STATEMENT_MS_MAX });
      try {
        await run("begin");
        await run(
          `update ${name}_inventory set available_spot = available_spot - 1 ` +
            "where id = 1 and available_spot > 0",
        );
        await run(
          `insert into ${name}_appointment (appointment_no, inventory_id, user_id, status) ` +
            "values (?, 1, ?, 1)",
          [randomUUID(), user],
        );
        await run("commit");
      } finally {
        connection.release();
      }
    };
    const users = Array.from({ length: count }, (_, user) => user + 1);
    const startedMs = performance.now();
    await runLanes(inOrder(users), CONNECTIONS, sell);
    const tookMs = performance.now() - startedMs;
    const [left] = await query(`select available_spot from ${name}_inventory where id = 1`);
    if ((left as { available_spot: number }[])[0]?.available_spot !== 0) {
      throw new Error(`the document's way did not sell ${count} spots: ${JSON.stringify(left)}`);
    }
    await query(`drop table ${name}_inventory`);
    await query(`drop table ${name}_appointment`);
    return (count * 1000) / tookMs;
  } finally {
    await pool.end();
  }
}

function openPool(target: Target): Pool {
  const bounds = { connectionLimit: CONNECTIONS, supportBigNumbers: true };
  if ("dsn" in target) {
    // Unsharded, so the row and the table are where vtgate has least to do.
    return mysql.createPool({ uri: `${target.dsn}/global`, ...bounds });
  }
  return mysql.createPool({
    socketPath: target.socketPath,
    user: "root",
    database: "bench",
    ...bounds,
  });
}

/** Makes the database that the direct statements use. */
export async function createBenchDatabase(socketPath: string): Promise<void> {
  const connection = await mysql.createConnection({ socketPath, user: "root" });
  await connection.query("create database if not exists bench");
  await connection.end();
}
