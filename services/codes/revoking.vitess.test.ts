// Taking codes back on real Vitess: by whom, what of it the ledger keeps, and that it is for good: a code that
// was never issued, given away or issued by a campaign that still runs.

import { afterAll, expect, test } from "vitest";
import { CampaignsService } from "#gen/slotmesh/codes/v1/campaigns_service_pb.ts";
import { CodeEventKind, CodeState } from "#gen/slotmesh/codes/v1/code_pb.ts";
import { RedeemOutcome } from "#gen/slotmesh/codes/v1/codes_service_pb.ts";
import type { Role } from "#shared/auth.ts";
import { reasonOf } from "#shared/errors.ts";
import { clientAs, uniqueTenant } from "#shared/testing.ts";
import { toTimestamp } from "#shared/time.ts";
import { openCodes, refusal, rejection, uniqueAppointment } from "./testing.ts";

const expireTime = toTimestamp(Date.now() + 3_600_000);
const { LIVE, REDEEMED, REVOKED } = CodeState;

const codes = openCodes();
const { tenantId, storeId, clerk } = codes;
const manager = codes.as({ role: "manager", tenantId, subjectId: "max" });
afterAll(() => codes.stop());

function campaignsAs(role: Role, from = codes, tenant = from.tenantId) {
  return clientAs(CampaignsService, from.methods, { role, tenantId: tenant, subjectId: "olga" });
}
const operator = campaignsAs("operator");
const order = (subject: string, shopperId = "") => ({ subject, shopperId, storeId, expireTime });

test("a manager takes a code back with a reason, once, and its number rests", async () => {
  const pickup = await codes.issue("01");
  const { appointmentId } = pickup;
  const first = await manager.revokeCode({ appointmentId, reason: "a stolen card" });
  expect(first.code?.state).toBe(REVOKED);
  const again = await manager.revokeCode({ appointmentId, reason: "another one" });
  expect(again).toEqual(first);
  const { events } = await manager.listCodeEvents({ appointmentId });
  expect(events).toMatchObject([
    { kind: CodeEventKind.REVOKED, actorId: "max", reason: "a stolen card", storeId, items: 1 },
  ]);
  expect(events.length).toBe(1);
  const { outcome, message } = await clerk.redeemCode({
    ...{ code: pickup.code, storeId, requestId: "r" },
  });
  expect([outcome, message]).toEqual([
    RedeemOutcome.REVOKED,
    "It was taken back just now. Do not hand over: a manager can see why.",
  ]);
  const freed = await codes.database.select<{ number: string }>(
    "select number from freed_number where suffix = '01' and tenant_id = ?",
    [tenantId],
  );
  expect(freed).toEqual([{ number: String(Number(pickup.code.slice(0, 6))) }]);
});

test("a redeemed code is not taken back, what is left of one is, and a lock does not keep it", async () => {
  const [used, part] = await Promise.all([codes.issue("02"), codes.issue("03", { items: 3 })]);
  await clerk.redeemCode({ code: used.code, storeId, requestId: "r" });
  expect(await refusal(manager.revokeCode({ ...idOf(used), reason: "x" }))).toEqual([
    "ALREADY_REDEEMED",
    "[failed_precondition] the code was redeemed: reverse the redemption first, then take the code back",
  ]);
  await clerk.redeemCode({ code: part.code, storeId, requestId: "r", items: 1 });
  await clerk.lockCode({ code: part.code, storeId });
  const { code } = await manager.revokeCode({ ...idOf(part), reason: "sold out" });
  expect(code).toMatchObject({ state: REVOKED, itemsLeft: 2, redemption: { items: 1 } });
  const { events } = await manager.listCodeEvents(idOf(part));
  expect(events.at(-1)).toMatchObject({ kind: CodeEventKind.REVOKED, items: 2 });
});

test("nobody takes back what is not their tenant's, and a reason is wanted", async () => {
  const pickup = await codes.issue("04");
  const none = ["NOT_FOUND", "[not_found] no such code"];
  const stranger = codes.as({ role: "operator", tenantId: uniqueTenant() });
  expect(await refusal(stranger.revokeCode({ ...idOf(pickup), reason: "x" }))).toEqual(none);
  const unknown = { appointmentId: uniqueAppointment("04"), reason: "x" };
  expect(await refusal(manager.revokeCode(unknown))).toEqual(none);
  expect(String(await rejection(manager.revokeCode(idOf(pickup))))).toContain(
    "reason: value is required",
  );
  expect((await codes.issuing.listCodeStates({ appointmentIds: [pickup.appointmentId] })).states) //
    .toEqual([LIVE]);
});

test("who takes a code back that was given away takes it from whoever has it", async () => {
  const given = await codes.issue("05", { shopperId: "ann" });
  const ann = codes.as({ role: "shopper", tenantId, subjectId: "ann" });
  const heir = await ann.transferCode({ ...idOf(given), toShopperId: "bob", requestId: "g" });
  await manager.revokeCode({ ...idOf(given), reason: "a stolen card" });
  const { code } = await manager.getCode(idOf(heir));
  expect(code?.state).toBe(REVOKED);
  const { events } = await manager.listCodeEvents(idOf(heir));
  expect(events).toMatchObject([{ kind: CodeEventKind.REVOKED, reason: "a stolen card" }]);
});

