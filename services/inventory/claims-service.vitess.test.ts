// Goal: ClaimsService says what the transactions did, by its own clock; and of both services, each method
// answers those who may call it and nobody else.
// Method: the bound methods on the real Vitess, called without a wire.

import { afterAll, describe, expect, test } from "vitest";
import type {
  ListSlotStockResponse,
  ListUnsettledClaimsResponse,
  ReleaseClaimsResponse,
  TakeSpotsResponse,
} from "#gen/slotmesh/inventory/v1/claims_service_pb.ts";
import type { Role } from "#shared/auth.ts";
import { Code, ConnectError } from "#shared/errors.ts";
import { openDatabase } from "#shared/mysql.ts";
import { testConfig } from "#shared/testing.ts";
import { toTimestamp } from "#shared/time.ts";
import { createClaims } from "./claims.ts";
import { claimsService } from "./claims-service.ts";
import type { Slot } from "./domain.ts";
import {
  countSpots,
  createCallers,
  type Method,
  makeSlot,
  makeTake,
  makeTakes,
  methodsOver,
  NOW_MS,
  refusal,
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
    const unknown = makeTake({ ...slot, slotId: "404" });
    const request = {
      slots: [
        { ...slot, takes: [...wishes, wishes[0]] },
        { ...unknown, takes: [unknown] },
      ],
    };
    const taken = await call<TakeSpotsResponse>(scheduling, "takeSpots", request);
    const answers = taken.slots.map(({ states, refusals, partySizes }) => ({
      states,
      refusals,
      partySizes,
    }));
    expect(answers).toEqual([
      { states: [1, 4, 1, 1], refusals: [0, 1, 0, 0], partySizes: [1, 2, 1, 1] },
      { states: [4], refusals: [3], partySizes: [1] },
    ]);
    expect(taken.slots[0]?.stock).toMatchObject({
      slot: { slotId: slot.slotId, availableSpots: 0, endTime: toTimestamp(slot.endsAtMs) },
      version: 2n,
    });
    expect(taken.slots[1]?.stock).toBeUndefined();
    // Once more: the same answers, and the slot is told again, since the first answer may be lost.
    expect(await call(scheduling, "takeSpots", request)).toEqual(taken);
    const keys = wishes.map(keyOf);
    const statesNow = async () =>
      (
        await call<ListSlotStockResponse>(scheduling, "listSlotStock", { keys: [slot] })
      ).stocks[0]?.activeClaims.map(({ state }) => state);
    expect(await statesNow()).toEqual([1, 1]);
    await call(scheduling, "settleTakes", { takes: taken.takes });
    expect(await statesNow()).toEqual([2, 2]);
    const held = await call<ListSlotStockResponse>(scheduling, "listSlotStock", { keys: [slot] });
    expect(held.stocks[0]?.activeClaims).toContainEqual(
      expect.objectContaining({
        key: expect.objectContaining(keyOf(wishes[0] as never)),
        tenantId: slot.tenantId,
        shopperId: wishes[0]?.shopperId,
        partySize: 1,
        takeTime: toTimestamp(NOW_MS),
      }),
    );
    const counts = { keys: [slot], countsOnly: true };
    const counted = await call<ListSlotStockResponse>(scheduling, "listSlotStock", counts);
    expect(counted.stocks).toEqual([{ ...held.stocks[0], activeClaims: [] }]);
    const released = await call<ReleaseClaimsResponse>(scheduling, "releaseClaims", { keys });
    expect(released.stocks).toHaveLength(1);
    expect(released.stocks[0]).toMatchObject({ slot: { availableSpots: 2 }, version: 3n });
    const free = await call<ListSlotStockResponse>(scheduling, "listSlotStock", { keys: [slot] });
    expect(free.stocks[0]).toMatchObject({ slot: { availableSpots: 2 }, activeClaims: [] });
  });

  test("more wishes than one call may hold are refused, and none is answered", async () => {
    const slots = await Promise.all([makeSlot(database), makeSlot(database)]);
    const request = { slots: slots.map((slot) => ({ ...slot, takes: makeTakes(slot, 501) })) };
    expect(await refusal(call(scheduling, "takeSpots", request))).toEqual([
      "InvalidArgument",
      "TOO_MANY_TAKES",
      "slots: 1002 wishes: at most 1000 in all",
    ]);
    const claims = createClaims(database);
    expect(await countSpots(claims, slots[0] as Slot)).toMatchObject({ active: 0 });
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
      const { slots: answers } = await call<TakeSpotsResponse>(
        scheduling,
        "takeSpots",
        { slots: [{ ...wish, takes: [wish] }] },
        by,
      );
      states.push([answers[0]?.states[0] ?? 0, answers[0]?.refusals[0] ?? 0]);
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
    const listed = await call<ListUnsettledClaimsResponse>(
      scheduling,
      "listUnsettledClaims",
      { pageSize: 1000 },
      by,
    );
    const takes = listed.takes.filter(({ slotId }) => slotId === slot.slotId);
    await call(scheduling, "settleTakes", { takes }, by);
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
    takeSpots: ["service"],
    settleTakes: ["service"],
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
