// Booking while Redis is away: nobody listens at its address, the rest of the mesh is real.

import { createServer } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { AppointmentState, RefusalReason } from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import { createRateLimiter } from "#shared/limiter.ts";
import { type Database, openDatabase } from "#shared/mysql.ts";
import { openRedis, type RedisConnection } from "#shared/redis.ts";
import { silentLogger, testConfig, uniqueId, uniqueTenant } from "#shared/testing.ts";
import { createGate } from "./admission.ts";
import { createAnswers } from "./answers.ts";
import { type Book, createBook } from "./book.ts";
import { openClients } from "./clients.ts";
import { appointmentIdOf, type Row } from "./domain.ts";
import type { Booking } from "./events.ts";
import { createRedis } from "./redis.ts";
import { createStore, type SchedulingStore } from "./store.ts";

const PER_SECOND = 5;

const logger = silentLogger();
const now = Date.now;
const put: Booking[] = [];

let database: Database;
let store: SchedulingStore;
let connection: RedisConnection;
let clients: ReturnType<typeof openClients>;
let book: Book;

beforeAll(async () => {
  const config = testConfig();
  database = openDatabase(config.mysqlDsn, "scheduling");
  store = createStore(database);
  connection = openRedis(`redis://127.0.0.1:${await deadPort()}`, logger);
  const redis = createRedis(connection);
  clients = openClients(config, Buffer.alloc(32));
  book = createBook({
    gate: createGate({ ...clients, redis, holdMs: 1000, now, logger }),
    redis,
    // What is put here names slots that are not there, so it is kept from the real pipeline.
    queue: { put: async (booking) => void put.push(booking), stop: async () => {} },
    answers: createAnswers(store, clients.issuing),
    unguarded: createRateLimiter({ perSecond: PER_SECOND, now: () => 0 }),
    now,
    logger,
  });
});

afterAll(async () => {
  connection.disconnect();
  clients.stop();
  await database.stop();
});

/** Finds a port that nobody listens on. */
function deadPort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

function rowOf(): Row {
  const tenantId = uniqueTenant();
  const shopperId = uniqueId();
  return {
    appointmentId: appointmentIdOf(tenantId, shopperId, "r"),
    tenantId,
    shopperId,
    storeId: uniqueId(),
    slotId: uniqueId(),
    partySize: 1,
    state: AppointmentState.CONFIRMED,
    refusal: RefusalReason.UNSPECIFIED,
    work: 0,
    createdAtMs: 1,
    stateAtMs: 2,
  };
}

test("who has an answer gets it, another body is refused, and only so many others are queued", async () => {
  const row = rowOf();
  const { state: _, refusal: __, work: ___, createdAtMs: ____, stateAtMs: _____, ...wish } = row;
  await store.finish([row]);
  expect(await book(wish)).toEqual({ kind: "already-yours", wish, row });
  await expect(book({ ...wish, partySize: 2 })).rejects.toThrow(
    "[invalid_argument] request_id: it came before with another store, slot or party_size",
  );
  expect(put).toEqual([]);

  // Two of the five went to the answered; the rest is queued, and then callers are told to come back.
  const others = await Promise.allSettled(Array.from({ length: 6 }, () => book(rowOf())));
  expect(others.filter(({ status }) => status === "fulfilled")).toHaveLength(PER_SECOND - 2);
  expect(put).toHaveLength(PER_SECOND - 2);
  const refused = others.find(({ status }) => status === "rejected") as PromiseRejectedResult;
  expect(refused.reason.message).toBe("[unavailable] admission is away: send the same again");
});
