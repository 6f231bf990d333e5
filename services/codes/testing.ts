// What the tests of Codes on real Vitess share: the services as someone calls them, without a wire, a
// count of statements, and appointments that no other test has.

import { randomBytes } from "node:crypto";
import { CodesService } from "#gen/slotmesh/codes/v1/codes_service_pb.ts";
import { IssuingService } from "#gen/slotmesh/codes/v1/issuing_service_pb.ts";
import { reasonOf } from "#shared/errors.ts";
import { type Database, openDatabase, type Sql, type Value } from "#shared/mysql.ts";
import { openRedis, redisReady } from "#shared/redis.ts";
import { clientAs, silentLogger, testConfig, uniqueId, uniqueTenant } from "#shared/testing.ts";
import { toTimestamp } from "#shared/time.ts";
import type { NumberSource } from "./allocating.ts";
import { BUDGET_NAMES, GUESS_RULES, type GuessRules } from "./budgets.ts";
import { createParts } from "./parts.ts";
import { DEFAULT_POLICY, type Policy, type PolicySpec } from "./policy.ts";
import type { CodesRedis } from "./redis.ts";
import { codesService } from "./service.ts";
import { generateTicketKey, type TicketKeys } from "./ticket-keys.ts";

const HOUR_MS = 3_600_000;
const REDIS_READY_MS = 3000;
/** Budgets that nothing uses up. */
export const AMPLE_GUESSES: GuessRules = {
  ...GUESS_RULES,
  budgets: Object.fromEntries(
    BUDGET_NAMES.map((name) => [name, { burst: 1_000_000, everyMs: 1 }]),
  ) as unknown as GuessRules["budgets"],
};

/** What a test may say of a code that it wants. */
export interface Wished {
  readonly expiresAtMs?: number;
  readonly startsAtMs?: number;
  readonly shopperId?: string;
  readonly items?: number;
  readonly goods?: string;
}

/** What a test may see or change about a statement before it runs. */
export type Hook = (kind: "select" | "write", statement: string) => Promise<void> | void;

/** A source that draws from some numbers: collisions as a test wants them. */
export function drawFrom(draw: () => number): NumberSource {
  return {
    take: async (wants) => wants.map(({ count }) => Array.from({ length: count }, draw)),
    putBack: () => undefined,
  };
}

