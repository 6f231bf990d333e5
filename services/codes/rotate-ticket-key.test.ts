import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, expect, test, vi } from "vitest";
import {
  findVerifyingKey,
  generateTicketKey,
  getSigningKey,
  LEAD_SECONDS,
  OVERLAP_SECONDS,
  readTicketKeys,
  type TicketKey,
  type TicketKeys,
  writeTicketKeys,
} from "./ticket-keys.ts";

// For a machine that is busy with other things.
vi.setConfig({ testTimeout: 60_000 });

const SCRIPT = fileURLToPath(new URL("rotate-ticket-key.ts", import.meta.url));
const FILE = "codes-tickets.json";
const BEGAN_MS = Date.parse("2026-03-01T00:00:00Z");

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) {
    rmSync(folder, { recursive: true });
  }
});

/** A folder with the keys that are given. */
function folderOf(keys: TicketKeys): string {
  const keyDir = mkdtempSync(join(tmpdir(), "slotmesh-rotate-"));
  folders.push(keyDir);
  writeTicketKeys(keyDir, keys);
  return keyDir;
}

/** Runs the script with the Node that runs this test. */
async function run(args: string[], env: Record<string, string> = {}) {
  return promisify(execFile)(process.execPath, [SCRIPT, ...args], { env, timeout: 20_000 }).catch(
    (error: { stdout: string; stderr: string; code: number }) => error,
  );
}

const timeOf = (seconds = 0) => new Date(seconds * 1000).toISOString().replace(".000", "");

test("a new key is told with the old one, signs a day later, and the file stays its owner's", async () => {
  const old = generateTicketKey(BEGAN_MS);
  const keyDir = folderOf([old]);
  const beforeMs = Date.now();
  const { stdout, stderr } = await run([], { SLOTMESH_KEY_DIR: keyDir });
  expect(stderr).toBe("");
  const keys = readTicketKeys(keyDir);
  const [kept, fresh] = keys as [TicketKey, TicketKey];
  expect([keys.length, kept.keyId]).toEqual([2, old.keyId]);
  const begin = fresh.notBeforeSeconds;
  expect(begin).toBeGreaterThanOrEqual(Math.floor(beforeMs / 1000) + LEAD_SECONDS);
  expect(begin).toBeLessThanOrEqual(Math.floor(Date.now() / 1000) + LEAD_SECONDS);
  expect(stdout).toBe(
    `${old.keyId}  signs since 2026-03-01T00:00:00Z until ${timeOf(begin)}, verifies until ${timeOf(begin + OVERLAP_SECONDS)}\n` +
      `${fresh.keyId}  signs from ${timeOf(begin)}, verifies until it is replaced\n`,
  );
  expect(statSync(join(keyDir, FILE)).mode & 0o777).toBe(0o600);
  expect(readdirSync(keyDir)).toEqual([FILE]);
});

test("keys that signed before, and one that never will, are told as such", async () => {
  const retireSeconds = Math.floor(Date.now() / 1000) + 1000;
  const past = { ...generateTicketKey(BEGAN_MS), retireSeconds };
  const signing = generateTicketKey(BEGAN_MS + 1000);
  const soonMs = Date.now() + 1_000_000;
  const [overtaken, next] = [generateTicketKey(soonMs), generateTicketKey(soonMs)];
  const keyDir = folderOf([past, signing, overtaken, next]);
  const { stdout } = await run(["--key-dir", keyDir]);
  const begin = readTicketKeys(keyDir).at(-1)?.notBeforeSeconds ?? 0;
  const end = `verifies until ${timeOf(begin + OVERLAP_SECONDS)}`;
  const nextBegin = timeOf(next.notBeforeSeconds);
  expect(stdout.split("\n").slice(0, 4)).toEqual([
    `${past.keyId}  signed until 2026-03-01T00:00:01Z, verifies until ${timeOf(retireSeconds)}`,
    `${signing.keyId}  signs since 2026-03-01T00:00:01Z until ${nextBegin}, ${end}`,
    `${overtaken.keyId}  never signs, ${end}`,
    `${next.keyId}  signs from ${nextBegin} until ${timeOf(begin)}, ${end}`,
  ]);
});

