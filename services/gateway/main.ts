// Starts the gateway: settings, the ways to the services, the page, and the port.

import { createSealAddress, readAddressKey } from "#shared/caller-address.ts";
import { createLogger } from "#shared/log.ts";
import { runProcess } from "#shared/process.ts";
import { sleep } from "#shared/time.ts";
import { readConfig } from "./config.ts";
import { createConnect } from "./connect.ts";
import { createCors } from "./cors.ts";
import { createEdge } from "./edge.ts";
import { createFast } from "./fast.ts";
import { createAddressLimit } from "./limits.ts";
import { createPage } from "./page.ts";
import { openPort } from "./port.ts";
import { createSharedReads } from "./reads.ts";
import { edgeMethods, PUBLIC_SERVICES } from "./service.ts";
import { createUpstream } from "./upstream.ts";

const config = readConfig();
const logger = createLogger("gateway", config.logLevel);

await runProcess(logger, async (parts) => {
  const upstreams = new Map(
    PUBLIC_SERVICES.map(([service, owner]) => [
      service,
      createUpstream(service, config.addresses[owner]),
    ]),
  );
  parts.push(...upstreams.values());

  const ending = new AbortController();
  let isServing = true;
  const reads = createSharedReads();
  const methods = edgeMethods({
    upstreams,
    reads,
    signIns: createAddressLimit({ perMinute: config.signInsPerMinute }),
    sealAddress: createSealAddress(readAddressKey(config.keyDir)),
    isServing: () => isServing,
    ending: ending.signal,
  });
  const serving = { methods, proxies: config.proxies, ending: ending.signal, logger };
  const rpc = createFast({ ...serving, reads, rest: createConnect(serving) });
  const port = await openPort({
    host: config.bind,
    port: config.port,
    connectionsMax: config.connectionsMax,
    handle: createEdge({
      rpc,
      cors: createCors(config.origins),
      page: createPage(config.webRoot),
      isServing: () => isServing,
    }),
  });
  parts.push({
    stop: async () => {
      isServing = false;
      await sleep(config.drainMs);
      ending.abort();
      await port.close();
    },
  });
});
