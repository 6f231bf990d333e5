// A shorter way through for the calls that browsers make most: a unary call over Connect, well formed, not
// compressed. connect-node serves every protocol through web streams of abstractions (Headers, linked
// AbortControllers, async iterables of one element); this reads the body and writes the answer, with
// Connect's own functions for all that shows on the wire: reading and writing messages, timeouts, errors,
// compression. What is anything but the plain case goes to connect-node before a byte of it is read.
// fast.test.ts sends the same requests both ways and compares status, headers and bodies.

import type { DescMethod, Message } from "@bufbuild/protobuf";
import { base64Decode } from "@bufbuild/protobuf/wire";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import {
  type Compression,
  compressionNegotiate,
  createMethodSerializationLookup,
} from "@connectrpc/connect/protocol";
import {
  codeToHttpStatus,
  contentTypeUnaryJson,
  contentTypeUnaryProto,
  errorToJsonBytes,
  headerUnaryAcceptEncoding,
  parseTimeout,
} from "@connectrpc/connect/protocol-connect";
import {
  COMPRESSIONS,
  cacheControl,
  ours,
  REQUEST_BYTES_MAX,
  type ServeOptions,
  VARY,
} from "./connect.ts";
import { type Handle, pathOf, type Request, type Response } from "./edge.ts";
import { addressOf } from "./limits.ts";
import type { SharedReads, Written } from "./reads.ts";
import { type EdgeCall, type EdgeMethod, UNARY_MS_MAX } from "./service.ts";

/** connect-node's default: smaller answers gain nothing. */
const COMPRESS_BYTES_MIN = 1024;
const ANSWER_BYTES_MAX = 0xffffffff;
const GIVEN_UP = new Error("the caller gave up");

type Unary = Extract<EdgeMethod, { kind: "unary" }>;

interface Route {
  readonly method: Unary;
  readonly mayGet: boolean;
  readonly serialization: ReturnType<typeof createMethodSerializationLookup<never, never>>;
}

/** A request that can go the short way. */
interface Plain {
  readonly isBinary: boolean;
  /** The message of a GET. The one of a POST is the body. */
  readonly message: Uint8Array | undefined;
  readonly timeoutMs: number | undefined;
}

/** Puts the shorter way in front of the handler that serves everything. */
export function createFast(
  options: ServeOptions & { readonly reads: SharedReads; readonly rest: Handle },
): Handle {
  const routes = new Map(
    options.methods.flatMap((method) =>
      method.kind === "unary" ? [[pathOfMethod(method.method), routeOf(method)] as const] : [],
    ),
  );
  return (request, response) => {
    const route = routes.get(pathOf(request));
    const plain = route && plainOf(route, request);
    if (!route || !plain) {
      options.rest(request, response);
    } else if (plain.message) {
      void serve(route, plain, plain.message, request, response, options);
    } else {
      readBody(request, (body) => void serve(route, plain, body, request, response, options));
    }
  };
}

function pathOfMethod(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

function routeOf(method: Unary): Route {
  return {
    method,
    mayGet: method.method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS,
    serialization: createMethodSerializationLookup(method.method as never, undefined, undefined, {
      readMaxBytes: REQUEST_BYTES_MAX,
      writeMaxBytes: ANSWER_BYTES_MAX,
    }),
  };
}

/** Returns what the short way needs to know of a request, or undefined if it cannot go there. */
function plainOf(route: Route, request: Request): Plain | undefined {
  const { headers, method } = request;
  const timeout = parseTimeout(firstOf(headers["connect-timeout-ms"]) ?? null, UNARY_MS_MAX);
  if (timeout.error || hostless(request)) {
    return undefined;
  }
  if (method === "GET" && route.mayGet) {
    return plainGet(request, timeout.timeoutMs);
  }
  const type = headers["content-type"];
  const length = Number(headers["content-length"] ?? Number.NaN);
  const isPlain =
    method === "POST" &&
    (type === contentTypeUnaryJson || type === contentTypeUnaryProto) &&
    headers["connect-protocol-version"] === "1" &&
    headers["content-encoding"] === undefined &&
    length <= REQUEST_BYTES_MAX;
  return isPlain
    ? { isBinary: type === contentTypeUnaryProto, message: undefined, timeoutMs: timeout.timeoutMs }
    : undefined;
}

function plainGet(request: Request, timeoutMs: number | undefined): Plain | undefined {
  const { url = "", headers } = request;
  const query = new URLSearchParams(url.slice(url.indexOf("?") + 1));
  const encoding = query.get("encoding");
  const isPlain =
    headers["content-type"] === undefined &&
    !url.includes("#") &&
    query.get("connect") === "v1" &&
    query.get("compression") === null &&
    (encoding === "json" || encoding === "proto");
  if (!isPlain) {
    return undefined;
  }
  const text = query.get("message") ?? "";
  try {
    const message = query.get("base64") === "1" ? base64Decode(text) : Buffer.from(text);
    return { isBinary: encoding === "proto", message, timeoutMs };
  } catch {
    return undefined;
  }
}

/** connect-node makes a URL of the host, and fails where it cannot. */
function hostless(request: Request): boolean {
  const host = request.headers[":authority"] ?? request.headers.host;
  return typeof host !== "string" || !/^[\w.-]+(?::\d{1,5})?$/.test(host);
}

function firstOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(", ") : value;
}

