// Serves the methods over Connect, gRPC-Web and gRPC with connect-node: its protocol handlers, and an
// adapter of our own between them and Node in place of its ready-made one, which prints errors to the
// console and tells handlers nothing of the connection a call came by.

import type {
  DescMethodServerStreaming,
  DescMethodUnary,
  Message,
  MessageShape,
} from "@bufbuild/protobuf";
import {
  type ConnectRouterOptions,
  type ContextValues,
  createConnectRouter,
  createContextKey,
  createContextValues,
  type HandlerContext,
} from "@connectrpc/connect";
import type { Compression } from "@connectrpc/connect/protocol";
import {
  compressionBrotli,
  compressionGzip,
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from "@connectrpc/connect-node";
import { Code, type ConnectError, toMeshError } from "#shared/errors.ts";
import type { Logger } from "#shared/log.ts";
import { type Handle, pathOf, plain, type Request } from "./edge.ts";
import { addressOf } from "./limits.ts";
import { type EdgeCall, type EdgeMethod, STREAM_MS_MAX, UNARY_MS_MAX } from "./service.ts";

/** The most bytes of a request. The largest one that makes sense, 500 new slots in JSON, has 55,000. */
export const REQUEST_BYTES_MAX = 64 << 10;
/** How answers may be compressed, the cheaper way first. */
export const COMPRESSIONS: readonly Compression[] = [compressionGzip, compressionBrotli];

/** What serving needs besides the methods. */
export interface ServeOptions {
  readonly methods: readonly EdgeMethod[];
  /** How many proxies of ours stand in front. */
  readonly proxies: number;
  /** Aborts when the gateway is about to end. */
  readonly ending: AbortSignal;
  readonly logger: Logger;
}

const REQUEST = createContextKey<Request | undefined>(undefined);

/** Makes the handler of RPCs. */
export function createConnect(options: ServeOptions): Handle {
  const { methods, ending, logger } = options;
  const common: ConnectRouterOptions = {
    acceptCompression: [...COMPRESSIONS],
    readMaxBytes: REQUEST_BYTES_MAX,
    requireConnectProtocolHeader: true,
    shutdownSignal: ending,
  };
  const router = createConnectRouter(common);
  for (const method of methods) {
    if (method.kind === "unary") {
      router.rpc(
        method.method as DescMethodUnary,
        async (request, context) => {
          try {
            return await method.invoke(request as Message, edgeCall(context, options.proxies));
          } catch (error) {
            throw ours(error, method, logger);
          }
        },
        { maxTimeoutMs: UNARY_MS_MAX },
      );
    } else {
      router.rpc(
        method.method as DescMethodServerStreaming,
        async function* (request, context): AsyncGenerator<MessageShape<never>> {
          // nginx would collect what is sent until a buffer is full.
          context.responseHeader.set("x-accel-buffering", "no");
          try {
            yield* method.invoke(
              request as Message,
              edgeCall(context, options.proxies),
            ) as AsyncIterable<never>;
          } catch (error) {
            throw ours(error, method, logger);
          }
        },
        { maxTimeoutMs: STREAM_MS_MAX },
      );
    }
  }
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  return (request, response) => {
    const handler = handlers.get(pathOf(request));
    if (!handler) {
      plain(response, 404, "there is no such method");
      return;
    }
    const values: ContextValues = createContextValues().set(REQUEST, request);
    handler(universalRequestFromNodeRequest(request, response, undefined, values))
      .then((answer) => universalResponseToNodeResponse(answer, response))
      .catch((error: unknown) => {
        // The caller went away, most of the time.
        logger.debug({ method: handler.requestPath, err: error }, "an answer could not be written");
        response.destroy();
      });
  };
}

/** Makes of whatever was thrown what a caller may see, and logs what they may not. */
export function ours(caught: unknown, { method }: EdgeMethod, logger: Logger): ConnectError {
  const error = toMeshError(caught);
  if (error.code === Code.Internal && error.cause !== undefined) {
    const name = `${method.parent.typeName}/${method.name}`;
    logger.error({ method: name, err: error.cause }, "a call met a bug");
  }
  return error;
}

function edgeCall(context: HandlerContext, proxies: number): EdgeCall {
  return {
    authorization: context.requestHeader.get("authorization") ?? undefined,
    get address() {
      const request = context.values.get(REQUEST);
      return request ? addressOf(request, proxies) : "";
    },
    get signal() {
      return context.signal;
    },
    remainingMs: () => context.timeoutMs(),
    keep: (seconds) => {
      if (context.requestMethod === "GET") {
        context.responseHeader.set("cache-control", cacheControl(seconds));
        context.responseHeader.set("vary", VARY);
      }
    },
  };
}

/** What an answer that caches may keep depends on besides its address. */
export const VARY = "Origin, Accept-Encoding, Authorization";

/** Says that anyone may keep an answer so long. */
export function cacheControl(seconds: number): string {
  return `public, max-age=${seconds}`;
}
