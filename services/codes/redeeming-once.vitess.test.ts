// Redeeming on real Vitess: each item is redeemed once, whoever races for it and whatever gets lost.

import { randomInt } from "node:crypto";
import { afterAll, expect, test } from "vitest";
import { CodeEventKind, CodeState } from "#gen/slotmesh/codes/v1/code_pb.ts";
import { RedeemOutcome } from "#gen/slotmesh/codes/v1/codes_service_pb.ts";
import { drawFrom, loseAnswer, openCodes, refusal, type Wished } from "./testing.ts";

const MINUTE_MS = 60_000;
const { LIVE, REDEEMED: DONE } = CodeState;
const { REDEEMED, ALREADY_REDEEMED, TOO_FEW_LEFT } = RedeemOutcome;

const codes = openCodes();
const { clerk, storeId, tenantId } = codes;
afterAll(() => codes.stop());

const issue = (suffix: string, wished: Wished = {}, of = codes) => of.issue(suffix, wished);

function staff(subjectId: string, storeIds = [storeId], of = codes) {
  return of.as({ role: "staff", tenantId: of.tenantId, subjectId, storeIds });
}

async function eventsOf({ appointmentId }: { appointmentId: string }, of = codes) {
  const manager = of.as({ role: "manager", tenantId: of.tenantId, subjectId: "max" });
  const { events } = await manager.listCodeEvents({ appointmentId });
  return events;
}

test("fifty clerks at once: one wins, and forty-nine are told where, when and by whom", async () => {
  const pickup = await issue("50");
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, index) =>
      staff(`clerk-${index}`).redeemCode({ code: pickup.code, storeId, requestId: `r${index}` }),
    ),
  );
  const winner = answers.findIndex(({ outcome }) => outcome === REDEEMED);
  const receipt = answers[winner]?.receipt;
  expect(receipt).toMatchObject({ storeId, staffId: `clerk-${winner}`, items: 1 });
  for (const [index, answer] of answers.entries()) {
    expect(answer.code).toEqual(answers[winner]?.code);
    if (index !== winner) {
      expect(answer.outcome).toBe(ALREADY_REDEEMED);
      expect(answer.receipt).toBeUndefined();
      expect(answer.code?.redemption).toEqual(receipt);
      expect(answer.message).toMatch(/^Redeemed before: just now, in this store, by a colleague\./);
    }
  }
  const events = await eventsOf(pickup);
  expect(events.map(({ kind, eventId }) => [kind, eventId])).toEqual([
    [CodeEventKind.REDEEMED, receipt?.redemptionId],
  ]);
});

test("fifty clerks at once on thirty items: thirty have one each, twenty are refused", async () => {
  const pickup = await issue("51", { items: 30 });
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, index) =>
      staff(`clerk-${index}`).redeemCode({
        code: pickup.code,
        storeId,
        requestId: `r${index}`,
        items: 1,
      }),
    ),
  );
  const outcomes = answers.map(({ outcome }) => outcome);
  expect(outcomes.filter((one) => one === REDEEMED).length).toBe(30);
  expect(outcomes.filter((one) => one === ALREADY_REDEEMED).length).toBe(20);
  const left = answers.flatMap(({ outcome, code }) =>
    outcome === REDEEMED ? [code?.itemsLeft] : [],
  );
  expect(left.sort((a, b) => Number(a) - Number(b))).toEqual(
    Array.from({ length: 30 }, (_, n) => n),
  );
  const events = await eventsOf(pickup);
  expect(events.reduce((sum, { items }) => sum + items, 0)).toBe(30);
});

test("threes of ten items at once: no more than ten are handed out", async () => {
  const pickup = await issue("52", { items: 10 });
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, index) =>
      staff("clerk").redeemCode({ code: pickup.code, storeId, requestId: `r${index}`, items: 3 }),
    ),
  );
  const outcomes = answers.map(({ outcome }) => outcome);
  expect(outcomes.filter((one) => one === REDEEMED).length).toBe(3);
  expect(outcomes.filter((one) => one === TOO_FEW_LEFT).length).toBe(5);
  const rest = await clerk.redeemCode({ code: pickup.code, storeId, requestId: "rest" });
  expect(rest).toMatchObject({
    outcome: REDEEMED,
    receipt: { items: 1 },
    message: "Redeemed 1 of 10, none is left. Hand over 1, then take the next code.",
    code: { state: DONE, items: 10, itemsLeft: 0, redemption: { items: 1 } },
  });
});

test("a part keeps its receipt when others follow", async () => {
  const { code } = await issue("53", { items: 3 });
  const redeem = (requestId: string) => clerk.redeemCode({ code, storeId, requestId, items: 1 });
  const first = await redeem("one");
  expect(first).toMatchObject({
    message: "Redeemed 1 of 3, 2 left. Hand over 1, then take the next code.",
    code: { state: LIVE, itemsLeft: 2 },
  });
  await redeem("two");
  const again = await redeem("one");
  expect(again.outcome).toBe(REDEEMED);
  expect(again.receipt).toEqual(first.receipt);
  expect(again.code?.itemsLeft).toBe(1);
  await redeem("three");
  expect((await redeem("one")).receipt).toEqual(first.receipt);
  expect((await redeem("four")).outcome).toBe(ALREADY_REDEEMED);
});

