// Codes for what is no appointment. Its issuer calls it something, an order number, and that is its SUBJECT:
// unique for a tenant and a member, or for the tenant if it is nobody's in particular. The id of its code
// follows from the three and a secret of the tenant, so whoever asks again finds the code that is there, and
// whoever guesses an order number does not have the id.
//
// The id ends in the suffix of one of the locations of the tenant's policy: the member's, so that what
// someone holds lies together, or the subject's own, so that what is nobody's lies spread. Where the tenant
// changed its locations, a subject may have its code at the one that an older version would have chosen.

import { createHmac, hash } from "node:crypto";
import { SUFFIX_COUNT, SUFFIX_DIGITS, suffixOf } from "#shared/suffix.ts";
import { locationAt, locationCount, writeLocation } from "./location.ts";
import type { Policy } from "./policy.ts";

const ID_DIGITS = 32;
/** The digits of a hash that choose a location, 64 bits, and those that tell bodies apart, 63 bits. */
const HASH_DIGITS = 16;
const HASH_BITS_DROPPED = 1n;

/** What an issuer calls something, and whose it is. None of the three holds a NUL. */
export interface Subject {
  readonly tenantId: string;
  /** Whose it is. Empty: nobody's in particular. */
  readonly shopperId: string;
  readonly subject: string;
}

/** What was asked for under a subject, besides its name. */
export interface Body {
  readonly storeId: string;
  readonly goods: string;
  /** How many items. 0: as many as the policy says. */
  readonly items: number;
  readonly opensAtMs: number | undefined;
  readonly expiresAtMs: number | undefined;
}

/** Returns the ids under which a subject may have its code, that of the first policy first. It has its code
 * under one of them, the others are those of older policies. */
export function subjectIdsOf(
  secret: string,
  policies: readonly Pick<Policy, "location">[],
  subject: Subject,
): string[] {
  const { tenantId, shopperId } = subject;
  const id = createHmac("sha256", secret)
    .update(`${tenantId}\0${shopperId}\0${subject.subject}`)
    .digest("hex")
    .slice(0, ID_DIGITS);
  const suffixes = suffixesOf(policies, tenantId, shopperId || subject.subject);
  return suffixes.map((suffix) => id + suffix);
}

/** Returns the suffixes at which someone may have codes for subjects: the member, or what is nobody's. */
export function suffixesOf(
  policies: readonly Pick<Policy, "location">[],
  tenantId: string,
  owner: string,
): string[] {
  return [...new Set(policies.map((policy) => suffixAt(policy, tenantId, owner)))];
}

/** Computes what tells two bodies under one subject apart: 63 bits of a SHA-256. */
export function bodyHashOf({ storeId, goods, items, opensAtMs, expiresAtMs }: Body): string {
  const body = JSON.stringify([storeId, goods, items, opensAtMs ?? null, expiresAtMs ?? null]);
  return (hashed(body) >> HASH_BITS_DROPPED).toString();
}

/** With 100 locations or 1,000 each suffix has some, and it is the suffix that the member's appointments
 * have. With fewer, one of the locations is chosen in the same way. */
function suffixAt({ location }: Pick<Policy, "location">, tenantId: string, owner: string): string {
  const count = locationCount(location);
  if (count >= SUFFIX_COUNT) {
    return suffixOf(tenantId, owner);
  }
  const index = Number(hashed(`${tenantId}\0${owner}`) % BigInt(count));
  return writeLocation(locationAt(location, index), 0).slice(-SUFFIX_DIGITS);
}

function hashed(text: string): bigint {
  return BigInt(`0x${hash("sha256", text).slice(0, HASH_DIGITS)}`);
}
