import { afterAll, expect, test } from "vitest";
import { CodeState } from "#gen/slotmesh/codes/v1/code_pb.ts";
import { type CodesService, RedeemOutcome } from "#gen/slotmesh/codes/v1/codes_service_pb.ts";
import type { Role } from "#shared/auth.ts";
import { Code, type ConnectError, reasonOf } from "#shared/errors.ts";
import { uniqueId, uniqueTenant } from "#shared/testing.ts";
import { toTimestamp } from "#shared/time.ts";
import { openCodes, rejection, uniqueAppointment } from "./testing.ts";

const codes = openCodes();
const { issuing, clerk, as, wish, issue, digitsOf, tenantId, storeId } = codes;
afterAll(() => codes.stop());

/** As it is shown. */
function shown(code: string): string {
  return `${code.slice(0, 6)} ${code.slice(6)}`;
}

test("a shopper sees their own code with its QR image, as do manager and operator", async () => {
  const { appointmentId, code } = await issue("07", { shopperId: "ann" });
  for (const caller of [
    { role: "shopper", tenantId, subjectId: "ann" },
    { role: "manager", tenantId, subjectId: "max" },
    { role: "operator", tenantId, subjectId: "olga" },
  ] as const) {
    const answer = await as(caller).getCode({ appointmentId });
    expect(answer.code).toMatchObject({
      code: shown(code),
      appointmentId,
      tenantId,
      shopperId: "ann",
      storeId,
      partySize: 2,
      state: CodeState.LIVE,
    });
    expect(answer.code?.redemption).toBeUndefined();
    expect(answer.qrSvg).toMatch(/^<svg /);
  }
});

test("another shopper, another tenant and an unknown appointment all get the same NOT_FOUND", async () => {
  const { appointmentId } = await issue("07", { shopperId: "ann" });
  const stranger = uniqueTenant();
  const answers = await Promise.all(
    [
      as({ role: "shopper", tenantId, subjectId: "bob" }).getCode({ appointmentId }),
      as({ role: "shopper", tenantId: stranger, subjectId: "ann" }).getCode({ appointmentId }),
      as({ role: "operator", tenantId: stranger, subjectId: "olga" }).getCode({ appointmentId }),
      as({ role: "shopper", tenantId, subjectId: "ann" }).getCode({
        appointmentId: uniqueAppointment("07"),
      }),
    ].map(rejection),
  );
  for (const error of answers) {
    expect(String(error)).toBe("ConnectError: [not_found] no such code");
    expect(reasonOf(error)).toBe("NOT_FOUND");
  }
});

test("a code that is redeemed, revoked or expired is shown without a QR image", async () => {
  const expired = await issue("07", { expiresAtMs: Date.now() - 1 });
  const revoked = await issue("37");
  const redeemed = await issue("67");
  await issuing.revokeCodes({ revokes: [revoked] });
  await clerk.redeemCode({ code: redeemed.code, storeId, requestId: "r" });
  const operator = as({ role: "operator", tenantId });
  for (const [{ appointmentId }, state] of [
    [expired, CodeState.EXPIRED],
    [revoked, CodeState.REVOKED],
    [redeemed, CodeState.REDEEMED],
  ] as const) {
    const answer = await operator.getCode({ appointmentId });
    expect(answer.code?.state).toBe(state);
    expect(answer.qrSvg).toBe("");
  }
});

test("a clerk looks up what a code stands for, and redeems it, however it is typed", async () => {
  const { code, appointmentId } = await issue("07", { shopperId: "ann" });
  const typed = `${code.slice(0, 3)} ${code.slice(3, 6)}-${code.slice(6)}`;
  const looked = await clerk.lookupCode({ code: typed, storeId });
  expect(looked.code).toMatchObject({ appointmentId, shopperId: "ann", state: CodeState.LIVE });
  const beforeMs = Date.now();
  const answer = await clerk.redeemCode({ code: typed, storeId, requestId: "r1" });
  expect(answer.outcome).toBe(RedeemOutcome.REDEEMED);
  expect(answer.code).toMatchObject({ appointmentId, state: CodeState.REDEEMED });
  expect(answer.code?.redemption).toMatchObject({ storeId, staffId: "clerk" });
  expect(answer.code?.redemption?.redemptionId).toMatch(/^[0-9]{1,19}$/);
  expect(Number(answer.code?.redemption?.redeemTime?.seconds)).toBeGreaterThanOrEqual(
    Math.floor(beforeMs / 1000),
  );
  const after = await clerk.lookupCode({ code, storeId });
  expect(after.code).toEqual(answer.code);
});

