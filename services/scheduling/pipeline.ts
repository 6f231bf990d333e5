// What happens to a wish once it is queued, for batches of one partition:
//
//   T1   Inventory takes the claims          the only place where a spot is taken
//   T2   the shoppers' rows are written      the only place where an answer becomes final
//   code Codes issues, by appointment        only for rows that say CONFIRMED
//   T3   Inventory takes back the claims whose rows are tombstones or another wish
//   T1b  Inventory settles the takes: one row for all claims of a slot that were taken together
//   then Redis hears it, watchers hear it, and the offset is committed
//
// Each step is idempotent by appointment id, so whatever dies anywhere, the same records are handled
// again, here, by another process, or by the reconciler; nothing is taken, issued or answered twice.
// The scheme, its proof and its crash points are those of transactional sagas with a tombstone.

import {
  type Claim,
  ClaimRefusal,
  ClaimState,
  type SlotStock,
  type TakeKey,
} from "#gen/slotmesh/inventory/v1/claims_service_pb.ts";
import { AppointmentState } from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import type { CallOptions } from "#shared/client.ts";
import type { Logger } from "#shared/log.ts";
import { toMs, toTimestamp } from "#shared/time.ts";
import type { Gate } from "./admission.ts";
import type { ClaimsClient, IssuingClient } from "./clients.ts";
import type { SchedulingFailpoints } from "./config.ts";
import {
  bodyOf,
  CODE_GRACE_MS,
  groupByPlace,
  nextStep,
  type Row,
  rowOfClaim,
  type Wish,
} from "./domain.ts";
import type { Booking } from "./events.ts";
import type { SchedulingRedis } from "./redis.ts";
import type { SchedulingStore } from "./store.ts";

const STEP_MS_MAX = 8000;

/** What the pipeline works with. */
export interface PipelineOptions {
  readonly store: SchedulingStore;
  readonly redis: SchedulingRedis;
  readonly gate: Gate;
  readonly claims: ClaimsClient;
  readonly issuing: IssuingClient;
  readonly now: () => number;
  readonly logger: Logger;
  readonly failpoints?: SchedulingFailpoints;
}

/** A claim that T1 answered, with the wish it is for by its own word. */
export interface Claimed {
  readonly wish: Wish;
  readonly claim: Pick<Claim, "state" | "refusal">;
  readonly admittedAtMs: number;
}

/** Settles wishes. */
export interface Pipeline {
  /** Handles a batch of bookings from T1 on. Throws if a step failed: hand the same batch in again. */
  handle(bookings: readonly Booking[]): Promise<void>;
  /** Finishes claims from T2 on, and then settles the takes that have no other claims. */
  finish(
    claimed: readonly Claimed[],
    stocks: readonly SlotStock[],
    takes: readonly TakeKey[],
  ): Promise<void>;
  /** Gives the spots of claims back (T3), and tells admission. */
  release(wishes: readonly Wish[], within?: CallOptions): Promise<void>;
}

