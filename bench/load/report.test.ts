import { describe, expect, it } from "vitest";
import { AppointmentState, RefusalReason } from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import type { AuditFacts, SlotFacts } from "../../test/drop/certificate.ts";
import type { Shopper } from "../../test/drop/ledger.ts";
import type { CpuAccount } from "../cpu.ts";
import { planCalls } from "./calls.ts";
import { type LoadOptions, parseOptions } from "./options.ts";
import { type Batch, formatLoad, judgeLoad, type LoadFacts } from "./report.ts";

const SPOTS = 2;
const CALLS = 5;
const PLACE = "Aiea, 9:00 AM:";

const AUDIT: AuditFacts = {
  totalSpots: SPOTS,
  availableSpots: 0,
  lockedSpots: 0,
  claimedSpots: SPOTS,
  confirmedSpots: SPOTS,
  confirmedAppointments: SPOTS,
  doubledShoppers: 0,
  codes: SPOTS,
  admissionFreeSpots: 0,
  drifts: [],
};

const SLOT: SlotFacts = {
  store: "Aiea",
  localTime: "9:00 AM",
  totalSpots: SPOTS,
  wantedSpots: CALLS,
  smallestRefused: 1,
  confirmedSpots: SPOTS,
  confirmedShoppers: SPOTS,
  audit: AUDIT,
};

const ACCOUNT: CpuAccount = {
  wallMs: 1000,
  cores: 2,
  uses: [
    { name: "redis", cpuMs: 1, endedChildrenMs: 0, isRestarted: true },
    { name: "scheduling", cpuMs: 500, endedChildrenMs: 0, isRestarted: false },
    { name: "ghz", cpuMs: 250, endedChildrenMs: 0, isRestarted: false },
  ],
  foreignMs: 120,
  foreignShare: 0.06,
  interruptMs: 20,
  stolenMs: 2,
};

/** Five who wanted one of two spots: the first two have one. */
function newShoppers(change: Partial<Shopper> = {}): Shopper[] {
  const slot = {
    ...{ storeId: "9", slotId: "1", storeName: "", timeZone: "UTC" },
    ...{ startMs: 0, totalSpots: SPOTS },
  };
  return planCalls("r", CALLS, [slot]).map((shopper, index) =>
    index >= SPOTS
      ? shopper
      : {
          ...shopper,
          appointmentId: `${index}`,
          state: AppointmentState.CONFIRMED,
          finalMs: 1,
          ...(index === 0 && change),
        },
  );
}

function newFacts(load: Partial<Batch> = {}, change: Partial<LoadFacts> = {}): LoadFacts {
  return {
    runId: "20270101-abcdef",
    options: parseOptions(["--calls", String(CALLS)]) as LoadOptions,
    warming: { shoppers: [], slots: [] },
    load: {
      shoppers: newShoppers(),
      report: {
        calls: CALLS,
        tookMs: 1000,
        callsPerSecond: 5,
        latencyMs: { fastest: 1, average: 2, p50: 3, p90: 4, p99: 10.4, slowest: 6 },
        statuses: { OK: CALLS },
        errors: {},
      },
      slots: [SLOT],
      ...load,
    },
    codes: { issued: SPOTS, distinct: SPOTS },
    faults: [],
    answering: ACCOUNT,
    settling: { ...ACCOUNT, wallMs: 2000, foreignShare: 0.01 },
    ...change,
  };
}

/** A load in which some calls were not answered. */
function withFailed(statuses: Record<string, number>, slot: Partial<SlotFacts> = {}): LoadFacts {
  const { report } = newFacts().load;
  return newFacts({
    ...(report && { report: { ...report, statuses, errors: { away: 1 } } }),
    slots: [{ ...SLOT, ...slot }],
  });
}

