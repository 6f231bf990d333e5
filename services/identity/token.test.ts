import { execFile } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { decodeJwt } from "jose";
import { afterAll, expect, test, vi } from "vitest";
import { createAuthenticate } from "#shared/auth.ts";
import { serveJwks } from "./jwks-server.ts";
import { readTokenKeys } from "./tokens.ts";

// For a machine that is busy with other things.
vi.setConfig({ testTimeout: 60_000 });

const SCRIPT = fileURLToPath(new URL("token.ts", import.meta.url));
const keyDir = mkdtempSync(join(tmpdir(), "slotmesh-keys-"));
writeFileSync(
  join(keyDir, "identity-signing.pem"),
  generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({
    type: "pkcs8",
    format: "pem",
  }),
);

afterAll(() => rmSync(keyDir, { recursive: true }));

/** Runs the script with the Node that runs this test. */
async function run(args: string[], env: Record<string, string> = { SLOTMESH_KEY_DIR: keyDir }) {
  return promisify(execFile)(process.execPath, [SCRIPT, ...args], { env, timeout: 20_000 }).catch(
    (error: { stdout: string; stderr: string; code: number }) => error,
  );
}

test("the script prints a token and nothing else, which the mesh accepts", async () => {
  const wanted = ["--role", "staff", "--tenant", "betterbuy", "--subject", "42"];
  const { stdout, stderr } = await run([
    ...wanted,
    "--store",
    "1",
    "--store",
    "2",
    "--minutes",
    "5",
  ]);
  expect(stderr).toBe("");
  expect(stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
  const { iat = 0, exp = 0 } = decodeJwt(stdout.trim());
  expect(exp - iat).toBe(300);
  const { jwks } = await readTokenKeys(keyDir);
  const server = await serveJwks({ host: "127.0.0.1", port: 0, jwks });
  const authenticate = createAuthenticate({
    service: "codes",
    jwksUrl: `http://127.0.0.1:${server.port}/.well-known/jwks.json`,
    meshKey: Buffer.alloc(32),
  });
  expect(await authenticate(`Bearer ${stdout.trim()}`, undefined)).toEqual({
    role: "staff",
    tenantId: "betterbuy",
    subjectId: "42",
    storeIds: ["1", "2"],
  });
  await server.stop();
});

test("without a subject each token is for someone new, for an hour", async () => {
  const args = ["--role", "shopper", "--tenant", "betterbuy", "--key-dir", keyDir];
  const tokens = await Promise.all([run(args, {}), run(args, {})]);
  const [first, second] = tokens.map(({ stdout }) => decodeJwt(stdout.trim()));
  expect(first?.sub).toMatch(/^[1-9][0-9]{15,18}$/);
  expect(first?.sub).not.toBe(second?.sub);
  expect((first?.exp ?? 0) - (first?.iat ?? 0)).toBe(3600);
});

test("--help says what there is", async () => {
  const { stdout } = await run(["--help"]);
  for (const option of ["role", "tenant", "subject", "store", "minutes", "key-dir"]) {
    expect(stdout).toContain(`--${option} `);
  }
});

const GOOD = ["--role", "manager", "--tenant", "betterbuy"];

test.each([
  [[], '--role is "": wanted one of shopper, staff, manager, operator; see --help'],
  [
    ["--role", "king"],
    '--role is "king": wanted one of shopper, staff, manager, operator; see --help',
  ],
  [
    ["--role", "manager"],
    '--tenant is "": wanted 1 to 32 lower-case letters, digits and dashes; see --help',
  ],
  [
    [...GOOD, "--subject", "ann"],
    '--subject is "ann": wanted a decimal id, as Identity gives them; see --help',
  ],
  [
    ["--role", "staff", "--tenant", "betterbuy", "--store", "x"],
    '--store is "x": wanted a decimal id, as Inventory gives them; see --help',
  ],
  [
    ["--role", "staff", "--tenant", "betterbuy"],
    "--store is given 0 times: wanted 1 to 100 for staff",
  ],
  [[...GOOD, "--store", "1"], "--store is given 1 times: wanted none for a manager"],
  [
    [...GOOD, "--minutes", "1.5"],
    '--minutes is "1.5": wanted a whole number from 1 to 1440; see --help',
  ],
  [
    [...GOOD, "--minutes", "1441"],
    '--minutes is "1441": wanted a whole number from 1 to 1440; see --help',
  ],
  [
    [...GOOD, "--key-dir", "/nowhere"],
    "there is no identity-signing.pem in /nowhere: start the mesh once (npm start), or say where " +
      "its keys are with --key-dir or SLOTMESH_KEY_DIR (the folder keys in its data folder)",
  ],
])("%j is refused: %s", async (args, message) => {
  const result = await run(args);
  expect(result.stdout).toBe("");
  expect(result.stderr).toBe(`token: ${message}\n`);
  expect("code" in result && result.code).toBe(1);
});

test("an option that there is not is named", async () => {
  const { stderr } = await run([...GOOD, "--color", "red"]);
  expect(stderr).toContain("token: Unknown option '--color'");
});