test("subjects are taken back by name, those that were never issued as well", async () => {
  const issues = [order("o-1", "ann"), order("o-2"), order("o-3")];
  const { codes: issued } = await operator.issueSubjectCodes({ issues });
  await clerk.redeemCode({ code: issued[2]?.code ?? "", storeId, requestId: "r" });
  const revokes = [...issues, order("o-4", "ann")].map(({ subject, shopperId }) => ({
    ...{ subject, shopperId },
  }));
  const reason = "the show is cancelled";
  for (let times = 0; times < 2; times += 1) {
    const { states } = await operator.revokeSubjectCodes({ revokes, reason });
    expect(states).toEqual([REVOKED, REVOKED, REDEEMED, REVOKED]);
  }
  const late = await operator.issueSubjectCodes({ issues: [...issues, order("o-4", "ann")] });
  expect(late.codes.map(({ state, code }) => [state, code])).toEqual([
    [REVOKED, ""],
    [REVOKED, ""],
    [REDEEMED, ""],
    [REVOKED, ""],
  ]);
  const { events } = await manager.listCodeEvents({
    appointmentId: issued[0]?.appointmentId ?? "",
  });
  expect(events).toMatchObject([{ kind: CodeEventKind.REVOKED, actorId: "olga", reason }]);
  // Another member's subject of that name is another subject.
  const other = await operator.issueSubjectCodes({ issues: [order("o-1", "bob")] });
  expect(other.codes[0]?.state).toBe(LIVE);
});

test("a subject is taken back where an older policy had placed it, and stays so under a newer one", async () => {
  const mine = openCodes({ tenantId: uniqueTenant() });
  const theirs = campaignsAs("operator", mine);
  const spread = { layout: "one-dimensional", libraries: 1, tables: 100 } as const;
  await mine.choosePolicy({ pattern: "RRRRRRLL", location: spread });
  const issues = Array.from({ length: 20 }, (_, n) => order(`o-${n}`));
  await theirs.issueSubjectCodes({ issues: issues.slice(0, 10) });
  const one = { layout: "one-dimensional", libraries: 1, tables: 1 } as const;
  await mine.choosePolicy({ pattern: "RRRRRRR", location: one });
  const revokes = issues.map(({ subject }) => ({ subject }));
  const { states } = await theirs.revokeSubjectCodes({ revokes, reason: "x" });
  expect(states).toEqual(Array(20).fill(REVOKED));
  await mine.choosePolicy({ pattern: "RRRRRR-LL", location: spread });
  const { codes: after } = await theirs.issueSubjectCodes({ issues });
  expect(after.map(({ state }) => state)).toEqual(Array(20).fill(REVOKED));
  await mine.stop();
});

test("a campaign is taken back from a number on, what is not issued yet as well", async () => {
  const mine = openCodes({ tenantId: uniqueTenant() });
  const theirs = campaignsAs("operator", mine);
  const campaign = { campaignId: "coupons", storeId, expireTime, wantedCodes: 2300 };
  // Its first thousand only: whoever listens no more stops it.
  for await (const { issuedCodes } of theirs.runCampaign(campaign)) {
    if (issuedCodes === 1000) {
      break;
    }
  }
  const { codes: page } = await theirs.listCampaignCodes({ campaignId: "coupons", pageSize: 1 });
  const teller = mine.as({ role: "operator", tenantId: mine.tenantId });
  await teller.redeemCode({ code: page[0]?.code ?? "", storeId, requestId: "r" });

  const steps: [number, number, number][] = [];
  const request = { campaignId: "coupons", reason: "a misprint" };
  for await (const step of theirs.revokeCampaign(request)) {
    steps.push([step.revokedCodes, step.redeemedCodes, step.wantedCodes]);
  }
  expect(steps).toEqual([
    [1000, 1, 2300],
    [2000, 1, 2300],
    [2300, 1, 2300],
  ]);
  for await (const { revokedCodes } of theirs.revokeCampaign({ ...request, fromNumber: 2300 })) {
    expect(revokedCodes).toBe(2300);
  }
  for await (const _ of theirs.runCampaign(campaign)) {
    // It runs to its end, and issues nothing.
  }
  const rows = await mine.database.select<{ state: number; count: string }>(
    "select state, count(*) as count from pickup_code where tenant_id = ? group by state order by state",
    [mine.tenantId],
  );
  expect(rows.map(({ state, count }) => [state, Number(count)])).toEqual([
    [REDEEMED, 1],
    [REVOKED, 2299],
  ]);
  const none = theirs.revokeCampaign({ campaignId: "another", reason: "x" });
  expect(reasonOf(await rejection(none[Symbol.asyncIterator]().next()))).toBe("NOT_FOUND");
  await mine.stop();
});

test("subjects and campaigns are taken back by services and operators only", async () => {
  const revokes = [{ subject: "o-9" }];
  const reasons = await Promise.all(
    (["manager", "staff", "shopper", "anonymous"] as const).map(async (role) =>
      reasonOf(await rejection(campaignsAs(role).revokeSubjectCodes({ revokes, reason: "x" }))),
    ),
  );
  expect(reasons).toEqual(["WRONG_ROLE", "WRONG_ROLE", "WRONG_ROLE", "NO_TOKEN"]);
  const elsewhere = { tenantId: uniqueTenant(), revokes, reason: "x" };
  expect(reasonOf(await rejection(operator.revokeSubjectCodes(elsewhere)))).toBe("NOT_YOUR_TENANT");
  const service = campaignsAs("service", codes, "");
  expect(reasonOf(await rejection(service.revokeSubjectCodes({ revokes, reason: "x" })))).toBe(
    "MALFORMED_TENANT",
  );
});

function idOf({ appointmentId }: { appointmentId: string }) {
  return { appointmentId };
}
