// The keys that tickets are signed with (Ed25519, RFC 8037). A key is known before it signs and after
// it signed: it verifies from the moment it is in the file until it retires, and of those that may sign
// the newest does. So a till that fetches the public halves now and then never meets a ticket of a key
// that it lacks. The key folder holds codes-tickets.json, a JWKS with private halves: "nbf" is when a
// key begins to sign, "exp" when it retires.

import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hash,
  type KeyObject,
} from "node:crypto";
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The file of the keys in the key folder. */
export const TICKET_KEYS_FILE = "codes-tickets.json";

/** How long a new key is known before it signs. A till has to fetch keys more often. */
export const LEAD_SECONDS = 86_400;
/** How long a key verifies after it signed last. Tickets that live longer die with their key. */
export const OVERLAP_SECONDS = 400 * 86_400;

const KEYS_MAX = 8;
const FILE_BYTES_MAX = 16_384;
const KEY_BYTES = 32;
/** The last second of the year 9999. */
const TIME_SECONDS_MAX = 253_402_300_799;
const KEY_ID_DIGITS = 8;

/** A key. */
export interface TicketKey {
  /** The first 8 hex digits of the thumbprint (RFC 7638) of its public half. */
  readonly keyId: string;
  readonly publicKey: KeyObject;
  /** Undefined where it only verifies: at a till. */
  readonly privateKey: KeyObject | undefined;
  /** When it begins to sign. */
  readonly notBeforeSeconds: number;
  /** When it no longer verifies. Undefined until another key takes its place. */
  readonly retireSeconds: number | undefined;
}

/** The keys there are, oldest first. */
export type TicketKeys = readonly TicketKey[];

/** A public key as tills get it, members in the order of RFC 8037. */
export interface TicketJwk {
  readonly kty: "OKP";
  readonly crv: "Ed25519";
  readonly x: string;
  readonly kid: string;
  readonly use: "sig";
  readonly alg: "EdDSA";
  readonly nbf: number;
  readonly exp?: number;
}

/** Makes a key that signs from a time. */
export function generateTicketKey(nowMs: number): TicketKey {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  return {
    keyId: keyIdOf(publicKey),
    publicKey,
    privateKey,
    notBeforeSeconds: Math.floor(nowMs / 1000),
    retireSeconds: undefined,
  };
}

/** Returns the key that signs: of those that may, the one that began last. */
export function getSigningKey(
  keys: TicketKeys,
  nowMs: number,
): TicketKey & { readonly privateKey: KeyObject } {
  let newest: (TicketKey & { readonly privateKey: KeyObject }) | undefined;
  for (const key of keys) {
    const { privateKey, notBeforeSeconds } = key;
    const maySign = privateKey && notBeforeSeconds * 1000 <= nowMs && !isRetired(key, nowMs);
    if (maySign && notBeforeSeconds >= (newest?.notBeforeSeconds ?? 0)) {
      newest = { ...key, privateKey };
    }
  }
  if (!newest) {
    throw new Error(
      `of ${keys.length} ticket keys none signs now: wanted one with a private half that began and has not retired`,
    );
  }
  return newest;
}

/** Finds the key of an id, unless it retired. */
export function findVerifyingKey(
  keys: TicketKeys,
  keyId: string,
  nowMs: number,
): KeyObject | undefined {
  const key = keys.find((candidate) => candidate.keyId === keyId);
  return key && !isRetired(key, nowMs) ? key.publicKey : undefined;
}

/** Puts a new key in the place of the one that signs, and leaves out those that retired. Changes
 * nothing given. */
export function rotate(
  keys: TicketKeys,
  nowMs: number,
  options: {
    /** How long the new key waits before it signs. If absent, LEAD_SECONDS. 0 if the old one leaked. */
    readonly leadSeconds?: number;
    /** How long the old keys verify after that, at most. If absent, OVERLAP_SECONDS. 0 if they leaked:
     * their tickets die, and show anew under the new key. */
    readonly overlapSeconds?: number;
    /** Makes the new key. If absent, at random. */
    readonly generate?: (nowMs: number) => TicketKey;
  } = {},
): TicketKeys {
  const {
    leadSeconds = LEAD_SECONDS,
    overlapSeconds = OVERLAP_SECONDS,
    generate = generateTicketKey,
  } = options;
  const fresh = generate(nowMs + leadSeconds * 1000);
  const lastSeconds = fresh.notBeforeSeconds + overlapSeconds;
  const kept = keys
    .map((key) => ({
      ...key,
      retireSeconds: Math.min(key.retireSeconds ?? lastSeconds, lastSeconds),
    }))
    .filter((key) => !isRetired(key, nowMs));
  if (kept.length >= KEYS_MAX) {
    throw new Error(
      `${kept.length} ticket keys have not retired: wanted at most ${KEYS_MAX - 1}, and one more: wait until one retires`,
    );
  }
  if (kept.some(({ keyId }) => keyId === fresh.keyId)) {
    throw new Error(`ticket key ${fresh.keyId} is there already: rotate again for another`);
  }
  return [...kept, fresh];
}

/** Returns what is published: the public halves that have not retired. */
export function toJwks(keys: TicketKeys, nowMs: number): { readonly keys: readonly TicketJwk[] } {
  return { keys: keys.filter((key) => !isRetired(key, nowMs)).map(toJwk) };
}

