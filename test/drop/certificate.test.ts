import { describe, expect, it } from "vitest";
import {
  type AuditFacts,
  type Facts,
  formatCertificate,
  judge,
  type SlotFacts,
} from "./certificate.ts";

const AUDIT: AuditFacts = {
  totalSpots: 100,
  availableSpots: 0,
  lockedSpots: 0,
  claimedSpots: 100,
  confirmedSpots: 100,
  confirmedAppointments: 100,
  doubledShoppers: 0,
  codes: 100,
  admissionFreeSpots: 0,
  drifts: [],
};

const SLOT: SlotFacts = {
  store: "BetterBuy - Aiea",
  localTime: "Sat, Mar 6, 2027, 9:00 AM HST",
  totalSpots: 100,
  wantedSpots: 1700,
  smallestRefused: 1,
  confirmedSpots: 100,
  confirmedShoppers: 100,
  audit: AUDIT,
};
const PLACE = `${SLOT.store}, ${SLOT.localTime}:`;

const FACTS: Facts = {
  runId: "20270101-abcdef",
  seed: 7,
  shoppers: 5000,
  duplicates: 3,
  partyMax: 1,
  sent: 10_012,
  sentInLoad: 8400,
  retries: 1,
  admitted: 300,
  refusedAtOnce: { "sold out": 4700 },
  refusedLater: {},
  endedOtherwise: {},
  confirmed: 300,
  cancelled: 0,
  unanswered: 0,
  unheard: 0,
  failures: {},
  contradictions: [],
  codes: { issued: 300, distinct: 300, faults: [] },
  redemptions: { tried: 30, redeemed: 30, failures: [] },
  slots: [SLOT, SLOT, SLOT],
  latencyMs: { p50: 8.31, p99: 120.4, max: 250.9 },
  answeredMs: 2000,
  settledMs: 600,
};

/** A drop of one slot, everything right but what is given. */
function withSlot(slot: Partial<SlotFacts>, audit: Partial<AuditFacts> = {}): Facts {
  return { ...FACTS, slots: [{ ...SLOT, audit: { ...AUDIT, ...audit }, ...slot }] };
}

