// The service without a wire, on real Vitess: signing in, staying signed in, and what those are told
// who may not.

import { hash } from "@node-rs/argon2";
import { afterAll, expect, test } from "vitest";
import { IdentityService } from "#gen/slotmesh/identity/v1/identity_service_pb.ts";
import { Code } from "#shared/errors.ts";
import { uniqueTenant } from "#shared/testing.ts";
import { toMs } from "#shared/time.ts";
import { createPasswords } from "./passwords.ts";
import type { Store } from "./store.ts";
import { errorOf, PASSWORD, startIdentity } from "./testing.ts";

const DAY_MS = 86_400_000;
const { createTenant, registerShopper, signIn, refreshSession } = IdentityService.method;

const service = await startIdentity();
const { call, operator, serve, shopper, store, tenantId } = service;

afterAll(() => service.stop());

test("signing in takes every spelling of the name and the password that is the same in NFKC", async () => {
  const request = shopper({ signInName: "Ａnn.Ü@example.org", password: "ﬁve Üsers" });
  const { session } = await call(registerShopper, request);
  const spellings = [
    ["ann.ü@example.org", "five Üsers"],
    [" ANN.U\u0308@EXAMPLE.ORG", "ﬁve U\u0308sers"],
    ["ａｎｎ.ü＠example.org", "five Ｕ\u0308sers"],
  ];
  for (const [signInName = "", password = ""] of spellings) {
    const again = await call(signIn, { tenantId, signInName, password });
    expect(again.session?.profile).toEqual(session?.profile);
    expect(again.session?.refreshToken).not.toBe(session?.refreshToken);
  }
});

test("every failed sign-in is told the same", async () => {
  const request = shopper();
  await call(registerShopper, request);
  const good = { tenantId, signInName: request.signInName, password: PASSWORD };
  const otherTenant = uniqueTenant();
  await call(createTenant, { tenantId: otherTenant, name: "Other" }, operator);
  const bad = [
    { ...good, password: "correct horsE" },
    { ...good, password: "x" },
    { ...good, signInName: "nobody@example.org" },
    { ...good, signInName: "ab" },
    { ...good, signInName: "an\u200bn" },
    { ...good, tenantId: otherTenant },
    { ...good, tenantId: "no-such-tenant" },
    { ...good, tenantId: "NOT:AN:ID" },
  ];
  for (const attempt of bad) {
    expect(await errorOf(call(signIn, attempt))).toEqual({
      code: Code.Unauthenticated,
      message: "the sign-in name or the password is wrong",
      reason: "BAD_CREDENTIALS",
    });
  }
  // Nor does a pair of tenant and name open the account of a pair that reads the same when joined.
  await call(registerShopper, { ...request, tenantId: otherTenant, signInName: "b:cde" });
  const lookAlike = { ...good, tenantId: `${otherTenant}:b`, signInName: "cde" };
  expect(await errorOf(call(signIn, lookAlike))).toMatchObject({ reason: "BAD_CREDENTIALS" });
});

const OVER = {
  code: Code.Unauthenticated,
  message: "the refresh token is not valid: sign in again",
  reason: "BAD_REFRESH_TOKEN",
};

async function signedIn(): Promise<string> {
  return (await call(registerShopper, shopper())).session?.refreshToken ?? "";
}

async function refreshed(refreshToken: string): Promise<string> {
  return (await call(refreshSession, { refreshToken })).session?.refreshToken ?? "";
}

test("a refresh token works once; shown again, it ends the session for both who hold it", async () => {
  const first = await signedIn();
  const second = await refreshed(first);
  const third = await refreshed(second);
  expect(new Set([first, second, third]).size).toBe(3);
  expect(await errorOf(refreshed(first))).toEqual(OVER);
  expect(await errorOf(refreshed(third))).toEqual(OVER);
});

