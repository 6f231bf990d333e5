// Settles what a crash left behind, and keeps admission's picture true. One process at a time does it,
// by a lease that may fail: every step is idempotent, so two at once only do the same work twice.

import { ClaimRefusal, ClaimState } from "#gen/slotmesh/inventory/v1/claims_service_pb.ts";
import { AppointmentState, RefusalReason } from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import { chunksOf } from "#shared/chunks.ts";
import type { Logger } from "#shared/log.ts";
import { startSweeping } from "#shared/sweeper.ts";
import { toMs } from "#shared/time.ts";
import type { Gate } from "./admission.ts";
import type { FinishWork } from "./cancel.ts";
import type { ClaimsClient } from "./clients.ts";
import { type Compare, createCompare, SLOTS_PER_READ_MAX } from "./compare.ts";
import { oldHoldsEndByMs, type Row, WORK_RELEASE, wishOfClaim } from "./domain.ts";
import type { Claimed, Pipeline } from "./pipeline.ts";
import type { SchedulingRedis } from "./redis.ts";
import type { SchedulingStore } from "./store.ts";

const SWEEP_MS = 3000;
const LEASE_MS = 10_000;
const UNSETTLED_MS = 10_000;
const OWING_MS = 5000;
const CLAIMS_PER_SWEEP_MAX = 500;
/** The most slots that one sweep compares: ten thousand slots in use have their turn once a minute. */
const SLOTS_PER_SWEEP_MAX = 500;
const HOLDS_PER_SLOT_MAX = 50;
const HOLDS_PER_SWEEP_MAX = 1000;
const WARM_FOR_MS = 600_000;
/** When forgotten slots pass for last asked for: they are swept for a while, and where the list of slots in
 * use is full they give way to those that are. */
const FORGOTTEN_AGO_MS = 300_000;
const READ_MS_MAX = 5000;

/** What the reconciler works with. */
export interface ReconcilerOptions {
  readonly store: SchedulingStore;
  readonly redis: SchedulingRedis;
  readonly gate: Gate;
  readonly claims: ClaimsClient;
  readonly pipeline: Pipeline;
  readonly finishWork: FinishWork;
  readonly holdMs: number;
  readonly now: () => number;
  readonly logger: Logger;
}

/** What one sweep leaves to the next: which of the slots in use it begins with, in which run of Redis the
 * list of them is known to be whole, and what the rows said. */
interface Rotation {
  next: number;
  serverRun: string | undefined;
  readonly compare: Compare;
}

/** Makes the sweep, which settles old claims, pays what rows owe, and compares admission with the rows. */
export function createSweep(options: ReconcilerOptions): () => Promise<void> {
  const rotation: Rotation = { next: 0, serverRun: "", compare: createCompare(options) };
  return () => sweep(options, rotation);
}

/** Starts to sweep every few seconds. */
export function startReconciler(
  options: ReconcilerOptions,
  random?: () => number,
): { stop(): Promise<void> } {
  const { redis, logger } = options;
  return startSweeping({
    sweep: createSweep(options),
    lease: redis.leaseSweeper,
    leaseMs: LEASE_MS,
    everyMs: SWEEP_MS,
    logger,
    ...(random && { random }),
  });
}

async function sweep(options: ReconcilerOptions, rotation: Rotation): Promise<void> {
  const outcomes = await Promise.allSettled([
    settleClaims(options),
    payRows(options),
    rewarm(options, rotation),
  ]);
  const failed = outcomes.find(({ status }) => status === "rejected");
  if (failed) {
    throw (failed as PromiseRejectedResult).reason;
  }
}

async function settleClaims({ store, claims, pipeline, now, logger }: ReconcilerOptions) {
  const { claims: unsettled, takes } = await claims.listUnsettledClaims(
    { olderThanMs: BigInt(UNSETTLED_MS), pageSize: CLAIMS_PER_SWEEP_MAX },
    { timeoutMs: READ_MS_MAX },
  );
  if (takes.length === 0) {
    return;
  }
  const claimed = unsettled.map((stored): Claimed => {
    const claim = { state: ClaimState.LOCKED, refusal: ClaimRefusal.UNSPECIFIED };
    return { wish: wishOfClaim(stored), claim, admittedAtMs: toMs(stored.takeTime) ?? now() };
  });
  const slots = [...new Map(claimed.map(({ wish }) => [wish.slotId, wish])).values()];
  const stocks = (
    await Promise.all(
      chunksOf(slots, SLOTS_PER_READ_MAX).map((part) =>
        claims.listSlotStock(
          { keys: part.map(({ storeId, slotId }) => ({ storeId, slotId })), countsOnly: true },
          { timeoutMs: READ_MS_MAX },
        ),
      ),
    )
  ).flatMap((answer) => answer.stocks);
  const starts = new Map(stocks.map(({ slot }) => [slot?.slotId, toMs(slot?.startTime) ?? 0]));
  const isOver = ({ wish }: Claimed) => (starts.get(wish.slotId) ?? 0) <= now();
  // A yes that comes after the slot began helps nobody: the row becomes a tombstone first.
  await store.finish(claimed.filter(isOver).map((one) => expiredRow(one, now())));
  await pipeline.finish(claimed, stocks, takes);
  logger.info({ claims: claimed.length }, "settled claims that were left behind");
}

