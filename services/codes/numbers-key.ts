// The key that the order of codes hangs on. Whoever has it knows every code, past and to come. With
// another one, codes come in another order, which meets those that are out: the unique key refuses
// those, so that costs tries and nothing else.

import { readKeyFile } from "#shared/key-file.ts";

/** Its file in the folder of keys. */
export const NUMBERS_KEY_FILE = "codes-numbers.key";

/** Reads the key. */
export function readNumbersKey(keyDir: string): Buffer {
  return readKeyFile(keyDir, NUMBERS_KEY_FILE);
}
