// Starts Codes: connections, the services on one port, the sweeper, and a drain at the end.

import { createAuthenticate, readMeshKey } from "#shared/auth.ts";
import { createReadAddress, readAddressKey } from "#shared/caller-address.ts";
import { createLogger } from "#shared/log.ts";
import { openDatabase } from "#shared/mysql.ts";
import { runProcess } from "#shared/process.ts";
import { openRedis } from "#shared/redis.ts";
import { serveGrpc } from "#shared/serve.ts";
import { readConfig } from "./config.ts";
import { issueCodes, type Wish } from "./issuing.ts";
import { readNumbersKey } from "./numbers-key.ts";
import { createParts } from "./parts.ts";
import { codesService } from "./service.ts";
import { startSweeper } from "./sweeping.ts";
import { openTicketKeyring } from "./ticket-keyring.ts";
import { finishTransfers } from "./transferring.ts";

const config = readConfig();
const logger = createLogger("codes", config.logLevel);

await runProcess(logger, async (parts) => {
  const database = openDatabase(config.mysqlDsn, "codes");
  parts.push(database);
  const redis = openRedis(config.redisUrl, logger);
  parts.push({ stop: () => redis.disconnect() });
  const keyring = openTicketKeyring({ keyDir: config.keyDir, logger });
  parts.push(keyring);
  const made = createParts({
    database,
    redis,
    logger,
    numbersKey: readNumbersKey(config.keyDir),
    ticketKeys: keyring.keys,
  });
  const acting = { ...made, now: Date.now };
  const issue = (wishes: readonly Wish[]) => issueCodes(acting, wishes);
  parts.push(
    startSweeper({ ...acting, finishTransfers: () => finishTransfers({ ...acting, issue }) }),
  );
  const server = await serveGrpc({
    address: `${config.bind}:${config.port}`,
    methods: codesService(made),
    authenticate: createAuthenticate({
      service: "codes",
      jwksUrl: config.jwksUrl,
      meshKey: readMeshKey(config.keyDir),
    }),
    readAddress: createReadAddress(readAddressKey(config.keyDir)),
    drainMs: config.drainMs,
    logger,
  });
  parts.push(server);
});
