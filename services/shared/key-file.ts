// The folder of keys of this installation, and the symmetric keys in it: a file each, of 32 bytes as hex
// digits. A process is given the files of what it does and no others.

import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readKeyDir } from "#shared/config.ts";

const KEY_BYTES = 32;

/** Returns the folder of keys for a script: the one it was told with --key-dir, or that of the environment.
 * Throws, with what to do, if the file that the script needs is not there. */
export function findKeyDir(told: string | undefined, name: string): string {
  const keyDir = told ?? readKeyDir();
  if (!existsSync(join(keyDir, name))) {
    throw new Error(
      `there is no ${name} in ${keyDir}: start the mesh once (npm start), or say where ` +
        "its keys are with --key-dir or SLOTMESH_KEY_DIR (the folder keys in its data folder)",
    );
  }
  return keyDir;
}

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
