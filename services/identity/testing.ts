// What the tests of the service share: the service without a wire, on real Vitess, with keys, a tenant
// and a clock of its own.

import { generateKeyPairSync, randomBytes, randomInt } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  create,
  type DescMessage,
  type DescMethodUnary,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import { IdentityService } from "#gen/slotmesh/identity/v1/identity_service_pb.ts";
import type { Caller } from "#shared/auth.ts";
import { type Code, reasonOf } from "#shared/errors.ts";
import type { BoundMethod } from "#shared/handlers.ts";
import { createSequence } from "#shared/ids.ts";
import { openDatabase } from "#shared/mysql.ts";
import { callAs, silentLogger, testConfig, uniqueTenant } from "#shared/testing.ts";
import { serveJwks } from "./jwks-server.ts";
import { createPasswords } from "./passwords.ts";
import { type IdentityOptions, identityService } from "./service.ts";
import { createStore } from "./store.ts";
import { createSignToken, readTokenKeys } from "./tokens.ts";

/** The password that shoppers of tests have. */
export const PASSWORD = "correct horse";

/** A request to register. */
export interface Registration {
  tenantId: string;
  signInName: string;
  password: string;
  displayName?: string;
  requestId: string;
}

/** Starts the service. */
export async function startIdentity() {
  const { mysqlDsn } = testConfig();
  const identity = openDatabase(mysqlDsn, "identity");
  const global = openDatabase(mysqlDsn, "global");
  const store = createStore({ identity, global });
  const keyDir = mkdtempSync(join(tmpdir(), "slotmesh-keys-"));
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const pem = privateKey.export({ type: "pkcs8", format: "pem" });
  writeFileSync(join(keyDir, "identity-signing.pem"), pem);
  const keys = await readTokenKeys(keyDir);
  const jwks = await serveJwks({ host: "127.0.0.1", port: 0, jwks: keys.jwks });
  const tenantId = uniqueTenant();
  const operator: Partial<Caller> = { role: "operator", tenantId, subjectId: "1" };
  const nextId = createSequence(randomInt(1024), Date.now);
  const clock = { now: () => Date.now() };
  let names = 0;

  function serve(change: Partial<IdentityOptions> = {}): BoundMethod[] {
    return identityService({
      store,
      passwords: createPasswords(),
      ids: { next: nextId, stop: async () => {} },
      signToken: createSignToken(keys),
      now: () => clock.now(),
      randomBytes,
      logger: silentLogger(),
      ...change,
    });
  }

  const methods = serve();

  async function call<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethodUnary<Input, Output>,
    request: MessageInitShape<Input>,
    caller: Partial<Caller> = {},
    served = methods,
  ): Promise<MessageShape<Output>> {
    const bound = served.find((each) => each.method === method);
    const message = create(method.input, request);
    return (await bound?.invoke(message, callAs(caller))) as MessageShape<Output>;
  }

  await call(IdentityService.method.createTenant, { tenantId, name: "Better Buy" }, operator);
  return {
    store,
    tenantId,
    operator,
    /** What the service takes for the time; tests set `now`. */
    clock,
    jwksUrl: `http://127.0.0.1:${jwks.port}/.well-known/jwks.json`,
    /** Makes the service with other parts. */
    serve,
    /** Calls a method as someone; nobody is anonymous. */
    call,
    /** Makes a request that registers someone new. */
    shopper: (change: Partial<Registration> = {}): Registration => {
      names += 1;
      return {
        tenantId,
        signInName: `shopper-${names}@example.org`,
        password: PASSWORD,
        requestId: randomBytes(8).toString("hex"),
        ...change,
      };
    },
    stop: async () => {
      await Promise.all([identity.stop(), global.stop(), jwks.stop()]);
      rmSync(keyDir, { recursive: true });
    },
  };
}

/** Returns what a caller is told. */
export async function errorOf(promise: Promise<unknown>) {
  const error: unknown = await promise.then(
    () => "no error",
    (caught: unknown) => caught,
  );
  const { code, rawMessage } = error as { code?: Code; rawMessage?: string };
  return { code, message: rawMessage, reason: reasonOf(error) };
}
