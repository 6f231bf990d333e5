// Who is calling. People come with a bearer token, a JWT that Identity signed (RFC 9068, checked by
// the rules of RFC 8725). Services come with a pass: an HMAC over who calls whom until when, because
// inside the mesh every call carries one and an HMAC costs a twentieth of a signature check.
// Both are remembered once checked, so a caller pays for the check once a token.

import { createHmac, timingSafeEqual } from "node:crypto";
import { createRemoteJWKSet, jwtVerify } from "jose";
import { LRUCache } from "lru-cache";
import { Code, meshError } from "#shared/errors.ts";
import { readKeyFile } from "#shared/key-file.ts";

/** What a caller may be. "anonymous" came without a token, "service" with a pass. */
export type Role = "anonymous" | "shopper" | "staff" | "manager" | "operator" | "service";

/** Who is calling. */
export interface Caller {
  /** What the caller may do. */
  readonly role: Role;
  /** The tenant the caller acts in. Empty for services and the anonymous. */
  readonly tenantId: string;
  /** The person's id, or the service's name. Empty for the anonymous. */
  readonly subjectId: string;
  /** The stores of a member of staff. Empty for every other role. */
  readonly storeIds: readonly string[];
}

/** The caller that came with nothing. */
export const ANONYMOUS: Caller = { role: "anonymous", tenantId: "", subjectId: "", storeIds: [] };

/** The name of the header that carries a pass. */
export const PASS_HEADER = "slotmesh-pass";

/** The key of passes, in the folder of keys. */
export const MESH_KEY_FILE = "mesh.key";

/** Who signs the tokens of people. */
export const TOKEN_ISSUER = "slotmesh/identity";
/** Whom they are for. */
export const TOKEN_AUDIENCE = "slotmesh";
/** The only algorithm that is accepted. */
export const TOKEN_ALGORITHM = "ES256";
/** The type that keeps other JWTs from being taken for access tokens. */
export const TOKEN_TYPE = "at+jwt";

const TOKEN_LENGTH_MAX = 4096;
const CLOCK_SKEW_SECONDS = 60;
const REMEMBERED_MAX = 20_000;
const PASS_VALID_MS = 300_000;
const PASS_RENEW_MS = 60_000;
/** What jose says when the keys do not come in time, come with another status than 200, or are none. */
const KEYS_AWAY = new Set(["ERR_JWKS_TIMEOUT", "ERR_JOSE_GENERIC", "ERR_JWKS_INVALID"]);
const PEOPLE: readonly string[] = ["shopper", "staff", "manager", "operator"];

/** Finds out who is calling from the two headers. Rejects with UNAUTHENTICATED what it cannot trust. */
export type Authenticate = (
  authorization: string | undefined,
  pass: string | undefined,
) => Caller | Promise<Caller>;

/** Reads the key that passes are made with. */
export function readMeshKey(keyDir: string): Buffer {
  return readKeyFile(keyDir, MESH_KEY_FILE);
}

/** Makes the check that a service does on each call. */
export function createAuthenticate(options: {
  /** The name of the service that checks: passes for others are refused. */
  readonly service: string;
  /** Where the public keys of tokens are. */
  readonly jwksUrl: string;
  /** The key of passes. */
  readonly meshKey: Buffer;
}): Authenticate {
  const keys = createRemoteJWKSet(new URL(options.jwksUrl), { timeoutDuration: 2000 });
  const remembered = new LRUCache<string, { caller: Caller; untilMs: number }>({
    max: REMEMBERED_MAX,
  });

  async function checkToken(token: string): Promise<Caller> {
    if (token.length > TOKEN_LENGTH_MAX) {
      throw unauthenticated();
    }
    const { payload } = await jwtVerify(token, keys, {
      algorithms: [TOKEN_ALGORITHM],
      typ: TOKEN_TYPE,
      issuer: TOKEN_ISSUER,
      audience: TOKEN_AUDIENCE,
      clockTolerance: CLOCK_SKEW_SECONDS,
      requiredClaims: ["sub", "exp", "tenant", "role"],
    }).catch((error: unknown) => {
      const { code } = error as { code?: string };
      if (KEYS_AWAY.has(String(code)) || !code?.startsWith("ERR_J")) {
        throw meshError(Code.Unavailable, "the keys of tokens cannot be reached: try again", {
          reason: "KEYS_AWAY",
          retryMs: 500,
          cause: error,
        });
      }
      throw unauthenticated();
    });
    const { sub, exp, tenant, role, stores } = payload as Record<string, unknown>;
    if (typeof sub !== "string" || typeof tenant !== "string" || !PEOPLE.includes(String(role))) {
      throw unauthenticated();
    }
    const caller: Caller = {
      role: role as Role,
      tenantId: tenant,
      subjectId: sub,
      storeIds: Array.isArray(stores) ? stores.map(String) : [],
    };
    remembered.set(token, { caller, untilMs: (exp as number) * 1000 });
    return caller;
  }

  function checkPass(pass: string): Caller {
    const [version, from, to, until, mac, ...rest] = pass.split(".");
    const wanted = passMac(options.meshKey, String(from), String(to), String(until));
    const given = Buffer.from(String(mac), "base64url");
    const isGenuine =
      version === "v1" &&
      rest.length === 0 &&
      given.length === wanted.length &&
      timingSafeEqual(given, wanted);
    if (!isGenuine || to !== options.service || Number(until) < Date.now()) {
      throw unauthenticated();
    }
    const caller: Caller = { role: "service", tenantId: "", subjectId: String(from), storeIds: [] };
    remembered.set(pass, { caller, untilMs: Number(until) });
    return caller;
  }

  return (authorization, pass) => {
    const credential = pass ?? authorization;
    if (credential === undefined) {
      return ANONYMOUS;
    }
    const token = pass ?? credential.replace(/^Bearer /i, "");
    const known = remembered.get(token);
    if (known && known.untilMs > Date.now()) {
      return known.caller;
    }
    return pass === undefined ? checkToken(token) : checkPass(pass);
  };
}

/** Makes the function that returns a fresh pass from one service to another. */
export function createPass(meshKey: Buffer, from: string, to: string): () => string {
  let pass = "";
  let renewAtMs = 0;
  return () => {
    const now = Date.now();
    if (now >= renewAtMs) {
      const until = String(now + PASS_VALID_MS);
      const mac = passMac(meshKey, from, to, until).toString("base64url");
      pass = `v1.${from}.${to}.${until}.${mac}`;
      renewAtMs = now + PASS_RENEW_MS;
    }
    return pass;
  };
}

function passMac(key: Buffer, from: string, to: string, until: string): Buffer {
  return createHmac("sha256", key).update(`slotmesh-pass\0${from}\0${to}\0${until}`).digest();
}

function unauthenticated() {
  return meshError(Code.Unauthenticated, "the token is not valid, or has expired: sign in again", {
    reason: "BAD_TOKEN",
  });
}
