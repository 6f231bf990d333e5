// What a tenant decides about its pickup codes: how they look, how long they live, how often and where
// they are redeemed, and what happens as their numbers run out. A policy has a version and is never
// changed: another version takes its place for new codes, and a code keeps the one it was issued under.
// So a tenant's codes can be of several versions at once, and what is typed is read under all of them.

import { type Arrangement, MISREADINGS, type Misread, read, shapesOf } from "./arrangement.ts";
import { locationCount } from "./location.ts";

const MINUTE_SECONDS = 60;
const HOUR_SECONDS = 60 * MINUTE_SECONDS;
const DAY_SECONDS = 24 * HOUR_SECONDS;
const YEAR_SECONDS = 366 * DAY_SECONDS;

export const LIFETIME_SECONDS_MIN = MINUTE_SECONDS;
export const LIFETIME_SECONDS_MAX = 10 * YEAR_SECONDS;
export const USES_MAX = 1000;
export const STORES_MAX = 1000;
export const WINDOW_SECONDS_MAX = YEAR_SECONDS;
export const LOCK_SECONDS_MAX = DAY_SECONDS;
export const REVERSAL_SECONDS_MAX = 90 * DAY_SECONDS;
export const QUARANTINE_SECONDS_MAX = 2 * YEAR_SECONDS;
/** All codes of a policy can be counted exactly. */
export const SPACE_MAX = Number.MAX_SAFE_INTEGER;
/** The whole of a location's numbers, as density lines count them. */
export const PER_THOUSAND = 1000;

/** A tenant's decisions about its codes. */
export interface Policy extends Arrangement {
  /** 0 is the policy of a tenant that has made none; its own count from 1. */
  readonly version: number;
  /** How long a code can be redeemed after its issue, 60 to 10 years of them. Undefined: the issuer
   * names the end of each code. */
  readonly lifetimeSeconds: number | undefined;
  /** How often a code can be redeemed, 1 to 1,000. "per-item": once for each item that it was issued
   * for. */
  readonly uses: number | "per-item";
  /** The stores that may redeem a code: the one it was issued for, any of the tenant's, or these. */
  readonly stores: "issued-for" | "any-of-tenant" | readonly string[];
  /** How long before the start of what a code is for it can be redeemed. Undefined: from its issue. */
  readonly opensBeforeSeconds: number | undefined;
  /** How long after that start it can be redeemed. Undefined: until it expires. */
  readonly closesAfterSeconds: number | undefined;
  /** How long a clerk's lock on a code lasts while the goods are looked at. 0: there are no locks. */
  readonly lockSeconds: number;
  /** How long a redemption can be reversed. 0: never. */
  readonly reversalSeconds: number;
  /** How long the number of a code rests after its end before it is issued again, at least as long as
   * the code's redemption can be reversed. */
  readonly quarantineSeconds: number;
  /** How free numbers are found: in the order of a keyed permutation, or drawn and tried. */
  readonly allocation: "permutation" | "random";
  /** Out of 1,000 numbers of a location, how many are taken when a warning is due. */
  readonly warnPerThousand: number;
  /** Out of 1,000 numbers of a location, how many are taken when it counts as full. */
  readonly stopPerThousand: number;
  /** How much of a QR image may be unreadable: about 7, 15, 25 or 30 %. */
  readonly qrErrorCorrection: "L" | "M" | "Q" | "H";
}

/** A policy that has no version yet. */
export type PolicySpec = Omit<Policy, "version">;

/** A code that a text may be, and under which versions. */
export interface Candidate {
  readonly code: string;
  readonly versions: readonly number[];
}

/** The times of a code that its redemption window hangs on. */
export interface CodeTimes {
  readonly issuedAtMs: number;
  /** When what it is for begins. Undefined if it has no such time. */
  readonly startsAtMs: number | undefined;
}

/** The policy of a tenant that has made none. */
export const DEFAULT_POLICY: Policy = {
  version: 0,
  pattern: "RRRRRR LL",
  alphabet: "digits",
  check: "none",
  location: { layout: "one-dimensional", libraries: 10, tables: 10 },
  lookAlikes: false,
  fullWidth: false,
  lifetimeSeconds: undefined,
  uses: 1,
  stores: "issued-for",
  opensBeforeSeconds: undefined,
  closesAfterSeconds: undefined,
  lockSeconds: 120,
  reversalSeconds: 15 * MINUTE_SECONDS,
  quarantineSeconds: 30 * DAY_SECONDS,
  allocation: "permutation",
  onFull: "refuse",
  // From 5 in 100 on, guesses hit too often, whatever the budgets.
  warnPerThousand: 50,
  stopPerThousand: 1000,
  qrErrorCorrection: "M",
};

/** Counts the codes that a location can have live at once, of all lengths. */
export function codesPerLocation(policy: Arrangement): number {
  return shapesOf(policy).reduce((sum, shape) => sum + shape.codesPerLocation, 0);
}

/** Counts the codes that a policy can have live at once. */
export function codesAltogether(policy: Arrangement): number {
  return codesPerLocation(policy) * locationCount(policy.location);
}

/** Says from when on, and until when, a code can be redeemed, apart from its expiry. */
export function redemptionWindow(
  { opensBeforeSeconds, closesAfterSeconds }: Policy,
  { issuedAtMs, startsAtMs }: CodeTimes,
): { fromMs: number; untilMs: number | undefined } {
  if (startsAtMs === undefined) {
    return { fromMs: issuedAtMs, untilMs: undefined };
  }
  const fromMs =
    opensBeforeSeconds === undefined ? issuedAtMs : startsAtMs - opensBeforeSeconds * 1000;
  const untilMs =
    closesAfterSeconds === undefined ? undefined : startsAtMs + closesAfterSeconds * 1000;
  return { fromMs: Math.max(issuedAtMs, fromMs), untilMs };
}

/** Reads what was typed under each version that a tenant has codes of. Returns each code that it may be
 * once, or of the reasons why it is none the one that comes nearest to a code. */
export function readAny(
  policies: readonly Policy[],
  typed: string,
): { readonly kind: "codes"; readonly candidates: readonly Candidate[] } | Misread {
  const versions = new Map<string, number[]>();
  let nearest: Misread = { kind: MISREADINGS[0] };
  for (const policy of policies) {
    const reading = read(policy, typed);
    if (reading.kind === "code") {
      versions.set(reading.code, [...(versions.get(reading.code) ?? []), policy.version]);
    } else if (MISREADINGS.indexOf(reading.kind) > MISREADINGS.indexOf(nearest.kind)) {
      nearest = reading;
    }
  }
  return versions.size === 0
    ? nearest
    : { kind: "codes", candidates: [...versions].map(([code, of]) => ({ code, versions: of })) };
}
