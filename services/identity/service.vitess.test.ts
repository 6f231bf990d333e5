// The service without a wire, on real Vitess: registering, who may what, and what strangers are told.

import { randomBytes } from "node:crypto";
import type { DescMessage, DescMethodUnary } from "@bufbuild/protobuf";
import { afterAll, expect, test } from "vitest";
import { IdentityService } from "#gen/slotmesh/identity/v1/identity_service_pb.ts";
import { Role } from "#gen/slotmesh/identity/v1/profile_pb.ts";
import { type Caller, createAuthenticate } from "#shared/auth.ts";
import { Code, reasonOf } from "#shared/errors.ts";
import { suffixOf } from "#shared/suffix.ts";
import { uniqueTenant } from "#shared/testing.ts";
import { toMs } from "#shared/time.ts";
import type { Store } from "./store.ts";
import { errorOf, startIdentity } from "./testing.ts";

const DAY_MS = 86_400_000;
const {
  createTenant,
  registerShopper,
  registerStaff,
  signIn,
  refreshSession,
  getProfile,
  getShopperName,
} = IdentityService.method;

const service = await startIdentity();
const { call, operator, serve, shopper, store, tenantId } = service;

afterAll(() => service.stop());

test("a tenant is created once, again under its name, and never under another", async () => {
  const request = { tenantId: uniqueTenant(), name: "Better Buy" };
  await Promise.all(Array.from({ length: 10 }, () => call(createTenant, request, operator)));
  expect(await errorOf(call(createTenant, { ...request, name: "Worse Buy" }, operator))).toEqual({
    code: Code.AlreadyExists,
    message: "this tenant exists under another name",
    reason: "TENANT_EXISTS",
  });
});

test("a shopper registers, is signed in, and is who the token says", async () => {
  const request = shopper({ signInName: "  Zoe\u0308@Example.ORG ", displayName: " Zoë " });
  const startMs = Date.now();
  const { session } = await call(registerShopper, request);
  const { profile } = session ?? {};
  expect(profile).toMatchObject({
    tenantId,
    subjectId: expect.stringMatching(/^[1-9][0-9]{15,18}$/),
    role: Role.SHOPPER,
    signInName: "zo\u00eb@example.org",
    displayName: "Zoë",
    storeIds: [],
    suffix: suffixOf(tenantId, profile?.subjectId ?? ""),
  });
  const accessMs = (toMs(session?.accessTokenExpireTime) ?? 0) - startMs;
  expect(Math.abs(accessMs - 600_000)).toBeLessThan(10_000);
  const refreshMs = (toMs(session?.refreshTokenExpireTime) ?? 0) - startMs;
  expect(Math.abs(refreshMs - 30 * DAY_MS)).toBeLessThan(10_000);
  const authenticate = createAuthenticate({
    service: "identity",
    jwksUrl: service.jwksUrl,
    meshKey: randomBytes(32),
  });
  const caller = await authenticate(`Bearer ${session?.accessToken}`, undefined);
  expect(caller).toEqual({
    role: "shopper",
    tenantId,
    subjectId: profile?.subjectId,
    storeIds: [],
  });
  expect((await call(getProfile, {}, caller)).profile).toEqual(profile);
});

test("a clerk is told what a shopper is called, and of nobody else", async () => {
  const clerk = { role: "staff", tenantId, subjectId: "1" } as const;
  const { session } = await call(registerShopper, shopper({ displayName: "Zoë" }));
  const shopperId = session?.profile?.subjectId ?? "";
  expect((await call(getShopperName, { shopperId }, clerk)).displayName).toBe("Zoë");
  const staffRequest = { ...shopper(), role: Role.STAFF, storeIds: ["1"] };
  const { profile } = await call(registerStaff, staffRequest, operator);
  const others = [
    [profile?.subjectId ?? "", clerk],
    [shopperId, { ...clerk, tenantId: uniqueTenant() }],
    ["Zoë", clerk],
  ] as const;
  for (const [stranger, caller] of others) {
    expect(await errorOf(call(getShopperName, { shopperId: stranger }, caller))).toEqual({
      code: Code.NotFound,
      message: "no such shopper",
      reason: "NOT_FOUND",
    });
  }
});

test("a registration that comes again finds the same shopper, with a session of its own", async () => {
  const request = shopper();
  const all = await Promise.all(Array.from({ length: 10 }, () => call(registerShopper, request)));
  const again = await call(registerShopper, { ...request, displayName: "Ann" });
  const subjects = [...all, again].map(({ session }) => session?.profile?.subjectId);
  expect(new Set(subjects).size).toBe(1);
  const tokens = [...all, again].map(({ session }) => session?.refreshToken);
  expect(new Set(tokens).size).toBe(11);
  for (const refreshToken of tokens) {
    await call(refreshSession, { refreshToken: refreshToken ?? "" });
  }
});

const TAKEN = {
  code: Code.AlreadyExists,
  message: "this sign-in name is taken: choose another",
  reason: "NAME_TAKEN",
};

test("a taken name is told alike to all others, whatever they know", async () => {
  const request = shopper();
  await call(registerShopper, request);
  const others = [
    { ...request, requestId: "other" },
    { ...request, password: "another password" },
    { ...request, requestId: "other", password: "another password" },
    { ...request, requestId: "other", signInName: request.signInName.toUpperCase() },
  ];
  for (const other of others) {
    expect(await errorOf(call(registerShopper, other))).toEqual(TAKEN);
  }
  const staff = { ...request, role: Role.MANAGER, storeIds: [] };
  expect(await errorOf(call(registerStaff, staff, operator))).toEqual(TAKEN);
  const tenant = uniqueTenant();
  await call(createTenant, { tenantId: tenant, name: "Other" }, operator);
  await call(registerShopper, { ...request, tenantId: tenant });
});

