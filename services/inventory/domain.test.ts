// The rules, by tables of cases. Nothing needs to run.

import { describe, expect, test } from "vitest";
import { ClaimRefusal } from "#gen/slotmesh/inventory/v1/claims_service_pb.ts";
import {
  applyChanges,
  batchesOf,
  compareKeys,
  decideTakes,
  findLocalDay,
  findPageStart,
  findTimeZone,
  isStoredId,
  judgeRepeat,
  nameOfSlot,
  requestMark,
  type Slot,
  sumSpots,
  type Take,
  toPageToken,
} from "./domain.ts";

const NOW_MS = 1_000_000;
const HOUR_MS = 3_600_000;

const slot: Slot = {
  storeId: "7",
  slotId: "70",
  tenantId: "acme",
  serviceId: "1",
  timeZone: "Pacific/Honolulu",
  startsAtMs: NOW_MS + HOUR_MS,
  endsAtMs: NOW_MS + 2 * HOUR_MS,
  opensAtMs: NOW_MS,
  total: 3,
  available: 3,
  partySizeMax: 2,
  version: 1,
};

function take(appointment: number, changes: Partial<Take> = {}): Take {
  return {
    storeId: "7",
    slotId: "70",
    appointmentId: `${appointment.toString(16).padStart(32, "0")}00`,
    tenantId: "acme",
    shopperId: `shopper-${appointment}`,
    partySize: 1,
    ...changes,
  };
}

function decide(takes: Take[], changes: Partial<Slot> = {}, nowMs = NOW_MS): ClaimRefusal[] {
  const one = { ...slot, ...changes };
  return decideTakes(takes, new Map([[nameOfSlot(one), one]]), nowMs);
}

describe("who gets spots", () => {
  test("wishes get spots in the order given until there are none", () => {
    expect(decide([take(4), take(3), take(2), take(1)])).toEqual([0, 0, 0, ClaimRefusal.SOLD_OUT]);
  });

  test("a party that does not fit is refused, and a smaller one after it still fits", () => {
    const parties = [take(1, { partySize: 2 }), take(2, { partySize: 2 }), take(3)];
    expect(decide(parties)).toEqual([0, ClaimRefusal.SOLD_OUT, 0]);
  });

  test.each([
    ["an unknown slot", take(1, { slotId: "71" }), NOW_MS, ClaimRefusal.NO_SUCH_SLOT],
    ["another tenant's slot", take(1, { tenantId: "other" }), NOW_MS, ClaimRefusal.NO_SUCH_SLOT],
    ["the millisecond before it opens", take(1), NOW_MS - 1, ClaimRefusal.NOT_OPEN],
    ["the millisecond in which it opens", take(1), NOW_MS, 0],
    ["the millisecond before it starts", take(1), NOW_MS + HOUR_MS - 1, 0],
    ["the millisecond in which it starts", take(1), NOW_MS + HOUR_MS, ClaimRefusal.TOO_LATE],
    ["the largest party", take(1, { partySize: 2 }), NOW_MS, 0],
    ["too large a party", take(1, { partySize: 3 }), NOW_MS, ClaimRefusal.PARTY_TOO_LARGE],
  ])("%s is answered as it should be", (_, wish, nowMs, refusal) => {
    expect(decide([wish], {}, nowMs)).toEqual([refusal]);
  });

  test("a refused wish takes nothing from those after it", () => {
    const wishes = [take(1, { partySize: 3 }), take(2, { tenantId: "other" }), take(3)];
    expect(decide(wishes, { available: 1 })).toEqual([
      ClaimRefusal.PARTY_TOO_LARGE,
      ClaimRefusal.NO_SUCH_SLOT,
      0,
    ]);
  });

  test("slots do not share their spots", () => {
    const other = { ...slot, slotId: "71", available: 1 };
    const slots = new Map([slot, other].map((one) => [nameOfSlot(one), one]));
    const wishes = [take(1, { slotId: "71" }), take(2, { slotId: "71" }), take(3)];
    expect(decideTakes(wishes, slots, NOW_MS)).toEqual([0, ClaimRefusal.SOLD_OUT, 0]);
  });

  test("sums are by slot and in the order of the keys, and change slots once each", () => {
    const winners = [
      take(1, { storeId: "10", slotId: "5" }),
      take(2, { storeId: "9", slotId: "6", partySize: 2 }),
      take(3, { storeId: "10", slotId: "5", partySize: 2 }),
    ];
    const changes = sumSpots(winners, -1);
    expect(changes).toEqual([
      { storeId: "9", slotId: "6", spots: -2 },
      { storeId: "10", slotId: "5", spots: -3 },
    ]);
    const before = { ...slot, storeId: "10", slotId: "5" };
    const after = applyChanges(new Map([["10/5", before]]), changes);
    expect([...after.values()]).toEqual([{ ...before, available: 0, version: 2 }]);
  });
});

