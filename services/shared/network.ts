// Which network an address is of, as limits count callers: whoever has one address of a subscriber's
// network can have the others, so a limit an address is no limit.

import { isIPv4, isIPv6 } from "node:net";

const GROUPS = 8;
/** The groups of a /64, which is what a subscriber of IPv6 has. */
const SUBSCRIBER_GROUPS = 4;
/** The groups of ::ffff:0:0/96, before an IPv4 address written as IPv6. */
const MAPPED = "0:0:0:0:0:ffff";

/** Returns the network of an address: the /64 of IPv6, and so many octets of IPv4. What is no address
 * is returned as it is. */
export function networkOf(address: string, ipv4Octets: 3 | 4 = 4): string {
  if (isIPv4(address)) {
    return address.split(".").slice(0, ipv4Octets).join(".");
  }
  if (!isIPv6(address)) {
    return address;
  }
  const groups = groupsOf(address);
  if (groups.slice(0, 6).join(":") === MAPPED) {
    const octets = groups.slice(6).flatMap((group) => {
      const value = Number.parseInt(group, 16);
      return [value >> 8, value & 255];
    });
    return octets.slice(0, ipv4Octets).join(".");
  }
  return groups.slice(0, SUBSCRIBER_GROUPS).join(":");
}

function groupsOf(address: string): string[] {
  // The URL parser writes an address in its one canonical form, eight groups less the longest zeros.
  const canonical = new URL(`http://[${address.split("%", 1)[0]}]`).hostname.slice(1, -1);
  const [head = "", tail] = canonical.split("::");
  const front = head === "" ? [] : head.split(":");
  const back = tail ? tail.split(":") : [];
  const zeros = tail === undefined ? [] : Array(GROUPS - front.length - back.length).fill("0");
  return [...front, ...zeros, ...back];
}
