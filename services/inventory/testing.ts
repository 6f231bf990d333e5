// What the tests of Inventory share: calls without a wire, slots and wishes that no other test has, a
// count of a slot's spots from its rows, and random numbers that can be had again by their seed.

import { randomBytes } from "node:crypto";
import { create, type Message } from "@bufbuild/protobuf";
import { expect } from "vitest";
import type { ClaimsService } from "#gen/slotmesh/inventory/v1/claims_service_pb.ts";
import type {
  CreateServiceResponse,
  CreateSlotsResponse,
  CreateStoreResponse,
  InventoryService,
} from "#gen/slotmesh/inventory/v1/inventory_service_pb.ts";
import type { Caller } from "#shared/auth.ts";
import { Code, ConnectError, reasonOf } from "#shared/errors.ts";
import type { BoundMethod } from "#shared/handlers.ts";
import type { Database } from "#shared/mysql.ts";
import { callAs, uniqueId, uniqueTenant } from "#shared/testing.ts";
import { toTimestamp } from "#shared/time.ts";
import { type Claims, createClaims } from "./claims.ts";
import { claimsService } from "./claims-service.ts";
import { requestMark, type Slot, type Take } from "./domain.ts";
import { inventoryService } from "./service.ts";
import { createStore } from "./store.ts";

/** The instant at which the tests' takes happen. Far away: the mesh that runs beside the tests settles takes
 * that are old, and gives those back whose slots have begun. */
export const NOW_MS = Date.parse("2036-11-07T10:00:00Z");

/** An hour. */
export const HOUR_MS = 3_600_000;

/** A method of either service. */
export type Method =
  | keyof (typeof InventoryService)["method"]
  | keyof (typeof ClaimsService)["method"];

/** The service that takes spots. */
export const scheduling: Partial<Caller> = { role: "service", subjectId: "scheduling" };

/** Returns a manager of a tenant, or of one that no other test has. */
export function manager(tenantId = uniqueTenant()): Partial<Caller> {
  return { role: "manager", tenantId, subjectId: "m1" };
}

/** Makes both services over a database, at NOW_MS. */
export function methodsOver(database: Database): BoundMethod[] {
  return [
    ...inventoryService({
      store: createStore(database),
      ids: { next: uniqueId },
      now: () => NOW_MS,
    }),
    ...claimsService({ claims: createClaims(database), now: () => NOW_MS }),
  ];
}

/** Makes functions that call methods, and those that make what most tests need. */
export function createCallers(methods: readonly BoundMethod[]) {
  async function call<Response extends Message>(
    caller: Partial<Caller>,
    name: Method,
    request: object,
    by = methods,
  ): Promise<Response> {
    const bound = by.find(({ method }) => method.localName === name) as BoundMethod;
    const message = create(bound.method.input, request as Record<string, unknown>);
    return (await bound.invoke(message, callAs(caller))) as Response;
  }

  return {
    call,

    async makeStore(caller: Partial<Caller>, changes: object = {}) {
      const request = storeRequest({ name: `Store ${uniqueId()}`, ...changes });
      const { store } = await call<CreateStoreResponse>(caller, "createStore", request);
      return store ?? expect.fail("no store");
    },

    async makeService(caller: Partial<Caller>, changes: object = {}) {
      const request = { name: `Trade In ${uniqueId()}`, requestId: uniqueId(), ...changes };
      const { service } = await call<CreateServiceResponse>(caller, "createService", request);
      return service ?? expect.fail("no service");
    },

    async makeSlots(caller: Partial<Caller>, changes: object) {
      const request = { requestId: uniqueId(), ...changes };
      return (await call<CreateSlotsResponse>(caller, "createSlots", request)).slots;
    },
  };
}

/** Returns the code, the reason and the sentence of a call that must be refused. */
export async function refusal(
  calling: Promise<unknown>,
): Promise<[string, string | undefined, string]> {
  const error = await calling.then(
    () => expect.fail("it was not refused"),
    (caught: unknown) => caught,
  );
  const { code, rawMessage } = ConnectError.from(error);
  return [Code[code], reasonOf(error), rawMessage];
}

/** Makes a request for a store. */
export function storeRequest(changes: object = {}) {
  return {
    name: "BetterBuy - Aiea",
    address: "98-051 Kam Hwy, Aiea, HI 96701",
    timeZone: "Pacific/Honolulu",
    latitude: 21.38,
    longitude: -157.94,
    requestId: uniqueId(),
    ...changes,
  };
}

/** Makes a slot of a request. */
export function windowAt(startsAtMs: number, hours = 1, totalSpots = 100) {
  return {
    startTime: toTimestamp(startsAtMs),
    endTime: toTimestamp(startsAtMs + hours * HOUR_MS),
    totalSpots,
  };
}

/** Makes a slot that is open at NOW_MS. */
export async function makeSlot(database: Database, changes: Partial<Slot> = {}): Promise<Slot> {
  const slot: Slot = {
    storeId: uniqueId(),
    slotId: uniqueId(),
    tenantId: uniqueTenant(),
    serviceId: uniqueId(),
    timeZone: "Pacific/Honolulu",
    startsAtMs: NOW_MS + HOUR_MS,
    endsAtMs: NOW_MS + 2 * HOUR_MS,
    opensAtMs: NOW_MS,
    total: 100,
    available: changes.total ?? 100,
    partySizeMax: 100,
    version: 1,
    ...changes,
  };
  const mark = requestMark(uniqueId(), []);
  const { kind } = await createStore(database).createSlots([slot], mark, NOW_MS);
  if (kind !== "written") {
    throw new Error("the slot was not written");
  }
  return slot;
}

/** Makes a wish of a shopper of its own. */
export function makeTake(slot: Slot, changes: Partial<Take> = {}): Take {
  const hex = randomBytes(16).toString("hex");
  return {
    storeId: slot.storeId,
    slotId: slot.slotId,
    appointmentId: `${hex}42`,
    tenantId: slot.tenantId,
    shopperId: `shopper-${hex}`,
    partySize: 1,
    ...changes,
  };
}

/** Makes many. */
export function makeTakes(slot: Slot, count: number, changes: Partial<Take> = {}): Take[] {
  return Array.from({ length: count }, () => makeTake(slot, changes));
}

/** Reads a slot's free spots and those of its active claims, at one moment. */
export async function countSpots(claims: Claims, slot: Slot) {
  const [stock] = await claims.listStock([slot]);
  if (!stock) {
    throw new Error("the slot is gone");
  }
  const active = stock.claims.reduce((sum, { partySize }) => sum + partySize, 0);
  return { available: stock.slot.available, active, version: stock.slot.version };
}

/** Makes random numbers from 0 up to 1 of a seed (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Puts a list into a random order. */
export function shuffle<Item>(items: readonly Item[], random: () => number): Item[] {
  const shuffled = [...items];
  for (let last = shuffled.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    [shuffled[last], shuffled[other]] = [shuffled[other] as Item, shuffled[last] as Item];
  }
  return shuffled;
}

/** Cuts a list into pieces of random size. */
export function cut<Item>(items: readonly Item[], sizeMax: number, random: () => number): Item[][] {
  const pieces: Item[][] = [];
  for (let from = 0; from < items.length; ) {
    const size = 1 + Math.floor(random() * sizeMax);
    pieces.push(items.slice(from, from + size));
    from += size;
  }
  return pieces;
}
