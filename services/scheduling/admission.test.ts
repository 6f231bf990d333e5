// The memory of sold-out slots: who is answered from it, for how long, and who goes to Redis meanwhile.

import { describe, expect, test } from "vitest";
import { silentLogger } from "#shared/testing.ts";
import { createGate } from "./admission.ts";
import type { ClaimsClient } from "./clients.ts";
import { appointmentIdOf, type Wish } from "./domain.ts";
import type { SchedulingRedis } from "./redis.ts";

function wishOf(shopperId: string): Wish {
  return {
    appointmentId: appointmentIdOf("t", shopperId, "r"),
    ...{ tenantId: "t", shopperId, storeId: "7", slotId: "101", partySize: 1 },
  };
}

/** A gate whose Redis says of slot 101, made from the rows before, that "winner" has its last spot. */
async function makeGate() {
  const clock = { ms: 1000 };
  const stock = { freeSpots: 0, asked: 0 };
  const redis = {
    noteWarm: async () => {},
    warm: async () => 0,
    admit: async (_slotId: string, wishes: readonly Wish[]) => {
      stock.asked += 1;
      const kind = stock.freeSpots > 0 ? "admitted" : "sold-out";
      const admissions = wishes.map(() => ({ kind, detail: "" }));
      return { admissions, freeSpots: stock.freeSpots, holders: ["winner"] };
    },
  } as unknown as SchedulingRedis;
  const claims = {
    listSlotStock: async () => ({
      stocks: [{ slot: { slotId: "101" }, version: 1n, activeClaims: [] }],
    }),
  } as unknown as ClaimsClient;
  const logger = silentLogger();
  const gate = createGate({ redis, claims, holdMs: 1000, now: () => clock.ms, logger });
  await gate.warm([{ storeId: "7", slotId: "101" }]);
  expect(await gate.admit(wishOf("first"))).toMatchObject({ kind: "sold-out" });
  return { gate, clock, stock };
}

describe("a slot that was sold out a moment ago", () => {
  test("is sold out for everyone but who holds spots, and no other slot is", async () => {
    const { gate } = await makeGate();
    expect(gate.isSoldOut("101", "anyone")).toBe(true);
    expect(gate.isSoldOut("101", "winner")).toBe(false);
    expect(gate.isSoldOut("102", "anyone")).toBe(false);
  });

  test("is asked about by one before it is too old, by all after 50 ms", async () => {
    const { gate, clock, stock } = await makeGate();
    clock.ms += 35;
    expect(gate.isSoldOut("101", "one")).toBe(false);
    expect(gate.isSoldOut("101", "others")).toBe(true);
    clock.ms += 15;
    expect(gate.isSoldOut("101", "others")).toBe(true);
    clock.ms += 1;
    expect(gate.isSoldOut("101", "others")).toBe(false);
    expect(await gate.admit(wishOf("others"))).toMatchObject({ kind: "sold-out" });
    expect(stock.asked).toBe(2);
    expect(gate.isSoldOut("101", "anyone")).toBe(true);
  });

  test("is forgotten when spots come back, when Redis says so, and when Redis was away", async () => {
    const { gate, clock, stock } = await makeGate();
    gate.clear("101");
    expect(gate.isSoldOut("101", "anyone")).toBe(false);
    await gate.admit(wishOf("anyone"));
    expect(gate.isSoldOut("101", "anyone")).toBe(true);
    clock.ms += 40;
    stock.freeSpots = 1;
    await gate.admit(wishOf("anyone"));
    expect(gate.isSoldOut("101", "anyone")).toBe(false);
    stock.freeSpots = 0;
    await gate.admit(wishOf("anyone"));
    expect(gate.isSoldOut("101", "anyone")).toBe(true);
    gate.distrust();
    expect(gate.isSoldOut("101", "anyone")).toBe(false);
  });
});
