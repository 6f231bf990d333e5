// The rules of who is who: which names and passwords are taken, what identifies a registration, and
// what a refresh token is worth. No I/O, no clock, no random.
//
// A session's life. OPEN at generation 1: its one refresh token is good. Rotated by whoever shows that
// token: generation + 1, a new token, the old one spent. OVER when its time ends; REVOKED when a spent
// token is shown again, since then two parties hold tokens of one session and only one of them is its
// owner. From OVER and REVOKED nothing leads back; signing in opens another session.

import { hash, timingSafeEqual } from "node:crypto";

/** What a registered person may be. */
export type PersonRole = "shopper" | "staff" | "manager" | "operator";

/** A registered person. */
export interface Account {
  readonly suffix: string;
  readonly tenantId: string;
  readonly subjectId: string;
  readonly role: PersonRole;
  readonly signInKey: string;
  /** In normal form. */
  readonly signInName: string;
  /** A PHC string. */
  readonly passwordHash: string;
  readonly displayName: string;
  readonly storeIds: readonly string[];
  /** What the registration asked for, without the password: see requestHash. */
  readonly requestHash: Buffer;
  readonly createdAtMs: number;
}

/** A session as it is stored. */
export interface Session {
  readonly sessionId: string;
  /** Counts the rotations, from 1. */
  readonly generation: number;
  /** SHA-256 of the secret of the one good token. */
  readonly secretHash: Buffer;
  readonly expiresAtMs: number;
  readonly isRevoked: boolean;
}

/** What a refresh token says. */
export interface RefreshToken {
  readonly sessionId: string;
  readonly generation: number;
  readonly secret: string;
}

/** How long an access token is good. */
export const ACCESS_SECONDS = 600;
/** How long a refresh token is good. */
export const REFRESH_MS = 30 * 86_400_000;
/** How long a session lasts, however often it is refreshed. */
export const SESSION_MS_MAX = 180 * 86_400_000;
/** Random bytes of a session id: who does not hold a token of the session cannot name it. */
export const SESSION_ID_BYTES = 16;
/** Random bytes of a refresh token's secret. */
export const SECRET_BYTES = 32;

const NAME_LENGTH_MIN = 3;
/** In code points, after normalisation: NFKC can make 18 out of one. */
const NAME_LENGTH_MAX = 128;
const PASSWORD_LENGTH_MIN = 8;
const PASSWORD_LENGTH_MAX = 128;
const STORES_MAX = 100;
const ID_MAX = (1n << 63n) - 1n;

const TENANT_ID = /^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/;
const DECIMAL_ID = /^[1-9][0-9]{0,18}$/;
/** Control and format characters, line separators and what Unicode has not assigned. */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}]/u;
const REFRESH_TOKEN = /^([0-9a-f]{32}[0-9]{2})\.([1-9][0-9]{0,8})\.([A-Za-z0-9_-]{43})$/;

/** Says whether a text is a decimal id that a BIGINT holds, in its one spelling. */
export function isId(text: string): boolean {
  return DECIMAL_ID.test(text) && BigInt(text) <= ID_MAX;
}

/** Says whether a text can be a tenant's id. */
export function isTenantId(text: string): boolean {
  return TENANT_ID.test(text);
}

/** Returns the form in which sign-in names are compared and stored, or undefined if the name is too
 * short, too long, or has characters that nobody sees. */
export function normalSignInName(name: string): string | undefined {
  // Lower case can undo NFKC, so it is applied on both sides of it.
  const normal = name.normalize("NFKC").toLowerCase().normalize("NFKC").trim();
  const length = lengthOf(normal);
  return length < NAME_LENGTH_MIN || length > NAME_LENGTH_MAX || UNSEEN.test(normal)
    ? undefined
    : normal;
}

/** Returns what is unique in the mesh: the tenant's id, a colon, which no tenant's id contains, and the
 * name in normal form. At most 161 characters. Undefined if either is none. */
