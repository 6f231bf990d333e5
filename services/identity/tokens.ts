// The keys of the mesh's tokens, and the tokens. The key folder holds identity-signing.pem, which signs,
// and may hold more identity-*.pem, private or public, whose public halves are published too: so a new
// key is known everywhere before it signs, and an old one until its last token ended.

import { createPrivateKey, createPublicKey, type KeyObject, randomUUID } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { calculateJwkThumbprint, exportJWK, type JWK, SignJWT } from "jose";
import { TOKEN_ALGORITHM, TOKEN_AUDIENCE, TOKEN_ISSUER, TOKEN_TYPE } from "#shared/auth.ts";
import type { PersonRole } from "./domain.ts";

/** The file of the key that signs. */
export const SIGNING_FILE = "identity-signing.pem";

const KEY_FILE = /^identity-[a-z0-9-]+\.pem$/;
const KEYS_MAX = 8;
/** What Node calls P-256, the curve of ES256. */
const CURVE = "prime256v1";

/** The keys of a folder. */
export interface TokenKeys {
  /** Signs. */
  readonly privateKey: KeyObject;
  /** The thumbprint (RFC 7638) of its public half. */
  readonly keyId: string;
  /** What is published: every public half, once. */
  readonly jwks: { readonly keys: readonly JWK[] };
}

/** Whom a token speaks for. */
export interface TokenSubject {
  readonly tenantId: string;
  readonly subjectId: string;
  readonly role: PersonRole;
  readonly storeIds: readonly string[];
}

/** Signs an access token. */
export type SignToken = (
  subject: TokenSubject,
  issuedAtMs: number,
  lifetimeSeconds: number,
) => Promise<string>;

/** Reads the keys of a folder. Throws if there is none that signs, or one that cannot be used. */
export async function readTokenKeys(keyDir: string): Promise<TokenKeys> {
  const files = readdirSync(keyDir).filter((file) => KEY_FILE.test(file));
  if (!files.includes(SIGNING_FILE)) {
    throw new Error(`${keyDir} holds no ${SIGNING_FILE}: wanted the key that signs tokens`);
  }
  if (files.length > KEYS_MAX) {
    throw new Error(`${keyDir} holds ${files.length} identity-*.pem: wanted at most ${KEYS_MAX}`);
  }
  const signing = join(keyDir, SIGNING_FILE);
  const privateKey = readKey(signing, createPrivateKey);
  const published = await Promise.all(
    files.map((file) => publicJwk(readKey(join(keyDir, file), createPublicKey))),
  );
  const keyId = (await publicJwk(createPublicKey(privateKey))).kid;
  const byId = new Map(published.map((jwk) => [jwk.kid, jwk]));
  return { privateKey, keyId, jwks: { keys: [...byId.values()] } };
}

/** Makes the function that signs with the keys given. */
export function createSignToken(keys: TokenKeys): SignToken {
  return (subject, issuedAtMs, lifetimeSeconds) => {
    const issuedAt = Math.floor(issuedAtMs / 1000);
    return new SignJWT({
      tenant: subject.tenantId,
      role: subject.role,
      ...(subject.role === "staff" && { stores: subject.storeIds }),
    })
      .setProtectedHeader({ alg: TOKEN_ALGORITHM, typ: TOKEN_TYPE, kid: keys.keyId })
      .setIssuer(TOKEN_ISSUER)
      .setAudience(TOKEN_AUDIENCE)
      .setSubject(subject.subjectId)
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + lifetimeSeconds)
      .setJti(randomUUID())
      .sign(keys.privateKey);
  };
}

function readKey(file: string, parse: (pem: string) => KeyObject): KeyObject {
  const pem = readFileSync(file, "utf8");
  let key: KeyObject;
  try {
    key = parse(pem);
  } catch (cause) {
    throw new Error(`${file} cannot be read: wanted an EC key on P-256 in PEM`, { cause });
  }
  const curve = key.asymmetricKeyDetails?.namedCurve;
  if (curve !== CURVE) {
    const found = [key.asymmetricKeyType, curve].filter(Boolean).join(" ");
    throw new Error(`${file} holds a key of ${found}: wanted an EC key on P-256`);
  }
  return key;
}

async function publicJwk(key: KeyObject): Promise<JWK & { readonly kid: string }> {
  const jwk = await exportJWK(key);
  return { ...jwk, kid: await calculateJwkThumbprint(jwk), alg: TOKEN_ALGORITHM, use: "sig" };
}
