// Codes for subjects on real Vitess: under every layout, once for each subject, and one body for each.

import { randomBytes } from "node:crypto";
import { afterAll, expect, test } from "vitest";
import { CampaignsService } from "#gen/slotmesh/codes/v1/campaigns_service_pb.ts";
import { CodeState } from "#gen/slotmesh/codes/v1/code_pb.ts";
import type { Role } from "#shared/auth.ts";
import { Code, type ConnectError, reasonOf } from "#shared/errors.ts";
import { suffixOf } from "#shared/suffix.ts";
import { clientAs, uniqueTenant } from "#shared/testing.ts";
import { toTimestamp } from "#shared/time.ts";
import { openCodes, rejection } from "./testing.ts";

const HOUR_MS = 3_600_000;
const { LIVE, REVOKED } = CodeState;

const codes = openCodes();
const { tenantId, storeId } = codes;
const service = clientFor("service");
afterAll(() => codes.stop());

function clientFor(role: Role, tenant = "", from = codes) {
  return clientAs(CampaignsService, from.methods, { role, tenantId: tenant, subjectId: "olga" });
}

const expireTime = toTimestamp(Date.now() + HOUR_MS);
const order = (subject: string, change: { shopperId?: string; items?: number } = {}) => ({
  subject,
  storeId,
  goods: "a large popcorn",
  expireTime,
  ...change,
});

test("an order has a code at its member's suffix, and the same one when it is asked for again", async () => {
  const issues = [order("order-1", { shopperId: "ann" }), order("order-1", { shopperId: "bob" })];
  const { codes: first } = await service.issueSubjectCodes({ tenantId, issues });
  expect(first.map(({ state, subject, shopperId }) => [state, subject, shopperId])).toEqual([
    [LIVE, "order-1", "ann"],
    [LIVE, "order-1", "bob"],
  ]);
  for (const { code, shopperId, appointmentId } of first) {
    expect(code).toMatch(/^[0-9]{6} [0-9]{2}$/);
    expect(code.slice(-2)).toBe(suffixOf(tenantId, shopperId));
    expect(appointmentId.slice(-2)).toBe(suffixOf(tenantId, shopperId));
  }
  expect(first[0]?.expireTime).toEqual(expireTime);
  const again = await service.issueSubjectCodes({ tenantId, issues: [...issues, ...issues] });
  expect(again.codes).toEqual([...first, ...first]);
});

test("the same subjects sent twenty times at once have one code each", async () => {
  const issues = Array.from({ length: 40 }, (_, n) => order(`at-once-${n}`));
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => service.issueSubjectCodes({ tenantId, issues })),
  );
  for (const answer of answers) {
    expect(answer.codes).toEqual(answers[0]?.codes);
  }
  expect(new Set(answers[0]?.codes.map(({ code }) => code)).size).toBe(40);
  const rows = await codes.database.select(
    "select code from pickup_code where tenant_id = ? and subject like 'at-once-%'",
    [tenantId],
  );
  expect(rows.length).toBe(40);
});

test("processes that meet a tenant first at once agree on its secret, and so on its codes", async () => {
  const tenant = uniqueTenant();
  const numbersKey = randomBytes(32);
  const processes = Array.from({ length: 8 }, () => openCodes({ tenantId: tenant, numbersKey }));
  const answers = await Promise.all(
    processes.map((one) =>
      clientFor("operator", tenant, one).issueSubjectCodes({ issues: [order("first")] }),
    ),
  );
  expect(new Set(answers.map((answer) => answer.codes[0]?.appointmentId)).size).toBe(1);
  const rows = await codes.database.select<{ secret: string }>(
    "select secret from subject_secret where tenant_id = ?",
    [tenant],
  );
  expect(rows).toEqual([{ secret: expect.stringMatching(/^[0-9a-f]{64}$/) }]);
  await Promise.all(processes.map((one) => one.stop()));
});

