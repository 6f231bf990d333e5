// Where a row lies. A shopper has a suffix, "00" to "99", and their rows and codes lie at that decimal
// fraction of the keyspace. Vitess computes the place in its vindex (deploy/vitess/pickupsuffix); this
// is the same rule in TypeScript, to make suffixes and to group rows by shard before they are sent.
// Both are held to deploy/vitess/pickupsuffix/testdata/suffix_golden.json. Rows lie where it says, so
// nothing here can change without moving data.

import { hash } from "node:crypto";

/** The digits of a shopper's suffix. */
export const SUFFIX_DIGITS = 2;

/** The suffixes there are, and so the most shards that a keyspace can use. */
export const SUFFIX_COUNT = 100;

/** All suffixes, "00" to "99". */
export const SUFFIXES: readonly string[] = Array.from({ length: SUFFIX_COUNT }, (_, suffix) =>
  String(suffix).padStart(SUFFIX_DIGITS, "0"),
);

const VINDEX_DIGITS_MAX = 4;
const KEYSPACE_BITS = 64n;
const KEYSPACE_END = 1n << KEYSPACE_BITS;
const ALL_DIGITS = /^[0-9]+$/;
const SUFFIXED_ID = /^[0-9a-f]{32}[0-9]{2}$/;

/** A shard's part of the keyspace: from start, up to and without end, out of 2^64. */
export interface ShardRange {
  /** The shard's name in Vitess, "40-80". */
  readonly name: string;
  /** The first keyspace id in the shard. */
  readonly start: bigint;
  /** The first keyspace id after the shard, at most 2^64. */
  readonly end: bigint;
}

/** Computes a shopper's suffix: the first eight bytes of SHA-256 over both ids, modulo 100. Ids are
 * hashed as text, so each has one spelling, and hold no NUL, which keeps ("1", "23") and ("12", "3")
 * apart. */
export function suffixOf(tenantId: string, shopperId: string): string {
  // The one-shot hash as hex takes about 1.2 us, as a buffer twice that, and createHash three times.
  const digest = hash("sha256", `${tenantId}\0${shopperId}`);
  const suffix = BigInt(`0x${digest.slice(0, 16)}`) % BigInt(SUFFIX_COUNT);
  return suffix.toString().padStart(SUFFIX_DIGITS, "0");
}

/** Returns the suffix that an id or a code ends in. */
export function suffixAtEnd(value: string): string {
  return value.slice(-SUFFIX_DIGITS);
}

/** Says whether a text is an id that ends in a suffix: 32 hexadecimal digits before two of the suffix. */
export function isSuffixedId(text: string): boolean {
  return SUFFIXED_ID.test(text);
}

/** Computes the keyspace id of a suffix, or of anything that ends in one: n of 10^digits is
 * floor(n * 2^64 / 10^digits). Undefined if the value does not end in that many ASCII digits. */
export function keyspaceIdOfSuffix(value: string, digits = SUFFIX_DIGITS): bigint | undefined {
  if (!Number.isInteger(digits) || digits < 1 || digits > VINDEX_DIGITS_MAX) {
    throw new RangeError(`a suffix has 1 to ${VINDEX_DIGITS_MAX} digits, not ${digits}`);
  }
  const suffix = value.slice(-digits);
  if (suffix.length < digits || !ALL_DIGITS.test(suffix)) {
    return undefined;
  }
  return (BigInt(suffix) << KEYSPACE_BITS) / 10n ** BigInt(digits);
}

/** Reads the name of a shard, "40-80", "80-" or "-". "0" is the one shard of an unsharded keyspace. */
export function parseShard(name: string): ShardRange {
  const edges = /^((?:[0-9a-f]{2}){0,8})-((?:[0-9a-f]{2}){0,8})$/i.exec(name === "0" ? "-" : name);
  if (!edges) {
    throw new Error(`a shard is named by two hexadecimal edges, as in "40-80", not "${name}"`);
  }
  const [, from = "", to = ""] = edges;
  const start = parseEdge(from);
  const end = to === "" ? KEYSPACE_END : parseEdge(to);
  if (start >= end) {
    throw new Error(`the edges of a shard rise, as in "40-80"; those of "${name}" do not`);
  }
  return { name, start, end };
}

/** Finds the shard that a keyspace id lies in. Throws if the ranges leave it out. */
export function shardOf(ranges: readonly ShardRange[], keyspaceId: bigint): ShardRange {
  const shard = ranges.find(({ start, end }) => start <= keyspaceId && keyspaceId < end);
  if (!shard) {
    const names = ranges.map(({ name }) => name).join(", ");
    throw new Error(`keyspace id ${keyspaceId.toString(16)} is in no shard of: ${names || "none"}`);
  }
  return shard;
}

/** Edges are written without their last zero bytes: "40" is 0x4000000000000000. */
function parseEdge(hex: string): bigint {
  return BigInt(`0x${hex.padEnd(16, "0")}`);
}
