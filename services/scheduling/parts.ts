// What both processes of Scheduling are made of: connections, rows, admission, and the pipeline with
// what belongs to it. main.ts answers callers with it, settler.ts settles what is queued.

import { readMeshKey } from "#shared/auth.ts";
import { createFailpoints } from "#shared/failpoints.ts";
import type { KafkaOptions } from "#shared/kafka.ts";
import type { Logger } from "#shared/log.ts";
import { openDatabase } from "#shared/mysql.ts";
import type { Running } from "#shared/process.ts";
import { openRedis } from "#shared/redis.ts";
import { createGate } from "./admission.ts";
import { createFinishWork } from "./cancel.ts";
import { openClients } from "./clients.ts";
import type { SchedulingConfig } from "./config.ts";
import { createPipeline } from "./pipeline.ts";
import { createRedis } from "./redis.ts";
import { createStore } from "./store.ts";

/** Opens the parts; what must be stopped at the end is put into `running`. */
export function openParts(config: SchedulingConfig, logger: Logger, running: Running[]) {
  const now = Date.now;
  const meshKey = readMeshKey(config.keyDir);
  const database = openDatabase(config.mysqlDsn, "scheduling");
  const connection = openRedis(config.redisUrl, logger);
  const clients = openClients(config, meshKey);
  running.push(database, { stop: () => connection.disconnect() }, clients);

  const kafka: KafkaOptions = { brokers: config.kafkaBrokers, clientId: "scheduling", logger };
  const store = createStore(database);
  const redis = createRedis(connection);
  const { holdMs } = config;
  const gate = createGate({ ...clients, redis, holdMs, now, logger });
  connection.on("ready", gate.distrust);
  const failpoints = createFailpoints(config.failpoints, logger);
  const base = { ...clients, store, redis, gate, now, logger, failpoints };
  const pipeline = createPipeline(base);
  const finishWork = createFinishWork({ ...clients, store, pipeline, now });
  return { ...base, holdMs, meshKey, kafka, pipeline, finishWork };
}
