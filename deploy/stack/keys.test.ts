import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { readMeshKey } from "#shared/auth.ts";
import { readAddressKey } from "#shared/caller-address.ts";
import { readNumbersKey } from "../../services/codes/numbers-key.ts";
import { getSigningKey, readTicketKeys } from "../../services/codes/ticket-keys.ts";
import { readTokenKeys } from "../../services/identity/tokens.ts";
import { ensureKeys } from "./keys.ts";

const root = mkdtempSync(join(tmpdir(), "slotmesh-keys-"));
afterAll(() => rmSync(root, { recursive: true }));

const FILES = [
  ...["codes-numbers.key", "codes-tickets.json", "gateway-addresses.key"],
  ...["identity-signing.pem", "mesh.key"],
];

test("the keys that the services read are made once, for their owner alone", async () => {
  const folder = join(root, "keys");
  ensureKeys(folder);
  expect(readdirSync(folder).sort()).toEqual(FILES);
  const contents = () => FILES.map((file) => readFileSync(join(folder, file), "utf8"));
  const made = contents();
  for (const file of FILES) {
    expect(statSync(join(folder, file)).mode & 0o777).toBe(0o600);
  }
  expect(readMeshKey(folder).length).toBe(32);
  expect(readNumbersKey(folder).length).toBe(32);
  expect(readAddressKey(folder).length).toBe(32);
  expect((await readTokenKeys(folder)).jwks.keys.length).toBe(1);
  expect(getSigningKey(readTicketKeys(folder), Date.now())).toBeDefined();

  rmSync(join(folder, "mesh.key"));
  ensureKeys(folder);
  expect(contents().slice(0, -1)).toEqual(made.slice(0, -1));
  expect(contents().at(-1)).not.toBe(made.at(-1));
});
