// A tenant's number spaces at some suffixes, for the bench of codes: they are filled, and codes are issued and
// revoked again in rounds, in either way to find a free number. Issuing is Codes' own, called without a wire:
// what is measured is the way to a number and into the table.

import { randomBytes, randomInt } from "node:crypto";
import { type Database, openDatabase, type Sql } from "#shared/mysql.ts";
import { openRedis } from "#shared/redis.ts";
import type { NumberSource } from "../../services/codes/allocating.ts";
import { createDrawing } from "../../services/codes/drawing.ts";
import { issueCodes, type Wish } from "../../services/codes/issuing.ts";
import { createParts } from "../../services/codes/parts.ts";
import { DEFAULT_POLICY, type Policy } from "../../services/codes/policy.ts";
import { revokeCodes } from "../../services/codes/revoking.ts";
import { createLogger } from "../../services/shared/log.ts";
import type { Rig } from "./rig.ts";

const STRATEGIES = ["permutation", "random"] as const;
type Strategy = (typeof STRATEGIES)[number];
/** Five on each of the four shards. */
const SUFFIXES = Array.from({ length: 20 }, (_, index) => String(index * 5).padStart(2, "0"));
const NUMBERS_EACH = 10_000;
/** The codes of a batch. */
export const BATCH = 100;
/** Batches of a round. A process leases numbers of a location for two of them: fewer would measure one that
 * leases against one that does not. Drawing at random leases nothing, and at the end takes seconds a batch. */
const BATCHES: Record<Strategy, number> = { permutation: 10, random: 1 };
const FILL_BATCH = 1000;
const HOUR_MS = 3_600_000;
const BY = { actorId: "bench", reason: "" };

/** What a round came to. */
export interface Round {
  readonly ms: number;
  readonly asked: number;
  readonly issued: number;
  readonly trips: number;
  readonly candidates: number;
}

