// One port for browsers and gRPC clients: HTTP/1.1 and HTTP/2 without TLS, told apart by the first bytes.
// A gRPC client opens with HTTP/2's preface, "PRI * HTTP/2.0...", and no method of HTTP/1.1 begins with
// "PRI ". TLS ends at the proxy in front.
//
// The HTTP/1.1 server is the one that listens: its checks of slow and idle requests begin with its own
// listening. It is handed only the connections that turn out to be its own; both servers take the bytes
// that were already read out of the socket's buffer.

import { createServer as createHttp1Server, type Server as Http1Server } from "node:http";
import {
  createServer as createHttp2Server,
  type Http2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import type { Handle } from "./edge.ts";

const PREFACE = Buffer.from("PRI ");
const FIRST_BYTES_MS_MAX = 10_000;
const HEADERS_MS_MAX = 10_000;
const REQUEST_MS_MAX = 20_000;
const IDLE_MS_MAX = 75_000;
/** Longer than the 15 s between heartbeats of a stream: a socket that moves nothing for so long is stuck. */
const STALLED_MS_MAX = 60_000;
const CHECK_MS = 5000;
const HEADER_BYTES_MAX = 16 << 10;
const REQUESTS_PER_SOCKET_MAX = 10_000;
const STREAMS_MAX = 256;
const SESSION_MEGABYTES_MAX = 10;
const TCP_KEEPALIVE_MS = 30_000;
const DRAIN_MS_MAX = 10_000;
const SWEEP_MS = 50;

/** What tests shorten. */
export interface PortLimits {
  /** The time a new connection has for its first bytes, in milliseconds. */
  readonly firstBytesMs: number;
  /** The time a request's headers may take, in milliseconds. */
  readonly headersMs: number;
  /** The time a connection may do nothing, in milliseconds. */
  readonly idleMs: number;
  /** The time that an answer may stand still because nobody reads it, in milliseconds. */
  readonly stalledMs: number;
  /** The time that what runs has to end when the port closes, in milliseconds. */
  readonly drainMs: number;
}

/** A port that is open. */
export interface OpenPort {
  readonly port: number;
  /** Takes no more connections, lets what runs end, and cuts off what does not within its bound. */
  close(): Promise<void>;
}

/** Opens the port. */
export async function openPort(options: {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  readonly connectionsMax: number;
  readonly handle: Handle;
  readonly limits?: Partial<PortLimits>;
}): Promise<OpenPort> {
  const limits: PortLimits = {
    firstBytesMs: FIRST_BYTES_MS_MAX,
    headersMs: HEADERS_MS_MAX,
    idleMs: IDLE_MS_MAX,
    stalledMs: STALLED_MS_MAX,
    drainMs: DRAIN_MS_MAX,
    ...options.limits,
  };
  const http1 = http1Server(options.handle, limits);
  const sessions = new Set<ServerHttp2Session>();
  const http2 = http2Server(options.handle, limits, sessions);
  const undecided = new Set<Socket>();
  const takeHttp1 = http1.listeners("connection")[0] as (socket: Socket) => void;
  http1.removeAllListeners("connection");
  http1.on("connection", (socket: Socket) => {
    undecided.add(socket);
    readFirstBytes(socket, limits.firstBytesMs, (isHttp2) => {
      undecided.delete(socket);
      if (isHttp2 === true) {
        http2.emit("connection", socket);
      } else if (isHttp2 === false) {
        takeHttp1.call(http1, socket);
      }
    });
  });
  http1.maxConnections = options.connectionsMax;
  await new Promise<void>((resolve, reject) => {
    http1.once("error", reject);
    http1.listen({ host: options.host, port: options.port }, resolve);
  });
  return {
    port: (http1.address() as AddressInfo).port,
    close: () => closePort(http1, sessions, undecided, limits.drainMs),
  };
}

function http1Server(handle: Handle, limits: PortLimits): Http1Server {
  const server = createHttp1Server(
    {
      headersTimeout: limits.headersMs,
      requestTimeout: Math.max(REQUEST_MS_MAX, limits.headersMs),
      keepAliveTimeout: limits.idleMs,
      connectionsCheckingInterval: Math.min(CHECK_MS, limits.headersMs),
      maxHeaderSize: HEADER_BYTES_MAX,
      keepAlive: true,
      keepAliveInitialDelay: TCP_KEEPALIVE_MS,
      noDelay: true,
    },
    handle,
  );
  // Without a listener, Node destroys the socket.
  server.timeout = limits.stalledMs;
  server.maxRequestsPerSocket = REQUESTS_PER_SOCKET_MAX;
  return server;
}

function http2Server(
  handle: Handle,
  limits: PortLimits,
  sessions: Set<ServerHttp2Session>,
): Http2Server {
  const server = createHttp2Server(
    {
      maxSessionMemory: SESSION_MEGABYTES_MAX,
      settings: { maxConcurrentStreams: STREAMS_MAX, maxHeaderListSize: HEADER_BYTES_MAX },
    },
    handle as unknown as (request: Http2ServerRequest, response: Http2ServerResponse) => void,
  );
  server.on("session", (session) => {
    sessions.add(session);
    session.on("close", () => sessions.delete(session));
    session.setTimeout(limits.idleMs, () => {
      // Nothing moved, so what is still open is stuck.
      session.close();
      session.destroy();
    });
  });
  return server;
}

/** Looks at a connection's first bytes, leaves them where they were, and says whether they are HTTP/2's;
 * says undefined if the connection ended, or if too little came in time and it was closed. */
function readFirstBytes(
  socket: Socket,
  msMax: number,
  done: (isHttp2: boolean | undefined) => void,
): void {
  const timer = setTimeout(() => socket.destroy(), msMax);
  let bytes = Buffer.alloc(0);
  const look = () => {
    const more: Buffer | null = socket.read();
    if (more === null) {
      return;
    }
    // Held here until they decide: what is put back at once would be readable again at once.
    bytes = Buffer.concat([bytes, more]);
    const isPreface = bytes.subarray(0, PREFACE.length).equals(PREFACE.subarray(0, bytes.length));
    if (isPreface && bytes.length < PREFACE.length) {
      return;
    }
    settle();
    socket.unshift(bytes);
    done(isPreface);
  };
  const giveUp = () => {
    settle();
    socket.destroy();
    done(undefined);
  };
  const settle = () => {
    clearTimeout(timer);
    socket.off("readable", look).off("end", giveUp).off("close", giveUp).off("error", giveUp);
  };
  socket.on("readable", look).on("end", giveUp).on("close", giveUp).on("error", giveUp);
}

async function closePort(
  http1: Http1Server,
  sessions: Set<ServerHttp2Session>,
  undecided: Set<Socket>,
  drainMs: number,
): Promise<void> {
  const closed = new Promise<void>((resolve) => http1.close(() => resolve()));
  for (const socket of undecided) {
    socket.destroy();
  }
  // GOAWAY: no new streams, the open ones may end.
  for (const session of sessions) {
    session.close();
  }
  const timer = setTimeout(() => {
    for (const session of sessions) {
      session.destroy();
    }
    http1.closeAllConnections();
  }, drainMs);
  // Connections that were busy when the close began go as soon as their answer is written.
  const sweep = setInterval(() => http1.closeIdleConnections(), SWEEP_MS);
  await closed;
  clearTimeout(timer);
  clearInterval(sweep);
}
