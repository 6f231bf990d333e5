import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import type {
  BookAppointmentRequest,
  SchedulingService,
} from "#gen/slotmesh/scheduling/v1/scheduling_service_pb.ts";
import {
  BookAppointmentResponseSchema,
  BookingOutcome,
} from "#gen/slotmesh/scheduling/v1/scheduling_service_pb.ts";
import type { MeshClient } from "#shared/client.ts";
import { Code, meshError } from "#shared/errors.ts";
import { createLedger, type DropSlot } from "./ledger.ts";
import { type DropOptions, parseOptions } from "./options.ts";
import { type LoadOptions, planShoppers, sendAll, sendLate } from "./shoppers.ts";

const SLOTS: readonly DropSlot[] = ["1", "2", "3"].map((slotId) => ({
  storeId: "9",
  slotId,
  storeName: "",
  timeZone: "UTC",
  startMs: 0,
  totalSpots: 10,
}));

const OPTIONS = parseOptions([
  ...["--shoppers", "500", "--duplicates", "4", "--party-max", "3", "--seed", "5"],
]) as DropOptions;

/** A mesh that is sold out, or answers with what is given. */
function newLoad(answer: (request: BookAppointmentRequest) => void = () => {}) {
  const sent = new Map<string, number>();
  const abort = new AbortController();
  const bookAppointment = async (request: BookAppointmentRequest) => {
    await new Promise(setImmediate);
    sent.set(request.requestId, (sent.get(request.requestId) ?? 0) + 1);
    answer(request);
    return create(BookAppointmentResponseSchema, { outcome: BookingOutcome.SOLD_OUT });
  };
  const load: LoadOptions = {
    clients: [{ bookAppointment } as unknown as MeshClient<typeof SchedulingService>],
    ledger: createLedger(() => {}),
    counts: { sent: 0, retries: 0, failures: new Map() },
    concurrency: 32,
    untilMs: performance.now() + 10_000,
    signal: abort.signal,
  };
  return { load, sent, abort };
}

describe("the plan of a run", () => {
  it("is the same for the same seed, and within what was asked for", () => {
    const plan = planShoppers("r", SLOTS, OPTIONS);
    expect(planShoppers("r", SLOTS, OPTIONS)).toEqual(plan);
    expect(planShoppers("r", SLOTS, { ...OPTIONS, seed: 6 })).not.toEqual(plan);
    expect(new Set(plan.map(({ slot }) => slot.slotId))).toEqual(new Set(["1", "2", "3"]));
    expect(new Set(plan.map(({ partySize }) => partySize))).toEqual(new Set([1, 2, 3]));
    const copies = plan.map(({ copies: { together, later, late } }) => together + later + late);
    expect(new Set(copies)).toEqual(new Set([0, 1, 2, 3]));
  });
});

describe("the load", () => {
  it("sends each request as often as planned, the last copies only at the end", async () => {
    const shoppers = planShoppers("r", SLOTS, OPTIONS);
    const { load, sent } = newLoad();
    await sendAll(shoppers, OPTIONS.seed, load);
    for (const { requestId, copies } of shoppers) {
      expect(sent.get(requestId)).toBe(1 + copies.together + copies.later);
    }
    await sendLate(shoppers, load);
    for (const { requestId, copies } of shoppers) {
      expect(sent.get(requestId)).toBe(1 + copies.together + copies.later + copies.late);
    }
    expect(load.ledger.counts.answered).toBe(500);
  });

  it("sends what a busy mesh refused again, and gives up on what is wrong for good", async () => {
    const refused = new Set<string>();
    const shoppers = planShoppers("r", SLOTS, { ...OPTIONS, shoppers: 20, duplicates: 1 });
    const { load } = newLoad(({ requestId }) => {
      if (requestId === "drop-r-1") {
        throw meshError(Code.Internal, "a bug", { reason: "INTERNAL" });
      }
      if (!refused.has(requestId)) {
        refused.add(requestId);
        throw meshError(Code.Unavailable, "away", { reason: "AWAY", retryMs: 5 });
      }
    });
    await sendAll(shoppers, OPTIONS.seed, load);
    expect(load.counts).toEqual({
      sent: 39,
      retries: 19,
      failures: new Map([["Internal: a bug", 1]]),
    });
    expect(load.ledger.counts.answered).toBe(19);
  });

  it("ends when it is interrupted, with copies still to send", async () => {
    const { load, sent, abort } = newLoad(() => {
      if (sent.size > 100) {
        abort.abort();
      }
    });
    await sendAll(planShoppers("r", SLOTS, OPTIONS), OPTIONS.seed, load);
    expect(sent.size).toBeLessThan(140);
  });
});
