import { randomBytes, randomInt } from "node:crypto";
import { afterAll, expect, test } from "vitest";
import { ErrorInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { CodeState } from "#gen/slotmesh/codes/v1/code_pb.ts";
import { IssuingService } from "#gen/slotmesh/codes/v1/issuing_service_pb.ts";
import type { Role } from "#shared/auth.ts";
import { Code, ConnectError } from "#shared/errors.ts";
import { clientAs, uniqueTenant } from "#shared/testing.ts";
import { codesService } from "./service.ts";
import { drawFrom, openCodes, rejection, uniqueAppointment } from "./testing.ts";

const { LIVE, REVOKED, REDEEMED, EXPIRED } = CodeState;

const codes = openCodes();
const { issuing, clerk, store, wish, digitsOf } = codes;
afterAll(() => codes.stop());

/** Ten numbers a location, free again at once. */
const TEN = { pattern: "RRRR LL", stopPerThousand: 1, quarantineSeconds: 0, reversalSeconds: 0 };

test("an issued code is six digits and the suffix of its appointment", async () => {
  const issue = wish("07");
  expect((await issuing.issueCodes({ issues: [issue] })).states).toEqual([LIVE]);
  expect(await digitsOf(issue)).toMatch(/^[0-9]{6}07$/);
});

test("in a batch each code has its own terms, also where the others leave them out", async () => {
  const issues = [
    codes.wish("30"),
    codes.wish("30", { items: 3, goods: "a phone" }),
    codes.wish("30", { startsAtMs: Date.now() + 3_600_000 }),
  ];
  await issuing.issueCodes({ issues });
  const owner = codes.as({ role: "shopper", tenantId: codes.tenantId, subjectId: "shopper" });
  const shown = await Promise.all(
    issues.map(({ appointmentId }) => owner.getCode({ appointmentId })),
  );
  expect(
    shown.map(({ code }) => [code?.items, code?.itemsLeft, code?.goods, Boolean(code?.openTime)]),
  ).toEqual([
    [1, 1, "", false],
    [3, 3, "a phone", false],
    [1, 1, "", true],
  ]);
});

test("issuing twice gives the same codes, also for a batch that holds one appointment twice", async () => {
  const issues = ["00", "07", "31", "99"].map((suffix) => wish(suffix));
  await issuing.issueCodes({ issues });
  const first = await Promise.all(issues.map(digitsOf));
  const again = await issuing.issueCodes({ issues: [...issues, ...issues] });
  expect(again.states).toEqual(new Array(8).fill(LIVE));
  expect(await Promise.all(issues.map(digitsOf))).toEqual(first);
});

test("a thousand codes over all suffixes take one statement a shard, and one lease a shard at first", async () => {
  const seen: string[] = [];
  const counted = openCodes({ before: (_kind, statement) => void seen.push(statement) });
  const thousand = () =>
    Array.from({ length: 1000 }, (_, index) => counted.wish(String(index % 100).padStart(2, "0")));
  const issues = thousand();
  const { states } = await counted.issuing.issueCodes({ issues });
  expect(states).toEqual(new Array(1000).fill(LIVE));
  const kinds = seen.map(
    (statement) => /\b(code_policy|code_space|pickup_code)\b/.exec(statement)?.[1],
  );
  expect(kinds.filter((kind) => kind === "pickup_code").length).toBe(4);
  expect(kinds.filter((kind) => kind === "code_space").length).toBe(8);

  // What the first lease left over is enough for a few more of each suffix.
  seen.length = 0;
  await counted.issuing.issueCodes({ issues: thousand().slice(0, 500) });
  expect(seen.length).toBe(4);
  const appointmentIds = issues.map(({ appointmentId }) => appointmentId);
  expect((await counted.issuing.listCodeStates({ appointmentIds })).states).toEqual(states);
  const rows = await counted.database.select<{ appointment_id: string; code: string }>(
    "select appointment_id, code from pickup_code where tenant_id = ?",
    [counted.tenantId],
  );
  expect(new Set(rows.map(({ code }) => code)).size).toBe(1500);
  expect(rows.every((row) => row.code.slice(-2) === row.appointment_id.slice(-2))).toBe(true);
  await counted.issuing.revokeCodes({ revokes: issues });
  await counted.stop();
});

test("one batch sent ten times at once is issued once", async () => {
  const issues = Array.from({ length: 200 }, (_, index) =>
    wish(String(index % 100).padStart(2, "0")),
  );
  const written: number[] = [];
  const watched = openCodes();
  const insert = watched.store.insertCodes;
  Object.assign(watched.store, {
    insertCodes: async (rows: Parameters<typeof insert>[0]) => {
      const count = await insert(rows);
      written.push(count);
      return count;
    },
  });
  const answers = await Promise.all(
    Array.from({ length: 10 }, () => watched.issuing.issueCodes({ issues })),
  );
  expect(answers.flatMap(({ states }) => states)).toEqual(new Array(2000).fill(LIVE));
  expect(written.reduce((sum, count) => sum + count)).toBe(200);
  await watched.stop();
});

test("a batch whose answer is lost is issued once all the same", async () => {
  let lost = 0;
  const flaky = openCodes({
    after: (_kind, statement) => {
      lost += statement.includes("into pickup_code") ? 1 : 0;
      if (lost === 1 && statement.includes("into pickup_code")) {
        throw Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
      }
    },
  });
  const issues = [flaky.wish("12"), flaky.wish("13")];
  expect((await flaky.issuing.issueCodes({ issues })).states).toEqual([LIVE, LIVE]);
  expect(lost).toBe(2);
  await flaky.stop();
});

test("where a location has ten numbers, the tenth is still issued, and the eleventh is refused", async () => {
  const narrow = openCodes();
  await narrow.choosePolicy(TEN);
  const issues = Array.from({ length: 11 }, () => narrow.wish("41"));
  for (const issue of issues.slice(0, 10)) {
    expect((await narrow.issuing.issueCodes({ issues: [issue] })).states).toEqual([LIVE]);
  }
  const held = await Promise.all(issues.slice(0, 10).map(narrow.digitsOf));
  expect(new Set(held).size).toBe(10);

  const error = await rejection(narrow.issuing.issueCodes({ issues: issues.slice(10) }));
  expect(error).toBeInstanceOf(ConnectError);
  const { code, rawMessage } = error as ConnectError;
  expect(code).toBe(Code.ResourceExhausted);
  expect(rawMessage).toBe(
    "suffix 41 has 10 live codes, and no free one was found; the rest of the batch has its codes: call again with the same batch",
  );
  const [info] = (error as ConnectError).findDetails(ErrorInfoSchema);
  expect(info?.reason).toBe("NO_FREE_CODE");
  expect(info?.metadata).toEqual({ suffix: "41", live: "10" });
  expect(held.some((digits) => JSON.stringify(info).includes(digits))).toBe(false);

  // A code that comes free is found.
  await narrow.issuing.revokeCodes({ revokes: issues.slice(0, 1) });
  expect((await narrow.issuing.issueCodes({ issues: issues.slice(10) })).states).toEqual([LIVE]);
  expect(await narrow.digitsOf(issues[10] as (typeof issues)[0])).toBe(held[0]);
  await narrow.stop();
});

test("a batch with one appointment too many issues the others, and again changes none of them", async () => {
  const narrow = openCodes();
  await narrow.choosePolicy(TEN);
  const issues = Array.from({ length: 11 }, () => narrow.wish("42"));
  for (const _ of [1, 2]) {
    const error = await rejection(narrow.issuing.issueCodes({ issues }));
    expect((error as ConnectError).code).toBe(Code.ResourceExhausted);
    const held = await Promise.all(issues.map(narrow.digitsOf));
    expect(held.filter((digits) => digits !== "").length).toBe(10);
    expect(new Set(held).size).toBe(11);
  }
  await narrow.stop();
});

test("twelve appointments that race for ten numbers in three processes leave ten with one each", async () => {
  const key = { numbersKey: randomBytes(32), tenantId: uniqueTenant() };
  const processes = [openCodes(key), openCodes(key), openCodes(key)];
  const [one] = processes as [(typeof processes)[0]];
  await one.choosePolicy(TEN);
  const issues = Array.from({ length: 12 }, () => one.wish("43"));
  const issueAll = () =>
    Promise.all(
      issues.map((issue, index) =>
        rejection((processes[index % 3] as typeof one).issuing.issueCodes({ issues: [issue] })),
      ),
    );
  await issueAll();
  // A number that one process holds is refused to another; who comes again finds what is left.
  await issueAll();
  const held = (await Promise.all(issues.map(one.digitsOf))).filter((digits) => digits !== "");
  expect(held.length).toBe(10);
  expect(new Set(held).size).toBe(10);
  await Promise.all(processes.map((each) => each.stop()));
});

test("a number that turns out to be another's costs another try, and no code comes twice", async () => {
  const first = randomInt(99_999) * 10;
  const colliding = openCodes({ source: drawFrom(() => first + randomInt(10)) });
  const issues = Array.from({ length: 6 }, () => colliding.wish("44"));
  await Promise.all(
    issues.map((issue) => rejection(colliding.issuing.issueCodes({ issues: [issue] }))),
  );
  const held = (await Promise.all(issues.map(colliding.digitsOf))).filter((one) => one !== "");
  expect(new Set(held).size).toBe(held.length);
  expect(held.length).toBeGreaterThanOrEqual(5);
  await colliding.stop();
});

test("an appointment revoked before it is issued never gets a code", async () => {
  const issue = wish("77");
  expect((await issuing.revokeCodes({ revokes: [issue] })).states).toEqual([REVOKED]);
  expect((await issuing.issueCodes({ issues: [issue, wish("77")] })).states).toEqual([
    REVOKED,
    LIVE,
  ]);
  expect(await digitsOf(issue)).toBe("");
  const appointmentIds = [issue.appointmentId];
  expect((await issuing.listCodeStates({ appointmentIds })).states).toEqual([REVOKED]);
});

test("revoking kills live codes and tombstones, leaves redeemed ones, and says so again", async () => {
  const [live, redeemed, gone, fresh] = ["00", "30", "60", "90"].map((suffix) => wish(suffix));
  if (!live || !redeemed || !gone || !fresh) throw new Error("four wishes");
  await issuing.issueCodes({ issues: [live, redeemed, gone] });
  await issuing.revokeCodes({ revokes: [gone] });
  await clerk.redeemCode({
    code: await digitsOf(redeemed),
    storeId: codes.storeId,
    requestId: "r",
  });
  for (const _ of [1, 2]) {
    const { states } = await issuing.revokeCodes({ revokes: [live, redeemed, gone, fresh] });
    expect(states).toEqual([REVOKED, REDEEMED, REVOKED, REVOKED]);
  }
});

test("revoke against issue, 50 at once: whichever comes first, no code is live in the end", async () => {
  const wishes = Array.from({ length: 50 }, (_, index) => wish(String(index * 2).padStart(2, "0")));
  await Promise.all(
    wishes.flatMap((one, index) => {
      const both = [
        () => issuing.issueCodes({ issues: [one] }),
        () => issuing.revokeCodes({ revokes: [one] }),
      ];
      return (index % 2 ? both.reverse() : both).map((call) => call());
    }),
  );
  const { states } = await issuing.issueCodes({ issues: wishes });
  expect(states).toEqual(new Array(50).fill(REVOKED));
});

test("counting takes in live, expired and redeemed codes, each appointment once", async () => {
  const live = wish("05");
  const expired = wish("35", { expiresAtMs: Date.now() - 1 });
  const redeemed = wish("65");
  const revoked = wish("95");
  const issues = [live, expired, redeemed, revoked];
  expect((await issuing.issueCodes({ issues })).states).toEqual([LIVE, EXPIRED, LIVE, LIVE]);
  await issuing.revokeCodes({ revokes: [revoked] });
  await clerk.redeemCode({
    code: await digitsOf(redeemed),
    storeId: codes.storeId,
    requestId: "r",
  });
  const appointmentIds = [...issues, ...issues].map(({ appointmentId }) => appointmentId);
  appointmentIds.push(uniqueAppointment("15"));
  const each = [LIVE, EXPIRED, REDEEMED, REVOKED];
  expect((await issuing.listCodeStates({ appointmentIds })).states).toEqual([
    ...each,
    ...each,
    CodeState.UNSPECIFIED,
  ]);
});

test("what would not fit is refused before INSERT IGNORE could clip it", async () => {
  const tooLarge = { ...wish("07"), storeId: "9223372036854775808" };
  await expect(issuing.issueCodes({ issues: [tooLarge] })).rejects.toThrow(
    "[invalid_argument] store_id is beyond 2^63 - 1: there is no such store",
  );
  await expect(issuing.revokeCodes({ revokes: [tooLarge] })).rejects.toThrow(
    "[invalid_argument] store_id is beyond 2^63 - 1: there is no such store",
  );
  const tooLate = wish("07");
  tooLate.expireTime.seconds = 253_402_300_800n;
  await expect(issuing.issueCodes({ issues: [tooLate] })).rejects.toThrow(
    "[invalid_argument] expire_time is not between the years 1970 and 9999",
  );
  await expect(
    issuing.issueCodes({ issues: [{ ...wish("07"), tenantId: "t".repeat(33) }] }),
  ).rejects.toThrow("must be at most 32 characters");
});

test("ids of the longest kind, in any script, come back whole", async () => {
  const longest = { ...wish("07"), tenantId: "店".repeat(32), shopperId: "𝓼".repeat(64) };
  await issuing.issueCodes({ issues: [longest] });
  const record = await store.findByAppointment(
    longest.appointmentId,
    longest.tenantId,
    longest.shopperId,
  );
  expect(record).toMatchObject({ tenantId: longest.tenantId, shopperId: longest.shopperId });
});

test.each<Role>(["anonymous", "shopper", "staff", "manager", "operator"])(
  "the role %s may not issue, revoke or count",
  async (role) => {
    const methods = codesService({
      ...codes.parts,
      shards: { forEachShard: () => Promise.reject(new Error("came through")) },
    });
    const client = clientAs(IssuingService, methods, { role, tenantId: codes.tenantId });
    const refused = role === "anonymous" ? Code.Unauthenticated : Code.PermissionDenied;
    const answers = await Promise.all(
      [
        client.issueCodes({ issues: [wish("07")] }),
        client.revokeCodes({ revokes: [wish("07")] }),
        client.listCodeStates({ appointmentIds: [uniqueAppointment("07")] }),
      ].map(rejection),
    );
    expect(answers.map((error) => (error as ConnectError).code)).toEqual([
      refused,
      refused,
      refused,
    ]);
  },
);
