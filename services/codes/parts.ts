// What Codes is made of, put together: the same for the process and for its tests.

import type { Logger } from "#shared/log.ts";
import type { Database } from "#shared/mysql.ts";
import type { RedisConnection } from "#shared/redis.ts";
import { createShards } from "#shared/shards.ts";
import { createAllocator } from "./allocating.ts";
import type { GuessRules } from "./budgets.ts";
import { createDensityStore } from "./density-store.ts";
import { createDrawing } from "./drawing.ts";
import { createLedger } from "./ledger.ts";
import { createPolicies } from "./policies.ts";
import { createPolicyStore } from "./policy-store.ts";
import { createRedis } from "./redis.ts";
import { createReportStore } from "./report-store.ts";
import { createSpaces } from "./spaces.ts";
import { createStore } from "./store.ts";
import { createSubjectSecrets } from "./subject-secrets.ts";
import { createSubjectStore } from "./subject-store.ts";
import type { TicketKeys } from "./ticket-keys.ts";

/** Makes the parts. */
export function createParts(options: {
  readonly database: Database;
  readonly redis: RedisConnection;
  /** What the order of codes hangs on; see numbers-key.ts. */
  readonly numbersKey: Buffer;
  readonly logger: Logger;
  /** Returns what tickets are signed with now; see ticket-keyring.ts. */
  readonly ticketKeys: () => TicketKeys;
  /** The budgets of wrong guesses. If absent, those of budgets.ts. */
  readonly guessRules?: GuessRules;
  /** The clock, in milliseconds. If absent, the system's. */
  readonly now?: () => number;
}) {
  const { database, logger, now = Date.now } = options;
  const policyStore = createPolicyStore(database);
  const subjectStore = createSubjectStore(database);
  const redis = createRedis(options.redis, options.guessRules);
  const policies = createPolicies({
    read: async (tenantId) => (await policyStore.list(tenantId)).map(({ policy }) => policy),
    now,
  });
  return {
    database,
    redis,
    logger,
    ticketKeys: options.ticketKeys,
    policyStore,
    policies,
    store: createStore(database),
    ledger: createLedger({ database, policies, now }),
    subjectStore,
    subjectSecrets: createSubjectSecrets(subjectStore),
    densityStore: createDensityStore(database),
    reportStore: createReportStore(database),
    shards: createShards(database),
    spaces: createSpaces({ masterKey: options.numbersKey }),
    sources: {
      permutation: createAllocator({ database, now }),
      random: createDrawing({ database, locks: redis.numberLocks }),
    },
  };
}