test("a subject with another body is refused, and nothing of its batch is issued", async () => {
  await service.issueSubjectCodes({ tenantId, issues: [order("kept")] });
  for (const other of [
    { ...order("kept"), goods: "a small popcorn" },
    { ...order("kept"), storeId: "9" },
    { ...order("kept"), items: 2 },
    { ...order("kept"), expireTime: toTimestamp(Date.now() + 2 * HOUR_MS) },
    { ...order("kept"), openTime: toTimestamp(Date.now()) },
  ]) {
    const issues = [order("never-issued"), other];
    const error = await rejection(service.issueSubjectCodes({ tenantId, issues }));
    expect(String(error)).toBe(
      "ConnectError: [failed_precondition] issues[1]: its subject was issued with another body: send the " +
        "same, or take another subject",
    );
    expect(reasonOf(error)).toBe("SUBJECT_REUSED");
  }
  const rows = await codes.database.select<{ subject: string; goods: string }>(
    "select subject, goods from pickup_code where tenant_id = ? and subject in (?)",
    [tenantId, ["kept", "never-issued"]],
  );
  expect(rows).toEqual([{ subject: "kept", goods: "a large popcorn" }]);
});

test("two bodies under one subject in one batch, or at once, end in one code", async () => {
  const two = [order("twice"), order("twice", { items: 3 })];
  const error = await rejection(service.issueSubjectCodes({ tenantId, issues: two }));
  expect(reasonOf(error)).toBe("SUBJECT_REUSED");
  const outcomes = await Promise.allSettled(
    Array.from({ length: 10 }, (_, n) =>
      service.issueSubjectCodes({ tenantId, issues: [order("raced", { items: 1 + (n % 2) })] }),
    ),
  );
  const won = outcomes.filter(({ status }) => status === "fulfilled");
  const lost = outcomes.flatMap((one) => (one.status === "rejected" ? [reasonOf(one.reason)] : []));
  expect(won.length).toBe(5);
  expect(lost).toEqual(Array(5).fill("SUBJECT_REUSED"));
});

test.each([
  ["a simple deployment", { pattern: "RRRRRR", libraries: 1, tables: 1 }, /^[0-9]{6}$/, ["00"]],
  [
    "4 x 4 on end",
    { pattern: "RRRRRR-LL", libraries: 4, tables: 4 },
    /^[0-9]{6}-(?:0[0-9]|1[0-5])$/,
    Array.from({ length: 16 }, (_, n) => String(n).padStart(2, "0")),
  ],
  [
    "4 x 4 by library and table",
    { pattern: "LLRRRR RR", layout: "library-table", libraries: 4, tables: 4 },
    /^[0-3][0-3][0-9]{4} [0-9]{2}$/,
    [0, 1, 2, 3].flatMap((a) => [0, 1, 2, 3].map((b) => `${a}${b}`)),
  ],
  [
    "1,000 locations",
    { pattern: "LLLRRRRRR", libraries: 10, tables: 100 },
    /^[0-9]{9}$/,
    Array.from({ length: 100 }, (_, n) => String(n).padStart(2, "0")),
  ],
] as const)("subjects lie at the locations of %s", async (_, layout, shown, all) => {
  const mine = openCodes({ tenantId: uniqueTenant() });
  const { pattern, ...location } = { layout: "one-dimensional" as const, ...layout };
  const policy = await mine.choosePolicy({ pattern, location, lifetimeSeconds: 3600 });
  const issues = Array.from({ length: 1000 }, (_, n) => ({ subject: `o-${n}`, storeId }));
  const operator = clientFor("operator", mine.tenantId, mine);
  const { codes: issued } = await operator.issueSubjectCodes({ issues });
  for (const { code, state } of issued) {
    expect(state).toBe(LIVE);
    expect(code).toMatch(shown);
  }
  expect(new Set(issued.map(({ code }) => code)).size).toBe(1000);
  const suffixes = new Set(issued.map(({ appointmentId }) => appointmentId.slice(-2)));
  expect([...suffixes].sort()).toEqual(all);
  const rows = await mine.database.select<{ policy_version: number; suffix: string; code: string }>(
    "select policy_version, suffix, code from pickup_code where tenant_id = ?",
    [mine.tenantId],
  );
  expect(rows.length).toBe(1000);
  expect(rows.every((row) => row.policy_version === policy.version)).toBe(true);
  expect(rows.every((row) => row.code.slice(-2) === row.suffix)).toBe(true);
  await mine.stop();
});

