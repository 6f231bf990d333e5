// Components that were given by address instead of being started: asked once whether they are there
// and hold what the mesh needs, so that a wrong address is a sentence and not a hanging service.
import { join } from "node:path";
import { createConnection, type RowDataPacket } from "mysql2/promise";
import type { Config } from "./config.ts";
import { probeKafka } from "./kafka.ts";
import { probeRedis } from "./redis.ts";
import { readVschemas } from "./vschema.ts";

const CONNECT_MS_MAX = 5000;

/** Checks every given component; throws with what to do about the first that is not usable. */
export async function checkGiven(config: Config): Promise<void> {
  const { mysqlDsn, kafkaBrokers, redisUrl } = config.given;
  await Promise.all([
    mysqlDsn !== undefined && checkVtgate(config, mysqlDsn),
    kafkaBrokers !== undefined && explain("SLOTMESH_KAFKA_BROKERS", probeKafka(kafkaBrokers)),
    redisUrl !== undefined && explain("SLOTMESH_REDIS_URL", probeRedis(redisUrl)),
  ]);
}

async function checkVtgate(config: Config, dsn: string): Promise<void> {
  const connecting = createConnection({ uri: dsn, connectTimeout: CONNECT_MS_MAX });
  const connection = await explain("SLOTMESH_MYSQL_DSN", connecting);
  try {
    const missing: string[] = [];
    const vschemas = readVschemas(join(config.checkout, "services"));
    for (const [keyspace, vschema] of Object.entries(vschemas)) {
      await explain(
        `keyspace ${keyspace} of SLOTMESH_MYSQL_DSN`,
        connection.query(`use ${keyspace}`),
      );
      const [rows] = await connection.query<RowDataPacket[]>("show vschema tables");
      const found = new Set(rows.flatMap((row) => Object.values(row).map(String)));
      const absent = Object.keys(vschema.tables ?? {}).filter((table) => !found.has(table));
      if (absent.length > 0) missing.push(howToApply(keyspace, absent));
    }
    if (missing.length > 0)
      throw new Error(`the given vtgate lacks vschema tables:\n${missing.join("\n")}`);
  } finally {
    connection.destroy();
  }
}

function howToApply(keyspace: string, tables: string[]): string {
  const file =
    keyspace === "global"
      ? "services/*/sql/global/vschema.json, their tables together"
      : `services/${keyspace}/sql/vschema.json`;
  return (
    `  keyspace ${keyspace} has no ${tables.join(", ")}: apply ${file} with ` +
    `vtctldclient ApplyVSchema --vschema-file <file> ${keyspace}`
  );
}

async function explain<T>(what: string, attempt: Promise<T>): Promise<T> {
  try {
    return await attempt;
  } catch (error) {
    const reason = error instanceof Error ? error.message || error.name : String(error);
    throw new Error(`${what} was given and is not usable: ${reason}`, { cause: error });
  }
}
