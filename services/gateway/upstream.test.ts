import { create, type Message } from "@bufbuild/protobuf";
import { afterEach, describe, expect, test } from "vitest";
import { ErrorInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import {
  type GetSlotRequest,
  GetSlotRequestSchema,
  InventoryService,
} from "#gen/slotmesh/inventory/v1/inventory_service_pb.ts";
import {
  SchedulingService,
  WatchAppointmentRequestSchema,
} from "#gen/slotmesh/scheduling/v1/scheduling_service_pb.ts";
import { ANONYMOUS, PASS_HEADER } from "#shared/auth.ts";
import { Code, ConnectError, meshError } from "#shared/errors.ts";
import type { Call } from "#shared/handlers.ts";
import { serveGrpc } from "#shared/serve.ts";
import { silentLogger } from "#shared/testing.ts";
import { sleep } from "#shared/time.ts";
import { freePort } from "./testing.ts";
import { createUpstream, type Upstream } from "./upstream.ts";

/** More than two connections carry. */
const CALLS = 450;

const open: { stop(): unknown }[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.stop()));
});

/** A service on the mesh's own gRPC server, with one method of the test's own. */
async function start(
  invoke: (request: Message, call: Call) => Promise<Message> | AsyncIterable<Message>,
  method: typeof InventoryService.method.getSlot | typeof SchedulingService.method.watchAppointment,
): Promise<{ upstream: Upstream; shown: (string | undefined)[][] }> {
  const address = `127.0.0.1:${await freePort()}`;
  const shown: (string | undefined)[][] = [];
  const server = await serveGrpc({
    address,
    methods: [{ method, invoke }],
    authenticate: (...credentials) => {
      shown.push(credentials);
      return ANONYMOUS;
    },
    drainMs: 0,
    logger: silentLogger(),
  });
  const upstream = createUpstream(method.parent, address);
  open.push(server, upstream);
  return { upstream, shown };
}

const getSlot = InventoryService.method.getSlot;
const watch = SchedulingService.method.watchAppointment;
const request = create(GetSlotRequestSchema, { storeId: "1", slotId: "2" });

async function errorOf(promise: Promise<unknown>): Promise<ConnectError> {
  const caught = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(caught).toBeInstanceOf(ConnectError);
  return caught as ConnectError;
}

test("passes the caller's token on, and no pass", async () => {
  const { upstream, shown } = await start(async () => create(getSlot.output), getSlot);
  await upstream.unary(getSlot, request, { token: "the.callers.token", timeoutMs: 5000 });
  await upstream.unary(getSlot, request, { timeoutMs: 5000 });
  expect(shown).toEqual([
    ["Bearer the.callers.token", undefined],
    [undefined, undefined],
  ]);
  expect(PASS_HEADER).toBe("slotmesh-pass");
});

test("passes the deadline on", async () => {
  const left: number[] = [];
  const { upstream } = await start(async (_, call) => {
    left.push(call.remainingMs());
    return create(getSlot.output);
  }, getSlot);
  await upstream.unary(getSlot, request, { timeoutMs: 3000 });
  expect(left[0]).toBeGreaterThan(1000);
  expect(left[0]).toBeLessThanOrEqual(3000);
});

describe("tells errors", () => {
  test("of a service as they are", async () => {
    const { upstream } = await start(async () => {
      throw meshError(Code.NotFound, "no such slot", { reason: "NOT_FOUND" });
    }, getSlot);
    const error = await errorOf(upstream.unary(getSlot, request, { timeoutMs: 5000 }));
    expect([error.code, error.rawMessage]).toEqual([Code.NotFound, "no such slot"]);
    expect(error.details).toEqual([
      { type: ErrorInfoSchema.typeName, value: expect.any(Uint8Array) },
    ]);
  });

  test("of the way there without addresses", async () => {
    const away = createUpstream(InventoryService, `127.0.0.1:${await freePort()}`);
    open.push(away);
    const error = await errorOf(away.unary(getSlot, request, { timeoutMs: 1500 }));
    expect([Code.Unavailable, Code.DeadlineExceeded]).toContain(error.code);
    expect(error.message).not.toMatch(/127\.0\.0\.1|\d{5}/);
    expect(error.findDetails(ErrorInfoSchema)[0]?.reason).toMatch(/PART_AWAY|TOO_LATE/);
  });

  test("of lateness without addresses", async () => {
    const { upstream } = await start((_, { signal }) => sleep(5000, signal) as never, getSlot);
    const error = await errorOf(upstream.unary(getSlot, request, { timeoutMs: 200 }));
    expect(error.code).toBe(Code.DeadlineExceeded);
    expect(error.rawMessage).toBe("the answer did not come in time");
  });
});

test("gives a call up when its caller does", async () => {
  const signals: AbortSignal[] = [];
  const { upstream } = await start((_, { signal }) => {
    signals.push(signal);
    return sleep(5000, signal) as never;
  }, getSlot);
  const caller = new AbortController();
  const { signal } = caller;
  const answer = errorOf(upstream.unary(getSlot, request, { timeoutMs: 5000, signal }));
  await expect.poll(() => signals.length).toBe(1);
  caller.abort();
  expect((await answer).code).toBe(Code.Canceled);
  await expect.poll(() => signals[0]?.aborted).toBe(true);
  // And one that was given up before it began.
  const late = await errorOf(upstream.unary(getSlot, request, { timeoutMs: 5000, signal }));
  expect(late.code).toBe(Code.Canceled);
});

test("carries more calls at once than a connection does", { timeout: 60_000 }, async () => {
  let running = 0;
  const all = Promise.withResolvers<void>();
  const { upstream } = await start(async () => {
    running += 1;
    if (running === CALLS) {
      all.resolve();
    }
    await all.promise;
    return create(getSlot.output);
  }, getSlot);
  await Promise.all(
    Array.from({ length: CALLS }, () => upstream.unary(getSlot, request, { timeoutMs: 50_000 })),
  );
  expect(running).toBe(CALLS);
});

test("carries more watchers than a connection does, and ends with them", {
  timeout: 60_000,
}, async () => {
  const signals: AbortSignal[] = [];
  const { upstream } = await start(async function* (_, { signal }) {
    signals.push(signal);
    yield create(watch.output);
    await sleep(60_000, signal);
  }, watch);
  const callers = new AbortController();
  const watchers = Array.from({ length: CALLS }, async () => {
    const asked = create(WatchAppointmentRequestSchema, { appointmentId: "1" });
    const { signal } = callers;
    for await (const _ of upstream.stream(watch, asked, { timeoutMs: 50_000, signal })) {
      // One is enough.
    }
  });
  const ended = Promise.allSettled(watchers);
  await expect.poll(() => signals.length, { timeout: 50_000 }).toBe(CALLS);
  callers.abort();
  await ended;
  await expect.poll(() => signals.every(({ aborted }) => aborted), { timeout: 50_000 }).toBe(true);
});

test("refuses what is too much", { timeout: 60_000 }, async () => {
  const { upstream } = await start((asked, { signal }) => {
    expect((asked as GetSlotRequest).slotId).toBe("2");
    return sleep(60_000, signal) as never;
  }, getSlot);
  const callers = new AbortController();
  const { signal } = callers;
  const running = Promise.allSettled(
    Array.from({ length: 2000 }, () =>
      upstream.unary(getSlot, request, { timeoutMs: 20_000, signal }),
    ),
  );
  const error = await errorOf(upstream.unary(getSlot, request, { timeoutMs: 20_000 }));
  expect(error.code).toBe(Code.ResourceExhausted);
  callers.abort();
  await running;
});
