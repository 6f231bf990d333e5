// The browser's edge on the real mesh, by every protocol that it speaks. The gateway is a process of this
// test's own, with the settings that the tests are about; behind it is the mesh that everybody uses.

import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import type { DescService } from "@bufbuild/protobuf";
import { type Client, createClient, type Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { createRemoteJWKSet } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
} from "#gen/google/rpc/error_details_pb.ts";
import { CodesService } from "#gen/slotmesh/codes/v1/codes_service_pb.ts";
import { IssuingService } from "#gen/slotmesh/codes/v1/issuing_service_pb.ts";
import { IdentityService } from "#gen/slotmesh/identity/v1/identity_service_pb.ts";
import { ClaimsService } from "#gen/slotmesh/inventory/v1/claims_service_pb.ts";
import { InventoryService } from "#gen/slotmesh/inventory/v1/inventory_service_pb.ts";
import type { Slot } from "#gen/slotmesh/inventory/v1/slot_pb.ts";
import { AppointmentState } from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import {
  BookingOutcome,
  SchedulingService,
} from "#gen/slotmesh/scheduling/v1/scheduling_service_pb.ts";
import { SettlingService } from "#gen/slotmesh/scheduling/v1/settling_service_pb.ts";
import { createPass, readMeshKey } from "#shared/auth.ts";
import { createSealAddress, readAddressKey } from "#shared/caller-address.ts";
import { Code, ConnectError, reasonOf } from "#shared/errors.ts";
import { openRedis, redisReady } from "#shared/redis.ts";
import { silentLogger, testConfig, uniqueId, uniqueTenant } from "#shared/testing.ts";
import { sleep } from "#shared/time.ts";
import { pickFreePorts } from "../../deploy/stack/ports.ts";
import { readTicketKeys, toJwks } from "../../services/codes/ticket-keys.ts";
import { as, openStore } from "./mesh.ts";

const ORIGIN = "https://shop.example";
const READY_MS_MAX = 30_000;
const REDIS_READY_MS = 5000;
/** Well formed, and no code of a tenant that has none. */
const WRONG_CODE = "12345678";
/** How often a watcher hears the same state: a setting of the mesh, 15 s unless it was started with another. */
const HEARTBEAT_MS = Number(process.env.SLOTMESH_HEARTBEAT_MS || 15_000);
const CALL = { timeoutMs: 10_000 };

let gateway: { url: string; port: number; process: ChildProcess };

beforeAll(async () => {
  gateway = await startGateway();
});

afterAll(() => {
  gateway.process.kill("SIGKILL");
});

