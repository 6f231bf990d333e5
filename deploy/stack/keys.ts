// The mesh's secrets of this installation, made once: the key of the passes inside the mesh, that of the
// addresses that the gateway saw, the key that Identity signs tokens with, and those that Codes orders its
// numbers and signs its tickets with. Whoever can read this folder can be anyone.
import { generateKeyPairSync } from "node:crypto";
import { existsSync, linkSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { MESH_KEY_FILE } from "#shared/auth.ts";
import { ADDRESS_KEY_FILE } from "#shared/caller-address.ts";
import { generateKeyFile } from "#shared/key-file.ts";
import { NUMBERS_KEY_FILE } from "../../services/codes/numbers-key.ts";
import {
  formatTicketKeys,
  generateTicketKey,
  TICKET_KEYS_FILE,
} from "../../services/codes/ticket-keys.ts";

/** Makes the keys that are missing. */
export function ensureKeys(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const file of [MESH_KEY_FILE, ADDRESS_KEY_FILE, NUMBERS_KEY_FILE]) {
    writeOnce(join(folder, file), generateKeyFile);
  }
  writeOnce(join(folder, "identity-signing.pem"), () => {
    const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
    return pair.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  });
  writeOnce(join(folder, TICKET_KEYS_FILE), () =>
    formatTicketKeys([generateTicketKey(Date.now())]),
  );
}

/** Of two starts at once, one makes the file and the other finds it: link never replaces. */
function writeOnce(path: string, content: () => string): void {
  if (existsSync(path)) return;
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, content(), { mode: 0o600, flush: true });
  try {
    linkSync(temporary, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
}
