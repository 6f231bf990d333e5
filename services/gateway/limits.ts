// How often one address may sign in or register: each attempt costs Identity a password hash, so a guesser
// must not have many, nor keep others waiting. Counted in this process only, since a few gateways times
// the limit is still a limit, and for a bounded number of addresses, the least recent forgotten first.

import { LRUCache } from "lru-cache";
import { networkOf } from "#shared/network.ts";
import type { Request } from "./edge.ts";

const ADDRESSES_MAX = 50_000;
const MINUTE_MS = 60_000;

/** Counts attempts by address. */
export interface AddressLimit {
  /** Takes one attempt and returns 0, or the milliseconds until there is one to take. */
  take(address: string): number;
}

/** Makes a limit: so many attempts at once, and as many again every minute, evenly. */
export function createAddressLimit(options: {
  /** At least 1. */
  readonly perMinute: number;
  readonly now?: () => number;
}): AddressLimit {
  const { perMinute, now = Date.now } = options;
  const buckets = new LRUCache<string, { tokens: number; filledAtMs: number }>({
    max: ADDRESSES_MAX,
  });
  return {
    take: (address) => {
      const key = networkOf(address);
      const nowMs = now();
      const bucket = buckets.get(key) ?? { tokens: perMinute, filledAtMs: nowMs };
      const grown = (Math.max(0, nowMs - bucket.filledAtMs) * perMinute) / MINUTE_MS;
      const tokens = Math.min(perMinute, bucket.tokens + grown);
      const isTaken = tokens >= 1;
      buckets.set(key, { tokens: isTaken ? tokens - 1 : tokens, filledAtMs: nowMs });
      return isTaken ? 0 : Math.ceil(((1 - tokens) * MINUTE_MS) / perMinute);
    },
  };
}

/** Returns where a request comes from. Each of our proxies appends whom it saw to X-Forwarded-For; what
 * stands before those entries was written by the caller. */
export function addressOf(request: Request, proxies: number): string {
  const remote = request.socket?.remoteAddress ?? "";
  if (proxies === 0) {
    return remote;
  }
  const header = request.headers["x-forwarded-for"] ?? "";
  const seen = (Array.isArray(header) ? header.join(",") : header)
    .split(",")
    .map((text) => text.trim())
    .filter((text) => text !== "");
  return seen.at(-proxies) ?? seen[0] ?? remote;
}