describe("a drop in which every promise was kept", () => {
  it("is certified, and the certificate can be read at a glance", () => {
    expect(judge(FACTS)).toEqual([]);
    expect(formatCertificate(FACTS)).toBe(`
DROP CERTIFICATE   run 20270101-abcdef   seed 7

  shoppers                    5,000   each sends 1 to 3 times
  requests sent              10,012   1 retry
  admitted                      300
  refused at once             4,700   sold out
  confirmed                     300
  refused after queueing          0
  ended otherwise                 0
  without a final answer          0
  codes issued                  300   300 distinct
  codes redeemed                 30   each once, of 30 tried

  store             local time                           sold  free  locked  confirmed  appointments  codes  Redis free  drift
  BetterBuy - Aiea  Sat, Mar 6, 2027, 9:00 AM HST  100 of 100     0       0        100           100    100           0      0
  BetterBuy - Aiea  Sat, Mar 6, 2027, 9:00 AM HST  100 of 100     0       0        100           100    100           0      0
  BetterBuy - Aiea  Sat, Mar 6, 2027, 9:00 AM HST  100 of 100     0       0        100           100    100           0      0

  first answer            p50 8.3 ms   p99 120 ms   max 251 ms
  answering took          2.00 s   4,200 requests/s
  settling took           0.60 s   500 bookings/s

CERTIFIED: 300 of 300 spots sold, each once`);
  });

  it("shows of many slots those that say something, and their sum", () => {
    const left = { audit: { ...AUDIT, availableSpots: 40, claimedSpots: 60 }, storeName: "" };
    const odd = { ...SLOT, ...left, store: "BetterBuy - Kapolei" };
    const certificate = formatCertificate({
      ...FACTS,
      slots: [...Array.from({ length: 12 }, () => SLOT), odd],
    });
    expect(certificate.split("\n").filter((line) => / of 1[0-9,]*00 /.test(line))).toEqual([
      "  BetterBuy - Kapolei  Sat, Mar 6, 2027, 9:00 AM HST       60 of 100    40       0         60           100    100           0      0",
      "  all 13 slots                                        1,260 of 1,300    40       0      1,260         1,300  1,300           0      0",
    ]);
  });

  it("may have been given back by their owners, while the mesh was being broken", () => {
    const chaos = {
      ...{ faults: [], lastFinalMs: 5, operations: 2, unknown: 1 },
      violations: [],
    };
    const facts = { ...FACTS, admitted: 307, cancelled: 7, shoppers: 5007, chaos };
    expect(judge(facts)).toEqual([]);
    const certificate = formatCertificate(facts);
    expect(certificate).toContain("  given back by owners            7\n");
    expect(certificate).toContain("2 operations in the history, 1 with an unknown end");
  });

  it("may leave a spot that is too small for every party that was sent away", () => {
    const facts = withSlot(
      { smallestRefused: 2, confirmedSpots: 99, confirmedShoppers: 60 },
      {
        availableSpots: 1,
        claimedSpots: 99,
        confirmedSpots: 99,
        confirmedAppointments: 60,
        codes: 60,
      },
    );
    expect(judge(facts)).toEqual([]);
    expect(formatCertificate(facts)).toContain(
      "CERTIFIED: 99 of 100 spots sold, each once (1 left: less than any party needed that was sent away)",
    );
  });

  it("may leave what nobody wanted", () => {
    const { smallestRefused: _, ...unlimited } = SLOT;
    const audit = { ...AUDIT, availableSpots: 98, claimedSpots: 2, confirmedSpots: 2 };
    const facts: Facts = {
      ...FACTS,
      slots: [
        {
          ...unlimited,
          wantedSpots: 2,
          confirmedSpots: 2,
          confirmedShoppers: 2,
          audit: { ...audit, confirmedAppointments: 2, codes: 2, admissionFreeSpots: 98 },
        },
      ],
    };
    expect(judge(facts)).toEqual([]);
    expect(formatCertificate(facts)).toContain(
      "CERTIFIED: 2 of 100 spots sold, each once (98 left: nobody else came)",
    );
  });
});

