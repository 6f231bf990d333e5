// Starts Codes: connections, the two services on one port, and a drain at the end.

import { createAuthenticate, readMeshKey } from "#shared/auth.ts";
import { createIds } from "#shared/ids.ts";
import { createLogger } from "#shared/log.ts";
import { openDatabase } from "#shared/mysql.ts";
import { runProcess } from "#shared/process.ts";
import { openRedis } from "#shared/redis.ts";
import { serveGrpc } from "#shared/serve.ts";
import { createShards } from "#shared/shards.ts";
import { readConfig } from "./config.ts";
import { codesService } from "./service.ts";
import { createStore } from "./store.ts";

const config = readConfig();
const logger = createLogger("codes", config.logLevel);

await runProcess(logger, async (parts) => {
  const database = openDatabase(config.mysqlDsn, "codes");
  parts.push(database);
  const redis = openRedis(config.redisUrl, logger);
  parts.push({ stop: () => redis.disconnect() });
  const ids = createIds(redis, logger);
  parts.push(ids);
  const server = await serveGrpc({
    address: `${config.bind}:${config.port}`,
    methods: codesService({ store: createStore(database), shards: createShards(database), ids }),
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
