import { describe, expect, test } from "vitest";
import {
  groupByPartOfDay,
  nearestFree,
  type SlotView,
  spotsLeft,
  statusOf,
  summarizeDay,
} from "./slots.ts";

const NOW_MS = 1_000_000;
const HOUR_MS = 3_600_000;

function slot(change: Partial<SlotView> = {}): SlotView {
  const startMs = change.startMs ?? NOW_MS + HOUR_MS;
  return {
    slotId: String(startMs),
    storeId: "1",
    serviceId: "1",
    startMs,
    endMs: startMs + HOUR_MS / 3,
    openMs: 0,
    timeZone: "Pacific/Honolulu",
    totalSpots: 100,
    freeSpots: 100,
    partySizeMax: 2,
    ...change,
  };
}

test.each([
  ["free", {}],
  ["sold-out", { freeSpots: 0 }],
  ["opens-later", { openMs: NOW_MS + 1 }],
  ["free", { openMs: NOW_MS }],
  ["begun", { startMs: NOW_MS }],
  ["begun", { startMs: NOW_MS, freeSpots: 0, openMs: NOW_MS + 1 }],
  ["opens-later", { freeSpots: 0, openMs: NOW_MS + 1 }],
] as const)("%s: %o", (status, change) => {
  expect(statusOf(slot(change), NOW_MS)).toBe(status);
});

describe("a day at a store", () => {
  const begun = slot({ startMs: NOW_MS - 1 });
  const soldOut = slot({ freeSpots: 0 });
  const later = slot({ openMs: NOW_MS + 2, freeSpots: 7 });
  const free = slot({ startMs: NOW_MS + 3 * HOUR_MS, freeSpots: 3 });
  const sooner = slot({ startMs: NOW_MS + 2 * HOUR_MS, freeSpots: 4 });

  test.each([
    ["has none", [], { kind: "none" }],
    ["is over", [begun], { kind: "over" }],
    ["is sold out", [begun, soldOut], { kind: "sold-out" }],
    ["opens later", [soldOut, later], { kind: "opens-later", openMs: NOW_MS + 2, spots: 7 }],
    [
      "has what is free now, the soonest first",
      [begun, soldOut, later, free, sooner],
      { kind: "open", spots: 7, next: sooner },
    ],
  ])("%s", (_name, slots, summary) => {
    expect(summarizeDay(slots, NOW_MS)).toEqual(summary);
  });
});

test("times are grouped by the part of the store's day, in order, empty parts left out", () => {
  const hours = [17, 9, 16, 11];
  const slots = hours.map((hour) => slot({ startMs: NOW_MS + hour * HOUR_MS }));
  const parts = groupByPartOfDay(slots, ({ startMs }) => (startMs - NOW_MS) / HOUR_MS);
  expect(parts.map(({ name, slots }) => [name, slots.map((one) => one.startMs - NOW_MS)])).toEqual([
    ["Morning", [9 * HOUR_MS, 11 * HOUR_MS]],
    ["Afternoon", [16 * HOUR_MS]],
    ["Evening", [17 * HOUR_MS]],
  ]);
  expect(groupByPartOfDay([slot()], () => 12).map(({ name }) => name)).toEqual(["Afternoon"]);
});

test("the next best are the nearest that have room for the party, in the order of time", () => {
  const at = (hours: number, change: Partial<SlotView> = {}) =>
    slot({ startMs: NOW_MS + hours * HOUR_MS, ...change });
  const wanted = at(5, { freeSpots: 0 });
  const slots = [
    at(0.5),
    at(4, { freeSpots: 1 }),
    wanted,
    at(6),
    at(7),
    at(9),
    at(8, { openMs: NOW_MS + 1 }),
  ];
  const found = nearestFree(slots, wanted, 2, NOW_MS, 3).map(
    ({ startMs }) => (startMs - NOW_MS) / HOUR_MS,
  );
  expect(found).toEqual([6, 7, 9]);
  expect(nearestFree(slots, wanted, 3, NOW_MS, 3)).toEqual([]);
});

test("spots are counted in words", () => {
  expect([0, 1, 2, 7200].map(spotsLeft)).toEqual([
    "0 spots left",
    "1 spot left",
    "2 spots left",
    "7,200 spots left",
  ]);
});
