// MySQL through vtgate. Text protocol only: `query` with values that the library escapes, because one
// multi-row statement costs a quarter of the prepared one (401 placeholders measured), and because
// prepared numbers travel as DOUBLE, which routes large ids to the wrong shard.
//
// A connection never goes back to the pool in doubt: after an error inside a transaction it is rolled
// back or destroyed, after a timeout it is destroyed (mysql2's timeout is the client's alone: the next
// user would wait behind the old statement). Ids are strings outside and bigint in statements.

import mysql, {
  type Pool,
  type PoolConnection,
  type ResultSetHeader,
  type RowDataPacket,
} from "mysql2/promise";
import { isTransient, isTwoShards } from "#shared/errors.ts";
import { backoffMs, sleep } from "#shared/time.ts";

const CONNECTIONS_MAX = 16;
const WAITING_MAX = 2000;
const STATEMENT_MS_MAX = 5000;
const CONNECT_MS_MAX = 3000;
const ROLLBACK_MS_MAX = 500;
const RETRIES_MAX = 5;
const RETRY_BASE_MS = 20;
const RETRY_MAX_MS = 500;

/** What Vitess puts behind an error: the statement and each of its values. */
const VITESS_STATEMENT = / \(CallerID: [^)]*\): Sql: [\s\S]*$/;
/** Quoted text in an error that is not the name of a key, column or table. */
const QUOTED_VALUE =
  /(?<!\b(?:key|column|table|field) )(?:'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*")/gi;

/** A value of a statement. Lists become the rows of a VALUES clause or of an IN. */
export type Value = string | number | bigint | null | Buffer | readonly Value[];

/** Where statements go: the pool, or a transaction. */
export interface Sql {
  /** Reads rows. */
  select<Row>(sql: string, values?: readonly Value[]): Promise<Row[]>;
  /** Writes. Returns how many rows were written, by MySQL's count of FOUND rows. */
  write(sql: string, values?: readonly Value[]): Promise<number>;
}

/** A keyspace. */
export interface Database extends Sql {
  /** The keyspace's name. */
  readonly keyspace: string;
  /** Runs a transaction on one shard. Throws what the work throws, after a rollback; if the outcome of
   * the commit is not known, throws a transient error: do the same work again. */
  transact<Result>(work: (transaction: Sql) => Promise<Result>): Promise<Result>;
  stop(): Promise<void>;
}

/** Opens a keyspace of vtgate. Connects when first used. */
export function openDatabase(dsn: string, keyspace: string): Database {
  const url = new URL(dsn);
  const pool = mysql.createPool({
    host: url.hostname,
    port: Number(url.port || 3306),
    user: decodeURIComponent(url.username || "root"),
    password: decodeURIComponent(url.password),
    database: keyspace,
    connectionLimit: CONNECTIONS_MAX,
    maxIdle: CONNECTIONS_MAX,
    idleTimeout: 60_000,
    queueLimit: WAITING_MAX,
    connectTimeout: CONNECT_MS_MAX,
    enableKeepAlive: true,
    supportBigNumbers: true,
    bigNumberStrings: true,
    charset: "utf8mb4",
    timezone: "Z",
    multipleStatements: false,
  });
  return {
    keyspace,
    select: async (sql, values) =>
      withConnection(pool, (connection) => statements(connection).select(sql, values)),
    write: async (sql, values) =>
      withConnection(pool, (connection) => statements(connection).write(sql, values)),
    transact: async (work) => withConnection(pool, (connection) => transact(connection, work)),
    stop: () => pool.end(),
  };
}

/** Does idempotent work again while it fails for reasons that pass. Rows on two shards are refused
 * however often they come: that is for forEachShard, which groups them anew. */
export async function retryTransient<Result>(work: () => Promise<Result>): Promise<Result> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (attempt >= RETRIES_MAX || !isTransient(error) || isTwoShards(error)) {
        throw error;
      }
      await sleep(backoffMs(attempt, RETRY_BASE_MS, RETRY_MAX_MS));
    }
  }
}

/** Makes a bigint of a decimal id, so that it travels as digits and not as text or DOUBLE. */
export function idValue(id: string): bigint {
  return BigInt(id);
}

/** Says whether a write failed because a unique key was taken. */
export function isDuplicate(error: unknown): boolean {
  return (error as { errno?: number }).errno === 1062;
}

function statements(connection: PoolConnection): Sql {
  const options = (sql: string, values: readonly Value[]) => ({
    sql,
    values: values as unknown[],
    timeout: STATEMENT_MS_MAX,
  });
  return {
    select: async <Row>(sql: string, values: readonly Value[] = []) => {
      const [rows] = await connection
        .query<RowDataPacket[]>(options(sql, values))
        .catch(throwWithoutValues);
      return rows as Row[];
    },
    write: async (sql, values = []) => {
      const [result] = await connection
        .query<ResultSetHeader>(options(sql, values))
        .catch(throwWithoutValues);
      return result.affectedRows;
    },
  };
}

async function withConnection<Result>(
  pool: Pool,
  work: (connection: PoolConnection) => Promise<Result>,
): Promise<Result> {
  const connection = await pool.getConnection();
  try {
    const result = await work(connection);
    connection.release();
    return result;
  } catch (error) {
    if (isDoubtful(error)) {
      connection.destroy();
    } else {
      connection.release();
    }
    throw error;
  }
}

async function transact<Result>(
  connection: PoolConnection,
  work: (transaction: Sql) => Promise<Result>,
): Promise<Result> {
  const sql = statements(connection);
  await sql.write("begin");
  try {
    const result = await work(sql);
    await sql.write("commit");
    return result;
  } catch (error) {
    // After an error vtgate refuses every statement until the rollback (VT09032).
    await Promise.race([sql.write("rollback"), rejectAfter(ROLLBACK_MS_MAX)]).catch(() =>
      connection.destroy(),
    );
    throw error;
  }
}

async function rejectAfter(ms: number): Promise<never> {
  await sleep(ms);
  throw new Error("too late");
}

/** Throws an error without the values of its statement. mysql2 keeps the whole statement in the error,
 * and MySQL and Vitess repeat values in its text: codes and password hashes would reach the log. */
function throwWithoutValues(error: unknown): never {
  if (error instanceof Error) {
    const { message } = error;
    const kept = message.replace(VITESS_STATEMENT, "").replace(QUOTED_VALUE, "?");
    if (error.stack) {
      error.stack = error.stack.replace(message, () => kept);
    }
    error.message = kept;
    const fields = error as { sql?: unknown; sqlMessage?: unknown };
    delete fields.sql;
    delete fields.sqlMessage;
  }
  throw error;
}

/** A statement that MySQL answered leaves its connection sound. Anything else leaves it in doubt. */
function isDoubtful(error: unknown): boolean {
  const { errno, fatal, sqlState } = error as {
    errno?: number;
    fatal?: boolean;
    sqlState?: string;
  };
  return fatal === true || errno === undefined || errno < 0 || sqlState === undefined;
}
