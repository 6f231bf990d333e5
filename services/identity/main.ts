// Identity's process: the gRPC service, and beside it the HTTP server of the public keys.

import { randomBytes } from "node:crypto";
import { createAuthenticate, readMeshKey } from "#shared/auth.ts";
import { createIds } from "#shared/ids.ts";
import { createLogger } from "#shared/log.ts";
import { openDatabase } from "#shared/mysql.ts";
import { runProcess } from "#shared/process.ts";
import { openRedis } from "#shared/redis.ts";
import { serveGrpc } from "#shared/serve.ts";
import { readConfig } from "./config.ts";
import { serveJwks } from "./jwks-server.ts";
import { createPasswords } from "./passwords.ts";
import { identityService } from "./service.ts";
import { createStore } from "./store.ts";
import { createSignToken, readTokenKeys } from "./tokens.ts";

const config = readConfig();
const logger = createLogger("identity", config.logLevel);

await runProcess(logger, async (parts) => {
  const keys = await readTokenKeys(config.keyDir);
  const identity = openDatabase(config.mysqlDsn, "identity");
  const global = openDatabase(config.mysqlDsn, "global");
  parts.push(identity, global);
  const redis = openRedis(config.redisUrl, logger);
  parts.push({ stop: () => redis.disconnect() });
  const ids = createIds(redis, logger);
  parts.push(ids);
  parts.push(await serveJwks({ host: config.bind, port: config.httpPort, jwks: keys.jwks }));
  const methods = identityService({
    store: createStore({ identity, global }),
    passwords: createPasswords(),
    ids,
    signToken: createSignToken(keys),
    now: Date.now,
    randomBytes,
    logger,
  });
  const server = await serveGrpc({
    address: `${config.bind}:${config.port}`,
    methods,
    authenticate: createAuthenticate({
      service: "identity",
      jwksUrl: config.jwksUrl,
      meshKey: readMeshKey(config.keyDir),
    }),
    drainMs: config.drainMs,
    logger,
  });
  parts.push(server);
});
