// Tokens as Identity signs and publishes them, checked as every other service checks them: with
// #shared/auth.ts, over HTTP.

import { generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type JWTHeaderParameters, type JWTPayload, SignJWT } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createAuthenticate } from "#shared/auth.ts";
import { Code, reasonOf } from "#shared/errors.ts";
import { serveJwks } from "./jwks-server.ts";
import { createSignToken, readTokenKeys, type TokenKeys, type TokenSubject } from "./tokens.ts";

const SHOPPER: TokenSubject = {
  tenantId: "betterbuy",
  subjectId: "7123456789012345678",
  role: "shopper",
  storeIds: [],
};

const folder = mkdtempSync(join(tmpdir(), "slotmesh-keys-"));
let keys: TokenKeys;
let jwks: Awaited<ReturnType<typeof serveJwks>>;

function newKey(namedCurve = "P-256"): KeyObject {
  return generateKeyPairSync("ec", { namedCurve }).privateKey;
}

function writeKey(name: string, key: KeyObject): void {
  writeFileSync(join(folder, name), key.export({ type: "pkcs8", format: "pem" }));
}

function authenticator(url = `http://127.0.0.1:${jwks.port}/.well-known/jwks.json`) {
  const authenticate = createAuthenticate({
    service: "codes",
    jwksUrl: url,
    meshKey: randomBytes(32),
  });
  return async (token: string) => authenticate(`Bearer ${token}`, undefined);
}

beforeAll(async () => {
  writeKey("identity-signing.pem", newKey());
  keys = await readTokenKeys(folder);
  jwks = await serveJwks({ host: "127.0.0.1", port: 0, jwks: keys.jwks });
});

afterAll(async () => {
  await jwks.stop();
  rmSync(folder, { recursive: true });
});

test("a token of each role is accepted, and says who the caller is", async () => {
  const sign = createSignToken(keys);
  const authenticate = authenticator();
  for (const role of ["shopper", "staff", "manager", "operator"] as const) {
    const subject = { ...SHOPPER, role, storeIds: ["1", "2"] };
    const caller = await authenticate(await sign(subject, Date.now(), 600));
    expect(caller).toEqual({
      role,
      tenantId: "betterbuy",
      subjectId: SHOPPER.subjectId,
      // Only staff carry stores.
      storeIds: role === "staff" ? ["1", "2"] : [],
    });
  }
});

test("a token names its type, its key and all claims, and two are never alike", async () => {
  const sign = createSignToken(keys);
  const nowMs = 1_800_000_000_999;
  const tokens = await Promise.all([sign(SHOPPER, nowMs, 600), sign(SHOPPER, nowMs, 600)]);
  const [header, payload] = (tokens[0] ?? "")
    .split(".")
    .slice(0, 2)
    .map((part) => JSON.parse(Buffer.from(part, "base64url").toString()));
  expect(header).toEqual({ alg: "ES256", typ: "at+jwt", kid: keys.keyId });
  expect(payload).toEqual({
    iss: "slotmesh/identity",
    aud: "slotmesh",
    sub: SHOPPER.subjectId,
    tenant: "betterbuy",
    role: "shopper",
    iat: 1_800_000_000,
    exp: 1_800_000_600,
    jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
  });
  expect(tokens[0]).not.toBe(tokens[1]);
});

test("a token with a hundred stores is short enough to be accepted", async () => {
  const storeIds = Array.from({ length: 100 }, (_, index) =>
    String(9_223_372_036_854_775_000n + BigInt(index)),
  );
  const token = await createSignToken(keys)(
    { tenantId: "t".repeat(32), subjectId: "9223372036854775807", role: "staff", storeIds },
    Date.now(),
    600,
  );
  await expect(authenticator()(token)).resolves.toMatchObject({ storeIds });
});

type Forge = (good: { header: JWTHeaderParameters; payload: JWTPayload }) => Promise<string>;

const CLAIMS = { tenant: "betterbuy", role: "shopper" };

function signed(header: JWTHeaderParameters, payload: JWTPayload, key?: KeyObject | Uint8Array) {
  return new SignJWT(payload).setProtectedHeader(header).sign(key ?? keys.privateKey);
}

