import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import pino from "pino";
import { afterAll, expect, test } from "vitest";
import { sleep } from "#shared/time.ts";
import { openTicketKeyring, type TicketKeyring } from "./ticket-keyring.ts";
import {
  formatTicketKeys,
  generateTicketKey,
  rotate,
  type TicketKeys,
  toJwks,
  writeTicketKeys,
} from "./ticket-keys.ts";

const LOOK_MS = 5;
/** Long beside LOOK_MS: a file that stays as it is was looked at many times. */
const STILL_MS = 100;
const POLL = { timeout: 10_000, interval: 5 };
const NOW_MS = Date.now();

const folders: string[] = [];
const opened: TicketKeyring[] = [];
afterAll(async () => {
  for (const keyring of opened) {
    await keyring.stop();
  }
  for (const folder of folders) {
    rmSync(folder, { recursive: true });
  }
});

/** A folder with one key, a keyring of it, and what the keyring logs. */
function setUp() {
  const keyDir = mkdtempSync(join(tmpdir(), "slotmesh-ticket-keyring-"));
  folders.push(keyDir);
  const first = [generateTicketKey(NOW_MS)];
  writeTicketKeys(keyDir, first);
  const logged: string[] = [];
  const stream = new Writable({
    write: (line, _, done) => {
      logged.push(String(line));
      done();
    },
  });
  const keyring = openTicketKeyring({ keyDir, logger: pino({}, stream), lookMs: LOOK_MS });
  opened.push(keyring);
  const file = join(keyDir, "codes-tickets.json");
  /** Writes a text in one step: a look finds it whole. */
  const put = (text: string) => {
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
  };
  return { keyDir, file, put, first, keyring, logged };
}

const idsOf = (keys: TicketKeys) => keys.map(({ keyId }) => keyId);
const still = () => sleep(STILL_MS);
const causesOf = (logged: readonly string[]) => logged.map((line) => JSON.parse(line).cause);

test("the keys of a file that changed are taken, and a file that stays is not read into new ones", async () => {
  const { keyDir, first, keyring, logged } = setUp();
  const before = keyring.keys();
  expect(idsOf(before)).toEqual(idsOf(first));
  await still();
  expect(keyring.keys()).toBe(before);
  const rotated = rotate(first, NOW_MS);
  writeTicketKeys(keyDir, rotated);
  await expect.poll(() => idsOf(keyring.keys()), POLL).toEqual(idsOf(rotated));
  expect(keyring.keys()[1]?.privateKey).toBeDefined();
  await still();
  expect(logged.map((line) => JSON.parse(line))).toMatchObject([
    { level: 30, keyIds: idsOf(rotated), msg: "took the ticket keys that changed" },
  ]);
});

test("a file that cannot be read or used is told once, and the keys before stay", async () => {
  const { keyDir, file, put, first, keyring, logged } = setUp();
  const { d } = first[0]?.privateKey?.export({ format: "jwk" }) ?? {};
  const whole = formatTicketKeys(first);
  const spoil: [() => void, string][] = [
    [() => rmSync(file), `ENOENT: no such file or directory, open '${file}'`],
    [() => put(whole.slice(0, -9)), `${file} is no JSON: wanted {"keys": [...]}`],
    [() => put(""), `${file} is no JSON: wanted {"keys": [...]}`],
    [
      () => put(whole.replace(String(d), "AAAA")),
      `key 0 of ${file} has a private half that is not its own: wanted d of 32 bytes, of x`,
    ],
    [
      () => put(JSON.stringify(toJwks(first, NOW_MS))),
      `${file} holds no private half: wanted one that signs tickets`,
    ],
  ];
  const told: string[] = [];
  for (const [act, cause] of spoil) {
    act();
    told.push(cause);
    await expect.poll(() => causesOf(logged), POLL).toEqual(told);
    await still();
    expect(causesOf(logged)).toEqual(told);
    expect(idsOf(keyring.keys())).toEqual(idsOf(first));
  }
  expect(JSON.parse(logged[0] ?? "")).toMatchObject({
    level: 50,
    msg: "the ticket keys cannot be used: those before stay",
  });
  writeTicketKeys(keyDir, rotate(first, NOW_MS));
  await expect.poll(() => keyring.keys().length, POLL).toBe(2);
  expect(logged.join("")).not.toContain(d);
});

test("a keyring that was stopped looks no more", async () => {
  const { keyDir, first, keyring } = setUp();
  await keyring.stop();
  writeTicketKeys(keyDir, rotate(first, NOW_MS));
  await still();
  expect(idsOf(keyring.keys())).toEqual(idsOf(first));
});

test("without usable keys there is no start", () => {
  const { keyDir, file, put, first } = setUp();
  const logger = pino({ level: "silent" });
  const open = () => openTicketKeyring({ keyDir, logger });
  put(JSON.stringify(toJwks(first, NOW_MS)));
  expect(open).toThrow(`${file} holds no private half: wanted one that signs tickets`);
  put("{");
  expect(open).toThrow(`${file} is no JSON: wanted {"keys": [...]}`);
  rmSync(file);
  expect(open).toThrow(`ENOENT: no such file or directory, open '${file}'`);
});