const PROTOCOLS: [string, (baseUrl: string) => Transport][] = [
  [
    "Connect JSON",
    (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "1.1", useBinaryFormat: false }),
  ],
  [
    "Connect proto",
    (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "2", useBinaryFormat: true }),
  ],
  ["gRPC-Web", (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1" })],
  ["gRPC", (baseUrl) => createGrpcTransport({ baseUrl })],
];

describe.each(PROTOCOLS)("by %s", (_, makeTransport) => {
  const client = <Service extends DescService>(service: Service): Client<Service> =>
    createClient(service, makeTransport(gateway.url));
  const bearing = (token: string) => ({ ...CALL, headers: { authorization: `Bearer ${token}` } });

  test("a shopper registers, sees what is free, books, hears of it, gets the code and gives it back", async () => {
    const tenantId = uniqueTenant();
    const operator = await as("operator", tenantId);
    await operator.identity.createTenant({ tenantId, name: "BetterBuy" });
    const { storeId, slots } = await openStore(operator, [{ totalSpots: 2 }]);
    const slotId = slots[0]?.slotId as string;

    const { session } = await client(IdentityService).registerShopper(
      {
        tenantId,
        signInName: `kai-${randomUUID()}`,
        password: "correct horse battery",
        requestId: randomUUID(),
      },
      CALL,
    );
    const options = bearing(session?.accessToken as string);
    const { stores } = await client(InventoryService).listStores({ tenantId }, CALL);
    expect(stores.map((store) => store.storeId)).toEqual([storeId]);
    const { slot } = await client(InventoryService).getSlot({ storeId, slotId }, options);
    expect(slot?.availableSpots).toBe(2);

    const scheduling = client(SchedulingService);
    const booked = await scheduling.bookAppointment(
      { storeId, slotId, requestId: randomUUID() },
      options,
    );
    expect(booked.outcome).toBe(BookingOutcome.QUEUED);
    const appointmentId = booked.appointment?.appointmentId as string;
    const states: AppointmentState[] = [];
    const watched = scheduling.watchAppointment(
      { appointmentId },
      { ...options, timeoutMs: 60_000 },
    );
    for await (const { appointment } of watched) {
      states.push(appointment?.state as AppointmentState);
    }
    expect(states.at(-1)).toBe(AppointmentState.CONFIRMED);
    const { code } = await client(CodesService).getCode({ appointmentId }, options);
    expect(code?.code).toMatch(/^\d{6} \d{2}$/);
    const { appointment } = await scheduling.cancelAppointment({ appointmentId }, options);
    expect(appointment?.state).toBe(AppointmentState.CANCELLED);
  });

  test("errors come with their details", async () => {
    const shopper = await as("shopper", uniqueTenant());
    const missing = await errorOf(
      client(InventoryService).getSlot({ storeId: "1", slotId: "2" }, bearing(shopper.token)),
    );
    expect([missing.code, missing.rawMessage]).toEqual([Code.NotFound, "no such slot"]);
    expect(missing.findDetails(ErrorInfoSchema)).toMatchObject([
      { reason: "NOT_FOUND", domain: "slotmesh" },
    ]);
    const malformed = await errorOf(
      client(InventoryService).getSlot({ storeId: "x", slotId: "2" }, bearing(shopper.token)),
    );
    expect(malformed.code).toBe(Code.InvalidArgument);
    expect(malformed.findDetails(BadRequestSchema)[0]?.fieldViolations).toMatchObject([
      { field: "store_id", reason: "string.pattern" },
    ]);
  });

  test("a stranger is told to sign in, and a broken token is refused", async () => {
    const scheduling = client(SchedulingService);
    expect(reasonOf(await errorOf(scheduling.listAppointments({}, CALL)))).toBe("NO_TOKEN");
    for (const authorization of [
      "Bearer not.a.token",
      "Bearer",
      "Basic YTpi",
      `Bearer ${"x".repeat(4097)}`,
    ]) {
      const error = await errorOf(
        scheduling.listAppointments({}, { ...CALL, headers: { authorization } }),
      );
      expect([error.code, reasonOf(error)]).toEqual([Code.Unauthenticated, "BAD_TOKEN"]);
    }
  });

  test("the mesh's own services do not exist, whoever asks", async () => {
    const operator = await as("operator", uniqueTenant());
    const options = bearing(operator.token);
    const errors = await Promise.all([
      errorOf(client(SettlingService).auditSlot({ storeId: "1", slotId: "2" }, options)),
      errorOf(client(SettlingService).rebuildSlot({ storeId: "1", slotId: "2" }, options)),
      errorOf(client(ClaimsService).listSlotStock({}, options)),
      errorOf(client(ClaimsService).takeSpots({}, options)),
      errorOf(client(IssuingService).issueCodes({}, options)),
      errorOf(client(IssuingService).listCodeStates({}, options)),
    ]);
    expect(errors.map(({ code }) => code)).toEqual(Array(6).fill(Code.Unimplemented));
  });

  test("a pass of the mesh opens nothing", async () => {
    const meshKey = readMeshKey(testConfig().keyDir);
    const headers = { "slotmesh-pass": createPass(meshKey, "scheduling", "inventory")() };
    const asked = { storeId: "1", slotId: "2" };
    const error = await errorOf(client(InventoryService).getSlot(asked, { ...CALL, headers }));
    expect(reasonOf(error)).toBe("NO_TOKEN");
    const error2 = await errorOf(client(ClaimsService).listSlotStock({}, { ...CALL, headers }));
    expect(error2.code).toBe(Code.Unimplemented);
  });

  test("wrong codes of two stores are charged to the caller's network, whatever the caller says", async () => {
    const tenantId = uniqueTenant();
    const storeIds = [uniqueId(), uniqueId()];
    const { token } = await as("staff", tenantId, { storeIds });
    const sealAddress = createSealAddress(readAddressKey(testConfig().keyDir));
    const headers = {
      authorization: `Bearer ${token}`,
      "slotmesh-address": sealAddress("203.0.113.9") as string,
    };
    for (const storeId of storeIds) {
      const asked = { code: WRONG_CODE, storeId };
      const error = await errorOf(client(CodesService).lookupCode(asked, { ...CALL, headers }));
      expect([error.code, error.rawMessage]).toEqual([Code.NotFound, "no such code"]);
    }
    expect(await networksCharged(tenantId)).toEqual(["127.0.0"]);
  });

  test("deadlines are kept, and bounded", async () => {
    const scheduling = client(SchedulingService);
    const short = await errorOf(scheduling.listAppointments({}, { timeoutMs: 1 }));
    expect(short.code).toBe(Code.DeadlineExceeded);
    const long = await errorOf(scheduling.listAppointments({}, { timeoutMs: 10_001 }));
    expect([long.code, long.rawMessage]).toEqual([
      Code.InvalidArgument,
      "timeout 10001ms must be <= 10000",
    ]);
  });

  test("a request that is too large is refused", async () => {
    const error = await errorOf(
      client(InventoryService).listStores({ tenantId: "x".repeat(70_000) }, CALL),
    );
    expect(error.code).toBe(Code.ResourceExhausted);
  });

  test("too many sign-ins from one address are refused, with a delay", async () => {
    const own = await startGateway({ SLOTMESH_GATEWAY_SIGN_INS_PER_MINUTE: "2" });
    try {
      const identity = createClient(IdentityService, makeTransport(own.url));
      const signIn = () =>
        errorOf(
          identity.signIn({ tenantId: "none", signInName: "nobody", password: "not this" }, CALL),
        );
      const codes = [(await signIn()).code, (await signIn()).code];
      expect(codes).toEqual([Code.Unauthenticated, Code.Unauthenticated]);
      const error = await signIn();
      expect([error.code, reasonOf(error)]).toEqual([Code.ResourceExhausted, "TOO_MANY_SIGN_INS"]);
      expect(error.findDetails(RetryInfoSchema)[0]?.retryDelay?.seconds).toBeGreaterThan(0n);
    } finally {
      own.process.kill("SIGKILL");
    }
  });

  test("a stream outlives proxies that cut what is idle", async () => {
    const idleMs = HEARTBEAT_MS * 2;
    const proxy = await startProxy(gateway.port, idleMs);
    const shopper = await as("shopper", uniqueTenant());
    const scheduling = createClient(SchedulingService, makeTransport(proxy.url));
    // No such appointment: it counts as pending for as long as anybody watches.
    const appointmentId = `${"0".repeat(32)}00`;
    const beganMs = performance.now();
    let heard = 0;
    const stop = new AbortController();
    const options = { ...bearing(shopper.token), timeoutMs: 120_000, signal: stop.signal };
    try {
      for await (const { appointment } of scheduling.watchAppointment({ appointmentId }, options)) {
        expect(appointment?.state).toBe(AppointmentState.PENDING);
        heard += 1;
        if (performance.now() - beganMs > idleMs * 2) {
          break;
        }
      }
      expect(heard).toBeGreaterThanOrEqual(4);
      expect(proxy.cut()).toBe(0);
    } finally {
      stop.abort();
      proxy.close();
    }
  });
});

describe("by plain HTTP", () => {
  const LIST_STORES = "/slotmesh.inventory.v1.InventoryService/ListStores";
  const JSON_HEADERS = { "content-type": "application/json", "connect-protocol-version": "1" };
  const message = (value: object) => encodeURIComponent(JSON.stringify(value));

  test.each(["Stores", "Services", "Availability"])(
    "List%s comes as GET, and what anyone may read can be kept for a second",
    async (what) => {
      const tenantId = uniqueTenant();
      const operator = await as("operator", tenantId);
      const { storeId, serviceId, slots } = await openStore(operator, [{ totalSpots: 1 }]);
      const slot = slots[0] as Slot;
      const localDate = new Intl.DateTimeFormat("en-CA", { timeZone: slot.timeZone }).format(
        Number(slot.startTime?.seconds) * 1000,
      );
      const asked = what === "Availability" ? { storeIds: [storeId], localDate } : {};
      const found = {
        Stores: { stores: [{ storeId }] },
        Services: { services: [{ serviceId }] },
        Availability: { slots: [{ slotId: slot.slotId }] },
      }[what];
      const path = `${gateway.url}/slotmesh.inventory.v1.InventoryService/List${what}`;
      const get = (body: object, headers = {}) =>
        fetch(`${path}?connect=v1&encoding=json&message=${message(body)}`, { headers });

      const anonymous = await get({ ...asked, tenantId });
      expect(anonymous.headers.get("cache-control")).toBe("public, max-age=1");
      expect(anonymous.headers.get("vary")).toBe("Origin, Accept-Encoding, Authorization");
      expect(await anonymous.json()).toMatchObject(found as object);

      // Without a tenant it is the token's, so the same question has another answer.
      const authorization = `Bearer ${operator.token}`;
      for (const body of [{ ...asked, tenantId }, asked]) {
        const personal = await get(body, { authorization });
        expect([personal.status, personal.headers.get("cache-control")]).toEqual([200, "no-store"]);
        expect(await personal.json()).toMatchObject(found as object);
      }
      const refused = await get(asked);
      expect([refused.status, refused.headers.get("cache-control")]).toEqual([400, "no-store"]);
      const posted = await fetch(path, {
        method: "POST",
        headers: JSON_HEADERS,
        body: JSON.stringify({ ...asked, tenantId }),
      });
      expect([posted.status, posted.headers.get("cache-control")]).toEqual([200, "no-store"]);
    },
  );

  test("the keys of tickets come as a JWKS, and can be kept for a second", async () => {
    const path = "/slotmesh.codes.v1.TillsService/ListTicketKeys";
    const url = new URL(`${gateway.url}${path}?connect=v1&encoding=json&message=${message({})}`);
    const answer = await fetch(url);
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "application/json"]);
    expect(answer.headers.get("cache-control")).toBe("public, max-age=1");
    const jwks = toJwks(readTicketKeys(testConfig().keyDir), Date.now());
    expect(await answer.json()).toEqual(jwks);
    const find = createRemoteJWKSet(url);
    for (const { kid, alg } of jwks.keys) {
      expect((await find({ kid, alg })).type).toBe("public");
    }

    const { token } = await as("shopper", uniqueTenant());
    const personal = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
    expect([personal.status, personal.headers.get("cache-control")]).toEqual([200, "no-store"]);
    expect(await personal.json()).toEqual(jwks);
  });

  test("nothing that changes anything comes as GET", async () => {
    const path = "/slotmesh.scheduling.v1.SchedulingService/BookAppointment";
    const answer = await fetch(`${gateway.url}${path}?connect=v1&encoding=json&message={}`);
    expect(answer.status).toBe(405);
  });

  test("a request without the protocol's header is refused", async () => {
    const answer = await fetch(`${gateway.url}${LIST_STORES}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "{}",
    });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toEqual({
      code: "invalid_argument",
      message: 'missing required header: set Connect-Protocol-Version to "1"',
    });
  });

  test("a page of an allowed site may call, and no other", async () => {
    const ask = (origin: string) =>
      fetch(`${gateway.url}${LIST_STORES}`, {
        method: "OPTIONS",
        headers: {
          origin,
          "access-control-request-method": "POST",
          "access-control-request-headers": "authorization,content-type,connect-protocol-version",
        },
      });
    const allowed = await ask(ORIGIN);
    expect(allowed.status).toBe(204);
    expect(allowed.headers.get("access-control-allow-origin")).toBe(ORIGIN);
    const refused = await ask("https://evil.example");
    expect(refused.status).toBe(403);
    expect(refused.headers.get("access-control-allow-origin")).toBeNull();
  });

  test.each([
    ["PoliciesService/PreviewPolicy", { policy: { pattern: "RRRR-RRLL" } }, "codesAltogether"],
    ["ReportsService/GetDensity", {}, undefined],
    ["GuessesService/GetGuessChances", {}, undefined],
  ])("whoever runs a tenant asks %s", async (name, request, field) => {
    const { token } = await as("operator", uniqueTenant());
    const answer = await fetch(`${gateway.url}/slotmesh.codes.v1.${name}`, {
      method: "POST",
      headers: { ...JSON_HEADERS, authorization: `Bearer ${token}` },
      body: JSON.stringify(request),
    });
    const body = await answer.json();
    expect([answer.status, field === undefined || field in (body as object)]).toEqual([200, true]);
  });

  test.each([
    "/slotmesh.scheduling.v1.SettlingService/AuditSlot",
    "/slotmesh.inventory.v1.ClaimsService/TakeClaims",
    "/slotmesh.codes.v1.IssuingService/IssueCodes",
    "/slotmesh.inventory.v1.InventoryService/Nothing",
    "/slotmesh.inventory.v1.InventoryService",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.health.v1.Health/Watch",
  ])("%s does not exist", async (path) => {
    for (const method of ["GET", "POST"]) {
      const body = method === "POST" ? "{}" : null;
      const answer = await fetch(`${gateway.url}${path}`, { method, headers: JSON_HEADERS, body });
      expect([method, answer.status]).toEqual([method, 404]);
    }
  });
});

test("who calls Codes itself with an address of their own making is charged to the store", async () => {
  const tenantId = uniqueTenant();
  const storeId = uniqueId();
  const { codes } = await as("staff", tenantId, { storeIds: [storeId] });
  const sealAddress = createSealAddress(Buffer.alloc(32));
  const sealedAddress = sealAddress("203.0.113.9") as string;
  const error = await errorOf(codes.lookupCode({ code: WRONG_CODE, storeId }, { sealedAddress }));
  expect([error.code, error.rawMessage]).toEqual([Code.NotFound, "no such code"]);
  expect(await networksCharged(tenantId)).toEqual([`store ${storeId}`]);
});

test("the mesh's own gateway answers where the mesh says", async () => {
  const url = process.env.SLOTMESH_GATEWAY_URL ?? "http://127.0.0.1:8080";
  expect(await (await fetch(`${url}/healthz`)).text()).toBe("serving\n");
});

test("told to end, says so first, lets go of watchers with a word, and ends", async () => {
  const own = await startGateway({ SLOTMESH_DRAIN_MS: "1000" });
  const shopper = await as("shopper", uniqueTenant());
  const scheduling = createClient(SchedulingService, createGrpcTransport({ baseUrl: own.url }));
  const headers = { authorization: `Bearer ${shopper.token}` };
  const stream = scheduling
    .watchAppointment({ appointmentId: `${"0".repeat(32)}01` }, { headers })
    [Symbol.asyncIterator]();
  await stream.next();
  const ended = once(own.process, "exit");
  own.process.kill("SIGTERM");
  await expect
    .poll(async () => (await fetch(`${own.url}/healthz`)).status, { timeout: 900, interval: 50 })
    .toBe(503);
  let error: unknown;
  try {
    while (!(await stream.next()).done) {
      // Heartbeats.
    }
  } catch (caught) {
    error = caught;
  }
  expect([ConnectError.from(error).code, reasonOf(error)]).toEqual([Code.Unavailable, "DRAINING"]);
  expect(await ended).toEqual([0, null]);
});

async function errorOf(promise: Promise<unknown>): Promise<ConnectError> {
  const caught = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(caught).toBeInstanceOf(ConnectError);
  return caught as ConnectError;
}

/** Returns the networks that wrong codes of a tenant were charged to. */
async function networksCharged(tenantId: string): Promise<string[]> {
  const redis = openRedis(testConfig().redisUrl, silentLogger());
  try {
    await redisReady(redis, REDIS_READY_MS);
    const prefix = `codes:{${tenantId}}:guesses:network:`;
    return (await redis.keys(`${prefix}*`)).map((key) => key.slice(prefix.length));
  } finally {
    redis.disconnect();
  }
}

async function startGateway(settings: Record<string, string> = {}) {
  const port = (await pickFreePorts(["gateway"])).gateway as number;
  const main = join(import.meta.dirname, "../../services/gateway/main.ts");
  const child = spawn(process.execPath, [main], {
    env: {
      ...process.env,
      SLOTMESH_GATEWAY_PORT: String(port),
      SLOTMESH_GATEWAY_ORIGINS: ORIGIN,
      SLOTMESH_LOG_LEVEL: "fatal",
      ...settings,
    },
    stdio: ["ignore", "inherit", "inherit"],
  });
  const url = `http://127.0.0.1:${port}`;
  const untilMs = performance.now() + READY_MS_MAX;
  while (!(await isReady(url))) {
    if (child.exitCode !== null || performance.now() > untilMs) {
      child.kill("SIGKILL");
      throw new Error(`the gateway did not open port ${port}`);
    }
    await sleep(50);
  }
  return { url, port, process: child };
}

function isReady(url: string): Promise<boolean> {
  return fetch(`${url}/healthz`).then(
    ({ ok }) => ok,
    () => false,
  );
}

/** A proxy as they stand in front of gateways: it cuts a connection whose server says nothing for a while. */
async function startProxy(port: number, idleMs: number) {
  let cut = 0;
  const sockets = new Set<Socket>();
  const server: Server = createServer((downstream) => {
    const upstream = connect(port, "127.0.0.1");
    const cutBoth = () => {
      cut += 1;
      downstream.destroy();
      upstream.destroy();
    };
    let timer = setTimeout(cutBoth, idleMs);
    upstream.on("data", () => {
      clearTimeout(timer);
      timer = setTimeout(cutBoth, idleMs);
    });
    for (const socket of [downstream, upstream]) {
      sockets.add(socket);
      socket.on("error", () => {}).on("close", () => clearTimeout(timer));
    }
    downstream.pipe(upstream).pipe(downstream);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut: () => cut,
    close: () => {
      server.close();
      for (const socket of sockets) {
        socket.destroy();
      }
    },
  };
}