describe("a drop fails", () => {
  const { smallestRefused: _, ...nobodyRefused } = SLOT;
  const cases: readonly (readonly [string, Facts, readonly string[]])[] = [
    [
      "when more is sold than there is",
      withSlot({}, { claimedSpots: 101 }),
      [`${PLACE} 101 spots of 100 are sold: oversold`, `${PLACE} 0 free and 101 taken of 100`],
    ],
    [
      "when a spot is left that someone who was sent away could have had",
      withSlot(
        { confirmedSpots: 99, confirmedShoppers: 99 },
        {
          availableSpots: 1,
          claimedSpots: 99,
          confirmedSpots: 99,
          confirmedAppointments: 99,
          codes: 99,
        },
      ),
      [`${PLACE} 1 spot is free, and a party of 1 was told it is sold out`],
    ],
    [
      "when nobody was refused and someone has nothing",
      {
        ...FACTS,
        slots: [
          {
            ...nobodyRefused,
            wantedSpots: 101,
            audit: { ...AUDIT, availableSpots: 1, claimedSpots: 99 },
          },
        ],
      },
      [`${PLACE} 99 spots are sold, 100 could have been, and nobody was refused`],
    ],
    [
      "when a slot has another size than was opened",
      withSlot({}, { totalSpots: 99 }),
      [`${PLACE} 100 spots were opened and it has 99`],
    ],
    [
      "when shoppers were told something else than the rows say",
      withSlot({ confirmedShoppers: 99, confirmedSpots: 99 }),
      [`${PLACE} shoppers were told of 99 appointments with 99 spots, the rows have 100 with 100`],
    ],
    [
      "when a shopper has two",
      withSlot({}, { doubledShoppers: 1 }),
      [`${PLACE} 1 shopper has more than one appointment`],
    ],
    [
      "when an appointment has no code in the rows",
      withSlot({}, { codes: 99 }),
      [`${PLACE} 100 appointments and 99 codes`],
    ],
    [
      "when the mesh itself sees drift",
      withSlot({}, { drifts: ["admission believes 1 spots are free, 0 are"] }),
      [`${PLACE} drift: admission believes 1 spots are free, 0 are`],
    ],
    [
      "when a slot could not be audited",
      withSlot({ audit: { failure: "Unavailable: gone" } }),
      [`${PLACE} it could not be audited: Unavailable: gone`],
    ],
    [
      "when someone who was let in has no final answer",
      {
        ...FACTS,
        unanswered: 2,
        confirmed: 298,
        codes: { issued: 298, distinct: 298, faults: [] },
      },
      ["2 shoppers got no final answer"],
    ],
    [
      "when someone got no answer at all",
      { ...FACTS, unheard: 1, refusedAtOnce: { "sold out": 4699 } },
      ["1 shopper got no answer at all"],
    ],
    [
      "when a request failed for good",
      { ...FACTS, failures: { "Internal: a bug of ours, see the log": 3 } },
      ["3 requests failed for good: Internal: a bug of ours, see the log"],
    ],
    [
      "when an answer was contradicted",
      { ...FACTS, contradictions: ["drop-1 (request drop-1) has two appointments: a and b"] },
      ["drop-1 (request drop-1) has two appointments: a and b"],
    ],
    [
      "when someone was refused for anything but the spots",
      { ...FACTS, refusedAtOnce: { "sold out": 4699, "user limit": 1 } },
      ["1 shopper refused at once: user limit"],
    ],
    [
      "when someone was let in and then refused for anything but the spots",
      {
        ...FACTS,
        admitted: 301,
        refusedAtOnce: { "sold out": 4699 },
        refusedLater: { "too late": 1 },
      },
      ["1 shopper refused after they were let in: too late"],
    ],
    [
      "when an appointment ended by itself",
      {
        ...FACTS,
        admitted: 301,
        refusedAtOnce: { "sold out": 4699 },
        endedOtherwise: { expired: 1 },
      },
      ["1 appointment ended as expired: nobody asked for that"],
    ],
    [
      "when a code is missing",
      { ...FACTS, codes: { issued: 299, distinct: 299, faults: [] } },
      ["300 confirmed appointments have 299 codes"],
    ],
    [
      "when a code came twice",
      { ...FACTS, codes: { issued: 300, distinct: 299, faults: [] } },
      ["1 code of 300 came twice"],
    ],
    [
      "when a code is wrong",
      { ...FACTS, codes: { ...FACTS.codes, faults: ["the code of drop-1 is of another store"] } },
      ["the code of drop-1 is of another store"],
    ],
    [
      "when a code redeems other than once",
      {
        ...FACTS,
        redemptions: {
          tried: 30,
          redeemed: 29,
          failures: ["the code of drop-1 was expired at its store"],
        },
      },
      ["the code of drop-1 was expired at its store", "29 of 30 codes could be redeemed"],
    ],
    [
      "when what clients saw and the rows disagree",
      {
        ...FACTS,
        chaos: {
          ...{ faults: [], lastFinalMs: 5, operations: 2, unknown: 1 },
          violations: ["a was cancelled and its row says confirmed"],
        },
      },
      ["a was cancelled and its row says confirmed"],
    ],
    [
      "when its own counts do not add up",
      { ...FACTS, admitted: 299 },
      [
        "299 were let in and 300 are accounted for",
        "5000 came, 299 were let in, 4700 were refused at once, 0 heard nothing: that does not add up",
      ],
    ],
  ];

  it.each(cases)("%s", (_name, facts, sentences) => {
    expect(judge(facts)).toEqual(sentences);
    const certificate = formatCertificate(facts);
    expect(certificate).not.toContain("CERTIFIED");
    expect(certificate).toContain(`FAILED: ${sentences.length} violation`);
    expect(certificate).toContain(`  - ${sentences[0]}`);
  });
});