describe("a load in which every promise was kept", () => {
  it("is certified, and tells what it cost", () => {
    expect(judgeLoad(newFacts())).toEqual([]);
    expect(formatLoad(newFacts())).toBe(`
LOAD CERTIFICATE   run 20270101-abcdef   saturate, 64 at once, 4 connections, one token

  calls           5   OK 5
  took            1.00 s   5 calls/s
  latency         average 2.0 ms   p50 3.0 ms   p90 4.0 ms   p99 10 ms   fastest 1.0 ms   slowest 6.0 ms
  settled after   2.00 s   2 bookings

                       until answered        until settled
  processor time   us/call  of a core   us/call  of a core
  scheduling      100000.0       50 %  100000.0       25 %
  redis              200.0      0.1 %     200.0      0.1 %
  the mesh        100200.0       50 %  100200.0       25 %
  ghz              50000.0       25 %   50000.0       13 %
  load                 0.0      0.0 %       0.0      0.0 %

  until answered: others took 6.0 % of the machine, interrupts 1.0 %, stolen 0.1 %   NOISY: more than 5.0 %
  until settled: others took 1.0 % of the machine, interrupts 0.5 %, stolen 0.1 %
  redis was started again: what it used before is not in here

  store  local time    sold  free  locked  confirmed  appointments  codes  Redis free  drift
  Aiea   9:00 AM     2 of 2     0       0          2             2      2           0      0

CERTIFIED: 2 of 2 spots sold, each once`);
  });

  it("may have turned calls away that had no effect", () => {
    const facts = withFailed({ OK: 4, Unavailable: 1 });
    expect(judgeLoad(facts)).toEqual([]);
    expect(formatLoad(facts)).toMatch(
      /CERTIFIED: 2 of 2 spots sold, each once\n1 call of 5 failed$/,
    );
  });

  it("may have spots left where calls failed", () => {
    const one = { confirmedSpots: 1, confirmedShoppers: 1 };
    const { smallestRefused: _, ...nobodyRefused } = SLOT;
    const audit = { ...AUDIT, availableSpots: 1, claimedSpots: 1, admissionFreeSpots: 1, codes: 1 };
    const rows = { ...audit, confirmedSpots: 1, confirmedAppointments: 1 };
    const { report } = newFacts().load;
    const facts = (unavailable: number) =>
      newFacts(
        {
          shoppers: newShoppers({ appointmentId: "", state: AppointmentState.UNSPECIFIED }),
          ...(report && {
            report: { ...report, statuses: { OK: CALLS - unavailable, Unavailable: unavailable } },
          }),
          slots: [{ ...nobodyRefused, ...one, audit: rows }],
        },
        { codes: { issued: 1, distinct: 1 } },
      );
    expect(judgeLoad(facts(4))).toEqual([]);
    expect(judgeLoad(facts(3))).toEqual([
      "4 shoppers have nothing at slots with free spots, 3 calls failed",
    ]);
  });
});

describe("a load fails", () => {
  const cases: readonly (readonly [string, LoadFacts, readonly string[]])[] = [
    [
      "when more is sold than there is",
      newFacts({ slots: [{ ...SLOT, audit: { ...AUDIT, claimedSpots: 3 } }] }),
      [`${PLACE} 3 spots of 2 are sold: oversold`, `${PLACE} 0 free and 3 taken of 2`],
    ],
    [
      "when more is sold than there is, with calls that failed",
      withFailed({ OK: 4, Unavailable: 1 }, { audit: { ...AUDIT, claimedSpots: 3 } }),
      [`${PLACE} 3 spots of 2 are sold: oversold`, `${PLACE} 0 free and 3 taken of 2`],
    ],
    [
      "when shoppers have something else than the rows say",
      newFacts({ slots: [{ ...SLOT, confirmedShoppers: 1, confirmedSpots: 1 }] }),
      [`${PLACE} shoppers were told of 1 appointment with 1 spots, the rows have 2 with 2`],
    ],
    [
      "when a call ended as none may",
      withFailed({ OK: 3, Internal: 2 }),
      ["2 calls ended with Internal"],
    ],
    [
      "when ghz made another number of calls",
      newFacts({
        report: { ...(newFacts().load.report as NonNullable<Batch["report"]>), calls: 7 },
      }),
      ["ghz made 7 calls of 5"],
    ],
    [
      "when the warm-up broke a promise",
      newFacts({}, { warming: { shoppers: [], slots: [{ ...SLOT, audit: { failure: "gone" } }] } }),
      [`${PLACE} it could not be audited: gone`],
    ],
    [
      "when someone was let in and refused for anything but the spots",
      newFacts(
        {
          shoppers: newShoppers({
            state: AppointmentState.REFUSED,
            refusal: RefusalReason.TOO_LATE,
          }),
        },
        { codes: { issued: 1, distinct: 1 } },
      ),
      ["1 appointment ended as too late"],
    ],
    [
      "when an appointment has no final state",
      newFacts({
        shoppers: [
          ...newShoppers(),
          { ...(newShoppers()[4] as Shopper), appointmentId: "4", state: AppointmentState.PENDING },
        ],
        report: {
          ...(newFacts().load.report as NonNullable<Batch["report"]>),
          calls: 6,
          statuses: { OK: 6 },
        },
      }),
      ["1 shopper got no final answer"],
    ],
    [
      "when a code is missing",
      newFacts({}, { codes: { issued: 1, distinct: 1 } }),
      ["2 confirmed appointments, 1 code"],
    ],
    [
      "when a code came twice",
      newFacts({}, { codes: { issued: 2, distinct: 1 } }),
      ["1 code of 2 came twice"],
    ],
    [
      "when something cannot be",
      newFacts({}, { faults: ["load-r-1 is odd"] }),
      ["load-r-1 is odd"],
    ],
  ];

  it.each(cases)("%s", (_name, facts, sentences) => {
    expect(judgeLoad(facts)).toEqual(sentences);
    expect(formatLoad(facts)).toContain(`FAILED: ${sentences.length} violation`);
    expect(formatLoad(facts)).not.toContain("CERTIFIED");
  });
});
