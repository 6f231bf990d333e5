// Goal: ClaimsService says what the transactions did, by its own clock; and of both services, each method
// answers those who may call it and nobody else.
// Method: the bound methods on the real Vitess, called without a wire.

import { afterAll, describe, expect, test } from "vitest";
import type {
  ListSlotStockResponse,
  ListUnsettledClaimsResponse,
  ReleaseClaimsResponse,
  TakeClaimsResponse,
} from "#gen/slotmesh/inventory/v1/claims_service_pb.ts";
import type { Role } from "#shared/auth.ts";
import { Code, ConnectError } from "#shared/errors.ts";
import { openDatabase } from "#shared/mysql.ts";
import { testConfig } from "#shared/testing.ts";
import { toTimestamp } from "#shared/time.ts";
import { createClaims } from "./claims.ts";
import { claimsService } from "./claims-service.ts";
import {
  createCallers,
  type Method,
  makeSlot,
  makeTake,
  methodsOver,
  NOW_MS,
  scheduling,
} from "./testing.ts";

const database = openDatabase(testConfig().mysqlDsn, "inventory");
afterAll(() => database.stop());
const methods = methodsOver(database);
const { call } = createCallers(methods);

describe("claims", () => {
  test("a wish goes from taken to marked to given back, and each answer says the stock after it", async () => {
    const slot = await makeSlot(database, { total: 2, available: 2 });
    const keyOf = ({ storeId, slotId, appointmentId }: ReturnType<typeof makeTake>) => ({
      storeId,
      slotId,
      appointmentId,
    });
    const wishes = [makeTake(slot), makeTake(slot, { partySize: 2 }), makeTake(slot)];
    const takes = wishes.map((wish) => ({ ...wish, key: keyOf(wish) }));
    const request = { takes: [...takes, takes[0]] };
    const taken = await call<TakeClaimsResponse>(scheduling, "takeClaims", request);
    expect(taken.claims.map(({ state, refusal: why }) => [state, why])).toEqual([
      [1, 0],
      [4, 1],
      [1, 0],
      [1, 0],
    ]);
    expect(taken.claims[0]).toMatchObject({
      key: keyOf(wishes[0] as never),
      tenantId: slot.tenantId,
      shopperId: wishes[0]?.shopperId,
      partySize: 1,
      takeTime: toTimestamp(NOW_MS),
    });
    expect(taken.stocks).toHaveLength(1);
    expect(taken.stocks[0]).toMatchObject({
      slot: { slotId: slot.slotId, availableSpots: 0, endTime: toTimestamp(slot.endsAtMs) },
      version: 2n,
    });
    // Once more: the same answers, and the slot is told again, since the first answer may be lost.
    expect(await call(scheduling, "takeClaims", request)).toEqual(taken);
    const keys = wishes.map(keyOf);
    await call(scheduling, "markClaims", { keys: keys.slice(0, 1) });
    const held = await call<ListSlotStockResponse>(scheduling, "listSlotStock", { keys: [slot] });
    expect(held.stocks[0]?.activeClaims.map(({ state }) => state).sort()).toEqual([1, 2]);
    const released = await call<ReleaseClaimsResponse>(scheduling, "releaseClaims", { keys });
    expect(released.stocks).toHaveLength(1);
    expect(released.stocks[0]).toMatchObject({ slot: { availableSpots: 2 }, version: 3n });
    const free = await call<ListSlotStockResponse>(scheduling, "listSlotStock", { keys: [slot] });
    expect(free.stocks[0]).toMatchObject({ slot: { availableSpots: 2 }, activeClaims: [] });
  });

  test("the service's clock decides what is open, and how old a claim is", async () => {
    const slot = await makeSlot(database, { opensAtMs: 1000, startsAtMs: 5000 });
    const clock = { ms: 999 };
    const by = claimsService({ claims: createClaims(database), now: () => clock.ms });
    const wishes = [0, 1, 2, 3].map(() => makeTake(slot));
    const states: [number, number][] = [];
    for (const [index, ms] of [999, 1000, 4999, 5000].entries()) {
      clock.ms = ms;
      const wish = wishes[index] as ReturnType<typeof makeTake>;
      const { claims: answers } = await call<TakeClaimsResponse>(
        scheduling,
        "takeClaims",
        { takes: [{ ...wish, key: { ...wish } }] },
        by,
      );
      states.push([answers[0]?.state ?? 0, answers[0]?.refusal ?? 0]);
    }
    expect(states).toEqual([
      [4, 4],
      [1, 0],
      [1, 0],
      [4, 5],
    ]);
    const unsettled = async (olderThanMs: bigint) => {
      const request = { olderThanMs, pageSize: 1000 };
      const listed = await call<ListUnsettledClaimsResponse>(
        scheduling,
        "listUnsettledClaims",
        request,
        by,
      );
      const own = listed.claims.filter(({ key }) => key?.slotId === slot.slotId);
      return own.map(({ key }) =>
        wishes.findIndex((wish) => wish.appointmentId === key?.appointmentId),
      );
    };
    clock.ms = 5000;
    expect(await unsettled(0n)).toEqual([1, 2]);
    expect(await unsettled(2n)).toEqual([1]);
    await call(scheduling, "markClaims", { keys: wishes.map((wish) => ({ ...wish })) }, by);
    expect(await unsettled(0n)).toEqual([]);
  });
});

describe("who may", () => {
  const people: Role[] = ["shopper", "staff", "manager", "operator"];
  const allowed: Record<Method, Role[]> = {
    createStore: ["manager", "operator"],
    createService: ["manager", "operator"],
    createSlots: ["manager", "operator"],
    listStores: ["anonymous", ...people, "service"],
    listServices: ["anonymous", ...people, "service"],
    getSlot: [...people, "service"],
    listAvailability: ["anonymous", ...people, "service"],
    takeClaims: ["service"],
    markClaims: ["service"],
    releaseClaims: ["service"],
    listUnsettledClaims: ["service"],
    listSlotStock: ["service"],
  };

  test.each(methods.map(({ method }) => method.localName as Method))(
    "%s answers those who may, and nobody else",
    async (name) => {
      for (const role of ["anonymous", ...people, "service"] as Role[]) {
        // An empty request is malformed, which those who may are told, and the others are not.
        const outcome = await call({ role, tenantId: "nobody" }, name, {}).then(
          () => "answered",
          (error: unknown) => Code[ConnectError.from(error).code],
        );
        const refused = role === "anonymous" ? "Unauthenticated" : "PermissionDenied";
        if (allowed[name].includes(role)) {
          expect(["answered", "InvalidArgument"], role).toContain(outcome);
        } else {
          expect(outcome, role).toBe(refused);
        }
      }
    },
  );
});