test("one request sent 20 times at once gets 20 equal receipts, and the same one later", async () => {
  const { code } = await issue("20");
  const request = { code, storeId, requestId: "same" };
  const answers = await Promise.all(Array.from({ length: 20 }, () => clerk.redeemCode(request)));
  const later = await clerk.redeemCode(request);
  expect(later.outcome).toBe(RedeemOutcome.REDEEMED);
  expect(answers).toEqual(new Array(20).fill(later));
  const other = await clerk.redeemCode({ ...request, requestId: "other" });
  expect(other.outcome).toBe(RedeemOutcome.ALREADY_REDEEMED);
  expect(other.code).toEqual(later.code);
});

test("one request id redeems two codes: it names a redemption within its code", async () => {
  const [one, other] = [await issue("22"), await issue("22")];
  const answers = await Promise.all(
    [one, other].map(({ code }) => clerk.redeemCode({ code, storeId, requestId: "same" })),
  );
  expect(answers.map(({ outcome }) => outcome)).toEqual([
    RedeemOutcome.REDEEMED,
    RedeemOutcome.REDEEMED,
  ]);
  expect(answers.map(({ code }) => code?.appointmentId)).toEqual([
    one.appointmentId,
    other.appointmentId,
  ]);
});

test("a code is not redeemed by the wrong store, after its time or after its revocation", async () => {
  const live = await issue("23");
  const expired = await issue("24", { expiresAtMs: Date.now() - 1 });
  const revoked = await issue("25");
  await issuing.revokeCodes({ revokes: [revoked] });
  const elsewhere = uniqueId();
  const redeem = (code: string, store: string) =>
    as({ role: "manager", tenantId, subjectId: "max" }).redeemCode({
      code,
      storeId: store,
      requestId: "r",
    });

  const wrongStore = await redeem(live.code, elsewhere);
  expect(wrongStore.outcome).toBe(RedeemOutcome.WRONG_STORE);
  expect(wrongStore.code).toBeUndefined();
  const tooLate = await redeem(expired.code, storeId);
  expect(tooLate.outcome).toBe(RedeemOutcome.EXPIRED);
  expect(tooLate.code?.state).toBe(CodeState.EXPIRED);
  const dead = await redeem(revoked.code, storeId);
  expect(dead.outcome).toBe(RedeemOutcome.REVOKED);
  expect(dead.code?.state).toBe(CodeState.REVOKED);

  expect((await redeem(live.code, storeId)).outcome).toBe(RedeemOutcome.REDEEMED);
  const redeemedElsewhere = await redeem(live.code, elsewhere);
  expect(redeemedElsewhere.outcome).toBe(RedeemOutcome.WRONG_STORE);
  expect(redeemedElsewhere.code).toBeUndefined();
});

test("another tenant's code is NOT_FOUND to redeem, and stays live", async () => {
  const { code, appointmentId } = await issue("26");
  const stranger = { role: "operator", tenantId: uniqueTenant(), subjectId: "olga" } as const;
  const answer = await as(stranger).redeemCode({ code, storeId, requestId: "r" });
  expect(answer.outcome).toBe(RedeemOutcome.NOT_FOUND);
  expect(answer.code).toBeUndefined();
  const own = await as({ role: "operator", tenantId }).getCode({ appointmentId });
  expect(own.code?.state).toBe(CodeState.LIVE);
});

test("lookups of unknown codes, other tenants and other stores are told the same", async () => {
  const { code } = await issue("27");
  const free = await issue("27");
  await issuing.revokeCodes({ revokes: [free] });
  const elsewhere = uniqueId();
  const unknown = openCodes();
  const answers = await Promise.all(
    [
      as({ role: "manager", tenantId }).lookupCode({ code, storeId: elsewhere }),
      as({ role: "manager", tenantId: uniqueTenant() }).lookupCode({ code, storeId }),
      unknown.clerk.lookupCode({ code: "00000027", storeId: unknown.storeId }),
    ].map(rejection),
  );
  expect(answers.map(String)).toEqual(new Array(3).fill("ConnectError: [not_found] no such code"));
  await unknown.stop();
});

test("what is told the same asks the database the same, so that time tells nothing either", async () => {
  const seen: string[] = [];
  const watched = openCodes({ before: (_kind, statement) => void seen.push(statement) });
  const live = await watched.issue("31");
  const unknown = `${String((Number(live.code.slice(0, 6)) + 1) % 1e6).padStart(6, "0")}31`;
  const clerkOf = (tenant: string) =>
    watched.as({ role: "staff", tenantId: tenant, subjectId: "kim", storeIds: ["8"] });
  const statements = async (call: () => Promise<unknown>) => {
    await rejection(call());
    seen.length = 0;
    await rejection(call());
    return [...seen];
  };
  const [mine, theirs] = [clerkOf(watched.tenantId), clerkOf(uniqueTenant())];
  for (const clerk of [mine, theirs]) {
    const look = (code: string) => statements(() => clerk.lookupCode({ code, storeId: "8" }));
    expect(await look(live.code)).toEqual(await look(unknown));
    const redeem = (code: string) =>
      statements(() => clerk.redeemCode({ code, storeId: "8", requestId: "r" }));
    const asked = await redeem(live.code);
    expect(asked).toEqual(await redeem(unknown));
    expect(asked.length).toBe(2);
  }
  const nobody = watched.as({ role: "shopper", tenantId: watched.tenantId, subjectId: "nobody" });
  const get = (appointmentId: string) => statements(() => nobody.getCode({ appointmentId }));
  expect(await get(live.appointmentId)).toEqual(await get(uniqueAppointment("31")));
  await watched.stop();
});

