// Starts Scheduling: settings, connections, the pipeline, the reconciler, and the gRPC server.

import { createAuthenticate, readMeshKey } from "#shared/auth.ts";
import { createFailpoints } from "#shared/failpoints.ts";
import { createRateLimiter } from "#shared/limiter.ts";
import { createLogger } from "#shared/log.ts";
import { openDatabase } from "#shared/mysql.ts";
import { runProcess } from "#shared/process.ts";
import { openRedis } from "#shared/redis.ts";
import { serveGrpc } from "#shared/serve.ts";
import { createGate } from "./admission.ts";
import { createAnswers } from "./answers.ts";
import { createAudit } from "./audit.ts";
import { createBook } from "./book.ts";
import { createFinishWork } from "./cancel.ts";
import { openClients } from "./clients.ts";
import { readConfig } from "./config.ts";
import { ensureBookingTopics, openBookingQueue, receiveBookings } from "./events.ts";
import { createPipeline } from "./pipeline.ts";
import { startReconciler } from "./reconcile.ts";
import { createRedis, subscribeAnswers } from "./redis.ts";
import { schedulingMethods } from "./service.ts";
import { createStore } from "./store.ts";

const config = readConfig();
const logger = createLogger("scheduling", config.logLevel);
const now = Date.now;
const failpoints = createFailpoints(config.failpoints, logger);

await runProcess(logger, async (parts) => {
  const meshKey = readMeshKey(config.keyDir);
  const database = openDatabase(config.mysqlDsn, "scheduling");
  const connection = openRedis(config.redisUrl, logger);
  const listener = openRedis(config.redisUrl, logger);
  const clients = openClients(config, meshKey);
  parts.push(database, stopRedis(connection), stopRedis(listener), clients);

  const kafka = { brokers: config.kafkaBrokers, clientId: "scheduling", logger };
  await ensureBookingTopics(kafka, config.partitions);
  const queue = await openBookingQueue(kafka);
  parts.push(queue);

  const store = createStore(database);
  const redis = createRedis(connection);
  const answers = createAnswers(store, clients.issuing);
  subscribeAnswers(listener, answers.hear);
  const gate = createGate({ ...clients, redis, holdMs: config.holdMs, now, logger });
  connection.on("ready", gate.distrust);
  const pipeline = createPipeline({ ...clients, store, redis, gate, now, logger, failpoints });
  const finishWork = createFinishWork({ ...clients, store, pipeline, now });
  const unguarded = createRateLimiter({ perSecond: config.unguardedPerSecond });
  const book = createBook({ gate, redis, queue, answers, unguarded, now, logger, failpoints });
  const audit = createAudit({ ...clients, store, redis });

  const onFatal = (why: string) => {
    logger.fatal({ why }, "ending, to be started anew");
    process.exit(1);
  };
  const handle: typeof pipeline.handle = async (bookings) => {
    await pipeline.handle(bookings);
    await failpoints?.("before-offset");
  };
  parts.push(await receiveBookings({ ...kafka, handle, onFatal }));
  parts.push(
    startReconciler({ ...clients, store, redis, gate, pipeline, finishWork, now, logger }),
  );
  parts.push(
    await serveGrpc({
      address: `${config.bind}:${config.port}`,
      methods: schedulingMethods({ store, redis, gate, book, answers, finishWork, audit, now }),
      authenticate: createAuthenticate({ service: "scheduling", jwksUrl: config.jwksUrl, meshKey }),
      drainMs: config.drainMs,
      logger,
    }),
  );
});

function stopRedis(redis: { disconnect(): void }) {
  return { stop: () => redis.disconnect() };
}
