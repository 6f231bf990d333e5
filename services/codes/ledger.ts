// The ledger: the one way in which anything is done with a code after its issue. One transaction on the
// code's shard locks its row, asks the rules what to make of it as it is then, and writes the row, its
// ledger line and what becomes of its number together, or nothing of it.
//
// Every change may run twice: its second run finds the line of the first. So a transaction whose outcome is
// not known is simply done again.

import { type Database, isDuplicate, retryTransient, type Sql } from "#shared/mysql.ts";
import type { Change, Line } from "./acts.ts";
import type { CodeRecord } from "./domain.ts";
import { freedNumbersOf } from "./freeing.ts";
import {
  deleteTransfer,
  findLine,
  findReversal,
  insertLines,
  insertTransfer,
  listLines,
  listRedemptions,
  listTransfers,
  lockRecord,
  type RequestKey,
  updateRecord,
} from "./ledger-store.ts";
import type { Policies } from "./policies.ts";
import { deleteFreed, putFreed } from "./space-store.ts";

/** Decides what to make of a code as it is, with the lines that were asked for: a change, or why not. */
export type Decide<Refused> = (record: CodeRecord, lines: readonly Line[]) => Change | Refused;

/** What became of a change. */
export type Outcome<Refused> =
  | { readonly kind: "changed"; readonly change: Change }
  | { readonly kind: "refused"; readonly refused: Refused }
  /** A line of this request is there already. Nothing was changed. */
  | { readonly kind: "spent" }
  /** The code would be live again, and another has its number. Nothing was changed. */
  | { readonly kind: "reissued" };

/** The ledger: whatever is done with codes is done by it. */
export interface Ledger {
  /** Changes a code as decide says when its row is locked. */
  change<Refused extends object>(
    record: CodeRecord,
    decide: Decide<Refused>,
    options?: { readonly withRedemptions?: boolean },
  ): Promise<Outcome<Refused>>;
  /** Finds what a request did. */
  findLine(key: RequestKey): Promise<Line | undefined>;
  /** Finds the reversal of a redemption. */
  findReversal(redemption: Line): Promise<Line | undefined>;
  /** Lists the last lines of a code, the first first. */
  listLines(appointmentId: string): Promise<Line[]>;
  /** Lists the appointments whose codes were given away before a time, and whose heirs' codes are not
   * known to be there. */
  listTransfers(beforeMs: number): Promise<string[]>;
  /** Forgets that a transfer was not finished. */
  endTransfer(appointmentId: string): Promise<void>;
}

/** Thrown to undo a transaction, when a key refused one of its writes. */
class KeyTaken extends Error {
  readonly kind: "spent" | "reissued";

  constructor(kind: "spent" | "reissued") {
    super(`a unique key refused this: ${kind}`);
    this.kind = kind;
  }
}

/** Makes the ledger of a keyspace. */
export function createLedger(options: {
  readonly database: Pick<Database, "transact" | "select" | "write">;
  readonly policies: Policies;
  /** The clock, in milliseconds. */
  readonly now: () => number;
}): Ledger {
  const { database, policies, now } = options;

  return {
    change: async (record, decide, { withRedemptions = false } = {}) => {
      // Before the transaction: a policy that must be read takes a connection of its own.
      const [freed] = await freedNumbersOf(policies, [toEnded(record)], now());
      try {
        return await retryTransient(() =>
          database.transact(async (sql) => {
            const before = await lockRecord(sql, record.appointmentId);
            const lines = withRedemptions ? await listRedemptions(sql, record.appointmentId) : [];
            const decided = decide(before, lines);
            if (!("after" in decided)) {
              return { kind: "refused", refused: decided };
            }
            await writeChange(sql, before, decided);
            if (freed && before.isHeld && !decided.after.isHeld) {
              await putFreed(sql, [freed]);
            }
            if (freed && !before.isHeld && decided.after.isHeld) {
              await deleteFreed(sql, [freed]);
            }
            return { kind: "changed", change: decided };
          }),
        );
      } catch (error) {
        if (error instanceof KeyTaken) {
          return { kind: error.kind };
        }
        throw error;
      }
    },
    findLine: (key) => retryTransient(() => findLine(database, key)),
    findReversal: (redemption) => retryTransient(() => findReversal(database, redemption)),
    listLines: (appointmentId) => retryTransient(() => listLines(database, appointmentId)),
    listTransfers: (beforeMs) => retryTransient(() => listTransfers(database, beforeMs)),
    endTransfer: async (appointmentId) => {
      await retryTransient(() => deleteTransfer(database, appointmentId));
    },
  };
}

/** Writes what an act made of a code, its lines, and the transfer it began. */
async function writeChange(sql: Sql, before: CodeRecord, { after, lines }: Change): Promise<void> {
  const isRevived = !before.isHeld && after.isHeld;
  const count = await keyed(isRevived ? "reissued" : "spent", updateRecord(sql, before, after));
  if (count !== 1) {
    throw new Error("a row changed while it was locked: is its transaction on one shard?");
  }
  if (lines.length > 0) {
    await keyed("spent", insertLines(sql, lines));
  }
  if (!before.heir && after.heir) {
    await insertTransfer(sql, after.appointmentId, after.revokedAtMs ?? 0);
  }
}

async function keyed<Result>(
  kind: "spent" | "reissued",
  written: Promise<Result>,
): Promise<Result> {
  return written.catch((error: unknown) => {
    throw isDuplicate(error) ? new KeyTaken(kind) : error;
  });
}

function toEnded({ tenantId, code, policyVersion }: CodeRecord) {
  if (code === undefined) {
    throw new Error("only what has a code can be changed: a tombstone stays one");
  }
  return { tenantId, code, policyVersion };
}
