// The keys of tickets at the edge: what others fetch as a JWKS, shared among those who come without a token.

import { generateKeyPairSync, sign } from "node:crypto";
import { create, type DescService } from "@bufbuild/protobuf";
import { compactVerify, createRemoteJWKSet } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  ListTicketKeysResponseSchema,
  TillsService,
} from "#gen/slotmesh/codes/v1/tills_service_pb.ts";
import type { CallOptions } from "#shared/client.ts";
import { createAddressLimit } from "./limits.ts";
import { createSharedReads } from "./reads.ts";
import { edgeMethods } from "./service.ts";
import { startGateway, type TestGateway } from "./testing.ts";
import type { Upstream } from "./upstream.ts";

const PATH = "/slotmesh.codes.v1.TillsService/ListTicketKeys";
const QUERY = "?connect=v1&encoding=json&message=%7B%7D";

const { publicKey, privateKey } = generateKeyPairSync("ed25519");
const KEY = {
  kty: "OKP",
  crv: "Ed25519",
  x: publicKey.export({ format: "jwk" }).x as string,
  kid: "90facafe",
  use: "sig",
  alg: "EdDSA",
  nbf: 1_772_323_200,
};

const asked: CallOptions[] = [];
const codes: Upstream = {
  unary: async (_method, _request, options) => {
    asked.push(options);
    return create(ListTicketKeysResponseSchema, { keys: [KEY] });
  },
  stream: () => {
    throw new Error("nothing here streams");
  },
  stop: () => {},
};
let nowMs = 0;
let gateway: TestGateway;

beforeAll(async () => {
  const reads = createSharedReads(() => nowMs);
  const methods = edgeMethods({
    upstreams: new Map<DescService, Upstream>([[TillsService, codes]]),
    reads,
    signIns: createAddressLimit({ perMinute: 1 }),
    sealAddress: () => undefined,
    isServing: () => true,
    ending: new AbortController().signal,
  });
  gateway = await startGateway({ methods, reads });
});

afterAll(() => gateway.close());

test("a GET is a JWKS that another library fetches, and caches may keep it for a second", async () => {
  const url = new URL(`${gateway.url}${PATH}${QUERY}`);
  const answer = await fetch(url);
  expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "application/json"]);
  expect(answer.headers.get("cache-control")).toBe("public, max-age=1");
  expect(await answer.json()).toEqual({ keys: [KEY] });

  const header = JSON.stringify({ alg: "EdDSA", kid: KEY.kid });
  const body = [header, "text"].map((part) => Buffer.from(part).toString("base64url")).join(".");
  const jws = `${body}.${sign(null, Buffer.from(body), privateKey).toString("base64url")}`;
  const { payload } = await compactVerify(jws, createRemoteJWKSet(url));
  expect(Buffer.from(payload).toString()).toBe("text");
});

test("who comes without a token shares an answer for a second, and who has one is passed on", async () => {
  nowMs += 1000;
  asked.length = 0;
  const get = (headers = {}) => fetch(`${gateway.url}${PATH}${QUERY}`, { headers });
  for (const pass of [0, 999, 1]) {
    nowMs += pass;
    expect((await get()).status).toBe(200);
  }
  expect(asked.map(({ token }) => token)).toEqual([undefined, undefined]);
  const own = await get({ authorization: "Bearer of.ann" });
  expect([own.status, own.headers.get("cache-control")]).toEqual([200, "no-store"]);
  expect(asked.map(({ token }) => token)).toEqual([undefined, undefined, "of.ann"]);
});
