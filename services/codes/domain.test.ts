import { expect, test } from "vitest";
import {
  type CodeRecord,
  isStorableTime,
  judge,
  judgeOne,
  parseStoreId,
  type Seen,
  stateAt,
  type Wanted,
} from "./domain.ts";
import { makeReceipt, makeRecord, makeRedeemed, NOW } from "./record-testing.ts";

test.each([
  ["7", "7"],
  ["007", "7"],
  ["9223372036854775807", "9223372036854775807"],
  ["9223372036854775808", undefined],
])("a store typed %s is the store %s", (text, storeId) => {
  expect(parseStoreId(text)).toBe(storeId);
});

test("a time is storable from 1970 to the end of 9999", () => {
  expect([-1, 0, 253_402_300_799_999, 253_402_300_800_000].map(isStorableTime)).toEqual([
    false,
    true,
    true,
    false,
  ]);
});

test.each([
  ["live", NOW + 1, "live"],
  ["live", NOW, "expired"],
  ["live", NOW - 1, "expired"],
  ["redeemed", NOW - 1, "redeemed"],
  ["revoked", NOW - 1, "revoked"],
  ["revoked", undefined, "revoked"],
] as const)("a %s code that ends at %s is %s at 1000000", (state, expiresAtMs, wanted) => {
  expect(stateAt({ state, expiresAtMs }, NOW)).toBe(wanted);
});

const WANTED = { storeId: "11", staffId: "ann", items: 0, requestId: "r1" };
const here = (...records: CodeRecord[]): Seen[] =>
  records.map((record) => ({ record, isHere: record.storeId === "11" || record.anyStore }));

test.each<[string, CodeRecord[], string]>([
  ["no row", [], "not-found"],
  ["a receipt of this request", [makeRedeemed("r1")], "redeemed"],
  ["a receipt of another request", [makeRedeemed("r2")], "already-redeemed"],
  ["a receipt of another store's request of that id", [makeRedeemed("r1", "12")], "wrong-store"],
  ["this request's receipt behind a live code", [makeRecord(), makeRedeemed("r1")], "redeemed"],
  ["a live code", [makeRecord()], "open"],
  ["a code past its time", [makeRecord({ expiresAtMs: NOW })], "expired"],
  ["a code whose number was given back", [makeRecord({ isHeld: false })], "expired"],
  ["a code before its time", [makeRecord({ opensAtMs: NOW + 1 })], "not-yet"],
  ["a code whose time begins now", [makeRecord({ opensAtMs: NOW })], "open"],
  ["a revoked code", [makeRecord({ state: "revoked" })], "revoked"],
  ["another store's live code", [makeRecord({ storeId: "12" })], "wrong-store"],
  ["another store's code that all redeem", [makeRecord({ storeId: "12", anyStore: true })], "open"],
  ["another store's redeemed code", [makeRedeemed("r2", "12")], "wrong-store"],
  ["another store's expired code", [makeRecord({ storeId: "12", expiresAtMs: 1 })], "wrong-store"],
  [
    "another store's live code before ours",
    [makeRecord({ storeId: "12" }), makeRedeemed("r2")],
    "already-redeemed",
  ],
  ["a live code of ours before a redeemed one", [makeRecord(), makeRedeemed("r2")], "open"],
  ["a redeemed one before a live code of ours", [makeRedeemed("r2"), makeRecord()], "open"],
  ["two live codes of ours", [makeRecord(), makeRecord({ code: "87654307" })], "ambiguous"],
  [
    "two live codes, one of them another store's",
    [makeRecord({ storeId: "12" }), makeRecord({ code: "87654307" })],
    "open",
  ],
])("%s", (_what, rows, kind) => {
  const verdict = judge(here(...rows), WANTED, NOW);
  expect(verdict.kind).toBe(kind);
  expect("record" in verdict).toBe(!["wrong-store", "not-found", "ambiguous"].includes(kind));
});

test.each<[string, Partial<CodeRecord>, Partial<Wanted>, string]>([
  ["all that are left", { items: 3, itemsLeft: 2 }, { items: 0 }, "open"],
  ["as many as are left", { items: 3, itemsLeft: 2 }, { items: 2 }, "open"],
  ["more than are left", { items: 3, itemsLeft: 2 }, { items: 3 }, "too-few-left"],
  ["a code that a colleague keeps", { lock: lockOf("kim", NOW + 1) }, {}, "locked"],
  ["a code that a colleague kept", { lock: lockOf("kim", NOW) }, {}, "open"],
  ["a code that one keeps oneself", { lock: lockOf("ann", NOW + 1) }, {}, "open"],
  ["too many of a kept code", { lock: lockOf("kim", NOW + 1) }, { items: 9 }, "locked"],
  [
    "an expired code that is kept",
    { expiresAtMs: NOW, lock: lockOf("kim", NOW + 1) },
    {},
    "expired",
  ],
  [
    "one's receipt of a part",
    { items: 3, receipt: makeReceipt({ requestId: "r1" }) },
    {},
    "redeemed",
  ],
  ["another's receipt of a part", { items: 3, receipt: makeReceipt() }, {}, "open"],
  ["no receipt wanted", { receipt: makeReceipt() }, { requestId: undefined }, "open"],
])("wanted %s", (_what, changes, wanted, kind) => {
  expect(judgeOne(makeRecord(changes), { ...WANTED, ...wanted }, NOW).kind).toBe(kind);
});

function lockOf(staffId: string, untilMs: number) {
  return { staffId, storeId: "11", untilMs };
}
