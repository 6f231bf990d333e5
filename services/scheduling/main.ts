// Starts the side of Scheduling that callers see: settings, connections, admission, the queue's near
// end, and the gRPC server. What is queued is settled in a process of its own, settler.ts.

import { createAuthenticate } from "#shared/auth.ts";
import { createRateLimiter } from "#shared/limiter.ts";
import { createLogger } from "#shared/log.ts";
import { runProcess } from "#shared/process.ts";
import { openRedis } from "#shared/redis.ts";
import { serveGrpc } from "#shared/serve.ts";
import { createAnswers } from "./answers.ts";
import { createAudit } from "./audit.ts";
import { createBook } from "./book.ts";
import { readConfig } from "./config.ts";
import { ensureBookingTopics, openBookingQueue } from "./events.ts";
import { openParts } from "./parts.ts";
import { subscribeAnswers } from "./redis.ts";
import { schedulingMethods } from "./service.ts";

const config = readConfig();
const { heartbeatMs } = config;
const logger = createLogger("scheduling", config.logLevel);

await runProcess(logger, async (running) => {
  const parts = openParts(config, logger, running);
  const { kafka, meshKey, store, issuing } = parts;
  await ensureBookingTopics(kafka, config.partitions);
  const queue = await openBookingQueue(kafka);
  const listener = openRedis(config.redisUrl, logger);
  running.push(queue, { stop: () => listener.disconnect() });

  const answers = createAnswers(store, issuing);
  subscribeAnswers(listener, answers.hear);
  const unguarded = createRateLimiter({ perSecond: config.unguardedPerSecond });
  const book = createBook({ ...parts, queue, answers, unguarded });
  const audit = createAudit(parts);
  running.push(
    await serveGrpc({
      address: `${config.bind}:${config.port}`,
      methods: schedulingMethods({ ...parts, book, answers, audit, heartbeatMs }),
      authenticate: createAuthenticate({ service: "scheduling", jwksUrl: config.jwksUrl, meshKey }),
      drainMs: config.drainMs,
      logger,
    }),
  );
});