/** Opens Codes for a tenant of its own, whose codes are of a pattern. */
export function openSpace(rig: Rig, pattern: string) {
  const counts = { trips: 0, candidates: 0 };
  const database = openDatabase(rig.env.SLOTMESH_MYSQL_DSN ?? "", "codes");
  const logger = createLogger("bench", "silent");
  const redis = openRedis(rig.env.SLOTMESH_REDIS_URL ?? "", logger);
  const parts = createParts({
    database: counting(database, counts),
    redis,
    logger,
    numbersKey: randomBytes(32),
    ticketKeys: () => [],
  });
  const { numberLocks } = parts.redis;
  const tripping =
    <Args extends unknown[], Result>(call: (...args: Args) => Promise<Result>) =>
    (...args: Args) => {
      counts.trips += 1;
      return call(...args);
    };
  const sources: Record<Strategy, NumberSource> = {
    permutation: parts.sources.permutation,
    random: createDrawing({
      database: counting(database, counts),
      locks: {
        lock: tripping(numberLocks.lock),
        areLocked: tripping(numberLocks.areLocked),
        unlock: tripping(numberLocks.unlock),
      },
      draw: (bound) => {
        counts.candidates += 1;
        return randomInt(bound);
      },
    }),
  };
  const options = { ...parts, sources, now: Date.now };
  const tenantId = `bench-${randomBytes(6).toString("hex")}`;
  const policies = STRATEGIES.map(
    (allocation, index): Policy => ({
      ...DEFAULT_POLICY,
      version: index + 1,
      pattern,
      allocation,
      quarantineSeconds: 0,
      reversalSeconds: 0,
    }),
  );
  const policyOf = (strategy: Strategy) =>
    policies.find(({ allocation }) => allocation === strategy) as Policy;
  let live = 0;

  const wishes = (count: number, strategy: Strategy): Wish[] =>
    Array.from({ length: count }, (_, index) => ({
      appointmentId: randomBytes(16).toString("hex") + SUFFIXES[index % SUFFIXES.length],
      ...{ tenantId, shopperId: "bench", storeId: "1", partySize: 1, items: 1, goods: "" },
      ...{ anyStore: false, opensAtMs: undefined, expiresAtMs: Date.now() + HOUR_MS },
      policy: policyOf(strategy),
    }));

  return {
    /** Makes the policies and warms the caches. */
    async prepare(): Promise<void> {
      for (const policy of policies) {
        await parts.policyStore.insert(tenantId, {
          ...{ policy, createdBy: "bench", createdAtMs: Date.now() },
        });
      }
      const some = wishes(BATCH, "permutation");
      await issueCodes(options, some);
      await revokeCodes(options, some, BY);
    },

    /** Issues until so many percent of all numbers are live. */
    async fillTo(percentLive: number): Promise<void> {
      const wanted = Math.floor((SUFFIXES.length * NUMBERS_EACH * percentLive) / 100);
      while (live < wanted) {
        const count = Math.min(FILL_BATCH, wanted - live);
        const states = await issueCodes(options, wishes(count, "permutation"));
        if (states.some((state) => state !== "live")) {
          throw new Error(`at ${live} live codes some of ${count} were not issued`);
        }
        live += count;
      }
    },

    /** Issues a round in batches of a size. Unless it is kept, what was issued is revoked, outside of the time; but
     * MySQL purges what that left for a while, on the cores of what is issued next. */
    async issueRound(strategy: Strategy, size: number, { isKept = false } = {}): Promise<Round> {
      const sum = { ms: 0, asked: 0, issued: 0, trips: 0, candidates: 0 };
      for (let index = 0; index < BATCHES[strategy]; index += 1) {
        const asked = wishes(BATCH, strategy);
        Object.assign(counts, { trips: 0, candidates: 0 });
        const startedMs = performance.now();
        let issued = 0;
        for (let start = 0; start < BATCH; start += size) {
          const states = await issueCodes(options, asked.slice(start, start + size));
          issued += states.filter((state) => state === "live").length;
        }
        sum.ms += performance.now() - startedMs;
        sum.asked += BATCH;
        sum.issued += issued;
        sum.trips += counts.trips;
        sum.candidates += strategy === "random" ? counts.candidates : issued;
        if (isKept) {
          live += issued;
        } else {
          await revokeCodes(options, asked, BY);
        }
      }
      return sum;
    },

    /** Inserts a round of random numbers and does nothing else, a statement a shard. */
    async insertRound(): Promise<Round> {
      const sum = { ms: 0, asked: 0, issued: 0, trips: 0, candidates: 0 };
      for (let index = 0; index < BATCHES.permutation; index += 1) {
        const rows = wishes(BATCH, "permutation").map(({ policy, ...wish }) => ({
          ...{ ...wish, policyVersion: policy.version, issuedAtMs: Date.now() },
          code: String(randomInt(10 ** 10)).padStart(10, "0") + wish.appointmentId.slice(-2),
        }));
        const byShard = Map.groupBy(rows, ({ code }) => Math.floor(Number(code.slice(-2)) / 25));
        const startedMs = performance.now();
        const written = await Promise.all(
          [...byShard.values()].map((part) => parts.store.insertCodes(part)),
        );
        sum.ms += performance.now() - startedMs;
        sum.asked += BATCH;
        sum.issued += written.reduce((total, count) => total + count, 0);
      }
      live += sum.issued;
      return sum;
    },

    /** Fails unless the live codes are as many as were issued and not revoked, all different. */
    async audit(): Promise<void> {
      const rows = await database.select<{ codes: string; different: string }>(
        `select suffix, count(*) as codes, count(distinct active_code) as different
         from pickup_code where tenant_id = ? and active_code is not null group by suffix`,
        [tenantId],
      );
      const found = rows.reduce((total, row) => total + Number(row.codes), 0);
      if (found !== live || rows.some((row) => row.codes !== row.different)) {
        throw new Error(`wanted ${live} different live codes, found ${JSON.stringify(rows)}`);
      }
    },

    async stop(): Promise<void> {
      redis.disconnect();
      await database.stop();
    },
  };
}

function counting(database: Database, counts: { trips: number }): Database {
  const through = (sql: Sql): Sql => ({
    select: (statement, values) => {
      counts.trips += 1;
      return sql.select(statement, values);
    },
    write: (statement, values) => {
      counts.trips += 1;
      return sql.write(statement, values);
    },
  });
  return {
    ...database,
    ...through(database),
    transact: (work) => {
      // Begin and commit.
      counts.trips += 2;
      return database.transact((sql) => work(through(sql)));
    },
  };
}
