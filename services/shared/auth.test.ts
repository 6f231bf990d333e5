// Passes between services. (Tokens of people are tested where they are made, in identity.)

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ANONYMOUS, createAuthenticate, createPass } from "#shared/auth.ts";

const KEY = Buffer.alloc(32, 7);
const REFUSED = "[unauthenticated] the token is not valid, or has expired: sign in again";

const authenticate = createAuthenticate({
  service: "codes",
  jwksUrl: "http://127.0.0.1:1/nowhere",
  meshKey: KEY,
});

/** Asks for the caller behind a pass, as a promise whether it is known or not. */
async function callerOf(pass: string) {
  return authenticate(undefined, pass);
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"] });
});

afterEach(() => {
  vi.useRealTimers();
});

test("a pass says which service calls", async () => {
  const pass = createPass(KEY, "scheduling", "codes");
  expect(await callerOf(pass())).toMatchObject({ role: "service", subjectId: "scheduling" });
});

test("a pass is used again for a minute, and is good for five", async () => {
  const pass = createPass(KEY, "scheduling", "codes");
  const first = pass();
  vi.advanceTimersByTime(59_000);
  expect(pass()).toBe(first);
  vi.advanceTimersByTime(2000);
  expect(pass()).not.toBe(first);
  expect(await callerOf(first)).toMatchObject({ role: "service" });
  vi.advanceTimersByTime(300_000);
  await expect(callerOf(first)).rejects.toThrow(REFUSED);
});

test("a pass to another service, by another key, or changed in any part is refused", async () => {
  const good = createPass(KEY, "scheduling", "codes")();
  const [version, from, to, until, mac] = good.split(".");
  const forged = [
    createPass(KEY, "scheduling", "inventory")(),
    createPass(Buffer.alloc(32, 8), "scheduling", "codes")(),
    [version, "identity", to, until, mac].join("."),
    [version, from, to, String(Number(until) + 1), mac].join("."),
    ["v2", from, to, until, mac].join("."),
    [version, from, to, until, ""].join("."),
    `${good}.more`,
    "",
    "v1",
  ];
  for (const pass of forged) {
    await expect(callerOf(pass)).rejects.toThrow(REFUSED);
  }
});

test("who shows nothing is anonymous", () => {
  expect(authenticate(undefined, undefined)).toBe(ANONYMOUS);
});