/** Writes keys as the text of the file, private halves included. */
export function formatTicketKeys(keys: TicketKeys): string {
  const jwks = keys.map((key) => ({
    ...toJwk(key),
    ...(key.privateKey && { d: key.privateKey.export({ format: "jwk" }).d }),
  }));
  return `${JSON.stringify({ keys: jwks }, undefined, 2)}\n`;
}

/** Reads keys from a JWKS, with or without private halves. Throws if one cannot be used; no message
 * holds any of the key.
 *
 * @param source - what the text is from, for the messages
 */
export function parseTicketKeys(text: string, source: string): TicketKeys {
  const found = parseJson(text, source)?.keys;
  if (!Array.isArray(found) || found.length === 0 || found.length > KEYS_MAX) {
    throw new Error(
      `${source} holds no list of keys: wanted {"keys": [...]} with 1 to ${KEYS_MAX}`,
    );
  }
  const keys = found.map((jwk: unknown, at) => parseJwk(jwk, `key ${at} of ${source}`));
  if (new Set(keys.map(({ keyId }) => keyId)).size < keys.length) {
    throw new Error(`${source} holds two keys of one id: wanted each once`);
  }
  return keys;
}

/** Reads the keys of a folder. */
export function readTicketKeys(keyDir: string): TicketKeys {
  const file = join(keyDir, TICKET_KEYS_FILE);
  return parseTicketKeys(readFileSync(file, "utf8"), file);
}

/** Replaces the keys of a folder: a reader finds the old ones or the new ones. */
export function writeTicketKeys(keyDir: string, keys: TicketKeys): void {
  const file = join(keyDir, TICKET_KEYS_FILE);
  const temporary = `${file}.${process.pid}`;
  try {
    writeFileSync(temporary, formatTicketKeys(keys), { mode: 0o600, flush: true });
    renameSync(temporary, file);
  } finally {
    rmSync(temporary, { force: true });
  }
}

function isRetired({ retireSeconds }: TicketKey, nowMs: number): boolean {
  return retireSeconds !== undefined && retireSeconds * 1000 <= nowMs;
}

function toJwk(key: TicketKey): TicketJwk {
  return {
    kty: "OKP",
    crv: "Ed25519",
    x: publicBytes(key.publicKey),
    kid: key.keyId,
    use: "sig",
    alg: "EdDSA",
    nbf: key.notBeforeSeconds,
    ...(key.retireSeconds !== undefined && { exp: key.retireSeconds }),
  };
}

function publicBytes(key: KeyObject): string {
  return key.export({ format: "jwk" }).x ?? "";
}

function keyIdOf(publicKey: KeyObject): string {
  const x = publicBytes(publicKey);
  return hash("sha256", `{"crv":"Ed25519","kty":"OKP","x":"${x}"}`).slice(0, KEY_ID_DIGITS);
}

function parseJson(text: string, source: string): Record<string, unknown> | undefined {
  if (text.length > FILE_BYTES_MAX) {
    throw new Error(`${source} is too long: wanted at most ${FILE_BYTES_MAX} characters`);
  }
  try {
    return JSON.parse(text);
  } catch {
    // The cause would quote the text, and with it a private half.
    throw new Error(`${source} is no JSON: wanted {"keys": [...]}`);
  }
}

function parseJwk(value: unknown, source: string): TicketKey {
  const jwk = (typeof value === "object" && value ? value : {}) as Record<string, unknown>;
  if (jwk.kty !== "OKP" || jwk.crv !== "Ed25519" || !isKeyText(jwk.x)) {
    throw new Error(`${source} cannot be used: wanted kty "OKP", crv "Ed25519" and x of 32 bytes`);
  }
  const publicKey = createPublicKey({
    key: { kty: "OKP", crv: "Ed25519", x: jwk.x },
    format: "jwk",
  });
  const keyId = keyIdOf(publicKey);
  if (jwk.kid !== keyId) {
    throw new Error(`${source} has another id than its thumbprint begins with: wanted ${keyId}`);
  }
  const { nbf, exp } = jwk;
  if (!isTime(nbf) || !(exp === undefined || (isTime(exp) && exp > nbf))) {
    throw new Error(
      `${source} has no usable times: wanted nbf, and exp after it or none, in seconds`,
    );
  }
  return {
    keyId,
    publicKey,
    privateKey: jwk.d === undefined ? undefined : parsePrivate(jwk.x, jwk.d, source),
    notBeforeSeconds: nbf,
    retireSeconds: exp,
  };
}

/** Node refuses a private half that is not the public half's own: every ticket it signs would be
 * refused. */
function parsePrivate(x: string, d: unknown, source: string): KeyObject {
  try {
    if (isKeyText(d)) {
      return createPrivateKey({ key: { kty: "OKP", crv: "Ed25519", x, d }, format: "jwk" });
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_CRYPTO_INVALID_JWK") {
      throw error;
    }
  }
  throw new Error(`${source} has a private half that is not its own: wanted d of 32 bytes, of x`);
}

/** One spelling only: 32 bytes in base64url without padding. */
function isKeyText(value: unknown): value is string {
  if (typeof value !== "string") {
    return false;
  }
  const bytes = Buffer.from(value, "base64url");
  return bytes.length === KEY_BYTES && bytes.toString("base64url") === value;
}

function isTime(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= TIME_SECONDS_MAX;
}
