// The ticket keys that a process has. They are read at its start, and every few seconds the file is looked
// at again, so a rotated key is known everywhere long before it signs, and a leaked one is dropped without
// starting anything anew. A file that cannot be used is told once and changes nothing: the keys before
// stay.

import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "#shared/log.ts";
import { parseTicketKeys, TICKET_KEYS_FILE, type TicketKeys } from "./ticket-keys.ts";

const LOOK_MS = 5000;

/** The keys of a process. */
export interface TicketKeyring {
  /** Returns the keys as they are now. */
  readonly keys: () => TicketKeys;
  /** Looks at the file no more. */
  stop(): Promise<void>;
}

/** Reads the keys of a folder, and goes on looking. Throws if they cannot be used at the start. */
export function openTicketKeyring(options: {
  /** The folder of the file. */
  readonly keyDir: string;
  readonly logger: Logger;
  /** How long it waits between two looks, in milliseconds. If absent, five seconds. */
  readonly lookMs?: number;
}): TicketKeyring {
  const { keyDir, logger, lookMs = LOOK_MS } = options;
  const file = join(keyDir, TICKET_KEYS_FILE);
  /** The text that was found last, or why there was none. */
  let seen = readFileSync(file, "utf8");
  let keys = parseSigning(seen, file);
  let isStopped = false;
  let looking = Promise.resolve();
  let timer = wait();

  function wait(): NodeJS.Timeout {
    return setTimeout(() => {
      // The next wait begins when this look has ended: there is one at a time.
      looking = look().then(() => {
        if (!isStopped) {
          timer = wait();
        }
      });
    }, lookMs).unref();
  }

  async function look(): Promise<void> {
    const found = await readFile(file, "utf8").catch((error: Error) => error);
    const text = found instanceof Error ? found.message : found;
    if (text === seen) {
      return;
    }
    seen = text;
    try {
      if (found instanceof Error) {
        throw found;
      }
      keys = parseSigning(found, file);
      logger.info({ keyIds: keys.map(({ keyId }) => keyId) }, "took the ticket keys that changed");
    } catch (error) {
      const cause = (error as Error).message;
      logger.error({ cause }, "the ticket keys cannot be used: those before stay");
    }
  }

  return {
    keys: () => keys,
    stop: async () => {
      isStopped = true;
      clearTimeout(timer);
      await looking;
    },
  };
}

/** What is published is a list of keys as well, and would sign nothing. */
function parseSigning(text: string, file: string): TicketKeys {
  const keys = parseTicketKeys(text, file);
  if (!keys.some(({ privateKey }) => privateKey)) {
    throw new Error(`${file} holds no private half: wanted one that signs tickets`);
  }
  return keys;
}