test("of fifty people who want one name at once, one gets it, and all others are told so", async () => {
  const { signInName } = shopper();
  const requests = Array.from({ length: 50 }, (_, index) =>
    shopper({ signInName, password: `password of ${index}` }),
  );
  const outcomes = await Promise.all(
    requests.map((request) =>
      call(registerShopper, request).then(
        ({ session }) => session?.profile?.subjectId,
        (error: unknown) => reasonOf(error) ?? error,
      ),
    ),
  );
  const winners = outcomes.filter((outcome) => outcome !== "NAME_TAKEN");
  expect(winners).toEqual([expect.stringMatching(/^[0-9]+$/)]);
  const password = requests[outcomes.indexOf(winners[0])]?.password ?? "";
  const { session } = await call(signIn, { tenantId, signInName, password });
  expect(session?.profile?.subjectId).toBe(winners[0]);
});

test("a registration whose answer from the database was lost is one registration", async () => {
  const lossy: Store = {
    ...store,
    insertAccount: async (account) => {
      await store.insertAccount(account);
      throw Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
    },
  };
  const request = shopper();
  const { session } = await call(registerShopper, request, {}, serve({ store: lossy }));
  const again = await call(registerShopper, request);
  expect(again.session?.profile).toEqual(session?.profile);
});

test.each([
  [{ tenantId: "no-such-tenant" }, Code.NotFound, "no such tenant"],
  [{ tenantId: "NOT:AN:ID" }, Code.NotFound, "no such tenant"],
  [
    { signInName: "an\u200bn" },
    Code.InvalidArgument,
    "sign_in_name: wanted 3 to 128 visible characters in NFKC form, trimmed",
  ],
  [
    { password: "e\u0301".repeat(7) },
    Code.InvalidArgument,
    "password: wanted 8 to 128 characters in NFKC form",
  ],
  [
    { password: "short" },
    Code.InvalidArgument,
    "password: must be at least 8 characters [string.min_len]",
  ],
])("registering with %j is refused", async (change, code, message) => {
  expect(await errorOf(call(registerShopper, shopper(change)))).toMatchObject({ code, message });
});

test("managers register staff of their tenant, operators managers too", async () => {
  const manager: Partial<Caller> = { role: "manager", tenantId, subjectId: "2" };
  const staff = { ...shopper(), role: Role.STAFF, storeIds: ["7", "9223372036854775807"] };
  const { profile } = await call(registerStaff, staff, manager);
  expect(profile).toMatchObject({ tenantId, role: Role.STAFF, storeIds: staff.storeIds });
  expect((await call(registerStaff, staff, manager)).profile).toEqual(profile);
  expect(await errorOf(call(registerStaff, { ...staff, storeIds: ["7"] }, manager))).toEqual(TAKEN);
  const { session } = await call(signIn, { ...staff });
  expect(session?.profile).toEqual(profile);
  const second = { ...shopper(), role: Role.MANAGER };
  expect(await errorOf(call(registerStaff, second, manager))).toEqual({
    code: Code.PermissionDenied,
    message: "a manager cannot register a manager",
    reason: "WRONG_ROLE",
  });
  expect((await call(registerStaff, second, operator)).profile?.role).toBe(Role.MANAGER);
  const none = { ...shopper(), role: Role.STAFF };
  expect(await errorOf(call(registerStaff, none, manager))).toMatchObject({
    code: Code.InvalidArgument,
    message: "store_ids: wanted 1 to 100 for staff, found 0",
  });
  const nowhere = { ...manager, tenantId: uniqueTenant() };
  expect(await errorOf(call(registerStaff, { ...staff, ...shopper() }, nowhere))).toMatchObject({
    code: Code.NotFound,
    message: "no such tenant",
  });
});

test("who may not is refused before anything is looked at", async () => {
  const everyone = ["anonymous", "shopper", "staff", "manager", "operator", "service"] as const;
  const allowed: Record<string, readonly string[]> = {
    createTenant: ["operator"],
    registerShopper: everyone,
    registerStaff: ["manager", "operator"],
    signIn: everyone,
    refreshSession: everyone,
    getProfile: ["shopper", "staff", "manager", "operator"],
    getShopperName: ["staff", "manager", "operator"],
  };
  for (const method of IdentityService.methods) {
    for (const role of everyone) {
      // An empty request: those who may are told what is wrong with it, or that they are nobody.
      const asked = call(method as DescMethodUnary<DescMessage, DescMessage>, {}, { role });
      const { code } = await errorOf(asked);
      const isRefused = code === Code.PermissionDenied || code === Code.Unauthenticated;
      expect([method.localName, role, isRefused]).toEqual([
        method.localName,
        role,
        !allowed[method.localName]?.includes(role),
      ]);
    }
  }
});

test("a profile is its owner's alone: another tenant's same id, or no one's, is not found", async () => {
  const { session } = await call(registerShopper, shopper());
  const subjectId = session?.profile?.subjectId ?? "";
  for (const caller of [
    { role: "shopper", tenantId: uniqueTenant(), subjectId },
    { role: "operator", tenantId, subjectId: "1" },
    { role: "operator", tenantId, subjectId: "terminal" },
  ] as const) {
    expect(await errorOf(call(getProfile, {}, caller))).toEqual({
      code: Code.NotFound,
      message: "no such profile",
      reason: "NOT_FOUND",
    });
  }
});
