// The symmetric keys of this installation: a file each, of 32 bytes as hex digits. A process is given the
// files of what it does and no others.

import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const KEY_BYTES = 32;

/** Makes a key, as its file holds it. */
export function generateKeyFile(): string {
  return `${randomBytes(KEY_BYTES).toString("hex")}\n`;
}

/** Reads the key of a file in the folder of keys. */
export function readKeyFile(keyDir: string, name: string): Buffer {
  const key = Buffer.from(readFileSync(join(keyDir, name), "utf8").trim(), "hex");
  if (key.length !== KEY_BYTES) {
    throw new Error(
      `${keyDir}/${name} holds ${key.length} bytes: wanted ${KEY_BYTES} bytes as ${2 * KEY_BYTES} hex digits`,
    );
  }
  return key;
}
