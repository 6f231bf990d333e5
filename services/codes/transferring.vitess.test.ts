// Transfers on real Vitess: never two live codes for one thing, whatever dies in between.

import { randomBytes } from "node:crypto";
import { afterAll, expect, test } from "vitest";
import { CodeEventKind, CodeState } from "#gen/slotmesh/codes/v1/code_pb.ts";
import { RedeemOutcome } from "#gen/slotmesh/codes/v1/codes_service_pb.ts";
import { suffixOf } from "#shared/suffix.ts";
import { uniqueTenant } from "#shared/testing.ts";
import { issueCodes } from "./issuing.ts";
import { loseAnswer, openCodes, refusal, rejection, type Wished } from "./testing.ts";
import { finishTransfers } from "./transferring.ts";

const { LIVE, REVOKED, REDEEMED } = CodeState;

type Codes = ReturnType<typeof openCodes>;

const codes = openCodes();
const { clerk, storeId, tenantId, issuing } = codes;
const shopper = (subjectId: string, of: Codes = codes) =>
  of.as({ role: "shopper", tenantId: of.tenantId, subjectId });
afterAll(() => codes.stop());

const issue = (suffix: string, wished: Wished = {}, of = codes) =>
  of.issue(suffix, { shopperId: "ann", ...wished });

const idOf = ({ appointmentId }: { appointmentId: string }) => ({ appointmentId });

async function pendingOf({ appointmentId }: { appointmentId: string }) {
  return codes.database.select("select at_ms from code_transfer where appointment_id = ?", [
    appointmentId,
  ]);
}

test("a code is given away: the old one is dead, the new one is for the same thing", async () => {
  const old = await issue("01", { goods: "1 phone", items: 3 });
  const { appointmentId } = old;
  const request = { appointmentId, toShopperId: "bob", requestId: "gift" };
  const given = await shopper("ann").transferCode(request);
  expect(given.appointmentId).toMatch(new RegExp(`^[0-9a-f]{32}${suffixOf(tenantId, "bob")}$`));
  expect(await shopper("ann").transferCode(request)).toEqual(given);

  const theirs = await shopper("bob").getCode(idOf(given));
  expect(theirs.code).toMatchObject({
    state: LIVE,
    shopperId: "bob",
    storeId,
    partySize: 2,
    goods: "1 phone",
    items: 3,
    itemsLeft: 3,
    expireTime: old.expireTime,
    serial: 2,
  });
  expect(await refusal(shopper("ann").getCode(idOf(given)))).toEqual([
    "NOT_FOUND",
    "[not_found] no such code",
  ]);
  expect((await shopper("ann").getCode({ appointmentId })).code?.state).toBe(REVOKED);

  const dead = await clerk.redeemCode({ code: old.code, storeId, requestId: "r" });
  expect([dead.outcome, dead.message]).toEqual([
    RedeemOutcome.REVOKED,
    "It was given to someone else just now, who has a code of their own. Do not hand over: ask for that code.",
  ]);
  const code = theirs.code?.code ?? "";
  const done = await clerk.redeemCode({ code, storeId, requestId: "r" });
  expect(done.outcome).toBe(RedeemOutcome.REDEEMED);
  const manager = codes.as({ role: "manager", tenantId });
  const { events } = await manager.listCodeEvents({ appointmentId });
  expect(events).toMatchObject([
    { kind: CodeEventKind.TRANSFERRED, actorId: "ann", reason: "to bob", storeId: "" },
  ]);
  expect(await pendingOf(old)).toEqual([]);
});

test("who revokes the appointment revokes the code of whoever has it by now", async () => {
  const old = await issue("02");
  const ids = [old.appointmentId];
  for (const [from, to] of [
    ["ann", "bob"],
    ["bob", "cat"],
  ] as const) {
    const appointmentId = ids.at(-1) as string;
    const request = { appointmentId, toShopperId: to, requestId: "gift" };
    ids.push((await shopper(from).transferCode(request)).appointmentId);
  }
  const asked = { appointmentIds: [old.appointmentId] };
  expect((await issuing.listCodeStates(asked)).states).toEqual([LIVE]);
  expect((await issuing.revokeCodes({ revokes: [old] })).states).toEqual([REVOKED]);
  expect((await issuing.listCodeStates({ appointmentIds: ids })).states).toEqual([
    REVOKED,
    REVOKED,
    REVOKED,
  ]);
  const last = { appointmentId: ids.at(-1) as string };
  expect((await shopper("cat").getCode(last)).code?.state).toBe(REVOKED);
});