/** Opens Codes on the real keyspace, as one process of several: those with one `numbersKey` go together. */
export function openCodes(
  options: {
    readonly before?: Hook;
    readonly after?: Hook;
    /** Runs when a transaction was committed: what it throws is an answer that was lost. */
    readonly committed?: () => void;
    /** Where numbers come from. If absent, as in production. */
    readonly source?: NumberSource;
    readonly numbersKey?: Buffer;
    readonly tenantId?: string;
    /** Returns the keys of tickets. If absent, always one, made for this. */
    readonly ticketKeys?: () => TicketKeys;
    /** The budgets of wrong guesses. If absent, enough for whatever a test does that is not about them. */
    readonly guessRules?: GuessRules;
    /** A Redis. If absent, the real one; a closed port: none. */
    readonly redisUrl?: string;
    readonly now?: () => number;
  } = {},
) {
  const database = openDatabase(testConfig().mysqlDsn, "codes");
  const redis = openRedis(options.redisUrl ?? testConfig().redisUrl, silentLogger());
  const { source, numbersKey = randomBytes(32), now = Date.now } = options;
  const logger = silentLogger();
  const made = [generateTicketKey(now())];
  const { ticketKeys = () => made, guessRules = AMPLE_GUESSES } = options;
  const parts = createParts({
    database: hooked(database, options),
    redis,
    numbersKey,
    logger,
    ticketKeys,
    guessRules,
    now,
  });
  const sources = source ? { permutation: source, random: source } : parts.sources;
  const isReady = redisReady(redis, REDIS_READY_MS).catch(() => undefined);
  const counted: CodesRedis = {
    ...parts.redis,
    // A connection that was just opened is refused as one that is away.
    spendGuess: async (guesser) => {
      await isReady;
      return parts.redis.spendGuess(guesser);
    },
  };
  const methods = codesService({ ...parts, redis: counted, sources, now });
  const issuing = clientAs(IssuingService, methods, { role: "service", subjectId: "scheduling" });
  const { store, policyStore, policies } = parts;
  const tenantId = options.tenantId ?? uniqueTenant();
  const storeId = uniqueId();
  /** A wish for a code of this tenant and store. */
  const wish = (suffix: string, wished: Wished = {}) => ({
    appointmentId: uniqueAppointment(suffix),
    tenantId,
    shopperId: wished.shopperId ?? "shopper",
    storeId,
    partySize: 2,
    items: wished.items ?? 0,
    goods: wished.goods ?? "",
    expireTime: toTimestamp(wished.expiresAtMs ?? Date.now() + HOUR_MS),
    ...(wished.startsAtMs !== undefined && { openTime: toTimestamp(wished.startsAtMs) }),
  });
  /** Reads the digits of an appointment's code. */
  const digitsOf = async ({ appointmentId }: { appointmentId: string }) => {
    const record = await store.findByAppointment(appointmentId, tenantId);
    return record?.code ?? "";
  };
  return {
    database,
    store,
    parts,
    ticketKeys,
    methods,
    /** Ends the connections. */
    stop: async () => {
      redis.disconnect();
      await database.stop();
    },
    /** Makes the next version of the tenant's policy. */
    choosePolicy: async (changes: Partial<PolicySpec>): Promise<Policy> => {
      const [last] = await policies.list(tenantId);
      const policy = { ...DEFAULT_POLICY, ...changes, version: (last?.version ?? 0) + 1 };
      await policyStore.insert(tenantId, { policy, createdBy: "test", createdAtMs: now() });
      policies.forget(tenantId);
      return policy;
    },
    tenantId,
    storeId,
    issuing,
    /** A clerk of the store. */
    clerk: clientAs(CodesService, methods, {
      role: "staff",
      tenantId,
      subjectId: "clerk",
      storeIds: [storeId],
    }),
    /** Anyone else. */
    as: (caller: Parameters<typeof clientAs>[2], address?: string) =>
      clientAs(CodesService, methods, caller, address),
    wish,
    digitsOf,
    /** Issues a code, and returns the wish with it. */
    issue: async (suffix: string, wished: Wished = {}) => {
      const one = wish(suffix, wished);
      await issuing.issueCodes({ issues: [one] });
      return { ...one, code: await digitsOf(one) };
    },
  };
}

function hooked(
  database: Database,
  options: { before?: Hook; after?: Hook; committed?: () => void },
): Database {
  const { before, after, committed } = options;
  const through = (sql: Sql): Sql => ({
    select: async <Row>(statement: string, values?: readonly Value[]) => {
      await before?.("select", statement);
      return sql.select<Row>(statement, values);
    },
    write: async (statement, values) => {
      await before?.("write", statement);
      const count = await sql.write(statement, values);
      await after?.("write", statement);
      return count;
    },
  });
  return {
    ...database,
    ...through(database),
    transact: async (work) => {
      const result = await database.transact((sql) => work(through(sql)));
      committed?.();
      return result;
    },
  };
}

/** Loses the answer of the first transaction that writes what matches, after its commit: its outcome is not
 * known to who made it. */
export function loseAnswer(pattern: RegExp) {
  let isArmed = false;
  let lost = 0;
  return {
    lost: () => lost,
    before: (_kind: "select" | "write", statement: string) => {
      isArmed ||= lost === 0 && pattern.test(statement);
    },
    committed: () => {
      if (isArmed) {
        isArmed = false;
        lost += 1;
        throw Object.assign(new Error("Connection lost"), { code: "PROTOCOL_CONNECTION_LOST" });
      }
    },
  };
}

/** Returns an appointment id of a suffix that no other test has. */
export function uniqueAppointment(suffix: string): string {
  return randomBytes(16).toString("hex") + suffix;
}

/** Waits for a rejection, and returns its reason and its message. */
export async function refusal(promise: Promise<unknown>): Promise<[string | undefined, string]> {
  const error = await rejection(promise);
  return [reasonOf(error), String(error).replace("ConnectError: ", "")];
}

/** Waits for a rejection and returns it. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}
