// The key that the order of codes hangs on. Whoever has it knows every code, past and to come. With
// another one, codes come in another order, which meets those that are out: the unique key refuses
// those, so that costs tries and nothing else.

import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Its file in the folder of keys. */
export const NUMBERS_KEY_FILE = "codes-numbers.key";

const KEY_BYTES = 32;

/** Makes a key, as the file holds it. */
export function generateNumbersKey(): string {
  return `${randomBytes(KEY_BYTES).toString("hex")}\n`;
}

/** Reads the key. */
export function readNumbersKey(keyDir: string): Buffer {
  const key = Buffer.from(readFileSync(join(keyDir, NUMBERS_KEY_FILE), "utf8").trim(), "hex");
  if (key.length !== KEY_BYTES) {
    throw new Error(
      `${keyDir}/${NUMBERS_KEY_FILE} holds ${key.length} bytes: wanted ${KEY_BYTES} bytes as hex digits`,
    );
  }
  return key;
}