test("an appointment whose code was given away and redeemed is redeemed", async () => {
  const old = await issue("03");
  const { appointmentId } = old;
  const given = await shopper("ann").transferCode({
    appointmentId,
    toShopperId: "bob",
    requestId: "g",
  });
  const { code } = await shopper("bob").getCode(idOf(given));
  await clerk.redeemCode({ code: code?.code ?? "", storeId, requestId: "r" });
  expect((await issuing.revokeCodes({ revokes: [old] })).states).toEqual([REDEEMED]);
});

test("a crash between the steps leaves no live code, and the same request finishes it", async () => {
  const numbersKey = randomBytes(32);
  const crashing = openCodes({
    tenantId,
    numbersKey,
    before: (_kind, statement) => {
      if (statement.includes("insert ignore into pickup_code")) {
        throw new Error("the process ends here");
      }
    },
  });
  const old = await issue("04");
  const { appointmentId } = old;
  const request = { appointmentId, toShopperId: "bob", requestId: "gift" };
  expect(String(await rejection(shopper("ann", crashing).transferCode(request)))).toContain(
    "the process ends here",
  );
  await crashing.stop();
  expect((await shopper("ann").getCode({ appointmentId })).code?.state).toBe(REVOKED);
  expect((await pendingOf(old)).length).toBe(1);
  expect((await issuing.listCodeStates({ appointmentIds: [appointmentId] })).states).toEqual([
    CodeState.UNSPECIFIED,
  ]);

  const given = await shopper("ann").transferCode(request);
  expect((await shopper("bob").getCode(idOf(given))).code?.state).toBe(LIVE);
  expect(await pendingOf(old)).toEqual([]);
});

test("what nobody asks for again is finished by a sweep, once it is old enough", async () => {
  let nowMs = Date.now();
  const clock = openCodes({ now: () => nowMs });
  const sweep = openCodes({ now: () => nowMs, tenantId: clock.tenantId });
  const options = (of: Codes) => ({
    ...of.parts,
    now: () => nowMs,
    issue: (wishes: Parameters<typeof issueCodes>[1]) =>
      issueCodes({ ...of.parts, now: () => nowMs }, wishes),
  });
  const { appointmentId } = await issue("05", { expiresAtMs: nowMs + 9e6 }, clock);
  const boss = clock.as({ role: "operator", tenantId: clock.tenantId, subjectId: "olga" });
  const crashing = openCodes({
    now: () => nowMs,
    tenantId: clock.tenantId,
    before: (_kind, statement) => {
      if (statement.includes("insert ignore into pickup_code")) {
        throw new Error("the process ends here");
      }
    },
  });
  await rejection(
    shopper("ann", crashing).transferCode({ appointmentId, toShopperId: "bob", requestId: "g" }),
  );
  await crashing.stop();
  const states = async () => {
    const asked = { appointmentIds: [appointmentId] };
    return (await clock.issuing.listCodeStates(asked)).states;
  };
  await finishTransfers(options(sweep));
  expect(await states()).toEqual([CodeState.UNSPECIFIED]);
  nowMs += 15_001;
  // Two sweeps at once do the same work twice.
  await Promise.all([finishTransfers(options(sweep)), finishTransfers(options(clock))]);
  expect(await states()).toEqual([LIVE]);
  expect(await finishTransfers(options(sweep))).toBe(0);
  const { codes: theirs } = await boss.listCodes({ shopperId: "bob" });
  expect(theirs.map(({ state, goods }) => [state, goods])).toEqual([[LIVE, ""]]);
  await Promise.all([clock.stop(), sweep.stop()]);
});

test("a revocation between the steps keeps the new code out", async () => {
  const old = await issue("06");
  const { appointmentId } = old;
  const crashing = openCodes({
    tenantId,
    before: async (_kind, statement) => {
      if (statement.includes("insert ignore into pickup_code")) {
        await issuing.revokeCodes({ revokes: [old] });
      }
    },
  });
  const request = { appointmentId, toShopperId: "bob", requestId: "gift" };
  const given = await shopper("ann", crashing).transferCode(request);
  await crashing.stop();
  expect((await shopper("bob").getCode(idOf(given))).code?.state).toBe(REVOKED);
});

test("a transfer whose answers are lost is done once", async () => {
  const losing = loseAnswer(/insert into code_event/);
  const flaky = openCodes({ ...losing, tenantId });
  const { appointmentId } = await issue("07");
  const request = { appointmentId, toShopperId: "dan", requestId: "gift" };
  const given = await shopper("ann", flaky).transferCode(request);
  expect(losing.lost()).toBe(1);
  const { codes: theirs } = await shopper("dan").listCodes({});
  expect(theirs.map((one) => one.appointmentId)).toEqual([given.appointmentId]);
  await flaky.stop();
});

