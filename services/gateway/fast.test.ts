// The shorter way is a second writing of what connect-node does, so it is held to it: every request here is
// sent to two gateways, one with the shorter way and one without, by both versions of HTTP, and the
// answers must be the same in status, headers and bytes.

import { once } from "node:events";
import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { create, type Message, toBinary } from "@bufbuild/protobuf";
import { base64Encode } from "@bufbuild/protobuf/wire";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  CreateSlotsRequestSchema,
  CreateSlotsResponseSchema,
  type GetSlotRequest,
  GetSlotRequestSchema,
  GetSlotResponseSchema,
  InventoryService,
  ListStoresRequestSchema,
  ListStoresResponseSchema,
} from "#gen/slotmesh/inventory/v1/inventory_service_pb.ts";
import { Code, ConnectError, meshError } from "#shared/errors.ts";
import { sleep } from "#shared/time.ts";
import { createSharedReads } from "./reads.ts";
import type { EdgeCall, EdgeMethod } from "./service.ts";
import { type Asked, askHttp1, askHttp2, startGateway, type TestGateway } from "./testing.ts";

const GET_SLOT = "/slotmesh.inventory.v1.InventoryService/GetSlot";
const LIST_STORES = "/slotmesh.inventory.v1.InventoryService/ListStores";
const CREATE_SLOTS = "/slotmesh.inventory.v1.InventoryService/CreateSlots";

let isShortTaken = true;
const given: EdgeCall[] = [];
const reads = createSharedReads();

/** What GetSlot does is in the store id. */
async function getSlot({ storeId, slotId }: GetSlotRequest, call: EdgeCall): Promise<Message> {
  given.push(call);
  switch (storeId) {
    case "1":
      throw meshError(Code.NotFound, "no such slot: “é”", {
        reason: "NOT_FOUND",
        metadata: { a: "b" },
        retryMs: 1500,
      });
    case "2":
      throw new Error("a secret of ours");
    case "3": {
      const error = new ConnectError("as it came", Code.Aborted);
      error.details.push({ type: "google.rpc.ErrorInfo", value: Uint8Array.of(10, 1, 65) });
      throw error;
    }
    case "4":
      throw new ConnectError("x".repeat(5000), Code.ResourceExhausted);
    case "5":
      await sleep(20);
      break;
    case "6":
      await sleep(5000, call.signal);
  }
  return create(GetSlotResponseSchema, {
    slot: { storeId, slotId, totalSpots: Number(call.remainingMs() !== undefined) },
  });
}

const METHODS: EdgeMethod[] = [
  {
    kind: "unary",
    method: InventoryService.method.getSlot,
    invoke: (request, call) => getSlot(request as GetSlotRequest, call),
  },
  {
    kind: "unary",
    method: InventoryService.method.listStores,
    invoke: async (_, call) => {
      call.keep(1);
      return reads.read("stores", async () =>
        create(ListStoresResponseSchema, {
          stores: Array.from({ length: 50 }, (_, index) => ({
            name: `Aiea ${index}`,
            latitude: 1.5,
          })),
        }),
      );
    },
  },
  {
    kind: "unary",
    method: InventoryService.method.createSlots,
    invoke: async () => create(CreateSlotsResponseSchema, { slots: [{ slotId: "1" }] }),
  },
];

let fast: TestGateway;
let slow: TestGateway;

beforeAll(async () => {
  const origins = ["https://shop.example"];
  const onRest = () => {
    isShortTaken = false;
  };
  fast = await startGateway({ methods: METHODS, origins, reads, onRest });
  slow = await startGateway({ methods: METHODS, origins, reads, isFast: false });
});

afterAll(() => Promise.all([fast.close(), slow.close()]));

const JSON_HEADERS = { "content-type": "application/json", "connect-protocol-version": "1" };
const PROTO_HEADERS = { ...JSON_HEADERS, "content-type": "application/proto" };

function post(change: Partial<Asked> = {}): Asked {
  const body = JSON.stringify({ storeId: "7", slotId: "8" });
  return { method: "POST", path: GET_SLOT, headers: JSON_HEADERS, body, ...change };
}

function slotBytes(storeId: string): Uint8Array {
  return toBinary(GetSlotRequestSchema, create(GetSlotRequestSchema, { storeId, slotId: "8" }));
}

function get(query: string, change: Partial<Asked> = {}): Asked {
  return { path: `${GET_SLOT}?${query}`, ...change };
}

const GET_JSON = `connect=v1&encoding=json&message=${encodeURIComponent('{"storeId":"é7","slotId":"8"}')}`;
const storesBytes = toBinary(ListStoresRequestSchema, create(ListStoresRequestSchema));

