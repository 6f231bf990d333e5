// The life of a service's process: start, say so, serve until told to stop, drain, leave. A second
// signal leaves at once. A promise that nobody caught is a bug, and ends the process.

import type { Logger } from "#shared/log.ts";

/** Something that runs and can be stopped. */
export interface Running {
  stop(): Promise<unknown> | unknown;
}

/** Runs a service until SIGTERM or SIGINT. The parts are stopped one by one, the last one first. */
export async function runProcess(
  logger: Logger,
  start: (parts: Running[]) => Promise<void>,
): Promise<void> {
  const parts: Running[] = [];
  let isStopping = false;

  async function stop(signal: string): Promise<void> {
    if (isStopping) {
      process.exit(1);
    }
    isStopping = true;
    logger.info({ signal }, "draining");
    for (const part of parts.reverse()) {
      await Promise.resolve(part.stop()).catch((err: unknown) =>
        logger.warn({ err }, "a part did not stop cleanly"),
      );
    }
    logger.info("stopped");
    process.exit(0);
  }

  process.on("SIGTERM", () => void stop("SIGTERM"));
  process.on("SIGINT", () => void stop("SIGINT"));
  process.on("unhandledRejection", (err) => {
    logger.fatal({ err }, "a promise was rejected and nobody caught it");
    process.exit(1);
  });
  await start(parts);
  logger.info("ready");
}