function unsigned(header: object, payload: object): string {
  const parts = [header, payload].map((part) => Buffer.from(JSON.stringify(part)));
  return `${parts.map((part) => part.toString("base64url")).join(".")}.`;
}

const FORGERIES: Record<string, Forge> = {
  "another key under the same kid": ({ header, payload }) => signed(header, payload, newKey()),
  "another key under its own kid": ({ header, payload }) =>
    signed({ ...header, kid: "mine" }, payload, newKey()),
  "a key carried in the token": async ({ header, payload }) => {
    const jwk = newKey().export({ format: "jwk" });
    return signed({ ...header, jwk, kid: "mine" }, payload, newKey());
  },
  "a changed claim": async ({ header, payload }) => {
    const [head, , signature] = (await signed(header, payload)).split(".");
    const body = Buffer.from(JSON.stringify({ ...payload, role: "operator" }));
    return `${head}.${body.toString("base64url")}.${signature}`;
  },
  "a cut signature": async ({ header, payload }) => (await signed(header, payload)).slice(0, -2),
  "no signature, alg none": async ({ header, payload }) =>
    unsigned({ ...header, alg: "none" }, payload),
  "no signature, alg ES256": async ({ header, payload }) => unsigned(header, payload),
  "HS256 with the public key as the secret": ({ header, payload }) => {
    const secret = new TextEncoder().encode(JSON.stringify(keys.jwks.keys[0]));
    return signed({ ...header, alg: "HS256" }, payload, secret);
  },
  "an end that is over by more than the skew": ({ header, payload }) =>
    signed(header, { ...payload, exp: Math.floor(Date.now() / 1000) - 61 }),
  "no end": ({ header, payload: { exp: _, ...payload } }) => signed(header, payload),
  "another audience": ({ header, payload }) => signed(header, { ...payload, aud: "others" }),
  "no audience": ({ header, payload: { aud: _, ...payload } }) => signed(header, payload),
  "another issuer": ({ header, payload }) => signed(header, { ...payload, iss: "others" }),
  "the type of an ID token": ({ header, payload }) => signed({ ...header, typ: "JWT" }, payload),
  "no type": ({ header: { typ: _, ...header }, payload }) => signed(header, payload),
  "no subject": ({ header, payload: { sub: _, ...payload } }) => signed(header, payload),
  "no tenant": ({ header, payload: { tenant: _, ...payload } }) => signed(header, payload),
  "a role that is none": ({ header, payload }) => signed(header, { ...payload, role: "service" }),
  "a start in the future": ({ header, payload }) =>
    signed(header, { ...payload, nbf: Math.floor(Date.now() / 1000) + 300 }),
  "more than 4,096 characters": ({ header, payload }) =>
    signed(header, { ...payload, padding: "x".repeat(4096) }),
  "nothing of a JWT": async () => "nonsense",
};

test.each(Object.keys(FORGERIES))("a token is refused for %s", async (name) => {
  const header = { alg: "ES256", typ: "at+jwt", kid: keys.keyId };
  const issuedAt = Math.floor(Date.now() / 1000);
  const payload = {
    ...CLAIMS,
    iss: "slotmesh/identity",
    aud: "slotmesh",
    sub: "1",
    iat: issuedAt,
    exp: issuedAt + 600,
  };
  // The same token without the fault is good, so it is the fault that is refused.
  await expect(authenticator()(await signed(header, payload))).resolves.toMatchObject({
    role: "shopper",
  });
  const token = await FORGERIES[name]?.({ header, payload });
  const error: unknown = await authenticator()(String(token)).catch((caught: unknown) => caught);
  expect(error).toMatchObject({
    code: Code.Unauthenticated,
    rawMessage: "the token is not valid, or has expired: sign in again",
  });
  expect(reasonOf(error)).toBe("BAD_TOKEN");
});

