// What becomes of an HTTP request, whichever version it came by: health, an RPC, or a file of the page.
// Headers that every answer needs are set here, before the part that answers adds its own.

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Cors } from "./cors.ts";
import type { Page } from "./page.ts";

/** A request. Those of HTTP/2 look the same: Node makes them so, as far as this service uses them. */
export type Request = IncomingMessage;
/** Its response. */
export type Response = ServerResponse;
/** Answers a request. Does not throw. */
export type Handle = (request: Request, response: Response) => void;

/** Paths of RPCs: a package's name, then a service's. No file of the page begins so. */
const RPC_PATH = /^\/(?:slotmesh\.|grpc\.)/;

/** Makes the handler of the port. */
export function createEdge(options: {
  /** Answers RPCs. */
  readonly rpc: Handle;
  readonly cors: Cors;
  readonly page: Page;
  /** Whether load balancers shall send us anything. */
  readonly isServing: () => boolean;
}): Handle {
  const { rpc, cors, page, isServing } = options;
  return (request, response) => {
    const path = pathOf(request);
    response.setHeader("x-content-type-options", "nosniff");
    if (!isServing() && request.httpVersionMajor === 1) {
      // The next request shall find another gateway, and not a connection that just closed.
      response.setHeader("connection", "close");
    }
    if (path === "/healthz") {
      plain(response, isServing() ? 200 : 503, isServing() ? "serving" : "draining");
    } else if (!RPC_PATH.test(path)) {
      page(path, request, response);
    } else if (!cors(request, response)) {
      // Answers are personal unless the part that answers says otherwise.
      response.setHeader("cache-control", "no-store");
      try {
        rpc(request, response);
      } catch {
        // connect-node makes a URL of the Host header, and throws where there is none or no host in it.
        plain(response, 400, "the request has no usable host");
      }
    }
  };
}

/** Answers with a sentence. */
export function plain(response: Response, status: number, sentence: string): void {
  response.setHeader("cache-control", "no-store");
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8" });
  response.end(`${sentence}\n`);
}

/** Returns the path that was asked for, without its query. */
export function pathOf({ url = "/" }: Request): string {
  const end = url.indexOf("?");
  return end === -1 ? url : url.slice(0, end);
}
