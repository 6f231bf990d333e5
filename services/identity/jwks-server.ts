// Publishes the public keys of tokens over HTTP, and nothing else: whoever checks a token fetches them
// from here, and may keep them for a while.

import { createServer, type RequestListener } from "node:http";
import type { JWK } from "jose";
import type { Running } from "#shared/process.ts";

const PATH = "/.well-known/jwks.json";
/** Short beside the time that a new key is published before it signs. */
const CACHE_SECONDS = 300;
const CONNECTIONS_MAX = 256;
const REQUEST_MS_MAX = 5000;
const IDLE_MS_MAX = 5000;

/** Starts the server, and returns once it listens. */
export async function serveJwks(options: {
  /** The address to listen on. */
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  readonly jwks: { readonly keys: readonly JWK[] };
}): Promise<Running & { readonly port: number }> {
  const server = createServer(
    {
      requestTimeout: REQUEST_MS_MAX,
      headersTimeout: REQUEST_MS_MAX,
      keepAliveTimeout: IDLE_MS_MAX,
    },
    respondWith(JSON.stringify(options.jwks)),
  );
  server.maxConnections = CONNECTIONS_MAX;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, resolve);
  });
  const address = server.address();
  return {
    port: typeof address === "object" && address ? address.port : options.port,
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function respondWith(body: string): RequestListener {
  return (request, response) => {
    const [path] = (request.url ?? "").split("?", 1);
    if (path !== PATH) {
      response.writeHead(404, { "content-length": 0 }).end();
    } else if (request.method !== "GET" && request.method !== "HEAD") {
      response.writeHead(405, { allow: "GET, HEAD", "content-length": 0 }).end();
    } else {
      response.writeHead(200, {
        "content-type": "application/json",
        "content-length": Buffer.byteLength(body),
        "cache-control": `public, max-age=${CACHE_SECONDS}`,
        "x-content-type-options": "nosniff",
      });
      // Node leaves the body out of an answer to HEAD.
      response.end(body);
    }
  };
}