test("a tenant that changes its locations keeps the codes of its subjects", async () => {
  const mine = openCodes({ tenantId: uniqueTenant() });
  const operator = clientFor("operator", mine.tenantId, mine);
  const issues = Array.from({ length: 20 }, (_, n) => order(`o-${n}`, { shopperId: `m-${n % 3}` }));
  const before = await operator.issueSubjectCodes({ issues });
  const location = { layout: "one-dimensional", libraries: 4, tables: 4 } as const;
  await mine.choosePolicy({ pattern: "RRRRRRRR LL", location });
  const more = order("o-20", { shopperId: "m-0" });
  const after = await operator.issueSubjectCodes({ issues: [...issues, more] });
  expect(after.codes.slice(0, 20)).toEqual(before.codes);
  expect(after.codes[20]?.code).toMatch(/^[0-9]{8} (?:0[0-9]|1[0-5])$/);
  const other = rejection(operator.issueSubjectCodes({ issues: [{ ...issues[0], items: 2 }] }));
  expect(reasonOf(await other)).toBe("SUBJECT_REUSED");

  // A member has codes at both locations, and sees all of them.
  const member = mine.as({ role: "shopper", tenantId: mine.tenantId, subjectId: "m-0" });
  const { codes: seen } = await member.listCodes({});
  const theirs = issues.filter(({ shopperId }) => shopperId === "m-0").length + 1;
  expect(seen.length).toBe(theirs);
  expect(seen[0]?.appointmentId).toBe(after.codes[20]?.appointmentId);
  const ends = new Set(seen.map(({ appointmentId }) => appointmentId.slice(-2)));
  expect(ends.size).toBe(2);
  await mine.stop();
});

test("a subject that was taken back stays so, also before it was issued", async () => {
  const issues = [order("taken-back", { shopperId: "ann" })];
  const [{ appointmentId = "" } = {}] = (await service.issueSubjectCodes({ tenantId, issues }))
    .codes;
  const owner = { appointmentId, tenantId, shopperId: "ann", storeId };
  await codes.issuing.revokeCodes({ revokes: [owner] });
  const { codes: after } = await service.issueSubjectCodes({ tenantId, issues });
  expect(after[0]).toMatchObject({ state: REVOKED, code: "", subject: "taken-back" });
});

test("a location without a free number says how many codes are live there", async () => {
  const mine = openCodes({ tenantId: uniqueTenant() });
  const location = { layout: "one-dimensional", libraries: 1, tables: 1 } as const;
  await mine.choosePolicy({ pattern: "RRRR", location, stopPerThousand: 1 });
  const operator = clientFor("operator", mine.tenantId, mine);
  const issues = Array.from({ length: 11 }, (_, n) => order(`o-${n}`));
  const error = (await rejection(operator.issueSubjectCodes({ issues }))) as ConnectError;
  expect(error.code).toBe(Code.ResourceExhausted);
  expect(error.rawMessage).toBe(
    "suffix 00 has 10 live codes, and no free one was found; the rest of the batch has its codes: call " +
      "again with the same batch",
  );
  await mine.stop();
});

test("services name a tenant, operators are their own's, and nobody else may", async () => {
  const issues = [order("mine")];
  const reasons = await Promise.all(
    [
      service.issueSubjectCodes({ issues }),
      clientFor("operator", tenantId).issueSubjectCodes({ tenantId: uniqueTenant(), issues }),
      clientFor("manager", tenantId).issueSubjectCodes({ issues }),
      clientFor("staff", tenantId).issueSubjectCodes({ issues }),
      clientFor("shopper", tenantId).issueSubjectCodes({ issues }),
    ].map(async (call) => reasonOf(await rejection(call))),
  );
  expect(reasons).toEqual(["MALFORMED_TENANT", "NOT_YOUR_TENANT", ...Array(3).fill("WRONG_ROLE")]);
});

test("a subject without an end is refused where the policy names no lifetime", async () => {
  const issues = [{ subject: "endless", storeId }];
  const error = await rejection(service.issueSubjectCodes({ tenantId, issues }));
  expect(String(error)).toBe(
    "ConnectError: [invalid_argument] expire_time: wanted, since the tenant's policy names no lifetime",
  );
});
