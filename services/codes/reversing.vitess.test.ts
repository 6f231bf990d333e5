// Reversals and extensions on real Vitess: what comes back, what does not, and that each is done once.

import { randomInt } from "node:crypto";
import { afterAll, expect, test } from "vitest";
import { CodeEventKind, CodeState } from "#gen/slotmesh/codes/v1/code_pb.ts";
import { RedeemOutcome } from "#gen/slotmesh/codes/v1/codes_service_pb.ts";
import { uniqueId, uniqueTenant } from "#shared/testing.ts";
import { toTimestamp } from "#shared/time.ts";
import {
  drawFrom,
  loseAnswer,
  openCodes,
  refusal,
  uniqueAppointment,
  type Wished,
} from "./testing.ts";

const MINUTE_MS = 60_000;
const { REDEEMED, ALREADY_REDEEMED, EXPIRED } = RedeemOutcome;

const codes = openCodes();
const { clerk, storeId, tenantId, issuing } = codes;
const manager = codes.as({ role: "manager", tenantId, subjectId: "max" });
afterAll(() => codes.stop());

const issue = (suffix: string, wished: Wished = {}, of = codes) => of.issue(suffix, wished);

async function redeem(code: string, requestId: string, items = 0, of = codes) {
  return of.clerk.redeemCode({ code, storeId: of.storeId, requestId, items });
}

function reversal(
  { appointmentId }: { appointmentId: string },
  receipt: { redemptionId: string } | undefined,
  requestId = "back",
) {
  const redemptionId = receipt?.redemptionId ?? "";
  return { appointmentId, redemptionId, storeId, reason: "wrong goods", requestId };
}

test("a reversed code is redeemed again, and the first request is told that it was reversed", async () => {
  const pickup = await issue("01");
  const first = await redeem(pickup.code, "first");
  const { code, event } = await clerk.reverseRedemption(reversal(pickup, first.receipt));
  expect(code).toMatchObject({ state: CodeState.LIVE, itemsLeft: 1 });
  expect(code?.redemption).toBeUndefined();
  expect(event).toMatchObject({
    kind: CodeEventKind.REVERSED,
    actorId: "clerk",
    storeId,
    items: 1,
    reason: "wrong goods",
    ofEventId: first.receipt?.redemptionId,
    appointmentId: pickup.appointmentId,
  });

  const late = await redeem(pickup.code, "first");
  expect(late).toMatchObject({
    outcome: REDEEMED,
    receipt: first.receipt,
    code: { state: CodeState.LIVE, itemsLeft: 1 },
    message:
      "This was redeemed and then reversed just now. Hand nothing over: to redeem it again, take the code anew.",
  });
  const second = await redeem(pickup.code, "second");
  expect(second.outcome).toBe(REDEEMED);
  expect(second.receipt?.redemptionId).not.toBe(first.receipt?.redemptionId);
  expect((await redeem(pickup.code, "third")).outcome).toBe(ALREADY_REDEEMED);
});

test("a reversal takes the number back from those that may be given again", async () => {
  const pickup = await issue("02");
  const freed = () =>
    codes.database.select("select number from freed_number where suffix = '02' and tenant_id = ?", [
      tenantId,
    ]);
  const { receipt } = await redeem(pickup.code, "r");
  expect(await freed()).toEqual([{ number: String(Number(pickup.code.slice(0, 6))) }]);
  await clerk.reverseRedemption(reversal(pickup, receipt));
  expect(await freed()).toEqual([]);
});

test("a part is reversed with its own items, and the redemption before it is the last again", async () => {
  const pickup = await issue("03", { items: 5 });
  const one = await redeem(pickup.code, "one", 1);
  const two = await redeem(pickup.code, "two", 4);
  expect(two.code?.state).toBe(CodeState.REDEEMED);
  const last = await clerk.reverseRedemption(reversal(pickup, two.receipt, "back two"));
  expect(last.code).toMatchObject({
    state: CodeState.LIVE,
    itemsLeft: 4,
    redemption: one.receipt,
  });
  const both = await clerk.reverseRedemption(reversal(pickup, one.receipt, "back one"));
  expect(both.code).toMatchObject({ itemsLeft: 5 });
  expect(both.code?.redemption).toBeUndefined();
});

test("the same reversal again is answered the same, another one is refused", async () => {
  const pickup = await issue("04");
  const { receipt } = await redeem(pickup.code, "r");
  const first = await clerk.reverseRedemption(reversal(pickup, receipt));
  expect(await clerk.reverseRedemption(reversal(pickup, receipt))).toEqual(first);
  expect(await refusal(clerk.reverseRedemption(reversal(pickup, receipt, "again")))).toEqual([
    "ALREADY_REVERSED",
    "[failed_precondition] this redemption was reversed before, by another request",
  ]);
  expect((await redeem(pickup.code, "r2")).outcome).toBe(REDEEMED);
  expect(await refusal(clerk.reverseRedemption(reversal(pickup, receipt, "later")))).toEqual([
    "ALREADY_REVERSED",
    "[failed_precondition] this redemption was reversed before, by another request",
  ]);
});

