// Starts the side of Scheduling that nobody calls: it settles what is queued, and reconciles. A process
// of its own, because settling a drop takes as much of the processor as answering it, and on one event
// loop each would wait for the other. As many may run as the topic has partitions.

import { createAuthenticate } from "#shared/auth.ts";
import { createLogger } from "#shared/log.ts";
import { runProcess } from "#shared/process.ts";
import { serveGrpc } from "#shared/serve.ts";
import { readConfig } from "./config.ts";
import { ensureBookingTopics, receiveBookings } from "./events.ts";
import { openParts } from "./parts.ts";
import { startReconciler } from "./reconcile.ts";

const config = readConfig();
const logger = createLogger("settler", config.logLevel);

await runProcess(logger, async (running) => {
  const parts = openParts(config, logger, running);
  const { kafka, meshKey, pipeline } = parts;
  await ensureBookingTopics(kafka, config.partitions);
  const onFatal = (why: string) => {
    logger.fatal({ why }, "ending, to be started anew");
    process.exit(1);
  };
  const handle: typeof pipeline.handle = async (bookings) => {
    await pipeline.handle(bookings);
    await parts.failpoints?.("before-offset");
  };
  running.push(await receiveBookings({ ...kafka, handle, onFatal }));
  running.push(startReconciler(parts));
  running.push(
    await serveGrpc({
      address: `${config.bind}:${config.settlerPort}`,
      methods: [], // Health only.
      authenticate: createAuthenticate({ service: "settler", jwksUrl: config.jwksUrl, meshKey }),
      drainMs: config.drainMs,
      logger,
    }),
  );
});