function expiredRow({ wish, admittedAtMs }: Claimed, nowMs: number): Row {
  return {
    ...wish,
    state: AppointmentState.EXPIRED,
    refusal: RefusalReason.UNSPECIFIED,
    work: WORK_RELEASE,
    createdAtMs: admittedAtMs,
    stateAtMs: nowMs,
  };
}

async function payRows({ store, finishWork, now, logger }: ReconcilerOptions): Promise<void> {
  const rows = await store.listOwing(now() - OWING_MS, CLAIMS_PER_SWEEP_MAX);
  if (rows.length > 0) {
    await finishWork(rows);
    logger.info({ rows: rows.length }, "finished what was owed");
  }
}

async function rewarm(options: ReconcilerOptions, rotation: Rotation): Promise<void> {
  const { redis, gate, now, logger } = options;
  await findForgotten(options, rotation);
  const inUse = await redis.listWarm(now() - WARM_FOR_MS);
  const start = inUse.length > 0 ? rotation.next % inUse.length : 0;
  const slots = [...inUse.slice(start), ...inUse.slice(0, start)].slice(0, SLOTS_PER_SWEEP_MAX);
  rotation.next = start + slots.length;
  await endHolds(options, slots);
  const wrong = await rotation.compare(slots);
  const answers = await Promise.all(
    chunksOf(wrong, SLOTS_PER_READ_MAX).map((part) => gate.warm(part)),
  );
  const driftSpots = answers.reduce((sum, answer) => sum + answer.driftSpots, 0);
  if (driftSpots > 0) {
    logger.info(
      { driftSpots, slots: wrong.length },
      "admission differed from the rows, and was mended",
    );
  }
}

/** Makes the list of slots in use whole after a restart of Redis: it may have lost the end of the list and
 * kept an old picture of a slot, which nobody would look at if nobody asked for that slot again. */
async function findForgotten({ redis, now }: ReconcilerOptions, rotation: Rotation): Promise<void> {
  const serverRun = await redis.serverRun();
  if (serverRun !== rotation.serverRun) {
    await redis.noteAllWarm(now() - FORGOTTEN_AGO_MS);
    rotation.serverRun = serverRun;
  }
}

/** Ends holds whose answers are written and have no spots, where nobody told Redis or where Redis forgot: it
 * came back with an older picture. Those that have spots are ended by warming, together with the count.
 * Young ones are left to the pipeline: while a drop is settled, their rows would be most of what is read. */
async function endHolds(
  { store, redis, holdMs, now, logger }: ReconcilerOptions,
  slots: readonly { slotId: string }[],
): Promise<void> {
  const slotIds = slots.map(({ slotId }) => slotId);
  const endByMs = oldHoldsEndByMs({ holdMs, nowMs: now() });
  const found = await redis.listHolds(slotIds, endByMs, HOLDS_PER_SLOT_MAX);
  const holds = found.slice(0, HOLDS_PER_SWEEP_MAX);
  if (holds.length === 0) {
    return;
  }
  const rows = await store.find(holds.map(({ appointmentId }) => appointmentId));
  const over = holds.filter(({ slotId }, index) => {
    const row = rows[index];
    return row && (row.state !== AppointmentState.CONFIRMED || row.slotId !== slotId);
  });
  const bySlot = Map.groupBy(over, ({ slotId }) => slotId);
  const decided = [...bySlot].map(([slotId, theirs]) =>
    redis.endHolds(
      slotId,
      theirs.map((wish) => ({ wish, status: "R" })),
    ),
  );
  await Promise.all(decided);
  if (over.length > 0) {
    logger.info({ holds: over.length }, "ended holds that were answered");
  }
}