export function signInKey(tenantId: string, name: string): string | undefined {
  const normal = normalSignInName(name);
  return isTenantId(tenantId) && normal !== undefined ? `${tenantId}:${normal}` : undefined;
}

/** Returns the form in which a password is hashed, whatever its length. */
export function normalPassword(password: string): string {
  return password.normalize("NFKC");
}

/** Says whether a password in normal form may be chosen. */
export function isPassword(normal: string): boolean {
  const length = lengthOf(normal);
  return length >= PASSWORD_LENGTH_MIN && length <= PASSWORD_LENGTH_MAX;
}

/** Returns the name shown to people: the chosen one, or the sign-in name. */
export function displayNameOf(chosen: string, signInName: string): string {
  return chosen.trim() || signInName;
}

/** Says whether someone may register someone. */
export function mayRegister(caller: string, role: PersonRole): boolean {
  return role === "staff"
    ? caller === "manager" || caller === "operator"
    : role === "manager" && caller === "operator";
}

/** Says what is wrong with the stores of someone to be registered, or undefined. */
export function checkStores(role: PersonRole, storeIds: readonly string[]): string | undefined {
  if (role !== "staff") {
    return storeIds.length > 0
      ? `store_ids: wanted none for a manager, who has every store, found ${storeIds.length}`
      : undefined;
  }
  if (storeIds.length < 1 || storeIds.length > STORES_MAX) {
    return `store_ids: wanted 1 to ${STORES_MAX} for staff, found ${storeIds.length}`;
  }
  return storeIds.every(isId)
    ? undefined
    : "store_ids: wanted decimal ids without leading zeros, found something else";
}

/** Identifies an attempt to register, so that its retry is told from another person's wish for the same
 * name. The password is not in it: only its slow hash may be stored. */
export function requestHash(attempt: {
  readonly requestId: string;
  readonly role: PersonRole;
  readonly storeIds: readonly string[];
}): Buffer {
  const parts = JSON.stringify([attempt.requestId, attempt.role, [...attempt.storeIds].sort()]);
  return hash("sha256", parts, "buffer");
}

/** Says whether an account came from this very attempt, its password left to be verified. */
export function isSameAttempt(account: Account, attempt: Buffer): boolean {
  return timingSafeEqual(account.requestHash, attempt);
}

/** Writes a refresh token. */
export function formatRefreshToken(token: RefreshToken): string {
  return `${token.sessionId}.${token.generation}.${token.secret}`;
}

/** Reads a refresh token, or returns undefined if it is none. */
export function parseRefreshToken(text: string): RefreshToken | undefined {
  const [, sessionId, generation, secret] = REFRESH_TOKEN.exec(text) ?? [];
  return sessionId === undefined || generation === undefined || secret === undefined
    ? undefined
    : { sessionId, generation: Number(generation), secret };
}

/** Hashes the secret of a refresh token. Fast, because 32 random bytes cannot be guessed. */
export function hashSecret(secret: string): Buffer {
  return hash("sha256", secret, "buffer");
}

/** What a refresh token turned out to be worth. */
export type Refreshed =
  | { readonly kind: "rotated" }
  /** Spent before: the session must be revoked. */
  | { readonly kind: "reused" }
  | { readonly kind: "refused" };

/** Judges a session as it was found after its rotation was tried. Whether the rotation took effect is
 * read from the row, not from the statement's answer, which may have been lost. */
export function judgeRefresh(
  session: Session | undefined,
  presented: RefreshToken,
  next: { readonly secretHash: Buffer },
): Refreshed {
  if (!session || session.isRevoked) {
    return { kind: "refused" };
  }
  if (
    session.generation === presented.generation + 1 &&
    timingSafeEqual(session.secretHash, next.secretHash)
  ) {
    return { kind: "rotated" };
  }
  return { kind: session.generation > presented.generation ? "reused" : "refused" };
}

function lengthOf(text: string): number {
  return [...text].length;
}
