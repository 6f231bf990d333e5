import { createHmac } from "node:crypto";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createAuthenticate, createPass } from "#shared/auth.ts";
import { createReadAddress, createSealAddress } from "#shared/caller-address.ts";

const KEY = Buffer.alloc(32, 7);
const OTHER_KEY = Buffer.alloc(32, 8);
const ADDRESS = "203.0.113.9";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"] });
});

afterEach(() => {
  vi.useRealTimers();
});

/** Seals an address that can be sealed. */
function seal(address = ADDRESS, key = KEY): string {
  return createSealAddress(key)(address) as string;
}

/** Reads as a service that has read nothing before. */
function read(sealed: string | undefined): string | undefined {
  return createReadAddress(KEY)(sealed);
}

function base64url(text: string): string {
  return Buffer.from(text).toString("base64url");
}

test.each([
  "203.0.113.9",
  "2001:db8:0:5::77",
  "::1",
  "::ffff:203.0.113.9",
  "fe80::1%eth0",
  "2001:0db8:0000:0000:0000:ffff:255.255.255.255%enp0s31f6",
])("%s is read as it was sealed, once and again", (address) => {
  const sealed = seal(address);
  expect(sealed).toMatch(/^v1\.[\w-]+\.\d{13}\.[\w-]{43}$/);
  const readAddress = createReadAddress(KEY);
  expect([readAddress(sealed), readAddress(sealed)]).toEqual([address, address]);
});

test.each(["", "localhost", "203.0.113", "203.0.113.9:4711", "[::1]", `fe80::1%${"a".repeat(60)}`])(
  "%j is no address, and is not sealed",
  (text) => {
    expect(createSealAddress(KEY)(text)).toBeUndefined();
  },
);

test("a sealed address is used again for a minute, and is good for five", () => {
  const sealAddress = createSealAddress(KEY);
  const readAddress = createReadAddress(KEY);
  const first = sealAddress(ADDRESS) as string;
  vi.advanceTimersByTime(59_000);
  expect([sealAddress(ADDRESS), readAddress(first)]).toEqual([first, ADDRESS]);
  vi.advanceTimersByTime(2000);
  expect(sealAddress(ADDRESS)).not.toBe(first);
  vi.advanceTimersByTime(238_000);
  expect([read(first), readAddress(first)]).toEqual([ADDRESS, ADDRESS]);
  vi.advanceTimersByTime(2000);
  expect([read(first), readAddress(first)]).toEqual([undefined, undefined]);
});

test("what was sealed with another key, or changed in any part, says nothing", () => {
  const good = seal();
  const [version, address, until, mac] = good.split(".") as [string, string, string, string];
  const forged = [
    seal(ADDRESS, OTHER_KEY),
    [version, base64url("203.0.113.8"), until, mac].join("."),
    [version, base64url(ADDRESS), String(Number(until) + 1), mac].join("."),
    [version, base64url(ADDRESS), "Infinity", mac].join("."),
    ["v2", address, until, mac].join("."),
    [version, address, until, ""].join("."),
    [version, address, until].join("."),
    [version, address, until, mac.slice(0, -1)].join("."),
    [version, `${address}=`, until, mac].join("."),
    // As long in characters, and not in bytes.
    [version, address, until, "é".repeat(mac.length)].join("."),
    `${good}.more`,
    `${good}, ${good}`,
    ` ${good}`,
  ];
  expect(forged.map(read)).toEqual(forged.map(() => undefined));
  expect(read(good)).toBe(ADDRESS);
});

test("what has the right key and another version, or is too long, says nothing", () => {
  const sealAs = (version: string, address: string) => {
    const text = `${version}.${base64url(address)}.${Date.now() + 1000}`;
    const mac = createHmac("sha256", KEY).update(`slotmesh-address\0${text}`).digest("base64url");
    return `${text}.${mac}`;
  };
  expect(read(sealAs("v1", ADDRESS))).toBe(ADDRESS);
  expect(read(sealAs("v2", ADDRESS))).toBeUndefined();
  expect(read(sealAs("v1", `fe80::1%${"a".repeat(100)}`))).toBeUndefined();
});

test.each([[undefined], [""], ["."], ["..."], ["v1"], [ADDRESS], [`v1.${"A".repeat(10_000)}..`]])(
  "%j says nothing",
  (garbage) => {
    expect(read(garbage)).toBeUndefined();
  },
);

test("a pass is no address, and an address no pass", async () => {
  const passes = [createPass(KEY, "gateway", "codes")(), createPass(KEY, ADDRESS, "codes")()];
  expect(passes.map(read)).toEqual([undefined, undefined]);
  const authenticate = createAuthenticate({
    service: "codes",
    jwksUrl: "http://127.0.0.1:1/nowhere",
    meshKey: KEY,
  });
  await expect(async () => authenticate(undefined, seal())).rejects.toThrow(
    "[unauthenticated] the token is not valid, or has expired: sign in again",
  );
});