describe("batches", () => {
  test("a wish that is there twice is decided once, by its first body", () => {
    expect(batchesOf([take(1), take(2), take(1, { partySize: 2 })], 10)).toEqual([
      [take(1), take(2)],
    ]);
  });

  test("a shopper's other wishes for a slot come after everyone's first", () => {
    const again = take(3, { shopperId: "shopper-1" });
    const elsewhere = take(4, { shopperId: "shopper-1", slotId: "71" });
    const namesake = take(5, { shopperId: "shopper-1", tenantId: "other" });
    expect(batchesOf([take(1), again, take(2), elsewhere, namesake], 10)).toEqual([
      [take(1), take(2), elsewhere, namesake],
      [again],
    ]);
  });

  test("a batch has a bound", () => {
    const takes = Array.from({ length: 7 }, (_, index) => take(index));
    expect(batchesOf(takes, 3).map((batch) => batch.length)).toEqual([3, 3, 1]);
  });

  test("keys are ordered by number, then by appointment", () => {
    const keys = [
      take(1, { storeId: "10" }),
      take(2, { storeId: "9", slotId: "100" }),
      take(4, { storeId: "9", slotId: "11" }),
      take(3, { storeId: "9", slotId: "11" }),
    ];
    expect(
      keys.sort(compareKeys).map(({ appointmentId }) => Number(`0x${appointmentId}`) >> 8),
    ).toEqual([3, 4, 2, 1]);
  });
});

describe("ids, tokens and marks", () => {
  test.each([
    ["0", true],
    ["9223372036854775807", true],
    ["9223372036854775808", false],
    ["9999999999999999999", false],
    ["007", false],
    ["", false],
    ["-1", false],
    ["1e3", false],
  ])("the id %j can be in the rows: %s", (id, expected) => {
    expect(isStoredId(id)).toBe(expected);
  });

  test("a page token leads back to its store, and nothing else is one", () => {
    expect(findPageStart(toPageToken("9007199254740993"))).toBe("9007199254740993");
    expect(findPageStart("")).toBe("0");
    expect(findPageStart("7")).toBeUndefined();
    expect(findPageStart("drop table")).toBeUndefined();
  });

  test("a repeat is told from a reused request and from a taken name", () => {
    const mark = requestMark("r1", ["a"]);
    const row = { mark };
    expect(judgeRepeat([row], requestMark("r1", ["a"]))).toEqual({ kind: "repeat", row });
    expect(judgeRepeat([row], requestMark("r1", ["b"]))).toEqual({ kind: "reused" });
    expect(judgeRepeat([row], requestMark("r2", ["a"]))).toEqual({ kind: "name-taken" });
  });
});

describe("zones and days", () => {
  test.each([
    ["Pacific/Honolulu", "Pacific/Honolulu"],
    ["america/new_york", "America/New_York"],
    ["Asia/Kolkata", "Asia/Kolkata"],
    ["Etc/GMT+5", "Etc/GMT+5"],
    ["UTC", "UTC"],
    ["Mars/Olympus", undefined],
    ["+05:00", undefined],
    ["2020-01-01T00:00Z[Asia/Tokyo]", undefined],
    ["", undefined],
  ])("the zone %j is known as %j", (text, zone) => {
    expect(findTimeZone(text)).toBe(zone);
  });

  test.each([
    // No summer time.
    ["2026-11-07", "Pacific/Honolulu", "2026-11-07T10:00:00Z", 24],
    // 02:00 is skipped, 01:00 comes twice.
    ["2026-03-08", "America/New_York", "2026-03-08T05:00:00Z", 23],
    ["2026-11-01", "America/New_York", "2026-11-01T04:00:00Z", 25],
    ["2026-11-02", "America/New_York", "2026-11-02T05:00:00Z", 24],
    // Half an hour.
    ["2026-10-04", "Australia/Lord_Howe", "2026-10-03T13:30:00Z", 23.5],
    ["2026-04-05", "Australia/Lord_Howe", "2026-04-04T13:00:00Z", 24.5],
    // Midnight itself is skipped: the day begins at 01:00.
    ["2018-11-04", "America/Sao_Paulo", "2018-11-04T03:00:00Z", 23],
    // Midnight comes twice: the day begins with the first.
    ["2026-10-25", "Atlantic/Azores", "2026-10-25T00:00:00Z", 25],
    // Samoa went over the date line.
    ["2011-12-29", "Pacific/Apia", "2011-12-29T10:00:00Z", 24],
    ["2011-12-30", "Pacific/Apia", "2011-12-30T10:00:00Z", 0],
    ["2011-12-31", "Pacific/Apia", "2011-12-30T10:00:00Z", 24],
    // 45 minutes.
    ["2026-06-01", "Asia/Kathmandu", "2026-05-31T18:15:00Z", 24],
    ["2028-02-29", "UTC", "2028-02-29T00:00:00Z", 24],
  ])("%s in %s begins at %s and has %s hours", (date, zone, start, hours) => {
    const startMs = Date.parse(start);
    expect(findLocalDay(date, zone)).toEqual({ startMs, endMs: startMs + hours * HOUR_MS });
  });

  test.each(["2026-02-29", "2026-13-01", "2026-00-10", "2026-11-00", "0000-00-00"])(
    "%s is no day",
    (date) => {
      expect(findLocalDay(date, "UTC")).toBeUndefined();
    },
  );

  test("each zone's days of three years follow each other without a gap", () => {
    for (const zone of [
      "Australia/Lord_Howe",
      "America/New_York",
      "Pacific/Apia",
      "Africa/Casablanca",
    ]) {
      let date = Temporal.PlainDate.from("2010-06-01");
      let endMs = findLocalDay(date.toString(), zone)?.startMs;
      for (let day = 0; day < 1100; day += 1) {
        const found = findLocalDay(date.toString(), zone);
        expect(found?.startMs, `${date} in ${zone}`).toBe(endMs);
        endMs = found?.endMs;
        date = date.add({ days: 1 });
      }
    }
  });
});
