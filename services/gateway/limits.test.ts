import { describe, expect, test } from "vitest";
import type { Request } from "./edge.ts";
import { addressOf, createAddressLimit } from "./limits.ts";

describe("a limit by address", () => {
  function setUp(perMinute: number) {
    let nowMs = 5_000_000;
    const limit = createAddressLimit({ perMinute, now: () => nowMs });
    return {
      take: limit.take,
      pass: (ms: number) => {
        nowMs += ms;
      },
    };
  }

  test("gives a minute's worth at once, and then evenly", () => {
    const { take, pass } = setUp(6);
    expect(Array.from({ length: 7 }, () => take("10.0.0.1"))).toEqual([0, 0, 0, 0, 0, 0, 10_000]);
    pass(4000);
    expect(take("10.0.0.1")).toBe(6000);
    pass(6000);
    expect([take("10.0.0.1"), take("10.0.0.1")]).toEqual([0, 10_000]);
  });

  test("never holds more than a minute's worth", () => {
    const { take, pass } = setUp(2);
    take("10.0.0.1");
    pass(3_600_000);
    expect([1, 2, 3].map(() => take("10.0.0.1"))).toEqual([0, 0, 30_000]);
  });

  test("counts each address by itself, IPv4 in IPv6's clothes too", () => {
    const { take } = setUp(1);
    expect([take("10.0.0.1"), take("10.0.0.2"), take("::ffff:10.0.0.2")]).toEqual([0, 0, 60_000]);
  });

  test("counts a /64 of IPv6 as one, however it is written", () => {
    const { take } = setUp(1);
    expect(take("2001:db8:0:1::1")).toBe(0);
    expect(take("2001:DB8:0:1:aaaa:bbbb:cccc:dddd")).toBe(60_000);
    expect(take("2001:db8::1:0:0:0:2")).toBe(60_000);
    expect(take("2001:db8:0:2::1")).toBe(0);
    expect(take("::1")).toBe(0);
    expect(take("fe80::1%eth0")).toBe(0);
  });

  test("forgets addresses, not the limit of one that keeps asking", () => {
    const { take } = setUp(1);
    take("10.9.9.9");
    for (let index = 0; index < 60_000; index += 1) {
      if (index % 10_000 === 0) {
        expect(take("10.9.9.9")).toBeGreaterThan(0);
      }
      take(`a${index}`);
    }
  });
});

describe("where a request comes from", () => {
  const from = (forwarded: string | undefined) =>
    ({
      socket: { remoteAddress: "192.0.2.1" },
      headers: { "x-forwarded-for": forwarded },
    }) as unknown as Request;

  test.each([
    [0, undefined, "192.0.2.1"],
    [0, "198.51.100.7", "192.0.2.1"],
    [1, "198.51.100.7", "198.51.100.7"],
    [1, "6.6.6.6, 198.51.100.7", "198.51.100.7"],
    [2, "6.6.6.6, 198.51.100.7, 203.0.113.9", "198.51.100.7"],
    [2, "203.0.113.9", "203.0.113.9"],
    [1, undefined, "192.0.2.1"],
    [1, " , ", "192.0.2.1"],
  ])("%i proxies of ours, X-Forwarded-For %j: %s", (proxies, forwarded, address) => {
    expect(addressOf(from(forwarded), proxies)).toBe(address);
  });
});
