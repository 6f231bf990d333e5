// Which pages of other sites may call, by exact origin. Never "*" and never what the request says: a
// bearer token is no cookie, but a page that may not call gets no answer to read either. The gateway's
// own page needs none of this.

import { cors as connectCors } from "@connectrpc/connect";
import type { Request, Response } from "./edge.ts";

const MAX_AGE_SECONDS = 7200;
const METHODS = connectCors.allowedMethods.join(", ");
const HEADERS = [...connectCors.allowedHeaders, "Authorization"].join(", ");
const EXPOSED = connectCors.exposedHeaders.join(", ");

/** Sets what browsers want to see. Returns true if that was all, a preflight's answer. */
export type Cors = (request: Request, response: Response) => boolean;

/** Makes the check for these origins. */
export function createCors(origins: readonly string[]): Cors {
  const allowed = new Set(origins);
  return (request, response) => {
    const { origin } = request.headers;
    if (allowed.size > 0) {
      // Also where no origin was sent: a cache must not give that answer to a page that sends one.
      response.setHeader("vary", "Origin");
    }
    const isAllowed = origin !== undefined && allowed.has(origin);
    if (isAllowed) {
      response.setHeader("access-control-allow-origin", origin);
      response.setHeader("access-control-expose-headers", EXPOSED);
    }
    if (request.method !== "OPTIONS") {
      return false;
    }
    if (isAllowed) {
      response.setHeader("access-control-allow-methods", METHODS);
      response.setHeader("access-control-allow-headers", HEADERS);
      response.setHeader("access-control-max-age", String(MAX_AGE_SECONDS));
    }
    response.writeHead(isAllowed ? 204 : 403);
    response.end();
    return true;
  };
}