/** Makes the pipeline. */
export function createPipeline(options: PipelineOptions): Pipeline {
  const { store, claims, issuing, now, failpoints } = options;
  const step = { timeoutMs: STEP_MS_MAX };

  async function handle(bookings: readonly Booking[]): Promise<void> {
    const unique = [
      ...new Map(bookings.map((one) => [`${one.appointmentId}:${one.slotId}`, one])).values(),
    ];
    const groups = groupByPlace(unique);
    const { slots, takes } = await claims.takeSpots({ slots: groups.map(toTakes) }, step);
    const claimed = groups.flatMap((wishes, group) =>
      wishes.map((wish, index) => ({
        // The claim's own size: the same appointment may have come with another before.
        wish: { ...wish, partySize: slots[group]?.partySizes[index] ?? wish.partySize },
        claim: {
          state: slots[group]?.states[index] ?? ClaimState.UNSPECIFIED,
          refusal: slots[group]?.refusals[index] ?? ClaimRefusal.UNSPECIFIED,
        },
        admittedAtMs: wish.admittedAtMs,
      })),
    );
    await failpoints?.("after-t1");
    await finish(
      claimed,
      slots.flatMap(({ stock }) => stock ?? []),
      takes,
    );
  }

  async function finish(
    claimed: readonly Claimed[],
    stocks: readonly SlotStock[],
    takes: readonly TakeKey[],
  ): Promise<void> {
    // One statement can hold an id once: a request id used for two slots settles one after the other.
    const [first, rest] = splitById(claimed);
    const rows = await store.finish(
      first.map(({ wish, claim, admittedAtMs }) => rowOfClaim(wish, claim, admittedAtMs, now())),
    );
    await failpoints?.("after-t2");
    const steps = first.map(({ wish, claim }, index) => ({
      wish,
      row: rows[index] as Row,
      next: nextStep(wish, rows[index] as Row, claim.state),
    }));
    const toIssue = steps.filter(({ next }) => next === "issue").map(({ wish }) => wish);
    const toRelease = steps.filter(({ next }) => next === "release").map(({ wish }) => wish);
    const [released] = await Promise.all([giveBack(toRelease), issue(toIssue, stocks)]);
    await failpoints?.("after-code");
    if (rest.length > 0) {
      await finish(rest, stocks, takes);
    } else {
      await settle(takes);
    }
    await tell(steps, [...stocks, ...released]);
  }

  async function issue(wishes: readonly Wish[], stocks: readonly SlotStock[]): Promise<void> {
    if (wishes.length === 0) {
      return;
    }
    const ends = new Map(stocks.map(({ slot }) => [slot?.slotId, toMs(slot?.endTime)]));
    await issuing.issueCodes(
      {
        issues: wishes.map(
          ({ appointmentId, tenantId, shopperId, storeId, slotId, partySize }) => ({
            appointmentId,
            tenantId,
            shopperId,
            storeId,
            partySize,
            expireTime: toTimestamp((ends.get(slotId) ?? now()) + CODE_GRACE_MS),
          }),
        ),
      },
      step,
    );
  }

  async function settle(takes: readonly TakeKey[]): Promise<void> {
    if (takes.length > 0) {
      await claims.settleTakes({ takes: [...takes] }, step);
    }
  }

  async function giveBack(
    wishes: readonly Wish[],
    within: CallOptions = step,
  ): Promise<readonly SlotStock[]> {
    if (wishes.length === 0) {
      return [];
    }
    return (await claims.releaseClaims({ keys: wishes.map(keyOf) }, within)).stocks;
  }

  /** Tells admission and watchers. Both can be made good later, so a failure is noted and passed over. */
  async function tell(
    steps: readonly { wish: Wish; row: Row }[],
    stocks: readonly SlotStock[],
  ): Promise<void> {
    const { redis, gate, logger } = options;
    const latest = new Map<string, SlotStock>();
    for (const stock of stocks) {
      const slotId = stock.slot?.slotId ?? "";
      const known = latest.get(slotId);
      if (!known || stock.version > known.version) {
        latest.set(slotId, stock);
      }
    }
    const bySlot = Map.groupBy(steps, ({ wish }) => wish.slotId);
    const settled = [...latest].map(async ([slotId, { slot, version }]) => {
      const decided = (bySlot.get(slotId) ?? []).map(({ wish, row }) => ({
        wish: { ...wish, body: bodyOf(wish) },
        status:
          row.state === AppointmentState.CONFIRMED && row.slotId === slotId
            ? ("C" as const)
            : ("R" as const),
      }));
      await redis.settle(slotId, slot?.availableSpots ?? 0, version, decided);
      if ((slot?.availableSpots ?? 0) > 0) {
        gate.clear(slotId);
      }
    });
    try {
      await Promise.all(settled);
      await redis.announce(steps.map(({ wish }) => wish.appointmentId));
    } catch (error) {
      gate.distrust();
      logger.warn({ cause: (error as Error).message }, "admission was not told of final answers");
    }
  }

  return {
    handle,
    finish,
    release: async (wishes, within) => {
      const stocks = await giveBack(wishes, within);
      const steps = wishes.map((wish) => ({
        wish,
        row: rowOfClaim(
          wish,
          { state: ClaimState.RELEASED, refusal: ClaimRefusal.UNSPECIFIED },
          0,
          now(),
        ),
      }));
      await tell(steps, stocks);
    },
  };
}

function toTakes(wishes: readonly Wish[]) {
  const { tenantId, storeId, slotId } = wishes[0] as Wish;
  const takes = wishes.map(({ appointmentId, shopperId, partySize }) => ({
    appointmentId,
    shopperId,
    partySize,
  }));
  return { tenantId, storeId, slotId, takes };
}

function keyOf({ storeId, slotId, appointmentId }: Wish) {
  return { storeId, slotId, appointmentId };
}

function splitById(claimed: readonly Claimed[]): [Claimed[], Claimed[]] {
  const seen = new Set<string>();
  const first: Claimed[] = [];
  const rest: Claimed[] = [];
  for (const one of claimed) {
    (seen.has(one.wish.appointmentId) ? rest : first).push(one);
    seen.add(one.wish.appointmentId);
  }
  return [first, rest];
}
