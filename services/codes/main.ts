// Starts Codes: connections, the two services on one port, and a drain at the end.

import { createAuthenticate, readMeshKey } from "#shared/auth.ts";
import { createLogger } from "#shared/log.ts";
import { openDatabase } from "#shared/mysql.ts";
import { runProcess } from "#shared/process.ts";
import { openRedis } from "#shared/redis.ts";
import { serveGrpc } from "#shared/serve.ts";
import { readConfig } from "./config.ts";
import { readNumbersKey } from "./numbers-key.ts";
import { createParts } from "./parts.ts";
import { codesService } from "./service.ts";

const config = readConfig();
const logger = createLogger("codes", config.logLevel);

await runProcess(logger, async (parts) => {
  const database = openDatabase(config.mysqlDsn, "codes");
  parts.push(database);
  const redis = openRedis(config.redisUrl, logger);
  parts.push({ stop: () => redis.disconnect() });
  const server = await serveGrpc({
    address: `${config.bind}:${config.port}`,
    methods: codesService(
      createParts({ database, redis, numbersKey: readNumbersKey(config.keyDir) }),
    ),
    authenticate: createAuthenticate({
      service: "codes",
      jwksUrl: config.jwksUrl,
      meshKey: readMeshKey(config.keyDir),
    }),
    drainMs: config.drainMs,
    logger,
  });
  parts.push(server);
});