test("staff of another store are refused before anything is looked up", async () => {
  const { code } = await issue("28");
  const other = as({ role: "staff", tenantId, subjectId: "eve", storeIds: [uniqueId()] });
  const answers = await Promise.all(
    [other.lookupCode({ code, storeId }), other.redeemCode({ code, storeId, requestId: "r" })].map(
      rejection,
    ),
  );
  for (const error of answers) {
    expect(String(error)).toBe(
      "ConnectError: [permission_denied] this store is not among those you are assigned to: choose one of yours",
    );
    expect(reasonOf(error)).toBe("NOT_YOUR_STORE");
  }
});

test("what is not eight digits is refused with what was wanted, and is not repeated", async () => {
  const error = await rejection(clerk.lookupCode({ code: "1234 5678 9", storeId }));
  expect(String(error)).toBe(
    "ConnectError: [invalid_argument] a code has 8 digits, spaces and dashes aside: found 9",
  );
  expect(reasonOf(error)).toBe("MALFORMED_CODE");
  await expect(clerk.redeemCode({ code: "--------", storeId, requestId: "r" })).rejects.toThrow(
    "a code has 8 digits, spaces and dashes aside: found 0",
  );
});

test("revoke against redeem, 50 at once: one of them wins, and both are told the same", async () => {
  const issues = Array.from({ length: 50 }, (_, index) => wish(String(index).padStart(2, "0")));
  await issuing.issueCodes({ issues });
  const digits = await Promise.all(issues.map(digitsOf));
  const answers = await Promise.all(
    issues.map((issue, index) =>
      Promise.all([
        clerk.redeemCode({ code: digits[index] ?? "", storeId, requestId: "r" }),
        issuing.revokeCodes({ revokes: [issue] }),
      ]),
    ),
  );
  for (const [{ outcome }, { states }] of answers) {
    expect([
      [RedeemOutcome.REDEEMED, CodeState.REDEEMED],
      [RedeemOutcome.REVOKED, CodeState.REVOKED],
    ]).toContainEqual([outcome, states[0]]);
  }
});

const COUNTER: Role[] = ["staff", "manager", "operator"];
const ALLOWED: Record<keyof typeof CodesService.method, Role[]> = {
  getCode: ["shopper", "manager", "operator"],
  lookupCode: COUNTER,
  redeemCode: COUNTER,
  lockCode: COUNTER,
  unlockCode: COUNTER,
  reverseRedemption: COUNTER,
  extendCode: ["manager", "operator"],
  revokeCode: ["manager", "operator"],
  transferCode: ["shopper", "operator"],
  listCodes: ["shopper", "operator"],
  listCodeEvents: ["manager", "operator"],
};

test.each<Role>(["anonymous", "shopper", "staff", "manager", "operator", "service"])(
  "the role %s may call what the table says and nothing else",
  async (role) => {
    const client = as({ role, tenantId, storeIds: [storeId] });
    const code = "00000000";
    const requestId = "r";
    const appointmentId = uniqueAppointment("07");
    const calls: Record<keyof typeof CodesService.method, () => Promise<unknown>> = {
      getCode: () => client.getCode({ appointmentId }),
      lookupCode: () => client.lookupCode({ code, storeId }),
      redeemCode: () => client.redeemCode({ code, storeId, requestId }),
      lockCode: () => client.lockCode({ code, storeId }),
      unlockCode: () => client.unlockCode({ code, storeId }),
      reverseRedemption: () =>
        client.reverseRedemption({
          appointmentId,
          redemptionId: "1",
          storeId,
          reason: "x",
          requestId,
        }),
      extendCode: () =>
        client.extendCode({ appointmentId, expireTime: toTimestamp(Date.now() + 9000), requestId }),
      revokeCode: () => client.revokeCode({ appointmentId, reason: "x" }),
      transferCode: () => client.transferCode({ appointmentId, toShopperId: "bob", requestId }),
      listCodes: () => client.listCodes({}),
      listCodeEvents: () => client.listCodeEvents({ appointmentId }),
    };
    const refused = role === "anonymous" ? Code.Unauthenticated : Code.PermissionDenied;
    for (const [name, call] of Object.entries(calls)) {
      const answer = (await rejection(call())) as ConnectError | undefined;
      expect(answer?.code === refused, name).toBe(
        !ALLOWED[name as keyof typeof ALLOWED].includes(role),
      );
    }
  },
);
