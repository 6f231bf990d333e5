// A gateway in a test's own process, with methods of the test's own, and requests by either version of HTTP.

import { request as requestHttp1 } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { type AddressInfo, createServer } from "node:net";
import { silentLogger } from "#shared/testing.ts";
import { createConnect, type ServeOptions } from "./connect.ts";
import { createCors } from "./cors.ts";
import { createEdge, type Handle } from "./edge.ts";
import { createFast } from "./fast.ts";
import { createPage } from "./page.ts";
import { openPort } from "./port.ts";
import { createSharedReads, type SharedReads } from "./reads.ts";
import type { EdgeMethod } from "./service.ts";

/** A gateway that runs in the test. */
export interface TestGateway {
  readonly port: number;
  readonly url: string;
  close(): Promise<void>;
}

/** Starts one. */
export async function startGateway(options: {
  readonly methods?: readonly EdgeMethod[];
  readonly origins?: readonly string[];
  readonly proxies?: number;
  readonly webRoot?: string;
  readonly isServing?: () => boolean;
  readonly ending?: AbortSignal;
  readonly reads?: SharedReads;
  /** Whether the shorter way is open; default true. */
  readonly isFast?: boolean;
  /** Hears of each request that the shorter way did not take. */
  readonly onRest?: () => void;
}): Promise<TestGateway> {
  const serving: ServeOptions = {
    methods: options.methods ?? [],
    proxies: options.proxies ?? 0,
    ending: options.ending ?? new AbortController().signal,
    logger: silentLogger(),
  };
  const connect = createConnect(serving);
  const rest: Handle = (request, response) => {
    options.onRest?.();
    connect(request, response);
  };
  const reads = options.reads ?? createSharedReads();
  const { port, close } = await openPort({
    host: "127.0.0.1",
    port: 0,
    connectionsMax: 1000,
    limits: { drainMs: 500 },
    handle: createEdge({
      rpc: options.isFast === false ? rest : createFast({ ...serving, reads, rest }),
      cors: createCors(options.origins ?? []),
      page: createPage(options.webRoot),
      isServing: options.isServing ?? (() => true),
    }),
  });
  return { port, url: `http://127.0.0.1:${port}`, close };
}

/** Returns a port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject).listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** A request, whole. */
export interface Asked {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
}

/** An answer, whole. Headers that say when or how it came by are left out. */
export interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Buffer;
}

/** Asks by HTTP/1.1. */
export function askHttp1(port: number, asked: Asked): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const { method = "GET", path, headers = {}, body } = asked;
    const request = requestHttp1(
      { host: "127.0.0.1", port, method, path, headers, agent: false },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk)).on("error", reject);
        response.on("end", () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: lasting(response.headers),
            body: Buffer.concat(chunks),
          }),
        );
      },
    );
    request.on("error", reject).end(body);
  });
}

/** Asks by HTTP/2. */
export function askHttp2(port: number, asked: Asked): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const { method = "GET", path, headers = {}, body } = asked;
    const session = connectHttp2(`http://127.0.0.1:${port}`).on("error", reject);
    const stream = session.request({ ":method": method, ":path": path, ...headers });
    const chunks: Buffer[] = [];
    let status = 0;
    let answered: Record<string, unknown> = {};
    stream.on("response", ({ ":status": code, ...rest }) => {
      status = code ?? 0;
      answered = lasting(rest);
    });
    stream.on("data", (chunk: Buffer) => chunks.push(chunk)).on("error", reject);
    stream.on("end", () => {
      session.close();
      resolve({ status, headers: answered, body: Buffer.concat(chunks) });
    });
    stream.end(body);
  });
}

function lasting(headers: Record<string, unknown>): Record<string, unknown> {
  const { date: _date, connection: _connection, "keep-alive": _alive, ...rest } = headers;
  // Without the symbols that HTTP/2 adds.
  return Object.fromEntries(Object.entries(rest));
}