test("twenty transfers to twenty people at once: one of them has it", async () => {
  const { appointmentId } = await issue("08");
  const people = Array.from({ length: 20 }, (_, index) => `person-${index}`);
  const answers = await Promise.allSettled(
    people.map((toShopperId) =>
      shopper("ann").transferCode({ appointmentId, toShopperId, requestId: `to ${toShopperId}` }),
    ),
  );
  expect(answers.filter(({ status }) => status === "fulfilled").length).toBe(1);
  const lists = await Promise.all(people.map((person) => shopper(person).listCodes({})));
  expect(lists.flatMap((list) => list.codes).length).toBe(1);
});

test("transfer against redeem, 30 at once: one of them wins", async () => {
  const pickups = await Promise.all(Array.from({ length: 30 }, (_, n) => issue(String(n + 20))));
  const answers = await Promise.all(
    pickups.map(({ appointmentId, code }) =>
      Promise.all([
        refusal(shopper("ann").transferCode({ appointmentId, toShopperId: "eve", requestId: "g" })),
        clerk.redeemCode({ code, storeId, requestId: "r" }),
      ]),
    ),
  );
  for (const [[reason], { outcome }] of answers) {
    expect([
      [undefined, RedeemOutcome.REVOKED],
      ["NOT_LIVE", RedeemOutcome.REDEEMED],
    ]).toContainEqual([reason, outcome]);
  }
});

test("what is used, kept, in part used, over or not theirs is not given away", async () => {
  const [used, kept, part, over, theirs] = await Promise.all([
    issue("09"),
    issue("10"),
    issue("11", { items: 2 }),
    issue("12", { expiresAtMs: Date.now() - 1 }),
    issue("13", { shopperId: "zoe" }),
  ]);
  await clerk.redeemCode({ code: used.code, storeId, requestId: "r" });
  await clerk.lockCode({ code: kept.code, storeId });
  await clerk.redeemCode({ code: part.code, storeId, requestId: "r", items: 1 });
  const give = ({ appointmentId }: { appointmentId: string }, toShopperId = "bob") =>
    refusal(shopper("ann").transferCode({ appointmentId, toShopperId, requestId: "gift" }));
  const dead =
    "[failed_precondition] the code is not live: it was redeemed, taken back or given away, or its time is over";
  expect(await give(used)).toEqual(["NOT_LIVE", dead]);
  expect(await give(over)).toEqual(["NOT_LIVE", dead]);
  expect(await give(kept)).toEqual([
    "LOCKED",
    "[failed_precondition] a clerk is looking at the goods: try again when they are done",
  ]);
  expect(await give(part)).toEqual([
    "PARTLY_REDEEMED",
    "[failed_precondition] some of its items were redeemed: what is left stays with its owner",
  ]);
  expect(await give(theirs)).toEqual(["NOT_FOUND", "[not_found] no such code"]);
  expect(await give(kept, "ann")).toEqual([
    "SAME_OWNER",
    "[invalid_argument] to_shopper_id: they have this code already",
  ]);
  const stranger = codes.as({ role: "operator", tenantId: uniqueTenant(), subjectId: "olga" });
  const { appointmentId } = theirs;
  expect(
    await refusal(stranger.transferCode({ appointmentId, toShopperId: "bob", requestId: "g" })),
  ).toEqual(["NOT_FOUND", "[not_found] no such code"]);
});

test("the same request to someone else is refused", async () => {
  const { appointmentId } = await issue("14");
  const request = { appointmentId, requestId: "gift" };
  await shopper("ann").transferCode({ ...request, toShopperId: "bob" });
  expect((await refusal(shopper("ann").transferCode({ ...request, toShopperId: "cat" })))[0]).toBe(
    "REQUEST_ID_REUSED",
  );
});

test("a code goes from hand to hand twenty times, and then stays", async () => {
  let { appointmentId } = await issue("15", { shopperId: "p0" });
  for (let hand = 0; hand < 20; hand += 1) {
    const request = { appointmentId, toShopperId: `p${hand + 1}`, requestId: "g" };
    appointmentId = (await shopper(`p${hand}`).transferCode(request)).appointmentId;
  }
  const once = { appointmentId, toShopperId: "p21", requestId: "g" };
  expect(await refusal(shopper("p20").transferCode(once))).toEqual([
    "TRANSFERRED_TOO_OFTEN",
    "[failed_precondition] it went from hand to hand as often as a code can",
  ]);
});