test("of twenty who show one refresh token at once, at most one moves on, and the session ends", async () => {
  const refreshToken = await signedIn();
  const outcomes = await Promise.allSettled(
    Array.from({ length: 20 }, () => refreshed(refreshToken)),
  );
  const moved = outcomes.filter(({ status }) => status === "fulfilled");
  expect(moved.length).toBeLessThanOrEqual(1);
  for (const outcome of outcomes) {
    // Who was refused is told so; who moved on holds a token of a session that is over.
    const refusal =
      outcome.status === "fulfilled" ? refreshed(outcome.value) : Promise.reject(outcome.reason);
    expect(await errorOf(refusal)).toEqual(OVER);
  }
});

test("a guessed, cut or foreign refresh token is refused and ends nothing", async () => {
  const refreshToken = await signedIn();
  const other = await signedIn();
  const [sessionId, , secret] = refreshToken.split(".");
  for (const text of [
    `${sessionId}.1.${"A".repeat(43)}`,
    `${sessionId}.2.${secret}`,
    `${other.split(".")[0]}.1.${secret}`,
    `${"0".repeat(32)}07.1.${secret}`,
    refreshToken.slice(0, -1),
    "nonsense",
  ]) {
    expect(await errorOf(refreshed(text))).toEqual(OVER);
  }
  await refreshed(refreshToken);
  await refreshed(other);
});

test("a refresh whose answer from the database was lost moves on all the same", async () => {
  let lost = 0;
  const lossy: Store = {
    ...store,
    rotateSession: async (rotation) => {
      await store.rotateSession(rotation);
      lost += 1;
      if (lost === 1) {
        throw Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
      }
    },
  };
  const refreshToken = await signedIn();
  const { session } = await call(refreshSession, { refreshToken }, {}, serve({ store: lossy }));
  expect(lost).toBe(2);
  await refreshed(session?.refreshToken ?? "");
});

test("a session lives thirty days from each refresh, and ends after a hundred and eighty", async () => {
  const startMs = Date.now();
  let refreshToken = await signedIn();
  const idle = await signedIn();
  try {
    for (const day of [29, 58, 87, 116, 145, 174]) {
      service.clock.now = () => startMs + day * DAY_MS;
      const { session } = await call(refreshSession, { refreshToken });
      const endMs = (toMs(session?.refreshTokenExpireTime) ?? 0) - startMs;
      expect(Math.round(endMs / DAY_MS)).toBe(Math.min(day + 30, 180));
      refreshToken = session?.refreshToken ?? "";
    }
    service.clock.now = () => startMs + 31 * DAY_MS;
    expect(await errorOf(refreshed(idle))).toEqual(OVER);
    service.clock.now = () => startMs + 181 * DAY_MS;
    expect(await errorOf(refreshed(refreshToken))).toEqual(OVER);
  } finally {
    service.clock.now = () => Date.now();
  }
});

test("a hash of weaker parameters is replaced at sign-in, and the password stays", async () => {
  const request = shopper();
  const { session } = await call(registerShopper, request);
  const account = await store.findAccount(session?.profile as never);
  if (!account) {
    throw new Error("the account is there");
  }
  const weak = await hash(PASSWORD, { memoryCost: 8192, timeCost: 1, parallelism: 1 });
  await store.updatePasswordHash(account, weak);
  await call(signIn, { ...request });
  const better = await store.findAccount(account);
  expect(better?.passwordHash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  await call(signIn, { ...request });
  expect((await store.findAccount(account))?.passwordHash).toBe(better?.passwordHash);
});

test("when too many passwords wait, the next caller is told when to come again", async () => {
  const busy = serve({ passwords: createPasswords({ concurrencyMax: 1, waitingMax: 1 }) });
  const attempt = { tenantId, signInName: "nobody@example.org", password: PASSWORD };
  const outcomes = await Promise.all(
    Array.from({ length: 12 }, () => errorOf(call(signIn, attempt, {}, busy))),
  );
  const refused = outcomes.filter(({ code }) => code === Code.ResourceExhausted);
  expect(refused.length).toBeGreaterThan(0);
  expect(refused[0]).toEqual({
    code: Code.ResourceExhausted,
    message: "too much is waiting: try again later",
    reason: "OVERLOADED",
  });
});