test("leaked keys die at once, and the new one signs at once", async () => {
  const leaked = [generateTicketKey(BEGAN_MS), generateTicketKey(BEGAN_MS + 1000)];
  const keyDir = folderOf(leaked);
  const { stdout } = await run(["--leaked", "--key-dir", keyDir]);
  const keys = readTicketKeys(keyDir);
  const { keyId, notBeforeSeconds } = getSigningKey(keys, Date.now());
  expect(keys.length).toBe(1);
  expect(stdout).toBe(
    `${keyId}  signs since ${timeOf(notBeforeSeconds)}, verifies until it is replaced\n`,
  );
  for (const key of leaked) {
    expect(findVerifyingKey(keys, key.keyId, Date.now())).toBeUndefined();
  }
});

test("of rotations at once none loses a key", async () => {
  const keyDir = folderOf([generateTicketKey(BEGAN_MS)]);
  const runs = await Promise.all(Array.from({ length: 4 }, () => run(["--key-dir", keyDir])));
  const done = runs.filter(({ stderr }) => stderr === "");
  expect(done.length).toBeGreaterThanOrEqual(1);
  const ids = readTicketKeys(keyDir).map(({ keyId }) => keyId);
  expect(ids.length).toBe(1 + done.length);
  for (const { stdout } of done) {
    for (const line of stdout.trim().split("\n")) {
      expect(ids).toContain(line.slice(0, 8));
    }
  }
  const refused = runs.filter(({ stderr }) => stderr !== "");
  expect(refused.map(({ stderr }) => stderr)).toEqual(refused.map(() => busy(keyDir)));
  expect(readdirSync(keyDir)).toEqual([FILE]);
});

const busy = (keyDir: string) =>
  `rotate-ticket-key: there is ${join(keyDir, FILE)}.lock: another rotation is under way, or was cut ` +
  "off: look again, and delete that file if it stays\n";

test("a rotation that was cut off is in the way until its lock is deleted", async () => {
  const keyDir = folderOf([generateTicketKey(BEGAN_MS)]);
  const text = readFileSync(join(keyDir, FILE), "utf8");
  const lock = join(keyDir, `${FILE}.lock`);
  writeFileSync(lock, "1\n");
  const result = await run(["--key-dir", keyDir]);
  expect([result.stdout, result.stderr]).toEqual(["", busy(keyDir)]);
  expect("code" in result && result.code).toBe(1);
  expect(readFileSync(join(keyDir, FILE), "utf8")).toBe(text);
  expect(readFileSync(lock, "utf8")).toBe("1\n");
  rmSync(lock);
  expect((await run(["--key-dir", keyDir])).stderr).toBe("");
});

test("--help says what there is", async () => {
  const { stdout } = await run(["--help"]);
  for (const option of ["leaked", "key-dir", "help"]) {
    expect(stdout).toContain(`--${option} `);
  }
});

test("a folder without keys is refused, and left as it is", async () => {
  const keyDir = folderOf([]);
  rmSync(join(keyDir, FILE));
  const result = await run(["--key-dir", keyDir]);
  expect(result.stderr).toBe(
    `rotate-ticket-key: there is no codes-tickets.json in ${keyDir}: start the mesh once (npm start), or say where ` +
      "its keys are with --key-dir or SLOTMESH_KEY_DIR (the folder keys in its data folder)\n",
  );
  expect("code" in result && result.code).toBe(1);
  expect(readdirSync(keyDir)).toEqual([]);
});

test("what cannot be rotated is told, and leaves no lock", async () => {
  const keyDir = folderOf([]);
  const { stderr } = await run(["--key-dir", keyDir]);
  expect(stderr).toBe(
    `rotate-ticket-key: ${join(keyDir, FILE)} holds no list of keys: wanted {"keys": [...]} with 1 to 8\n`,
  );
  expect(readdirSync(keyDir)).toEqual([FILE]);
});

test("an option that there is not is named", async () => {
  const { stderr } = await run(["--color", "red"]);
  expect(stderr).toContain("rotate-ticket-key: Unknown option '--color'");
});