test("keys that are away, or answer nonsense, are not the caller's fault", async () => {
  const token = await createSignToken(keys)(SHOPPER, Date.now(), 600);
  const broken = createServer((_request, response) => response.writeHead(503).end());
  await new Promise<void>((resolve) => broken.listen(0, "127.0.0.1", resolve));
  const { port } = broken.address() as AddressInfo;
  for (const url of [`http://127.0.0.1:${port}/`, "http://127.0.0.1:1/"]) {
    await expect(authenticator(url)(token)).rejects.toMatchObject({
      code: Code.Unavailable,
      rawMessage: "the keys of tokens cannot be reached: try again",
    });
  }
  broken.close();
});

test("every identity-*.pem is published, and identity-signing.pem signs", async () => {
  const others = mkdtempSync(join(tmpdir(), "slotmesh-keys-"));
  const [old, current] = [newKey(), newKey()];
  const pem = (key: KeyObject) => key.export({ type: "pkcs8", format: "pem" });
  writeFileSync(join(others, "identity-signing.pem"), pem(old));
  const before = await readTokenKeys(others);
  const token = await createSignToken(before)(SHOPPER, Date.now(), 600);
  // The old key stays, as its public half alone; the mesh's key is no key of tokens.
  const { createPublicKey } = await import("node:crypto");
  const publicPem = createPublicKey(old).export({ type: "spki", format: "pem" });
  writeFileSync(join(others, "identity-2026.pem"), publicPem);
  writeFileSync(join(others, "identity-signing.pem"), pem(current));
  writeFileSync(join(others, "mesh.key"), "00");
  const after = await readTokenKeys(others);
  expect(after.keyId).not.toBe(before.keyId);
  expect(after.jwks.keys.map(({ kid }) => kid).sort()).toEqual([before.keyId, after.keyId].sort());
  expect(JSON.stringify(after.jwks)).not.toContain('"d"');
  const server = await serveJwks({ host: "127.0.0.1", port: 0, jwks: after.jwks });
  const authenticate = authenticator(`http://127.0.0.1:${server.port}/.well-known/jwks.json`);
  await expect(authenticate(token)).resolves.toMatchObject({ role: "shopper" });
  const newer = await createSignToken(after)(SHOPPER, Date.now(), 600);
  await expect(authenticate(newer)).resolves.toMatchObject({ role: "shopper" });
  await server.stop();
  rmSync(others, { recursive: true });
});

test("a folder without a usable key is refused with what was wanted", async () => {
  const others = mkdtempSync(join(tmpdir(), "slotmesh-keys-"));
  const file = join(others, "identity-signing.pem");
  await expect(readTokenKeys(others)).rejects.toThrow(
    `${others} holds no identity-signing.pem: wanted the key that signs tokens`,
  );
  writeFileSync(file, "nonsense");
  await expect(readTokenKeys(others)).rejects.toThrow(
    `${file} cannot be read: wanted an EC key on P-256 in PEM`,
  );
  writeFileSync(file, newKey("P-384").export({ type: "pkcs8", format: "pem" }));
  await expect(readTokenKeys(others)).rejects.toThrow(
    `${file} holds a key of ec secp384r1: wanted an EC key on P-256`,
  );
  rmSync(others, { recursive: true });
});

test("the HTTP port answers for the keys, to GET and HEAD, and for nothing else", async () => {
  const origin = `http://127.0.0.1:${jwks.port}`;
  const url = `${origin}/.well-known/jwks.json`;
  const got = await fetch(url);
  expect(got.status).toBe(200);
  expect(got.headers.get("content-type")).toBe("application/json");
  expect(got.headers.get("cache-control")).toBe("public, max-age=300");
  expect(await got.json()).toEqual({
    keys: [
      {
        kty: "EC",
        crv: "P-256",
        alg: "ES256",
        use: "sig",
        kid: keys.keyId,
        x: expect.any(String),
        y: expect.any(String),
      },
    ],
  });
  const head = await fetch(url, { method: "HEAD" });
  expect([head.status, await head.text()]).toEqual([200, ""]);
  expect((await fetch(`${url}?x=1`)).status).toBe(200);
  const posted = await fetch(url, { method: "POST", body: "x" });
  expect([posted.status, posted.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  for (const path of ["/", "/.well-known/", "/.well-known/jwks.json/", "/metrics"]) {
    expect((await fetch(origin + path)).status).toBe(404);
  }
});