test("twenty reversals at once give the items back once", async () => {
  const pickup = await issue("05", { items: 3 });
  const { receipt } = await redeem(pickup.code, "r", 2);
  const answers = await Promise.allSettled(
    Array.from({ length: 20 }, (_, index) =>
      clerk.reverseRedemption(reversal(pickup, receipt, `back ${index}`)),
    ),
  );
  expect(answers.filter(({ status }) => status === "fulfilled").length).toBe(1);
  const { code } = await clerk.lookupCode({ code: pickup.code, storeId });
  expect(code?.itemsLeft).toBe(3);
});

test("a reversal whose answer is lost is there once", async () => {
  const losing = loseAnswer(/insert into code_event/);
  const flaky = openCodes({ ...losing, tenantId });
  const pickup = await issue("06", {}, flaky);
  // The first redemption is made elsewhere: the answer that is lost is the reversal's.
  const at = codes.as({ role: "manager", tenantId, subjectId: "kim" });
  const request = { code: pickup.code, storeId: flaky.storeId, requestId: "r" };
  const { receipt } = await at.redeemCode(request);
  const back = { ...reversal(pickup, receipt), storeId: flaky.storeId };
  const answer = await flaky.clerk.reverseRedemption(back);
  expect(losing.lost()).toBe(1);
  expect(answer.code).toMatchObject({ state: CodeState.LIVE, itemsLeft: 1 });
  expect(await flaky.clerk.reverseRedemption(back)).toEqual(answer);
  await flaky.stop();
});

test("who did not redeem does not reverse", async () => {
  const pickup = await issue("07");
  const { receipt } = await redeem(pickup.code, "r");
  const elsewhere = { ...reversal(pickup, receipt), storeId: uniqueId() };
  const stranger = codes.as({ role: "manager", tenantId: uniqueTenant(), subjectId: "eve" });
  const wanted = ["NOT_FOUND", "[not_found] no such redemption"];
  const refused = await Promise.all(
    [
      manager.reverseRedemption(elsewhere),
      stranger.reverseRedemption(reversal(pickup, receipt)),
      clerk.reverseRedemption(reversal(pickup, { redemptionId: "1" })),
      clerk.reverseRedemption(
        reversal({ appointmentId: uniqueAppointment("07") }, { redemptionId: "1" }),
      ),
    ].map(refusal),
  );
  expect(refused).toEqual([wanted, wanted, wanted, wanted]);
  const other = await refusal(clerk.reverseRedemption(elsewhere));
  expect(other[0]).toBe("NOT_YOUR_STORE");
});

test("a reversal id that is the redemption's own is refused, and nothing is reversed", async () => {
  const pickup = await issue("08");
  const { receipt } = await redeem(pickup.code, "r");
  expect((await refusal(clerk.reverseRedemption(reversal(pickup, receipt, "r"))))[0]).toBe(
    "REQUEST_ID_REUSED",
  );
  expect((await redeem(pickup.code, "other")).outcome).toBe(ALREADY_REDEEMED);
});

test("after the policy's window nothing is reversed", async () => {
  let nowMs = Date.now();
  const clock = openCodes({ now: () => nowMs });
  await clock.choosePolicy({ reversalSeconds: 60 });
  const pickup = await issue("09", { items: 2, expiresAtMs: nowMs + 60 * MINUTE_MS }, clock);
  const one = await redeem(pickup.code, "one", 1, clock);
  const two = await redeem(pickup.code, "two", 1, clock);
  const back = (receipt: { redemptionId: string } | undefined, requestId: string) =>
    clock.clerk.reverseRedemption({
      ...reversal(pickup, receipt, requestId),
      storeId: clock.storeId,
    });
  nowMs += MINUTE_MS - 1;
  expect((await back(one.receipt, "back one")).code?.itemsLeft).toBe(1);
  nowMs += 1;
  expect(await refusal(back(two.receipt, "back two"))).toEqual([
    "REVERSAL_TOO_LATE",
    "[failed_precondition] the time in which a redemption can be reversed is over",
  ]);
  await clock.stop();
});

test("what was redeemed before there was a ledger is reversed, and its request stays spent", async () => {
  const pickup = await issue("10");
  await codes.database.write(
    `update pickup_code set state = 2, active_code = null, redemption_id = ?, redeemed_at_ms = ?,
       redeemed_store_id = ?, redeemed_by = 'kim', redeem_request_id = 'old'
     where suffix = '10' and appointment_id = ?`,
    [88n, Date.now() - MINUTE_MS, BigInt(storeId), pickup.appointmentId],
  );
  const { code } = await clerk.reverseRedemption(reversal(pickup, { redemptionId: "88" }));
  expect(code).toMatchObject({ state: CodeState.LIVE, itemsLeft: 1 });
  const late = await redeem(pickup.code, "old");
  expect(late.receipt?.redemptionId).toBe("88");
  expect(late.message).toMatch(/^This was redeemed and then reversed just now\./);
  expect(late.code?.state).toBe(CodeState.LIVE);
  const { events } = await manager.listCodeEvents(pickup);
  expect(events.map(({ kind, actorId }) => [kind, actorId])).toEqual([
    [CodeEventKind.REDEEMED, "kim"],
    [CodeEventKind.REVERSED, "clerk"],
  ]);
});