function readBody(request: Request, done: (body: Uint8Array) => void): void {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  // Not called if the caller goes away first.
  request.on("end", () =>
    done(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)),
  );
  request.on("error", () => {});
}

async function serve(
  { method, serialization }: Route,
  { isBinary, timeoutMs }: Plain,
  message: Uint8Array,
  request: Request,
  response: Response,
  options: Parameters<typeof createFast>[0],
): Promise<void> {
  const call = new FastCall(request, response, timeoutMs, options.proxies);
  const accepted = firstOf(request.headers[headerUnaryAcceptEncoding.toLowerCase()]) ?? null;
  const { response: compression } = compressionNegotiate(
    COMPRESSIONS as Compression[],
    null,
    accepted,
    headerUnaryAcceptEncoding,
  );
  let status = 200;
  let type = isBinary ? contentTypeUnaryProto : contentTypeUnaryJson;
  let body: Uint8Array;
  let written: Written | undefined;
  try {
    const input = serialization.getI(isBinary).parse(message);
    const answer = await method.invoke(input as Message, call);
    written = options.reads.writtenOf(answer);
    body = once(written, type, () => serialization.getO(isBinary).serialize(answer as never));
    call.writeHeaders();
  } catch (caught) {
    const error = ours(caught, method, options.logger);
    status = codeToHttpStatus(error.code);
    type = contentTypeUnaryJson;
    body = errorToJsonBytes(error, undefined);
  }
  call.end();
  if (response.destroyed || response.writableEnded) {
    return;
  }
  if (compression && body.byteLength >= COMPRESS_BYTES_MIN) {
    const key = `${type} ${compression.name}`;
    const compressed = written?.get(key) ?? (await compression.compress(body));
    written?.set(key, compressed);
    body = compressed;
    response.setHeader("content-encoding", compression.name);
  }
  response.setHeader("content-type", type);
  response.setHeader("content-length", String(body.byteLength));
  response.writeHead(status);
  response.end(body);
}

/** A shared answer is written once. */
function once(written: Written | undefined, key: string, write: () => Uint8Array): Uint8Array {
  const bytes = written?.get(key) ?? write();
  written?.set(key, bytes);
  return bytes;
}

/** A call that came the short way. Its signal is made when it is first asked for. */
class FastCall implements EdgeCall {
  readonly authorization: string | undefined;
  readonly #request: Request;
  readonly #response: Response;
  readonly #untilMs: number | undefined;
  readonly #proxies: number;
  #controller: AbortController | undefined;
  #keepSeconds: number | undefined;

  constructor(
    request: Request,
    response: Response,
    timeoutMs: number | undefined,
    proxies: number,
  ) {
    this.authorization = request.headers.authorization;
    this.#request = request;
    this.#response = response;
    this.#untilMs = timeoutMs === undefined ? undefined : Date.now() + timeoutMs;
    this.#proxies = proxies;
  }

  get address(): string {
    return addressOf(this.#request, this.#proxies);
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      this.#response.once("close", this.#giveUp);
      if (this.#response.destroyed) {
        this.#giveUp();
      }
    }
    return this.#controller.signal;
  }

  remainingMs(): number | undefined {
    return this.#untilMs === undefined ? undefined : this.#untilMs - Date.now();
  }

  keep(seconds: number): void {
    this.#keepSeconds = seconds;
  }

  /** Sets the headers that the method asked for. */
  writeHeaders(): void {
    if (this.#keepSeconds !== undefined && this.#request.method === "GET") {
      this.#response.setHeader("cache-control", cacheControl(this.#keepSeconds));
      this.#response.setHeader("vary", VARY);
    }
  }

  end(): void {
    this.#response.off("close", this.#giveUp);
  }

  readonly #giveUp = () => {
    // A reason that is there already: making the usual one, with its stack, costs as much as a small call.
    this.#controller?.abort(GIVEN_UP);
  };
}
