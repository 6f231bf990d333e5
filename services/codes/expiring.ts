// Ends codes whose time is over: they give their numbers back, which then rest like those of redeemed codes.
// The row keeps its state, live, which past its time reads as expired, and does not hold its number any
// more; a line in the ledger says when. All of it is one transaction, so a number is given back once.
//
// That happens an hour after a code's time was over. Until then a manager can give it more time, and a
// redemption that was made at the last minute can be reversed.

import { type Database, retryTransient } from "#shared/mysql.ts";
import { ofSuffix, type Shards } from "#shared/shards.ts";
import { SUFFIXES } from "#shared/suffix.ts";
import {
  type By,
  dropNumbers,
  type Ending,
  insertEndings,
  listOverdue,
  lockOverdue,
} from "./ending-store.ts";
import { freedNumbersOf } from "./freeing.ts";
import type { Policies } from "./policies.ts";
import { inKeyOrder } from "./row.ts";
import { type FreedNumber, putFreed } from "./space-store.ts";

/** How long a code holds its number after its time. */
export const KEPT_MS = 3_600_000;
/** The codes of one transaction. */
const PAGE_CODES = 250;
/** Who ends them, in the ledger. */
const BY_CODES: By = { actorId: "codes", reason: "" };

/** What expiring needs. */
export interface ExpiringOptions {
  readonly database: Pick<Database, "select" | "write" | "transact">;
  readonly shards: Shards;
  readonly policies: Policies;
  /** The clock, in milliseconds. */
  readonly now: () => number;
}

/** Ends overdue codes, page by page on each shard, until there are none or the time for it is over. Returns
 * how many. */
export async function expireCodes(
  options: ExpiringOptions,
  isTimeOver: () => boolean,
): Promise<number> {
  const counts = await options.shards.forEachShard(SUFFIXES, ofSuffix, async (suffixes) => {
    const count = await expireOnShard(options, suffixes, isTimeOver);
    return suffixes.map((_, index) => (index === 0 ? count : 0));
  });
  return counts.reduce((sum, count) => sum + count, 0);
}

async function expireOnShard(
  options: ExpiringOptions,
  suffixes: readonly string[],
  isTimeOver: () => boolean,
): Promise<number> {
  const { database, now } = options;
  let count = 0;
  for (let ended = PAGE_CODES; ended > 0 && !isTimeOver(); count += ended) {
    const beforeMs = now() - KEPT_MS;
    const due = await retryTransient(() => listOverdue(database, suffixes, beforeMs, PAGE_CODES));
    ended = due.length === 0 ? 0 : await expirePage(options, due, beforeMs);
  }
  return count;
}

/** Ends codes of one shard, those that nobody else is at. Returns how many. */
async function expirePage(
  { database, policies, now }: ExpiringOptions,
  due: readonly Ending[],
  beforeMs: number,
): Promise<number> {
  // Before the transaction: a policy that must be read takes a connection of its own.
  const freed = await freedById(policies, due, now());
  // In the order of the key, as revoking and issuing take their locks.
  const ids = [...inKeyOrder(due).keys()];
  return retryTransient(() =>
    database.transact(async (sql) => {
      const locked = await lockOverdue(sql, ids, beforeMs);
      if (locked.length === 0) {
        return 0;
      }
      await dropNumbers(
        sql,
        locked.map(({ appointmentId }) => appointmentId),
      );
      const numbers = locked.flatMap(({ appointmentId }) => freed.get(appointmentId) ?? []);
      if (numbers.length > 0) {
        await putFreed(sql, numbers);
      }
      await insertEndings(sql, "expired", locked, { ...BY_CODES, atMs: now() });
      return locked.length;
    }),
  );
}

/** Says which number each code gives back. A code that its policy does not know as its own gives none, and
 * must not keep the others of its page from ending. */
async function freedById(
  policies: Policies,
  due: readonly Ending[],
  nowMs: number,
): Promise<Map<string, FreedNumber>> {
  const versions = new Map(due.map((one) => [`${one.tenantId}|${one.policyVersion}`, one]));
  await Promise.all(
    [...versions.values()].map(({ tenantId, policyVersion }) =>
      policies.get(tenantId, policyVersion),
    ),
  );
  const entries = await Promise.all(
    due.map(async (ending) => {
      const [freed] = await freedNumbersOf(policies, [ending], nowMs).catch(() => []);
      return freed ? [[ending.appointmentId, freed] as const] : [];
    }),
  );
  return new Map(entries.flat());
}
