// Starts Inventory: connections, the two services on one port, and a drain at the end.

import { createAuthenticate, readMeshKey } from "#shared/auth.ts";
import { createIds } from "#shared/ids.ts";
import { createLogger } from "#shared/log.ts";
import { openDatabase } from "#shared/mysql.ts";
import { runProcess } from "#shared/process.ts";
import { openRedis } from "#shared/redis.ts";
import { serveGrpc } from "#shared/serve.ts";
import { createClaims } from "./claims.ts";
import { claimsService } from "./claims-service.ts";
import { readConfig } from "./config.ts";
import { inventoryService } from "./service.ts";
import { createStore } from "./store.ts";

const config = readConfig();
const logger = createLogger("inventory", config.logLevel);

await runProcess(logger, async (parts) => {
  const database = openDatabase(config.mysqlDsn, "inventory");
  parts.push(database);
  // Only for the lease of a machine id: spots are taken while Redis is away, slots are not created.
  const redis = openRedis(config.redisUrl, logger);
  parts.push({ stop: () => redis.disconnect() });
  const ids = createIds(redis, logger);
  parts.push(ids);
  const server = await serveGrpc({
    address: `${config.bind}:${config.port}`,
    methods: [
      ...inventoryService({ store: createStore(database), ids, now: Date.now }),
      ...claimsService({ claims: createClaims(database), now: Date.now }),
    ],
    authenticate: createAuthenticate({
      service: "inventory",
      jwksUrl: config.jwksUrl,
      meshKey: readMeshKey(config.keyDir),
    }),
    drainMs: config.drainMs,
    logger,
  });
  parts.push(server);
});
