import { expect, test } from "vitest";
import {
  type Act,
  conflict,
  eventIdOf,
  extend,
  type Line,
  lineOfReceipt,
  lock,
  NO_STORE,
  redeem,
  reverse,
  toReceipt,
  transfer,
  unlock,
} from "./acts.ts";
import { makeReceipt, makeRecord, NOW } from "./record-testing.ts";

const ACT: Act = { storeId: "11", staffId: "ann", requestId: "r1", atMs: NOW };
const act = (requestId: string, atMs = NOW): Act => ({ ...ACT, requestId, atMs });

test("a request has one event id, a decimal BIGINT, and other requests have others", () => {
  const id = eventIdOf("a", "1", "r");
  expect(id).toBe(eventIdOf("a", "1", "r"));
  const others = [eventIdOf("b", "1", "r"), eventIdOf("a", "2", "r"), eventIdOf("a", "1", "s")];
  expect(new Set([id, ...others]).size).toBe(4);
  const many = Array.from({ length: 2000 }, (_, index) => BigInt(eventIdOf("a", "1", `${index}`)));
  expect(many.every((one) => one >= 0n && one < 2n ** 63n)).toBe(true);
  // Half of them have the highest bit: all 63 are used.
  expect(many.filter((one) => one >= 2n ** 62n).length).toBeGreaterThan(900);
});

test("the last item ends a code and gives its number back, with a receipt", () => {
  const { after, lines } = redeem(makeRecord(), 0, ACT);
  expect(after).toMatchObject({ state: "redeemed", isHeld: false, itemsLeft: 0 });
  expect(after.receipt).toEqual({
    redemptionId: eventIdOf(after.appointmentId, "11", "r1"),
    requestId: "r1",
    storeId: "11",
    staffId: "ann",
    redeemedAtMs: NOW,
    items: 1,
  });
  expect(lines.map(toReceipt)).toEqual([after.receipt]);
});

test("a conflict changes nothing of its code, and is in the ledger", () => {
  const record = makeRecord({ state: "revoked" });
  const { after, lines } = conflict(record, 2, { ...ACT, reason: "revoked, shown accepted" });
  expect(after).toBe(record);
  expect(lines).toMatchObject([
    { kind: "conflict", items: 2, reason: "revoked, shown accepted", requestId: "r1" },
  ]);
});

test("three of five items leave a live code that nobody keeps any more", () => {
  const kept = makeRecord({ items: 5, lock: { staffId: "ann", storeId: "11", untilMs: NOW + 1 } });
  const { after } = redeem(kept, 3, ACT);
  expect(after).toMatchObject({ state: "live", isHeld: true, itemsLeft: 2, lock: undefined });
  expect(after.receipt?.items).toBe(3);
  expect(redeem(after, 0, act("r2")).after).toMatchObject({ state: "redeemed", itemsLeft: 0 });
});

test("a reversal gives the items back, and the receipt of the redemption before", () => {
  const first = redeem(makeRecord({ items: 3 }), 1, act("r1", NOW));
  const second = redeem(first.after, 2, act("r2", NOW + 1));
  const lines = [...first.lines, ...second.lines];
  const [one, two] = lines as [Line, Line];

  const last = reverse(second.after, lines, two, act("x", NOW + 2));
  expect(last.after).toMatchObject({ state: "live", isHeld: true, itemsLeft: 2 });
  expect(last.after.receipt).toEqual(first.after.receipt);
  expect(last.lines).toMatchObject([{ kind: "reversed", items: 2, ofEventId: two.eventId }]);

  const both = reverse(last.after, [...lines, ...last.lines], one, act("y", NOW + 3));
  expect(both.after).toMatchObject({ itemsLeft: 3, receipt: undefined });
});

test("reversing an older redemption keeps the last one's receipt", () => {
  const first = redeem(makeRecord({ items: 3 }), 1, act("r1", NOW));
  const second = redeem(first.after, 1, act("r2", NOW + 1));
  const lines = [...first.lines, ...second.lines];
  const { after } = reverse(second.after, lines, lines[0] as Line, act("x", NOW + 2));
  expect(after).toMatchObject({ itemsLeft: 2, receipt: second.after.receipt });
});

test("a redemption from before there was a ledger gets its line with its reversal", () => {
  const receipt = makeReceipt({ redemptionId: "77" });
  const old = makeRecord({ state: "redeemed", receipt });
  const line = lineOfReceipt(old, receipt);
  expect(toReceipt(line)).toEqual(receipt);
  const { after, lines } = reverse(old, [], line, act("x"));
  expect(after).toMatchObject({ state: "live", isHeld: true, itemsLeft: 1, receipt: undefined });
  expect(lines).toMatchObject([
    { kind: "redeemed", eventId: "77", requestId: "r" },
    { kind: "reversed", ofEventId: "77" },
  ]);
});

test("what was revoked stays so when a redemption of it is reversed", () => {
  const partly = redeem(makeRecord({ items: 3 }), 1, ACT);
  const revoked = { ...partly.after, state: "revoked", isHeld: false } as const;
  const { after } = reverse(revoked, partly.lines, partly.lines[0] as Line, act("x"));
  expect(after).toMatchObject({ state: "revoked", isHeld: false, itemsLeft: 3 });
});

test("a lock leaves a line when it begins, not when it is renewed", () => {
  const first = lock(makeRecord(), act("l1"), NOW + 100);
  expect(first.after.lock).toEqual({ staffId: "ann", storeId: "11", untilMs: NOW + 100 });
  expect(first.lines).toMatchObject([{ kind: "locked", items: 0 }]);
  const renewed = lock(first.after, act("l2", NOW + 50), NOW + 150);
  expect(renewed.after.lock?.untilMs).toBe(NOW + 150);
  expect(renewed.lines).toEqual([]);
  expect(lock(first.after, act("l3", NOW + 100), NOW + 200).lines.length).toBe(1);
  const other = { ...act("l4", NOW + 50), staffId: "kim" };
  expect(lock(first.after, other, NOW + 200).lines.length).toBe(1);
  expect(unlock(first.after, act("u")).after.lock).toBeUndefined();
});

test("more time is a line and another end, and nothing else", () => {
  const { after, lines } = extend(makeRecord(), NOW + 9, { ...ACT, reason: "late train" });
  expect(after).toEqual(makeRecord({ expiresAtMs: NOW + 9 }));
  expect(lines).toMatchObject([{ kind: "extended", reason: "late train" }]);
});

test("a code that is given away is dead, and names its heir", () => {
  const heir = { appointmentId: `${"b".repeat(32)}08`, shopperId: "bob" };
  const { after, lines } = transfer(makeRecord(), heir, { ...ACT, storeId: NO_STORE });
  expect(after).toMatchObject({ state: "revoked", isHeld: false, revokedAtMs: NOW, heir });
  expect(lines).toMatchObject([{ kind: "transferred", reason: "to bob", storeId: "0" }]);
});
