// Goal: stores, services and slots are what the contract promises, down to the error's reason.
// Method: the bound methods on the real Vitess, called as each caller without a wire; the races with 50
// calls at once.

import { afterAll, describe, expect, test } from "vitest";
import type {
  CreateServiceResponse,
  CreateStoreResponse,
  GetSlotResponse,
  ListAvailabilityResponse,
  ListServicesResponse,
  ListStoresResponse,
} from "#gen/slotmesh/inventory/v1/inventory_service_pb.ts";
import type { Caller } from "#shared/auth.ts";
import { reasonOf } from "#shared/errors.ts";
import { openDatabase } from "#shared/mysql.ts";
import { testConfig, uniqueId, uniqueTenant } from "#shared/testing.ts";
import { toTimestamp } from "#shared/time.ts";
import { createClaims } from "./claims.ts";
import {
  createCallers,
  HOUR_MS,
  makeSlot,
  makeTake,
  manager,
  methodsOver,
  NOW_MS,
  refusal,
  scheduling,
  storeRequest,
  windowAt,
} from "./testing.ts";

const database = openDatabase(testConfig().mysqlDsn, "inventory");
afterAll(() => database.stop());
const { call, makeStore, makeService, makeSlots } = createCallers(methodsOver(database));

describe("stores", () => {
  test("a store is what was asked for, and the same request returns it again", async () => {
    const caller = manager();
    const request = storeRequest({ timeZone: "pacific/honolulu" });
    const first = await call<CreateStoreResponse>(caller, "createStore", request);
    expect(first.store).toMatchObject({
      tenantId: caller.tenantId,
      name: "BetterBuy - Aiea",
      address: "98-051 Kam Hwy, Aiea, HI 96701",
      timeZone: "Pacific/Honolulu",
      latitude: 21.38,
      longitude: -157.94,
      createTime: toTimestamp(NOW_MS),
    });
    expect(await call(caller, "createStore", request)).toEqual(first);
    const listed = await call<ListStoresResponse>(caller, "listStores", {});
    expect(listed.stores).toEqual([first.store]);
  });

  test("a request_id means one request, and a name means one store of its tenant", async () => {
    const caller = manager();
    const request = storeRequest();
    await call(caller, "createStore", request);
    expect(await refusal(call(caller, "createStore", { ...request, latitude: 21 }))).toEqual([
      "InvalidArgument",
      "REQUEST_ID_REUSED",
      "request_id was used for another request: use a new one for a new request",
    ]);
    expect(await refusal(call(caller, "createStore", { ...request, name: "Other" }))).toEqual([
      "InvalidArgument",
      "REQUEST_ID_REUSED",
      "request_id was used for another request: use a new one for a new request",
    ]);
    const sameName = storeRequest({ name: "betterbuy - AIEA" });
    expect(await refusal(call(caller, "createStore", sameName))).toEqual([
      "AlreadyExists",
      "NAME_TAKEN",
      "the tenant has another store of this name",
    ]);
    expect(
      (await call<CreateStoreResponse>(manager(), "createStore", request)).store,
    ).toBeDefined();
  });

  test("50 calls of one request at once make one store, on whichever shard", async () => {
    const caller = manager();
    const request = storeRequest();
    const made = await Promise.all(
      Array.from({ length: 50 }, () => call<CreateStoreResponse>(caller, "createStore", request)),
    );
    expect(new Set(made.map(({ store }) => store?.storeId)).size).toBe(1);
    const { stores } = await call<ListStoresResponse>(caller, "listStores", {});
    expect(stores).toEqual([made[0]?.store]);
  });

  test("of 50 requests for one name at once, one makes the store", async () => {
    const caller = manager();
    const made = await Promise.allSettled(
      Array.from({ length: 50 }, () => call(caller, "createStore", storeRequest())),
    );
    const refused = made.filter((one) => one.status === "rejected");
    expect(refused.map(({ reason }) => reasonOf(reason))).toEqual(Array(49).fill("NAME_TAKEN"));
    const { stores } = await call<ListStoresResponse>(caller, "listStores", {});
    expect(stores).toHaveLength(1);
  });

  test("a crash between the name and the row is made good by the same request, with the same id", async () => {
    const caller = manager();
    const request = storeRequest();
    const crashing = methodsOver({
      ...database,
      write: (sql, values) =>
        sql.startsWith("insert into store ")
          ? Promise.reject(new Error("crashed"))
          : database.write(sql, values),
    });
    await expect(call(caller, "createStore", request, crashing)).rejects.toThrow("crashed");
    expect((await call<ListStoresResponse>(caller, "listStores", {})).stores).toEqual([]);
    const { store } = await call<CreateStoreResponse>(caller, "createStore", request);
    expect((await call<ListStoresResponse>(caller, "listStores", {})).stores).toEqual([store]);
    const [name] = await database.select<{ store_id: string }>(
      "select store_id from global.store_name where tenant_id = ?",
      [caller.tenantId ?? ""],
    );
    expect(name?.store_id).toBe(store?.storeId);
  });

  test.each(["Mars/Olympus", "+10:00", "HST-10"])("%s is no zone of a store", async (timeZone) => {
    expect(await refusal(call(manager(), "createStore", storeRequest({ timeZone })))).toEqual([
      "InvalidArgument",
      "BAD_TIME_ZONE",
      `time_zone "${timeZone}" is no IANA zone: wanted a name like "Pacific/Honolulu"`,
    ]);
  });

  test("pages go through a tenant's stores in the order of their ids, over all shards", async () => {
    const caller = manager();
    const made = await Promise.all(Array.from({ length: 7 }, () => makeStore(caller)));
    const listed: string[] = [];
    const sizes: number[] = [];
    let pageToken = "";
    do {
      const page = await call<ListStoresResponse>({}, "listStores", {
        tenantId: caller.tenantId,
        pageSize: 3,
        pageToken,
      });
      listed.push(...page.stores.map(({ storeId }) => storeId));
      sizes.push(page.stores.length);
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    expect(sizes).toEqual([3, 3, 1]);
    const ids = made.map(({ storeId }) => BigInt(storeId)).sort((a, b) => (a < b ? -1 : 1));
    expect(listed).toEqual(ids.map(String));
  });

  test("a page that ends with the last store has no next one", async () => {
    const caller = manager();
    await Promise.all([makeStore(caller), makeStore(caller)]);
    const page = await call<ListStoresResponse>(caller, "listStores", { pageSize: 2 });
    expect([page.stores.length, page.nextPageToken]).toEqual([2, ""]);
  });

  test("a list needs a tenant, and a token that a page gave", async () => {
    for (const caller of [{}, scheduling]) {
      expect(await refusal(call(caller, "listStores", {}))).toEqual([
        "InvalidArgument",
        "TENANT_NEEDED",
        "tenant_id is needed where no token says it",
      ]);
    }
    expect(await refusal(call(manager(), "listStores", { pageToken: "?" }))).toEqual([
      "InvalidArgument",
      "BAD_PAGE_TOKEN",
      "page_token is not one that a page gave: begin without it",
    ]);
  });

  test("stores are public: a shopper of one tenant may read another's", async () => {
    const caller = manager();
    const made = await makeStore(caller);
    const shopper: Partial<Caller> = { role: "shopper", tenantId: uniqueTenant(), subjectId: "s1" };
    const { tenantId } = caller;
    expect((await call<ListStoresResponse>(shopper, "listStores", { tenantId })).stores).toEqual([
      made,
    ]);
    expect((await call<ListStoresResponse>(shopper, "listStores", {})).stores).toEqual([]);
  });
});

describe("services", () => {
  test("pages go through a tenant's services in the order of their ids, without a token", async () => {
    const caller = manager();
    const made = await Promise.all(Array.from({ length: 3 }, () => makeService(caller)));
    await makeService(manager());
    const list = (request: object) =>
      call<ListServicesResponse>({}, "listServices", { tenantId: caller.tenantId, ...request });
    const first = await list({ pageSize: 2 });
    const second = await list({ pageSize: 2, pageToken: first.nextPageToken });
    const byId = made.sort((a, b) => (BigInt(a.serviceId) < BigInt(b.serviceId) ? -1 : 1));
    expect([first.services, second.services]).toEqual([byId.slice(0, 2), byId.slice(2)]);
    expect(second.nextPageToken).toBe("");
  });

  test("a service takes one spot an appointment if nothing else is said, and is made once", async () => {
    const caller = manager();
    const request = { name: "iPhone Launch Trade In", requestId: uniqueId() };
    const made = await Promise.all(
      Array.from({ length: 50 }, () =>
        call<CreateServiceResponse>(caller, "createService", request),
      ),
    );
    expect(new Set(made.map(({ service }) => service?.serviceId)).size).toBe(1);
    expect(made[0]?.service).toMatchObject({
      name: request.name,
      tenantId: caller.tenantId,
      partySizeMax: 1,
    });
    const other = { ...request, partySizeMax: 2 };
    expect((await refusal(call(caller, "createService", other))).slice(0, 2)).toEqual([
      "InvalidArgument",
      "REQUEST_ID_REUSED",
    ]);
    const sameName = { ...request, requestId: uniqueId() };
    expect(await refusal(call(caller, "createService", sameName))).toEqual([
      "AlreadyExists",
      "NAME_TAKEN",
      "the tenant has another service of this name",
    ]);
  });
});

describe("slots", () => {
  test("slots come in the order of the request, know their store's zone and service's party, and the same request returns them as they are now", async () => {
    const caller = manager();
    const { storeId } = await makeStore(caller);
    const { serviceId } = await makeService(caller, { partySizeMax: 4 });
    const request = {
      storeId,
      serviceId,
      requestId: uniqueId(),
      slots: [3, 1, 2].map((hour) => windowAt(NOW_MS + hour * HOUR_MS, 1, 10 * hour)),
    };
    const made = await makeSlots(caller, request);
    expect(made.map(({ totalSpots, availableSpots }) => [totalSpots, availableSpots])).toEqual([
      [30, 30],
      [10, 10],
      [20, 20],
    ]);
    expect(made[1]).toMatchObject({
      storeId,
      serviceId,
      tenantId: caller.tenantId,
      timeZone: "Pacific/Honolulu",
      startTime: toTimestamp(NOW_MS + HOUR_MS),
      endTime: toTimestamp(NOW_MS + 2 * HOUR_MS),
      openTime: toTimestamp(NOW_MS),
      partySizeMax: 4,
    });
    const slotId = made[1]?.slotId ?? "";
    const take = makeTake({ storeId, slotId, tenantId: caller.tenantId } as never, {
      partySize: 3,
    });
    await createClaims(database).take([take], NOW_MS);
    const again = await makeSlots(caller, request);
    expect(again.map((one) => one.slotId)).toEqual(made.map((one) => one.slotId));
    expect(again[1]?.availableSpots).toBe(7);
    const other = { ...request, slots: request.slots.slice(1) };
    expect((await refusal(makeSlots(caller, other))).slice(0, 2)).toEqual([
      "InvalidArgument",
      "REQUEST_ID_REUSED",
    ]);
    const opening = { ...request, openTime: toTimestamp(NOW_MS) };
    expect((await refusal(makeSlots(caller, opening)))[1]).toBe("REQUEST_ID_REUSED");
  });

  test("20 calls of one request at once make its slots once, and 500 are made in one call", async () => {
    const caller = manager();
    const { storeId } = await makeStore(caller);
    const { serviceId } = await makeService(caller);
    const slots = Array.from({ length: 500 }, (_, index) => windowAt(NOW_MS + index * HOUR_MS));
    expect(await makeSlots(caller, { storeId, serviceId, slots })).toHaveLength(500);
    const request = { storeId, serviceId, requestId: uniqueId(), slots: slots.slice(0, 30) };
    const made = await Promise.all(Array.from({ length: 20 }, () => makeSlots(caller, request)));
    expect(new Set(made.map((one) => one.map(({ slotId }) => slotId).join())).size).toBe(1);
    const [count] = await database.select<{ slots: string }>(
      "select count(*) as slots from slot where store_id = ?",
      [BigInt(storeId)],
    );
    expect(Number(count?.slots)).toBe(530);
  });

  test("slots of a store or a service that is not the tenant's are not made, and the answer does not say whose it is", async () => {
    const [caller, other] = [manager(), manager()];
    const [own, foreign] = [await makeStore(caller), await makeStore(other)];
    const [service, foreignService] = [await makeService(caller), await makeService(other)];
    const slots = [windowAt(NOW_MS)];
    for (const storeId of [foreign.storeId, uniqueId(), "0070", "everything", "9".repeat(20)]) {
      const making = makeSlots(caller, { storeId, serviceId: service.serviceId, slots });
      expect(await refusal(making)).toEqual(["NotFound", "NOT_FOUND", "no such store"]);
    }
    for (const serviceId of [foreignService.serviceId, uniqueId(), "x"]) {
      const making = makeSlots(caller, { storeId: own.storeId, serviceId, slots });
      expect(await refusal(making)).toEqual(["NotFound", "NOT_FOUND", "no such service"]);
    }
  });

  test("one bad slot keeps all of its request from being made", async () => {
    const caller = manager();
    const { storeId } = await makeStore(caller);
    const { serviceId } = await makeService(caller);
    for (const [hours, ms] of [
      [0, 0],
      [-1, -3_600_000],
      [25, 90_000_000],
    ] as const) {
      const slots = [windowAt(NOW_MS), windowAt(NOW_MS, hours)];
      expect(await refusal(makeSlots(caller, { storeId, serviceId, slots }))).toEqual([
        "InvalidArgument",
        "BAD_SLOT",
        `slots[1] must end after it begins and at most 24 hours later: it is ${ms} ms long`,
      ]);
    }
    const listed = await call<ListAvailabilityResponse>(caller, "listAvailability", {
      storeIds: [storeId],
      localDate: "2036-11-07",
    });
    expect(listed.slots).toEqual([]);
  });

  test("a slot is shown to its tenant's people and to services, and does not exist for others", async () => {
    const slot = await makeSlot(database);
    const key = { storeId: slot.storeId, slotId: slot.slotId };
    for (const caller of [
      { role: "shopper", tenantId: slot.tenantId },
      { role: "staff", tenantId: slot.tenantId },
      scheduling,
    ] as const) {
      const found = await call<GetSlotResponse>(caller, "getSlot", key);
      expect(found.slot).toMatchObject({ ...key, totalSpots: 100, availableSpots: 100 });
    }
    const stranger: Partial<Caller> = { role: "manager", tenantId: uniqueTenant() };
    for (const [caller, asked] of [
      [stranger, key],
      [scheduling, { ...key, slotId: uniqueId() }],
      [scheduling, { ...key, slotId: "9999999999999999999" }],
    ] as const) {
      expect(await refusal(call(caller, "getSlot", asked))).toEqual([
        "NotFound",
        "NOT_FOUND",
        "no such slot",
      ]);
    }
  });
});