/** A request, and whether the shorter way takes it. */
const CASES: [string, Asked, boolean][] = [
  ["JSON", post(), true],
  ["proto", post({ headers: PROTO_HEADERS, body: slotBytes("7") }), true],
  ["no bytes of proto", post({ headers: PROTO_HEADERS, body: "" }), true],
  ["no bytes of JSON", post({ body: "" }), true],
  ["broken JSON", post({ body: '{"storeId":' }), true],
  ["JSON of another shape", post({ body: '{"storeId":[1]}' }), true],
  ["JSON with fields unknown", post({ body: '{"storeId":"7","colour":"red"}' }), true],
  ["JSON that is no UTF-8", post({ body: Buffer.from([0x7b, 0xff, 0x7d]) }), true],
  ["broken proto", post({ headers: PROTO_HEADERS, body: Buffer.from([0x0a, 0xff]) }), true],
  ["a typed error", post({ body: '{"storeId":"1"}' }), true],
  ["a typed error to proto", post({ headers: PROTO_HEADERS, body: slotBytes("1") }), true],
  ["a bug", post({ body: '{"storeId":"2"}' }), true],
  ["an error of a service", post({ body: '{"storeId":"3"}' }), true],
  [
    "an error worth compressing",
    post({ headers: { ...JSON_HEADERS, "accept-encoding": "gzip" }, body: '{"storeId":"4"}' }),
    true,
  ],
  ["an answer that takes a moment", post({ body: '{"storeId":"5"}' }), true],
  ["a timeout", post({ headers: { ...JSON_HEADERS, "connect-timeout-ms": "5000" } }), true],
  [
    "a timeout that is no number",
    post({ headers: { ...JSON_HEADERS, "connect-timeout-ms": "5s" } }),
    false,
  ],
  [
    "a timeout that is too long",
    post({ headers: { ...JSON_HEADERS, "connect-timeout-ms": "10001" } }),
    false,
  ],
  ["no protocol version", post({ headers: { "content-type": "application/json" } }), false],
  [
    "another protocol version",
    post({ headers: { ...JSON_HEADERS, "connect-protocol-version": "2" } }),
    false,
  ],
  [
    "JSON with a charset",
    post({ headers: { ...JSON_HEADERS, "content-type": "application/json; charset=utf-8" } }),
    false,
  ],
  [
    "another content type",
    post({ headers: { ...JSON_HEADERS, "content-type": "text/plain" } }),
    false,
  ],
  ["no content type", post({ headers: { "connect-protocol-version": "1" } }), false],
  [
    "a compressed request",
    post({
      headers: { ...JSON_HEADERS, "content-encoding": "gzip" },
      body: gzipSync('{"storeId":"7"}'),
    }),
    false,
  ],
  [
    "an encoding nobody knows",
    post({ headers: { ...JSON_HEADERS, "content-encoding": "zip" } }),
    false,
  ],
  [
    "a request as large as allowed",
    post({ body: `{"storeId":"${"7".repeat(65536 - 14)}"}` }),
    true,
  ],
  ["a request too large", post({ body: `{"storeId":"${"7".repeat(65536)}"}` }), false],
  [
    "a small request that grows too large",
    post({
      headers: { ...JSON_HEADERS, "content-encoding": "gzip" },
      body: gzipSync(" ".repeat(1 << 20)),
    }),
    false,
  ],
  [
    "a wish for gzip",
    post({
      path: LIST_STORES,
      body: "{}",
      headers: { ...JSON_HEADERS, "accept-encoding": "gzip, deflate, br" },
    }),
    true,
  ],
  [
    "a wish for brotli",
    post({ path: LIST_STORES, body: "{}", headers: { ...JSON_HEADERS, "accept-encoding": "br" } }),
    true,
  ],
  [
    "a wish for gzip in proto",
    post({
      path: LIST_STORES,
      body: storesBytes,
      headers: { ...PROTO_HEADERS, "accept-encoding": "gzip" },
    }),
    true,
  ],
  [
    "a wish for what nobody has",
    post({
      path: LIST_STORES,
      body: "{}",
      headers: { ...JSON_HEADERS, "accept-encoding": "zstd" },
    }),
    true,
  ],
  ["no wish", post({ path: LIST_STORES, body: "{}" }), true],
  ["a POST of what may be kept", post({ path: LIST_STORES, body: "{}" }), true],
  [
    "a page of another site",
    post({ headers: { ...JSON_HEADERS, origin: "https://shop.example" } }),
    true,
  ],
  [
    "a page of a strange site",
    post({ headers: { ...JSON_HEADERS, origin: "https://evil.example" } }),
    true,
  ],
  [
    "a method that changes things",
    post({
      path: CREATE_SLOTS,
      body: toBinary(CreateSlotsRequestSchema, create(CreateSlotsRequestSchema)),
      headers: PROTO_HEADERS,
    }),
    true,
  ],
  ["GET of JSON", get(GET_JSON), true],
  [
    "GET of base64",
    get(`connect=v1&encoding=proto&base64=1&message=${base64Encode(slotBytes("7"), "url")}`),
    true,
  ],
  ["GET of broken base64", get("connect=v1&encoding=proto&base64=1&message=%00!"), false],
  ["GET without a message", get("connect=v1&encoding=proto"), true],
  ["GET with spaces as plus", get('connect=v1&encoding=json&message={"storeId":+"7"}'), true],
  ["GET without the version", get("encoding=json&message={}"), false],
  ["GET of another encoding", get("connect=v1&encoding=xml&message={}"), false],
  [
    "GET of a compressed message",
    get("connect=v1&encoding=json&compression=gzip&base64=1&message=AA"),
    false,
  ],
  [
    "GET with a content type",
    get(GET_JSON, { headers: { "content-type": "application/json" } }),
    false,
  ],
  ["GET with a timeout", get(GET_JSON, { headers: { "connect-timeout-ms": "2000" } }), true],
  [
    "GET of what may be kept",
    {
      path: `${LIST_STORES}?connect=v1&encoding=json&message={}`,
      headers: { "accept-encoding": "gzip" },
    },
    true,
  ],
  ["GET of a typed error", get('connect=v1&encoding=json&message={"storeId":"1"}'), true],
  [
    "GET of what changes things",
    { path: `${CREATE_SLOTS}?connect=v1&encoding=json&message={}` },
    false,
  ],
  ["PUT", post({ method: "PUT" }), false],
  ["a method that is not there", post({ path: `${GET_SLOT}s` }), false],
  [
    "a preflight",
    {
      method: "OPTIONS",
      path: GET_SLOT,
      headers: { origin: "https://shop.example", "access-control-request-method": "POST" },
    },
    true,
  ],
  [
    "gRPC-Web",
    post({
      headers: { "content-type": "application/grpc-web+proto" },
      body: Buffer.concat([Buffer.from([0, 0, 0, 0, slotBytes("7").length]), slotBytes("7")]),
    }),
    false,
  ],
];

