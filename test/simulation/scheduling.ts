// A process of Scheduling in a simulation: main.ts and settler.ts in one, with every connection replaced by one that the
// network stands behind. All else is the product: gate, booking, pipeline, cancel, sweep and handlers.

import { IssuingService } from "#gen/slotmesh/codes/v1/issuing_service_pb.ts";
import { ClaimsService } from "#gen/slotmesh/inventory/v1/claims_service_pb.ts";
import type { BoundMethod } from "#shared/handlers.ts";
import { createRateLimiter } from "#shared/limiter.ts";
import type { Logger } from "#shared/log.ts";
import { createGate } from "../../services/scheduling/admission.ts";
import { createAnswers } from "../../services/scheduling/answers.ts";
import { createAudit } from "../../services/scheduling/audit.ts";
import { createBook } from "../../services/scheduling/book.ts";
import { createFinishWork } from "../../services/scheduling/cancel.ts";
import { createPipeline } from "../../services/scheduling/pipeline.ts";
import { createSweep } from "../../services/scheduling/reconcile.ts";
import type { SchedulingRedis } from "../../services/scheduling/redis.ts";
import { schedulingMethods } from "../../services/scheduling/service.ts";
import type { SchedulingStore } from "../../services/scheduling/store.ts";
import { clientOf, type Server } from "./calls.ts";
import type { Actor, Network } from "./network.ts";
import type { Queue } from "./queue.ts";
import type { World } from "./world.ts";

/** How long a hold lives, so that some end while the faults last. */
export const HOLD_MS = 20_000;
const UNGUARDED_PER_SECOND = 5;
const LEASE_MS = 10_000;
const HEARTBEAT_MS = 15_000;
const SWEEP_MS_MIN = 1000;
const SWEEP_MS_MAX = 6000;

/** What processes share. */
export interface Surroundings {
  readonly world: World;
  readonly network: Network;
  readonly inventory: Server;
  readonly codes: Server;
  readonly queue: Queue;
  readonly storeFor: (actor: Actor) => SchedulingStore;
  readonly redisFor: (actor: Actor) => SchedulingRedis;
  readonly hasSweeper: boolean;
  readonly isCalm: () => boolean;
}

/** A process. */
export interface SchedulingProcess {
  readonly actor: Actor;
  readonly methods: ReadonlyMap<string, BoundMethod>;
  readonly redis: SchedulingRedis;
  /** Hears that answers were written. */
  hear(ids: readonly string[]): void;
  sweep(): Promise<void>;
}

const SILENT = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
} as unknown as Logger;

/** Starts a process. */
export function startScheduling(around: Surroundings, actor: Actor): SchedulingProcess {
  const { world, network, queue } = around;
  const { now } = world;
  const timers = network.timersOf(actor);
  const logger = SILENT;
  const store = around.storeFor(actor);
  const redis = around.redisFor(actor);
  const claims = clientOf(network, actor, around.inventory, ClaimsService);
  const issuing = clientOf(network, actor, around.codes, IssuingService);
  const answers = createAnswers(store, issuing, { timers, random: world.dice.next });
  const gate = createGate({ claims, redis, holdMs: HOLD_MS, now, logger, timers });
  const pipeline = createPipeline({ claims, issuing, store, redis, gate, now, logger });
  const finishWork = createFinishWork({ issuing, store, pipeline, now });
  const unguarded = createRateLimiter({ perSecond: UNGUARDED_PER_SECOND, now });
  const sender = queue.sender(actor);
  const book = createBook({ gate, redis, queue: sender, answers, unguarded, now, logger, timers });
  const audit = createAudit({ claims, issuing, store, redis });
  const parts = { claims, store, redis, gate, pipeline, finishWork, now, logger };
  const sweep = createSweep({ ...parts, holdMs: HOLD_MS });
  const methods = schedulingMethods({ ...parts, book, answers, audit, heartbeatMs: HEARTBEAT_MS });

  async function sweepForEver(): Promise<void> {
    for (;;) {
      await new Promise<void>((resolve) => {
        timers.after(world.dice.between(SWEEP_MS_MIN, SWEEP_MS_MAX), resolve);
      });
      if (around.isCalm()) {
        return;
      }
      const isOurs = await redis.leaseSweeper(actor.name, LEASE_MS).catch(() => true);
      if (isOurs) {
        world.note(`${actor.name} sweeps`);
        await sweep().catch((error: Error) =>
          world.note(`${actor.name}: a sweep failed: ${error.message}`),
        );
      }
    }
  }

  queue.join(actor, pipeline.handle);
  if (around.hasSweeper) {
    void sweepForEver();
  }
  return {
    actor,
    methods: new Map(methods.map((bound) => [bound.method.localName, bound])),
    redis,
    hear: answers.hear,
    sweep,
  };
}