test.each([
  ["the whole", 1],
  ["a part", 3],
])(
  "a redemption of %s whose answer is lost is settled with the receipt it made",
  async (_, items) => {
    const losing = loseAnswer(/insert into code_event/);
    const flaky = openCodes(losing);
    const pickup = await issue("21", { items }, flaky);
    const request = { code: pickup.code, storeId: flaky.storeId, requestId: "r", items: 1 };
    const answer = await flaky.clerk.redeemCode(request);
    expect(losing.lost()).toBe(1);
    expect(answer).toMatchObject({ outcome: REDEEMED, code: { itemsLeft: items - 1 } });
    expect(await flaky.clerk.redeemCode(request)).toEqual(answer);
    expect((await eventsOf(pickup, flaky)).length).toBe(1);
    await flaky.stop();
  },
);

test("a transaction that dies before its commit leaves nothing, and is done again", async () => {
  let died = 0;
  const flaky = openCodes({
    before: (_kind, statement) => {
      if (statement.includes("insert into freed_number") && died === 0) {
        died += 1;
        throw Object.assign(new Error("Connection lost"), { code: "PROTOCOL_CONNECTION_LOST" });
      }
    },
  });
  const pickup = await issue("22", {}, flaky);
  const request = { code: pickup.code, storeId: flaky.storeId, requestId: "r" };
  expect((await flaky.clerk.redeemCode(request)).outcome).toBe(REDEEMED);
  expect(died).toBe(1);
  expect((await eventsOf(pickup, flaky)).length).toBe(1);
  await flaky.stop();
});

test("digits that were issued again do not redeem for a late retry, which gets its own receipt", async () => {
  const drawn = randomInt(1e6);
  const fixed = openCodes({ source: drawFrom(() => drawn) });
  const [first, second] = [fixed.wish("88"), fixed.wish("88")];
  await fixed.issuing.issueCodes({ issues: [first] });
  const code = await fixed.digitsOf(first);
  const request = { code, storeId: fixed.storeId, requestId: "r1" };
  const receipt = await fixed.clerk.redeemCode(request);
  expect((await fixed.issuing.issueCodes({ issues: [second] })).states).toEqual([LIVE]);
  expect(await fixed.digitsOf(second)).toBe(code);

  expect(await fixed.clerk.redeemCode(request)).toEqual(receipt);
  const operator = fixed.as({ role: "operator", tenantId: fixed.tenantId });
  const still = await operator.getCode({ appointmentId: second.appointmentId });
  expect(still.code?.state).toBe(LIVE);
  const looked = await fixed.clerk.lookupCode({ code, storeId: fixed.storeId });
  expect(looked.code?.appointmentId).toBe(second.appointmentId);

  const next = await fixed.clerk.redeemCode({ ...request, requestId: "r2" });
  expect(next.outcome).toBe(REDEEMED);
  expect(next.code?.appointmentId).toBe(second.appointmentId);
  // Both are dead now, and each request still has its own.
  expect(await fixed.clerk.redeemCode(request)).toEqual(receipt);
  expect((await fixed.clerk.redeemCode({ ...request, requestId: "r2" })).receipt).toEqual(
    next.receipt,
  );
  await fixed.stop();
});

test("what was redeemed before there was a ledger keeps its receipt", async () => {
  const pickup = await issue("23");
  await codes.database.write(
    `update pickup_code set state = 2, active_code = null, redemption_id = ?, redeemed_at_ms = ?,
       redeemed_store_id = ?, redeemed_by = 'kim', redeem_request_id = 'old'
     where suffix = '23' and appointment_id = ?`,
    [77n, Date.now() - MINUTE_MS, BigInt(storeId), pickup.appointmentId],
  );
  const request = { code: pickup.code, storeId, requestId: "old" };
  const answer = await clerk.redeemCode(request);
  expect(answer).toMatchObject({
    outcome: REDEEMED,
    receipt: { redemptionId: "77", staffId: "kim", items: 1 },
    code: { state: DONE, itemsLeft: 0 },
  });
  expect((await clerk.redeemCode({ ...request, requestId: "new" })).outcome).toBe(ALREADY_REDEEMED);
  expect(await eventsOf(pickup)).toEqual([]);
});

test("a request id that named something else on this code is refused", async () => {
  const { code, appointmentId } = await issue("28", { items: 2 });
  const first = await clerk.redeemCode({ code, storeId, requestId: "x", items: 1 });
  await clerk.reverseRedemption({
    appointmentId,
    redemptionId: first.receipt?.redemptionId ?? "",
    storeId,
    reason: "wrong goods",
    requestId: "y",
  });
  const other = { code, storeId, requestId: "y", items: 1 };
  expect(await refusal(clerk.redeemCode(other))).toEqual([
    "REQUEST_ID_REUSED",
    "[invalid_argument] request_id: it named another request on this code before; take a new one",
  ]);
  const operator = codes.as({ role: "operator", tenantId });
  expect((await operator.getCode({ appointmentId })).code?.itemsLeft).toBe(2);
});

test("a refusal reads twice at most, and opens no transaction", async () => {
  const asked: string[] = [];
  const counted = openCodes({ before: (_kind, statement) => void asked.push(statement) });
  const pickup = await issue("29", {}, counted);
  const redeem = (requestId: string) =>
    counted.clerk.redeemCode({ code: pickup.code, storeId: counted.storeId, requestId });
  await redeem("r1");
  asked.length = 0;
  await redeem("r2");
  const kinds = asked.map((statement) => statement.trim().split(/\s/)[0]);
  expect(kinds).toEqual(["select", "select"]);
  expect(asked.some((statement) => statement.includes("for update"))).toBe(false);
  await counted.stop();
});