describe.each([
  ["HTTP/1.1", askHttp1],
  ["HTTP/2", askHttp2],
])("answers as connect-node does, by %s", (_, ask) => {
  test.each(CASES)("%s", async (_name, asked, isShort) => {
    const headers = { ...asked.headers };
    // With a length, as browsers send it.
    if (asked.body !== undefined) {
      headers["content-length"] = String(Buffer.byteLength(asked.body));
    }
    const request = { ...asked, headers };
    isShortTaken = true;
    const short = await ask(fast.port, request);
    expect(isShortTaken).toBe(isShort);
    const long = await ask(slow.port, request);
    expect(short).toEqual(long);
  });
});

test("takes a body of unknown length the long way", async () => {
  isShortTaken = true;
  const { socket, text } = await dial(fast.port);
  socket.write(
    `POST ${GET_SLOT} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n` +
      "connect-protocol-version: 1\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
  );
  await expect.poll(text).toMatch(/^HTTP\/1\.1 200 OK/);
  expect(isShortTaken).toBe(false);
  socket.destroy();
});

test("puts body and head together however they are cut", async () => {
  const { socket, text } = await dial(fast.port);
  const body = JSON.stringify({ storeId: "77", slotId: "8" });
  const request =
    `POST ${GET_SLOT} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n` +
    `connect-protocol-version: 1\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  for (let at = 0; at < request.length; at += 7) {
    socket.write(request.slice(at, at + 7));
    await sleep(1);
  }
  await expect.poll(text).toMatch(/\{"slot":\{"slotId":"8","storeId":"77"\}\}$/);
  socket.destroy();
});

test.each([
  ["with the shorter way", () => fast],
  ["without it", () => slow],
])("gives up a call whose caller went away, %s", async (_, gateway) => {
  given.length = 0;
  const { socket } = await dial(gateway().port);
  socket.write(
    `POST ${GET_SLOT} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n` +
      'connect-protocol-version: 1\r\ncontent-length: 15\r\n\r\n{"storeId":"6"}',
  );
  await expect.poll(() => given.length).toBe(1);
  const { signal } = given[0] as EdgeCall;
  expect(signal.aborted).toBe(false);
  socket.destroy();
  await expect.poll(() => signal.aborted).toBe(true);
});

test.each(["", "host: [\r\n", "host: a b\r\n", "host: a/b\r\n"])(
  "answers a request with %j for a host, and lives on",
  async (host) => {
    const { socket, text } = await dial(fast.port);
    socket.write(
      `POST ${GET_SLOT} HTTP/1.0\r\n${host}content-type: application/json\r\n` +
        "connect-protocol-version: 1\r\ncontent-length: 2\r\n\r\n{}",
    );
    await expect.poll(text).toMatch(/^HTTP\/1\.1 (400|200)/);
    socket.destroy();
    expect((await askHttp1(fast.port, post())).status).toBe(200);
  },
);

async function dial(port: number) {
  const socket = connect(port, "127.0.0.1");
  let received = "";
  socket.on("data", (chunk) => {
    received += chunk.toString("latin1");
  });
  socket.on("error", () => {});
  await once(socket, "connect");
  return { socket, text: () => received };
}
