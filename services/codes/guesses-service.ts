// The handlers of GuessesService: the number that says how safe short codes are now, and the locks.

import { GuessesService } from "#gen/slotmesh/codes/v1/guesses_service_pb.ts";
import { type BoundMethod, bind } from "#shared/handlers.ts";
import { createLimiter } from "#shared/limiter.ts";
import type { Logger } from "#shared/log.ts";
import { toTimestamp } from "#shared/time.ts";
import { shapesOf } from "./arrangement.ts";
import { mostGuessesADay } from "./budgets.ts";
import { chancePerGuess, chanceWithin } from "./chances.ts";
import { locationCount } from "./location.ts";
import { isAlarm } from "./misses.ts";
import type { Policies } from "./policies.ts";
import type { Policy } from "./policy.ts";
import type { CodesRedis } from "./redis.ts";
import type { ReportStore } from "./report-store.ts";
import { storeIdOf } from "./terms.ts";

/** The counts of live codes that a process makes at once, and that wait. */
const COUNTS_MAX = 2;
const COUNTS_WAITING_MAX = 20;

/** What the handlers work with. */
export interface GuessesOptions {
  readonly redis: Pick<CodesRedis, "readMissRatio" | "listLocks" | "unlockDevice">;
  readonly reportStore: ReportStore;
  readonly policies: Policies;
  readonly logger: Pick<Logger, "info">;
  /** The clock, in milliseconds. */
  readonly now: () => number;
}

/** Where is guessed, and what can be hit there. */
interface Target {
  /** Empty where every store is as good. */
  readonly storeId: string;
  readonly liveCodes: number;
  /** In how many stores is guessed: each has its budget. */
  readonly stores: number;
}

/** Makes the methods of GuessesService. */
export function guessesService(options: GuessesOptions): BoundMethod[] {
  const { redis, policies, logger } = options;
  const limiter = createLimiter({ concurrencyMax: COUNTS_MAX, waitingMax: COUNTS_WAITING_MAX });

  return bind(
    GuessesService,
    {
      getGuessChances: ["manager", "operator"],
      listLocks: ["manager", "operator"],
      unlockDevice: ["manager", "operator"],
    },
    {
      getGuessChances: async (request, { caller: { tenantId } }) => {
        const storeId = request.storeId === "" ? undefined : storeIdOf(request.storeId);
        const policy = await policies.current(tenantId);
        const [target, ratio] = await Promise.all([
          limiter.run(() => targetOf(options, { tenantId, storeId, policy })),
          redis.readMissRatio(tenantId),
        ]);
        const field = { liveCodes: target.liveCodes, space: spaceOf(policy) };
        const guesses = mostGuessesADay(target.stores);
        return {
          storeId: target.storeId,
          liveCodes: BigInt(target.liveCodes),
          space: field.space,
          chancePerGuess: chancePerGuess(field),
          guessesADay: guesses,
          chanceADay: chanceWithin({ ...field, guesses }),
          tries: ratio.tries,
          misses: ratio.misses,
          missesPerMinute: ratio.perMinute,
          usualMissesPerMinute: ratio.usual,
          alarm: isAlarm(ratio),
        };
      },

      listLocks: async (_request, { caller }) => {
        const locks = await redis.listLocks(caller.tenantId);
        return {
          locks: locks.map(({ staffId, deviceId = "", untilMs }) => ({
            staffId,
            deviceId,
            expireTime: toTimestamp(untilMs),
          })),
        };
      },

      unlockDevice: async ({ staffId, deviceId }, { caller }) => {
        const { tenantId, subjectId, role } = caller;
        const wasLocked = await redis.unlockDevice(tenantId, {
          staffId,
          deviceId: deviceId || undefined,
        });
        logger.info(
          { tenantId, by: subjectId, role, staffId, deviceId, wasLocked },
          "a lock after wrong codes was ended",
        );
        return { wasLocked };
      },
    },
  );
}

/** Finds what a guess can hit: the codes of its store, or all of the tenant where any store redeems them.
 * Of all stores it is the one with the most codes: what is said of it holds for none more than for it. */
async function targetOf(
  { reportStore, now }: GuessesOptions,
  asked: {
    readonly tenantId: string;
    readonly storeId: string | undefined;
    readonly policy: Policy;
  },
): Promise<Target> {
  const { tenantId, storeId, policy } = asked;
  const isBound = policy.stores === "issued-for";
  if (isBound && storeId !== undefined) {
    const liveCodes = await reportStore.countLive(tenantId, now(), storeId);
    return { storeId, liveCodes, stores: 1 };
  }
  const byStore = await reportStore.countLiveByStore(tenantId, now());
  if (isBound) {
    const [most] = [...byStore].sort(([, a], [, b]) => b - a);
    return { storeId: most?.[0] ?? "", liveCodes: most?.[1] ?? 0, stores: byStore.size };
  }
  const liveCodes = [...byStore.values()].reduce((sum, count) => sum + count, 0);
  return { storeId: "", liveCodes, stores: storeId === undefined ? byStore.size : 1 };
}

/** Counts the codes that look like those of the policy, the lengthened ones aside: who guesses takes the
 * length that most codes have. */
function spaceOf(policy: Policy): number {
  const [shape] = shapesOf(policy);
  return (shape?.codesPerLocation ?? 1) * locationCount(policy.location);
}
