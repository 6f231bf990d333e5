// A request id used twice for one slot, with another party size each time. Admission refuses the second,
// but admission may be away; then both records reach the pipeline, and one claim and one row, those of
// whichever came first, must stay what they are.

import { describe, expect, test } from "vitest";
import { CodeState } from "#gen/slotmesh/codes/v1/code_pb.ts";
import { ClaimRefusal, ClaimState } from "#gen/slotmesh/inventory/v1/claims_service_pb.ts";
import { AppointmentState } from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import { silentLogger } from "#shared/testing.ts";
import { appointmentIdOf, type Row } from "./domain.ts";
import type { Booking } from "./events.ts";
import { createPipeline, type PipelineOptions } from "./pipeline.ts";

const BOOKING: Booking = {
  appointmentId: appointmentIdOf("t", "shopper", "request"),
  tenantId: "t",
  shopperId: "shopper",
  storeId: "7",
  slotId: "101",
  partySize: 1,
  admittedAtMs: 1,
};

/** A pipeline between a table of claims and one of rows, each with its primary key. */
function makeMesh() {
  const claims = new Map<string, { state: ClaimState; partySize: number }>();
  const rows = new Map<string, Row>();
  const issued: number[] = [];
  const dies = { beforeT2: false };
  const { storeId, slotId } = BOOKING;
  type Wished = Pick<Booking, "appointmentId" | "partySize">;
  const claimsClient = {
    takeSpots: async ({ slots }: { slots: { takes: Wished[] }[] }) => ({
      slots: slots.map(({ takes }) => {
        const taken = takes.map(({ appointmentId, partySize }) => {
          const claim = claims.get(appointmentId) ?? { state: ClaimState.LOCKED, partySize };
          claims.set(appointmentId, claim);
          return claim;
        });
        return {
          states: taken.map(({ state }) => state),
          refusals: taken.map(() => ClaimRefusal.UNSPECIFIED),
          partySizes: taken.map(({ partySize }) => partySize),
        };
      }),
      takes: [{ storeId, slotId, attempt: 1n }],
    }),
    settleTakes: async () => {
      for (const [appointmentId, claim] of claims) {
        claims.set(appointmentId, { ...claim, state: ClaimState.CONFIRMED });
      }
    },
    releaseClaims: async ({ keys }: { keys: { appointmentId: string }[] }) => {
      for (const { appointmentId } of keys) {
        const claim = claims.get(appointmentId);
        claims.set(appointmentId, { partySize: 0, ...claim, state: ClaimState.RELEASED });
      }
      return { stocks: [] };
    },
  };
  const pipeline = createPipeline({
    store: {
      finish: async (wanted: readonly Row[]) => {
        if (dies.beforeT2) {
          throw new Error("the worker died before T2");
        }
        return wanted.map((row) => {
          const known = rows.get(row.appointmentId) ?? row;
          rows.set(row.appointmentId, known);
          return known;
        });
      },
    },
    claims: claimsClient,
    issuing: {
      issueCodes: async ({ issues }: { issues: { partySize: number }[] }) => {
        issued.push(...issues.map(({ partySize }) => partySize));
        return { states: issues.map(() => CodeState.LIVE) };
      },
    },
    redis: { settle: async () => {}, announce: async () => {} },
    gate: { clear: () => {} },
    now: () => 2,
    logger: silentLogger(),
  } as unknown as PipelineOptions);
  const claimOf = () => claims.get(BOOKING.appointmentId);
  const rowOf = () => rows.get(BOOKING.appointmentId);
  return { pipeline, claimOf, rowOf, issued, dies };
}

describe("another party size under the request id of a confirmed appointment", () => {
  test("leaves it its spots", async () => {
    const { pipeline, claimOf, rowOf } = makeMesh();
    await pipeline.handle([BOOKING]);
    await pipeline.handle([{ ...BOOKING, partySize: 2 }]);
    expect(rowOf()).toMatchObject({ state: AppointmentState.CONFIRMED, partySize: 1 });
    expect(claimOf()).toEqual({ state: ClaimState.CONFIRMED, partySize: 1 });
  });

  test("confirms no more spots than were taken, when the first died after T1", async () => {
    const { pipeline, claimOf, rowOf, issued, dies } = makeMesh();
    dies.beforeT2 = true;
    await expect(pipeline.handle([BOOKING])).rejects.toThrow("the worker died before T2");
    dies.beforeT2 = false;
    await pipeline.handle([BOOKING, { ...BOOKING, partySize: 2 }]);
    expect(rowOf()).toMatchObject({ state: AppointmentState.CONFIRMED, partySize: 1 });
    expect(claimOf()).toEqual({ state: ClaimState.CONFIRMED, partySize: 1 });
    expect(issued).toEqual([1]);
  });
});
