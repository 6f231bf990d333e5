// Puts a new key in the place of the one that signs tickets, in the key folder of a mesh on this machine.
// The processes of Codes take it by themselves. Whoever can write to that folder can do this, so the folder
// is what must be guarded. Of two rotations at once each would write what the other had not seen, and a key
// would be lost: so the second one is refused.

import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { findKeyDir } from "#shared/key-file.ts";
import {
  readTicketKeys,
  rotate,
  TICKET_KEYS_FILE,
  type TicketKey,
  type TicketKeys,
  writeTicketKeys,
} from "./ticket-keys.ts";

const HELP = `Adds a key that signs tickets from a day later on, and prints one line a key.

  npm run -s rotate-ticket-key

The key before it verifies for 400 days more. Processes of Codes that run take the new keys within
seconds. Run it as the user whose processes read the folder: only its owner can read the file.

  --leaked         the keys that are there leaked: they die at once, and the new one signs at once.
                   Tills refuse its tickets until they have fetched the keys again
  --key-dir PATH   where ${TICKET_KEYS_FILE} is (default: SLOTMESH_KEY_DIR, else .data/keys in the
                   checkout, where npm start keeps it unless it says otherwise)
  --help           prints this
`;

const OPTIONS = {
  leaked: { type: "boolean" },
  "key-dir": { type: "string" },
  help: { type: "boolean" },
} as const;

try {
  process.stdout.write(main());
} catch (error) {
  process.stderr.write(`rotate-ticket-key: ${(error as Error).message}\n`);
  process.exitCode = 1;
}

function main(): string {
  const { values } = parseArgs({ options: OPTIONS });
  if (values.help) {
    return HELP;
  }
  const keyDir = findKeyDir(values["key-dir"], TICKET_KEYS_FILE);
  const nowMs = Date.now();
  const keys = underLock(join(keyDir, `${TICKET_KEYS_FILE}.lock`), () => {
    const rotated = rotate(
      readTicketKeys(keyDir),
      nowMs,
      values.leaked ? { leadSeconds: 0, overlapSeconds: 0 } : {},
    );
    writeTicketKeys(keyDir, rotated);
    return rotated;
  });
  return keys.map((key) => `${describe(key, keys, nowMs)}\n`).join("");
}

/** Does something while nobody else does, in any process. */
function underLock<Result>(lock: string, work: () => Result): Result {
  try {
    writeFileSync(lock, `${process.pid}\n`, { flag: "wx", mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") {
      throw error;
    }
    throw new Error(
      `there is ${lock}: another rotation is under way, or was cut off: look again, and delete that file if it stays`,
      { cause: error },
    );
  }
  try {
    return work();
  } finally {
    rmSync(lock, { force: true });
  }
}

/** Says of a key when it signs, and until when it verifies. */
function describe(key: TicketKey, keys: TicketKeys, nowMs: number): string {
  const { keyId, notBeforeSeconds, retireSeconds } = key;
  const verifies = retireSeconds === undefined ? "it is replaced" : timeOf(retireSeconds);
  const end = endOfSigning(key, keys);
  return `${keyId}  ${signing(notBeforeSeconds, end, nowMs)}, verifies until ${verifies}`;
}

function signing(beginSeconds: number, endSeconds: number | undefined, nowMs: number): string {
  if (endSeconds !== undefined && endSeconds <= beginSeconds) {
    return "never signs";
  }
  if (endSeconds !== undefined && endSeconds * 1000 <= nowMs) {
    return `signed until ${timeOf(endSeconds)}`;
  }
  const begin = `signs ${beginSeconds * 1000 <= nowMs ? "since" : "from"} ${timeOf(beginSeconds)}`;
  return endSeconds === undefined ? begin : `${begin} until ${timeOf(endSeconds)}`;
}

/** A key signs until the next begins. Of two that begin at once, the one that was added last signs. */
function endOfSigning(key: TicketKey, keys: TicketKeys): number | undefined {
  const at = keys.indexOf(key);
  const ends = keys
    .filter(({ notBeforeSeconds: begin }, index) =>
      index > at ? begin >= key.notBeforeSeconds : begin > key.notBeforeSeconds,
    )
    .map(({ notBeforeSeconds }) => notBeforeSeconds);
  const all = key.retireSeconds === undefined ? ends : [...ends, key.retireSeconds];
  return all.length === 0 ? undefined : Math.min(...all);
}

function timeOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
}
