import { createPrivateKey, sign, verify } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { calculateJwkThumbprint, importJWK } from "jose";
import { afterAll, expect, test } from "vitest";
import {
  findVerifyingKey,
  formatTicketKeys,
  generateTicketKey,
  getSigningKey,
  LEAD_SECONDS,
  OVERLAP_SECONDS,
  parseTicketKeys,
  readTicketKeys,
  rotate,
  type TicketKeys,
  toJwks,
  writeTicketKeys,
} from "./ticket-keys.ts";

const NOW_MS = Date.parse("2026-03-01T00:00:00Z");
const DAY_MS = 86_400_000;
const folder = mkdtempSync(join(tmpdir(), "slotmesh-ticket-keys-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** The key of RFC 8037, appendix A.1, whose thumbprint is in A.3. */
const RFC_JWK = {
  kty: "OKP",
  crv: "Ed25519",
  d: "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
  x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
};
const RFC_THUMBPRINT = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";

function idsOf(keys: TicketKeys): string[] {
  return keys.map(({ keyId }) => keyId);
}

function parse(...jwks: readonly unknown[]): TicketKeys {
  return parseTicketKeys(JSON.stringify({ keys: jwks }), "keys.json");
}

test("a key's id is the beginning of its thumbprint", async () => {
  const kid = Buffer.from(RFC_THUMBPRINT, "base64url").toString("hex").slice(0, 8);
  expect(idsOf(parse({ ...RFC_JWK, kid, nbf: 0 }))).toEqual([kid]);
  const fresh = generateTicketKey(NOW_MS);
  const thumbprint = await calculateJwkThumbprint(fresh.publicKey.export({ format: "jwk" }));
  expect(Buffer.from(thumbprint, "base64url").toString("hex")).toMatch(
    new RegExp(`^${fresh.keyId}`),
  );
});

test("keys are the same after they were written and read, and the file is its owner's", () => {
  const keys = rotate([generateTicketKey(NOW_MS)], NOW_MS);
  writeTicketKeys(folder, [generateTicketKey(NOW_MS)]);
  writeTicketKeys(folder, keys);
  expect(formatTicketKeys(readTicketKeys(folder))).toBe(formatTicketKeys(keys));
  expect(statSync(join(folder, "codes-tickets.json")).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder)).toEqual(["codes-tickets.json"]);
});

test("a till gets public halves that another library takes, and no private one", async () => {
  const keys = [generateTicketKey(NOW_MS)];
  const [jwk] = toJwks(keys, NOW_MS).keys;
  expect(jwk).toEqual({
    kty: "OKP",
    crv: "Ed25519",
    x: expect.stringMatching(/^[\w-]{43}$/),
    kid: keys[0]?.keyId,
    use: "sig",
    alg: "EdDSA",
    nbf: NOW_MS / 1000,
  });
  const imported = (await importJWK({ ...jwk })) as CryptoKey;
  const signature = sign(null, Buffer.from("text"), getSigningKey(keys, NOW_MS).privateKey);
  const isGood = await crypto.subtle.verify("Ed25519", imported, signature, Buffer.from("text"));
  expect(isGood).toBe(true);

  const till = parseTicketKeys(JSON.stringify(toJwks(keys, NOW_MS)), "till");
  expect(till[0]?.privateKey).toBeUndefined();
  expect(findVerifyingKey(till, keys[0]?.keyId ?? "", NOW_MS)).toBeDefined();
  expect(() => getSigningKey(till, NOW_MS)).toThrow(
    "of 1 ticket keys none signs now: wanted one with a private half that began and has not retired",
  );
});

test("a new key is known first, signs a day later, and the old one verifies for 400 days more", () => {
  const old = generateTicketKey(NOW_MS);
  const before: TicketKeys = [old];
  const frozen = formatTicketKeys(before);
  const keys = rotate(before, NOW_MS);
  const fresh = keys[1];
  if (!fresh) expect.fail("rotate added no key");
  expect(formatTicketKeys(before)).toBe(frozen);

  const startMs = NOW_MS + LEAD_SECONDS * 1000;
  const endMs = startMs + OVERLAP_SECONDS * 1000;
  const table: [atMs: number, signs: string, verify: string[]][] = [
    [NOW_MS, old.keyId, [old.keyId, fresh.keyId]],
    [startMs - 1, old.keyId, [old.keyId, fresh.keyId]],
    [startMs, fresh.keyId, [old.keyId, fresh.keyId]],
    [endMs - 1, fresh.keyId, [old.keyId, fresh.keyId]],
    [endMs, fresh.keyId, [fresh.keyId]],
  ];
  for (const [atMs, signs, verifying] of table) {
    expect(getSigningKey(keys, atMs).keyId).toBe(signs);
    expect(idsOf(keys).filter((id) => findVerifyingKey(keys, id, atMs))).toEqual(verifying);
    expect(toJwks(keys, atMs).keys.map(({ kid }) => kid)).toEqual(verifying);
  }
});

test("rotated again and again there are three keys at most, and always one that signs", () => {
  let keys: TicketKeys = [generateTicketKey(NOW_MS)];
  for (let nowMs = NOW_MS, i = 0; i < 20; i++, nowMs += 300 * DAY_MS) {
    const signing = getSigningKey(keys, nowMs).keyId;
    keys = rotate(keys, nowMs);
    expect(getSigningKey(keys, nowMs).keyId).toBe(signing);
    expect(keys.length).toBeLessThanOrEqual(3);
  }
});

test("where keys leaked, those that were replaced before die as well", () => {
  const first = generateTicketKey(NOW_MS);
  const keys = rotate(rotate([first], NOW_MS), NOW_MS + 2 * DAY_MS);
  expect(keys.length).toBe(3);
  const nowMs = NOW_MS + 2 * DAY_MS + 5000;
  const after = rotate(keys, nowMs, { leadSeconds: 0, overlapSeconds: 0 });
  expect(after.length).toBe(1);
  expect(idsOf(keys)).not.toContain(getSigningKey(after, nowMs).keyId);
});

test("a leaked key dies at once", () => {
  const keys = [generateTicketKey(NOW_MS)];
  const after = rotate(keys, NOW_MS + 5000, { leadSeconds: 0, overlapSeconds: 0 });
  expect(after.length).toBe(1);
  expect(getSigningKey(after, NOW_MS + 5000).keyId).not.toBe(keys[0]?.keyId);
  expect(findVerifyingKey(after, keys[0]?.keyId ?? "", NOW_MS + 5000)).toBeUndefined();
});

test("a ninth key, or the same again, is refused", () => {
  let keys: TicketKeys = [generateTicketKey(NOW_MS)];
  expect(() => rotate(keys, NOW_MS, { generate: () => keys[0] as never })).toThrow(
    `ticket key ${keys[0]?.keyId} is there already: rotate again for another`,
  );
  for (let i = 1; i < 8; i++) {
    keys = rotate(keys, NOW_MS);
  }
  expect(() => rotate(keys, NOW_MS)).toThrow(
    "8 ticket keys have not retired: wanted at most 7, and one more: wait until one retires",
  );
});

const KID = idsOf(parse({ ...RFC_JWK, kid: "90facafe", nbf: 0 }))[0];
const GOOD = { ...RFC_JWK, kid: KID, nbf: 100 };
const OTHER_D = generateTicketKey(0).privateKey?.export({ format: "jwk" }).d;

test.each([
  ["nothing", [], 'keys.json holds no list of keys: wanted {"keys": [...]} with 1 to 8'],
  [
    "nine",
    Array(9).fill(GOOD),
    'keys.json holds no list of keys: wanted {"keys": [...]} with 1 to 8',
  ],
  ["one twice", [GOOD, GOOD], "keys.json holds two keys of one id: wanted each once"],
  ...[
    null,
    { ...GOOD, kty: "EC" },
    { ...GOOD, crv: "X25519" },
    { ...GOOD, x: undefined },
    { ...GOOD, x: `${GOOD.x}=` },
    { ...GOOD, x: GOOD.x.slice(1) },
    { ...GOOD, x: `${GOOD.x.slice(0, -1)}p` },
  ].map((jwk): [string, unknown[], string] => [
    "no such key",
    [jwk],
    'key 0 of keys.json cannot be used: wanted kty "OKP", crv "Ed25519" and x of 32 bytes',
  ]),
  [
    "another id",
    [{ ...GOOD, kid: "00000000" }],
    `key 0 of keys.json has another id than its thumbprint begins with: wanted ${KID}`,
  ],
  ...[
    { ...GOOD, nbf: undefined },
    { ...GOOD, nbf: -1 },
    { ...GOOD, nbf: 1.5 },
    { ...GOOD, nbf: "100" },
    { ...GOOD, nbf: 253_402_300_800 },
    { ...GOOD, exp: 100 },
    { ...GOOD, exp: null },
  ].map((jwk): [string, unknown[], string] => [
    "no times",
    [jwk],
    "key 0 of keys.json has no usable times: wanted nbf, and exp after it or none, in seconds",
  ]),
  ...[
    { ...GOOD, d: OTHER_D },
    { ...GOOD, d: "" },
    { ...GOOD, d: null },
    { ...GOOD, d: `${GOOD.d}AA` },
  ].map((jwk): [string, unknown[], string] => [
    "a strange private half",
    [jwk],
    "key 0 of keys.json has a private half that is not its own: wanted d of 32 bytes, of x",
  ]),
])("%s in the file is refused", (_, jwks, message) => {
  expect(() => parse(...(jwks as unknown[]))).toThrow(message);
});

test("what is no JSON is refused without being quoted", () => {
  const file = join(folder, "codes-tickets.json");
  writeFileSync(file, `{"keys": ["${RFC_JWK.d}`);
  let told: unknown;
  try {
    readTicketKeys(folder);
  } catch (error) {
    told = error;
  }
  expect(told).toMatchObject({ message: `${file} is no JSON: wanted {"keys": [...]}` });
  expect((told as Error).cause).toBeUndefined();
  expect(() => parseTicketKeys(" ".repeat(20_000), "keys.json")).toThrow(
    "keys.json is too long: wanted at most 16384 characters",
  );
});

test("the key of RFC 8037 signs as the RFC says", () => {
  const text = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
  const [key] = parse(GOOD);
  const signature = sign(null, Buffer.from(text), key?.privateKey ?? createPrivateKey(""));
  expect(signature.toString("base64url")).toBe(
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
  );
  expect(verify(null, Buffer.from(text), key?.publicKey ?? "", signature)).toBe(true);
});
