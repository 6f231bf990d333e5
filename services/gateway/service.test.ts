// What goes on with a call, over the real wire: a gateway in front of a service that tells what came to it.
// A caller sends whatever the mesh sends itself, made as well as the mesh makes it, and none of it may go on.

import { create } from "@bufbuild/protobuf";
import { createClient, type Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { afterEach, expect, test } from "vitest";
import { InventoryService } from "#gen/slotmesh/inventory/v1/inventory_service_pb.ts";
import { SchedulingService } from "#gen/slotmesh/scheduling/v1/scheduling_service_pb.ts";
import { ANONYMOUS, createPass } from "#shared/auth.ts";
import { createReadAddress, createSealAddress } from "#shared/caller-address.ts";
import { createMeshClient } from "#shared/client.ts";
import type { BoundMethod } from "#shared/handlers.ts";
import { serveGrpc } from "#shared/serve.ts";
import { silentLogger } from "#shared/testing.ts";
import { createSharedReads } from "./reads.ts";
import { edgeMethods } from "./service.ts";
import { freePort, startGateway } from "./testing.ts";
import { createUpstream } from "./upstream.ts";

const KEY = Buffer.alloc(32, 7);
const SLOT = { storeId: "1", slotId: "2" };
const { getSlot, listStores } = InventoryService.method;
const { watchAppointment } = SchedulingService.method;

/** What a caller may not say. */
const OURS = {
  "slotmesh-address": createSealAddress(KEY)("203.0.113.9") as string,
  "slotmesh-pass": createPass(KEY, "scheduling", "inventory")(),
};

const PROTOCOLS: [string, (baseUrl: string) => Transport][] = [
  ["Connect", (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "1.1" })],
  ["Connect by HTTP/2", (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "2" })],
  ["gRPC-Web", (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1" })],
  ["gRPC", (baseUrl) => createGrpcTransport({ baseUrl })],
];

const open: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of open.splice(0).reverse()) {
    await close();
  }
});

/** Starts a service and a gateway in front of it. */
async function start({ proxies = 0 } = {}) {
  const address = `127.0.0.1:${await freePort()}`;
  /** From where the service heard calls, who it was shown, and how many addresses it was asked to read. */
  const came = { from: [] as (string | undefined)[], shown: [] as unknown[], read: 0 };
  const readAddress = createReadAddress(KEY);
  const methods: BoundMethod[] = [
    {
      method: getSlot,
      invoke: async (_, call) => {
        came.from.push(call.address);
        return create(getSlot.output);
      },
    },
    { method: listStores, invoke: async () => create(listStores.output) },
    {
      method: watchAppointment,
      invoke: async function* (_, call) {
        came.from.push(call.address);
        yield create(watchAppointment.output);
      },
    },
  ];
  const server = await serveGrpc({
    address,
    methods,
    authenticate: (...credentials) => {
      came.shown.push(credentials);
      return ANONYMOUS;
    },
    readAddress: (sealed) => {
      came.read += 1;
      return readAddress(sealed);
    },
    drainMs: 0,
    logger: silentLogger(),
  });
  const services = [InventoryService, SchedulingService];
  const upstreams = new Map(services.map((one) => [one, createUpstream(one, address)]));
  const gateway = await startGateway({
    proxies,
    methods: edgeMethods({
      upstreams,
      reads: createSharedReads(),
      signIns: { take: () => 0 },
      sealAddress: createSealAddress(KEY),
      isServing: () => true,
      ending: new AbortController().signal,
    }),
  });
  open.push(server.stop, ...[...upstreams.values()].map(({ stop }) => stop), gateway.close);
  return { address, gateway, came };
}

test.each(PROTOCOLS)(
  "by %s a call goes on with its own token and from where the gateway saw it, whatever its caller says",
  async (_, transport) => {
    const { gateway, came } = await start();
    const client = transport(gateway.url);
    const headers = { ...OURS, authorization: "Bearer own", "x-forwarded-for": "203.0.113.9" };
    await createClient(InventoryService, client).getSlot(SLOT, { headers });
    await createClient(InventoryService, client).getSlot(SLOT, { headers: OURS });
    const states = createClient(SchedulingService, client).watchAppointment({}, { headers });
    await Array.fromAsync(states);
    expect(came.from).toEqual(["127.0.0.1", "127.0.0.1", "127.0.0.1"]);
    expect(came.shown).toEqual([
      ["Bearer own", undefined],
      [undefined, undefined],
      ["Bearer own", undefined],
    ]);
  },
);

test.each([
  ["198.51.100.7, 203.0.113.9", "203.0.113.9"],
  ["203.0.113.9, 2001:db8::7", "2001:db8::7"],
  ["203.0.113.9, nobody", undefined],
  ["203.0.113.9:4711", undefined],
])("behind a proxy of ours that says %j it comes from %s", async (forwarded, from) => {
  const { gateway, came } = await start({ proxies: 1 });
  const transport = createConnectTransport({ baseUrl: gateway.url, httpVersion: "1.1" });
  const headers = { ...OURS, "x-forwarded-for": forwarded };
  await createClient(InventoryService, transport).getSlot(SLOT, { headers });
  expect(came.from).toEqual([from]);
});

test("who calls a service itself comes from nowhere, unless the gateway sealed it", async () => {
  const { address, came } = await start();
  const client = createMeshClient(InventoryService, address, undefined);
  open.push(client.close);
  await client.getSlot(SLOT);
  const sealed = [
    "203.0.113.9",
    "v1.made.up.value",
    createSealAddress(Buffer.alloc(32, 8))("203.0.113.9") as string,
    OURS["slotmesh-pass"],
    OURS["slotmesh-address"],
  ];
  for (const sealedAddress of sealed) {
    await client.getSlot(SLOT, { sealedAddress });
  }
  expect(came.from).toEqual([...Array(5).fill(undefined), "203.0.113.9"]);
});

test("a method that does not ask where its call comes from costs no reading", async () => {
  const { gateway, came } = await start();
  const transport = createConnectTransport({ baseUrl: gateway.url, httpVersion: "1.1" });
  const client = createClient(InventoryService, transport);
  await client.listStores({});
  expect([came.shown.length, came.read]).toEqual([1, 0]);
  await client.getSlot(SLOT);
  expect([came.shown.length, came.read]).toEqual([2, 1]);
});
