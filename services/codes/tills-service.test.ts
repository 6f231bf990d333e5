// The keys of tickets as anyone gets them: a JWKS that another library reads, and never a private half.

import { sign } from "node:crypto";
import { toBinary, toJson } from "@bufbuild/protobuf";
import { compactVerify, createLocalJWKSet, type JSONWebKeySet } from "jose";
import { expect, test } from "vitest";
import {
  ListTicketKeysResponseSchema,
  TillsService,
} from "#gen/slotmesh/codes/v1/tills_service_pb.ts";
import type { Role } from "#shared/auth.ts";
import { clientAs } from "#shared/testing.ts";
import { validator } from "#shared/validator.ts";
import {
  formatTicketKeys,
  generateTicketKey,
  parseTicketKeys,
  rotate,
  type TicketKeys,
  toJwks,
} from "./ticket-keys.ts";
import { tillsService } from "./tills-service.ts";

const NOW_MS = Date.parse("2026-03-01T00:00:00Z");
const DAY_MS = 86_400_000;
const LAST_SECOND = 2 ** 32 - 1;

/** What someone is told of keys at a time. */
async function list(keys: TicketKeys, role: Role = "anonymous", nowMs = NOW_MS) {
  // Neither rows nor policies: what is not needed is not there.
  const options = { ticketKeys: () => keys, now: () => nowMs } as unknown as Parameters<
    typeof tillsService
  >[0];
  const answer = await clientAs(TillsService, tillsService(options), { role }).listTicketKeys({});
  expect(validator.validate(ListTicketKeysResponseSchema, answer).kind).toBe("valid");
  return { answer, json: toJson(ListTicketKeysResponseSchema, answer) };
}

/** A JWS of a key, as others write them. */
function jwsOf(keys: TicketKeys, at: number, text: string): string {
  const { keyId = "", privateKey = "" } = keys[at] ?? {};
  const header = JSON.stringify({ alg: "EdDSA", kid: keyId });
  const body = [header, text].map((part) => Buffer.from(part).toString("base64url")).join(".");
  return `${body}.${sign(null, Buffer.from(body), privateKey).toString("base64url")}`;
}

test("the answer as JSON is the JWKS that tills get, and a till reads it", async () => {
  const keys = rotate([generateTicketKey(NOW_MS)], NOW_MS);
  const { json } = await list(keys);
  expect(json).toEqual(toJwks(keys, NOW_MS));
  expect(JSON.stringify(json)).toBe(JSON.stringify(toJwks(keys, NOW_MS)));
  const read = parseTicketKeys(JSON.stringify(json), "answer");
  expect(read.map(({ keyId }) => keyId)).toEqual(keys.map(({ keyId }) => keyId));
});

test("another library finds each key by its id, and no strange one", async () => {
  const keys = rotate([generateTicketKey(NOW_MS)], NOW_MS);
  const { json } = await list(keys);
  const find = createLocalJWKSet(json as unknown as JSONWebKeySet);
  for (const at of [0, 1]) {
    const { payload } = await compactVerify(jwsOf(keys, at, `text ${at}`), find);
    expect(Buffer.from(payload).toString()).toBe(`text ${at}`);
  }
  await expect(
    compactVerify(jwsOf([generateTicketKey(NOW_MS)], 0, "text"), find),
  ).rejects.toMatchObject({ code: "ERR_JWKS_NO_MATCHING_KEY" });
});

test("no private half is told, in neither form", async () => {
  const keys = rotate([generateTicketKey(NOW_MS)], NOW_MS);
  expect(formatTicketKeys(keys)).toContain('"d": "');
  const { answer, json } = await list(keys);
  const bytes = Buffer.from(toBinary(ListTicketKeysResponseSchema, answer));
  for (const { privateKey } of keys) {
    const d = privateKey?.export({ format: "jwk" }).d ?? "";
    expect(d).toMatch(/^[\w-]{43}$/);
    expect(JSON.stringify(json)).not.toContain(d);
    expect(bytes.includes(d)).toBe(false);
    expect(bytes.includes(Buffer.from(d, "base64url"))).toBe(false);
  }
  const { keys: told } = json as { keys: object[] };
  expect(told.flatMap(Object.keys)).toEqual([
    ...["kty", "crv", "x", "kid", "use", "alg", "nbf", "exp"],
    ...["kty", "crv", "x", "kid", "use", "alg", "nbf"],
  ]);
});

test("a key is told from when it is added until it retires", async () => {
  let keys: TicketKeys = [generateTicketKey(NOW_MS)];
  const idsAt = async (nowMs: number) =>
    (await list(keys, "anonymous", nowMs)).answer.keys.map(({ kid }) => kid);
  keys = rotate(keys, NOW_MS);
  const [old, fresh] = keys.map(({ keyId }) => keyId);
  expect(await idsAt(NOW_MS)).toEqual([old, fresh]);
  expect(await idsAt(NOW_MS + 401 * DAY_MS - 1)).toEqual([old, fresh]);
  expect(await idsAt(NOW_MS + 401 * DAY_MS)).toEqual([fresh]);
});

test.each<[string, number, number | undefined, { nbf: number; exp?: number }]>([
  ["the first second", 0, undefined, { nbf: 1 }],
  ["the last that fits", LAST_SECOND - 1, LAST_SECOND, { nbf: LAST_SECOND - 1, exp: LAST_SECOND }],
  ["one more", 5, LAST_SECOND + 1, { nbf: 5, exp: LAST_SECOND }],
  ["the year 9999", 5, 253_402_300_799, { nbf: 5, exp: LAST_SECOND }],
  ["no end", LAST_SECOND + 1, undefined, { nbf: LAST_SECOND }],
])("a time is told as 32 bits hold it: %s", async (_, notBeforeSeconds, retireSeconds, told) => {
  const key = { ...generateTicketKey(0), notBeforeSeconds, retireSeconds };
  const { json } = await list([key]);
  const [{ nbf, exp }] = (json as unknown as { keys: [{ nbf: number; exp?: number }] }).keys;
  expect({ nbf, ...(exp !== undefined && { exp }) }).toEqual(told);
});

test.each<Role>(["anonymous", "shopper", "staff", "manager", "operator", "service"])(
  "the role %s may ask",
  async (role) => {
    expect((await list([generateTicketKey(NOW_MS)], role)).answer.keys.length).toBe(1);
  },
);
