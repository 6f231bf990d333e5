// Streams through connect-node, by each protocol: what proxies are told, who ends them, and how they end
// when the gateway does.

import { create, type Message } from "@bufbuild/protobuf";
import { createClient, type Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { RetryInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import {
  SchedulingService,
  WatchAppointmentResponseSchema,
} from "#gen/slotmesh/scheduling/v1/scheduling_service_pb.ts";
import { Code, ConnectError, reasonOf } from "#shared/errors.ts";
import { sleep } from "#shared/time.ts";
import { edgeMethods } from "./service.ts";
import { startGateway, type TestGateway } from "./testing.ts";
import type { Upstream } from "./upstream.ts";

const TRANSPORTS: [string, (baseUrl: string) => Transport][] = [
  ["Connect", (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "1.1" })],
  ["Connect by HTTP/2", (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "2" })],
  ["gRPC-Web", (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1" })],
  ["gRPC", (baseUrl) => createGrpcTransport({ baseUrl })],
];

let gateway: TestGateway;
let ending: AbortController;
let signals: AbortSignal[];

/** A service that says one state, and then nothing for a while. */
const quiet: Upstream = {
  unary: () => Promise.reject(new Error("not asked here")),
  stream: async function* (_method, _request, { signal }): AsyncGenerator<Message> {
    signals.push(signal as AbortSignal);
    yield create(WatchAppointmentResponseSchema, { appointment: { appointmentId: "1" } });
    await sleep(20_000, signal);
    throw new ConnectError("given up", Code.Canceled);
  },
  stop: () => {},
};

beforeEach(async () => {
  signals = [];
  ending = new AbortController();
  gateway = await startGateway({
    ending: ending.signal,
    methods: edgeMethods({
      upstreams: new Map([[SchedulingService, quiet]]),
      reads: { read: (_, ask) => ask(), writtenOf: () => undefined },
      signIns: { take: () => 0 },
      sealAddress: () => undefined,
      isServing: () => true,
      ending: ending.signal,
    }),
  });
});

afterEach(() => gateway.close());

describe.each(TRANSPORTS)("a stream by %s", (_, transport) => {
  test("is not to be collected by proxies", async () => {
    const client = createClient(SchedulingService, transport(gateway.url));
    let headers: Headers | undefined;
    const stop = new AbortController();
    const onHeader = (given: Headers) => {
      headers = given;
    };
    const { signal } = stop;
    for await (const { appointment } of client.watchAppointment({}, { signal, onHeader })) {
      expect(appointment?.appointmentId).toBe("1");
      break;
    }
    stop.abort();
    expect(headers?.get("x-accel-buffering")).toBe("no");
    expect(headers?.get("cache-control")).toBe("no-store");
  });

  test("ends upstream when its caller goes away", async () => {
    const client = createClient(SchedulingService, transport(gateway.url));
    const stop = new AbortController();
    const stream = client.watchAppointment({}, { signal: stop.signal })[Symbol.asyncIterator]();
    await stream.next();
    expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
    stop.abort();
    await expect(stream.next()).rejects.toThrow();
    await expect.poll(() => signals[0]?.aborted).toBe(true);
  });

  test("ends with a word when the gateway does", async () => {
    const client = createClient(SchedulingService, transport(gateway.url));
    const stream = client.watchAppointment({})[Symbol.asyncIterator]();
    await stream.next();
    ending.abort();
    const error = await stream.next().then(
      () => undefined,
      (caught: unknown) => ConnectError.from(caught),
    );
    expect(error?.code).toBe(Code.Unavailable);
    expect(reasonOf(error)).toBe("DRAINING");
    expect(error?.findDetails(RetryInfoSchema)[0]?.retryDelay?.nanos).toBe(500_000_000);
  });

  test("is refused a deadline beyond five minutes", async () => {
    const client = createClient(SchedulingService, transport(gateway.url));
    const stream = client.watchAppointment({}, { timeoutMs: 300_001 })[Symbol.asyncIterator]();
    const error = await stream.next().catch((caught: unknown) => ConnectError.from(caught));
    expect((error as ConnectError).code).toBe(Code.InvalidArgument);
    expect((error as ConnectError).rawMessage).toBe("timeout 300001ms must be <= 300000");
  });
});
