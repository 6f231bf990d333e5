import { expect, test } from "vitest";
import { networkOf } from "#shared/network.ts";

test.each([
  ["203.0.113.9", "203.0.113.9", "203.0.113"],
  ["::ffff:203.0.113.9", "203.0.113.9", "203.0.113"],
  ["::ffff:cb00:7109", "203.0.113.9", "203.0.113"],
  ["2001:db8:0:5::1", "2001:db8:0:5", "2001:db8:0:5"],
  ["2001:DB8:0:5:ffff:ffff:ffff:ffff", "2001:db8:0:5", "2001:db8:0:5"],
  ["2001:db8::5:0:0:0:1", "2001:db8:0:5", "2001:db8:0:5"],
  ["fe80::1%eth0", "fe80:0:0:0", "fe80:0:0:0"],
  ["::1", "0:0:0:0", "0:0:0:0"],
  ["somewhere", "somewhere", "somewhere"],
  ["", "", ""],
])("%s is of %s, and with three octets of %s", (address, whole, wide) => {
  expect(networkOf(address)).toBe(whole);
  expect(networkOf(address, 3)).toBe(wide);
});