test("a code whose number is someone else's by now is not reversed", async () => {
  const drawn = randomInt(1e6);
  const fixed = openCodes({ source: drawFrom(() => drawn) });
  const first = await issue("11", {}, fixed);
  const { receipt } = await redeem(first.code, "r", 0, fixed);
  const second = await issue("11", {}, fixed);
  expect(second.code).toBe(first.code);
  const back = { ...reversal(first, receipt), storeId: fixed.storeId };
  expect(await refusal(fixed.clerk.reverseRedemption(back))).toEqual([
    "CODE_REISSUED",
    "[failed_precondition] its number is someone else's code by now: issue a new one",
  ]);
  const boss = fixed.as({ role: "manager", tenantId: fixed.tenantId });
  const { events } = await boss.listCodeEvents(first);
  expect(events.map(({ kind }) => kind)).toEqual([CodeEventKind.REDEEMED]);
  // Once the other is dead as well, it is.
  await fixed.issuing.revokeCodes({ revokes: [second] });
  const { code } = await fixed.clerk.reverseRedemption(back);
  expect(code?.state).toBe(CodeState.LIVE);
  await fixed.stop();
});

test("reversal against redemption of the rest, 30 at once: the items add up", async () => {
  const pickups = await Promise.all(
    Array.from({ length: 30 }, (_, index) => issue(String(index + 20), { items: 2 })),
  );
  const firsts = await Promise.all(pickups.map(({ code }) => redeem(code, "one", 1)));
  await Promise.all(
    pickups.flatMap((pickup, index) => [
      clerk.reverseRedemption(reversal(pickup, firsts[index]?.receipt)),
      redeem(pickup.code, "two", 1),
    ]),
  );
  for (const { code } of await Promise.all(
    pickups.map((pickup) => clerk.lookupCode({ code: pickup.code, storeId })),
  )) {
    expect(code).toMatchObject({ state: CodeState.LIVE, itemsLeft: 1, redemption: { items: 1 } });
  }
});

test("a manager gives an expired code more time, once for a request", async () => {
  const pickup = await issue("12", { expiresAtMs: Date.now() - MINUTE_MS });
  expect((await redeem(pickup.code, "r")).outcome).toBe(EXPIRED);
  const untilMs = Date.now() + 60 * MINUTE_MS;
  const { appointmentId } = pickup;
  const request = {
    appointmentId,
    expireTime: toTimestamp(untilMs),
    reason: "train was late",
    requestId: "more",
  };
  const { code } = await manager.extendCode(request);
  expect(code).toMatchObject({ state: CodeState.LIVE, expireTime: toTimestamp(untilMs) });
  // Another one in between is not undone by the first one's retry.
  const laterMs = untilMs + MINUTE_MS;
  await manager.extendCode({
    ...request,
    expireTime: toTimestamp(laterMs),
    requestId: "even more",
  });
  expect((await manager.extendCode(request)).code?.expireTime).toEqual(toTimestamp(laterMs));
  expect((await redeem(pickup.code, "r")).outcome).toBe(REDEEMED);
  const { events } = await manager.listCodeEvents({ appointmentId });
  expect(events.slice(0, 2)).toMatchObject([
    { kind: CodeEventKind.EXTENDED, actorId: "max", storeId: "", reason: "train was late" },
    { kind: CodeEventKind.EXTENDED },
  ]);
});

test("what is dead, gone or given back gets no more time", async () => {
  const later = { expireTime: toTimestamp(Date.now() + 60 * MINUTE_MS), requestId: "more" };
  const [used, taken, back] = await Promise.all([issue("13"), issue("14"), issue("15")]);
  const tombstone = codes.wish("16");
  await redeem(used.code, "r");
  await issuing.revokeCodes({ revokes: [taken, tombstone] });
  await codes.database.write(
    "update pickup_code set active_code = null where suffix = '15' and appointment_id = ?",
    [back.appointmentId],
  );
  const extend = ({ appointmentId }: { appointmentId: string }) =>
    refusal(manager.extendCode({ appointmentId, ...later }));
  const dead = [
    "NOT_LIVE",
    "[failed_precondition] the code is not live: it was redeemed, taken back or given away, or its time is over",
  ];
  expect(await Promise.all([used, taken, back, tombstone].map(extend))).toEqual([
    dead,
    dead,
    dead,
    dead,
  ]);
  const none = ["NOT_FOUND", "[not_found] no such code"];
  expect(await extend({ appointmentId: uniqueAppointment("13") })).toEqual(none);
  const stranger = codes.as({ role: "manager", tenantId: uniqueTenant() });
  const { appointmentId } = used;
  expect(await refusal(stranger.extendCode({ appointmentId, ...later }))).toEqual(none);
  const past = { appointmentId, expireTime: toTimestamp(Date.now() - 1), requestId: "x" };
  expect(await refusal(manager.extendCode(past))).toEqual([
    "MALFORMED_TIME",
    "[invalid_argument] expire_time is not between now and the year 9999: a code's time ends later than now",
  ]);
});
