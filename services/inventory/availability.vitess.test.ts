// Goal: what is free on a day is what begins on that day where the store is.
// Method: three stores in zones that change their clocks on other days or never, with a slot every hour.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ListAvailabilityResponse } from "#gen/slotmesh/inventory/v1/inventory_service_pb.ts";
import type { Caller } from "#shared/auth.ts";
import { openDatabase } from "#shared/mysql.ts";
import { testConfig, uniqueId, uniqueTenant } from "#shared/testing.ts";
import { createCallers, HOUR_MS, manager, methodsOver, refusal, windowAt } from "./testing.ts";

const database = openDatabase(testConfig().mysqlDsn, "inventory");
afterAll(() => database.stop());
const { call, makeStore, makeService, makeSlots } = createCallers(methodsOver(database));

describe("availability", () => {
  const caller = manager();
  const zones = ["Pacific/Honolulu", "America/New_York", "Australia/Lord_Howe"];
  let stores: string[] = [];
  let serviceId = "";
  let otherServiceId = "";

  beforeAll(async () => {
    serviceId = (await makeService(caller)).serviceId;
    otherServiceId = (await makeService(caller)).serviceId;
    stores = await Promise.all(
      zones.map(async (timeZone) => {
        const { storeId } = await makeStore(caller, { timeZone });
        // Every hour of three days and three nights, and one of another service.
        const from = Date.parse("2026-10-31T00:00:00Z");
        const slots = Array.from({ length: 72 }, (_, hour) => windowAt(from + hour * HOUR_MS));
        await makeSlots(caller, { storeId, serviceId, slots });
        const noon = [windowAt(Date.parse("2026-11-01T12:30:00Z"))];
        await makeSlots(caller, { storeId, serviceId: otherServiceId, slots: noon });
        return storeId;
      }),
    );
  });

  async function list(request: object, as: Partial<Caller> = {}) {
    const { slots } = await call<ListAvailabilityResponse>(as, "listAvailability", {
      tenantId: caller.tenantId,
      storeIds: stores,
      localDate: "2026-11-01",
      ...request,
    });
    return slots.map(({ storeId, startTime }) => ({
      storeId,
      startsAtMs: Number(startTime?.seconds ?? 0n) * 1000,
    }));
  }

  test("each store's day is its own: 24 hours in Honolulu, 25 in New York, begun first on Lord Howe", async () => {
    const slots = await list({ serviceId });
    const days = stores.map((storeId) => {
      const starts = slots
        .filter((slot) => slot.storeId === storeId)
        .map((slot) => slot.startsAtMs);
      return [starts.length, new Date(starts[0] ?? 0).toISOString()];
    });
    expect(days).toEqual([
      [24, "2026-11-01T10:00:00.000Z"],
      [25, "2026-11-01T04:00:00.000Z"],
      [24, "2026-10-31T13:00:00.000Z"],
    ]);
  });

  test("slots come by store and start, with those of all services or of one", async () => {
    const all = await list({});
    expect(all).toHaveLength(24 + 25 + 24 + 3);
    const sorted = [...all].sort((a, b) =>
      a.storeId === b.storeId
        ? a.startsAtMs - b.startsAtMs
        : Number(BigInt(a.storeId) - BigInt(b.storeId)),
    );
    expect(all).toEqual(sorted);
    expect(await list({ serviceId: otherServiceId })).toHaveLength(3);
    expect(await list({ serviceId: uniqueId() })).toEqual([]);
    expect(await list({ serviceId: "all" })).toEqual([]);
  });

  test("stores that are not the tenant's, or nobody's, are left out", async () => {
    const foreign = await makeStore(manager());
    const storeIds = [stores[0], foreign.storeId, uniqueId(), "007", "9999999999999999999"];
    expect(await list({ storeIds })).toHaveLength(25);
    expect(await list({ tenantId: uniqueTenant() })).toEqual([]);
    expect(
      await list({ tenantId: "" }, { role: "shopper", tenantId: caller.tenantId ?? "" }),
    ).toHaveLength(76);
    expect(await list({ storeIds: ["007"] })).toEqual([]);
  });

  test("a day that is in no calendar is refused, and one that the zone skipped is empty", async () => {
    expect(await refusal(list({ localDate: "2026-02-30" }))).toEqual([
      "InvalidArgument",
      "BAD_DATE",
      "local_date 2026-02-30 is not in the calendar: wanted a day like 2026-11-07",
    ]);
    expect(await refusal(list({ tenantId: "" }))).toEqual([
      "InvalidArgument",
      "TENANT_NEEDED",
      "tenant_id is needed where no token says it",
    ]);
    const apia = await makeStore(caller, { timeZone: "Pacific/Apia" });
    expect(await list({ storeIds: [apia.storeId], localDate: "2011-12-30" })).toEqual([]);
  });
});
