// The people of a simulation: they book, ask again, look, wait, cancel and redeem, all by the handlers
// that the wire reaches, and remember what they were told.

import {
  create,
  type DescMethodUnary,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import { CodesService, RedeemOutcome } from "#gen/slotmesh/codes/v1/codes_service_pb.ts";
import type { AppointmentState } from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import {
  BookingOutcome,
  SchedulingService,
} from "#gen/slotmesh/scheduling/v1/scheduling_service_pb.ts";
import type { Caller } from "#shared/auth.ts";
import { isTransient } from "#shared/errors.ts";
import type { CodeRecord } from "../../services/codes/domain.ts";
import { appointmentIdOf } from "../../services/scheduling/domain.ts";
import { call, type Server } from "./calls.ts";
import { atService } from "./failures.ts";
import { createActor, type Network } from "./network.ts";
import type { Ledger } from "./promises.ts";
import type { SchedulingProcess } from "./scheduling.ts";
import type { World } from "./world.ts";

/** The tenant of everyone. */
export const TENANT = "t";

const BOOK_TRIES_MAX = 5;
const LOOKS_MAX = 4;
const CANCEL_TRIES_MAX = 4;
const WATCH_MS = 20_000;

/** What one wish of a shopper comes to. */
export interface Plan {
  readonly shopperId: string;
  readonly requestId: string;
  readonly storeId: string;
  readonly slotId: string;
  readonly partySize: number;
  readonly afterMs: number;
  /** Sends the request twice at once. */
  readonly isTwin: boolean;
  readonly watches: boolean;
  /** Cancels so long after the first answer. */
  readonly cancelAfterMs?: number | undefined;
  /** Comes to the store so long after the first answer, and shows the code so many times. */
  readonly redeemAfterMs?: number | undefined;
  readonly redeemTimes: number;
}

/** What shoppers meet. */
export interface Town {
  readonly world: World;
  readonly network: Network;
  readonly ledger: Ledger;
  readonly codes: Server;
  readonly codeRows: ReadonlyMap<string, CodeRecord>;
  readonly processes: () => readonly SchedulingProcess[];
}

/** Lives through a plan. Always ends. */
export async function shop(town: Town, plan: Plan): Promise<void> {
  const { world } = town;
  await pause(world, plan.afterMs);
  const sends = plan.isTwin ? [book(town, plan), book(town, plan)] : [book(town, plan)];
  const answers = await Promise.all(sends);
  if (!answers.includes(true) && !world.dice.chance(0.3)) {
    return;
  }
  await Promise.all([
    plan.watches ? watch(town, plan) : look(town, plan),
    plan.cancelAfterMs !== undefined && cancel(town, plan, plan.cancelAfterMs),
    plan.redeemAfterMs !== undefined && redeem(town, plan, plan.redeemAfterMs),
  ]);
}

/** Books, again while it is not known what became of it. Returns whether it is queued. */
async function book(town: Town, plan: Plan): Promise<boolean> {
  const { world, ledger } = town;
  const { requestId, storeId, slotId, partySize } = plan;
  for (let tries = 0; tries < BOOK_TRIES_MAX; tries += 1) {
    const from = world.events();
    try {
      const { outcome, appointment } = await ask(
        town,
        plan,
        SchedulingService.method.bookAppointment,
        {
          requestId,
          storeId,
          slotId,
          partySize,
        },
      );
      world.note(`${plan.shopperId} is told ${outcome} of ${requestId}`);
      world.count(`booking outcome ${outcome}`);
      if (outcome !== BookingOutcome.QUEUED && outcome !== BookingOutcome.ALREADY_YOURS) {
        return false;
      }
      ledger.queued.add(idOf(plan));
      see(town, plan, appointment?.state, from);
      return true;
    } catch (error) {
      if (!isTransient(error)) {
        world.note(`${plan.shopperId} is refused: ${(error as Error).message}`);
        return false;
      }
      await pause(world, world.dice.next() * 3000);
    }
  }
  return false;
}

async function look(town: Town, plan: Plan): Promise<void> {
  const { world } = town;
  for (let looks = 0; looks < LOOKS_MAX; looks += 1) {
    await pause(world, world.dice.next() * 5000);
    const from = world.events();
    const { getAppointment } = SchedulingService.method;
    const answer = await ask(town, plan, getAppointment, { appointmentId: idOf(plan) }).catch(
      // Not found yet, or not known.
      () => undefined,
    );
    see(town, plan, answer?.appointment?.state, from);
  }
}

/** Watches until the answer is final, or for a while. */
async function watch(town: Town, plan: Plan): Promise<void> {
  const { world, network } = town;
  const from = world.events();
  const process = someProcess(town);
  if (!process) {
    return;
  }
  const actor = createActor(plan.shopperId, true);
  const stop = new AbortController();
  const stopTimer = world.after(WATCH_MS, () => stop.abort());
  const { watchAppointment } = SchedulingService.method;
  await network
    .request(
      actor,
      () => process.actor,
      atService("watch", WATCH_MS),
      async () => {
        const bound = process.methods.get("watchAppointment");
        const request = create(watchAppointment.input, { appointmentId: idOf(plan) });
        const context = {
          caller: callerOf(plan),
          address: undefined,
          signal: stop.signal,
          remainingMs: () => WATCH_MS,
        };
        const stream = bound?.invoke(request, context) as AsyncIterable<
          MessageShape<typeof watchAppointment.output>
        >;
        for await (const { appointment } of stream) {
          see(town, plan, appointment?.state, from);
        }
      },
    )
    .catch(() => {
      // Whoever watches in vain looks again some other day.
    });
  stopTimer();
}

async function cancel(town: Town, plan: Plan, afterMs: number): Promise<void> {
  const { world, ledger } = town;
  await pause(world, afterMs);
  for (let tries = 0; tries < CANCEL_TRIES_MAX; tries += 1) {
    ledger.cancelAsked.add(idOf(plan));
    const from = world.events();
    try {
      const { cancelAppointment } = SchedulingService.method;
      const { appointment } = await ask(town, plan, cancelAppointment, {
        appointmentId: idOf(plan),
      });
      see(town, plan, appointment?.state, from);
      return;
    } catch (error) {
      if (!isTransient(error)) {
        return;
      }
      await pause(world, world.dice.next() * 2000);
    }
  }
}

async function redeem(town: Town, plan: Plan, afterMs: number): Promise<void> {
  const { world, network, ledger, codes, codeRows } = town;
  await pause(world, afterMs);
  const code = codeRows.get(idOf(plan))?.code;
  if (!code) {
    return;
  }
  const staff: Caller = { role: "operator", tenantId: TENANT, subjectId: "staff", storeIds: [] };
  await Promise.all(
    Array.from({ length: plan.redeemTimes }, async (_, index) => {
      const answer = await call(
        network,
        createActor("staff", true),
        () => codes,
        CodesService.method.redeemCode,
        { code, storeId: plan.storeId, requestId: `till-${index}` },
        staff,
      ).catch(() => undefined);
      world.count(`redeem outcome ${answer?.outcome ?? "unknown"}`);
      // Digits come again: who was meant is what the answer says.
      const redemptionId = answer?.code?.redemption?.redemptionId;
      if (answer?.outcome === RedeemOutcome.REDEEMED && redemptionId) {
        const { appointmentId = "" } = answer.code ?? {};
        const known = ledger.redemptions.get(appointmentId) ?? new Set();
        ledger.redemptions.set(appointmentId, known.add(redemptionId));
      }
    }),
  );
}

/** Calls a process that is alive, whichever. */
async function ask<Method extends DescMethodUnary>(
  town: Town,
  plan: Plan,
  method: Method,
  request: MessageInitShape<Method["input"]>,
): Promise<MessageShape<Method["output"]>> {
  const process = someProcess(town);
  if (!process) {
    throw atService(method.localName, 0).failure("nobody is there");
  }
  return call(
    town.network,
    createActor(plan.shopperId, true),
    () => process,
    method,
    request,
    callerOf(plan),
  );
}

function someProcess({ world, processes }: Town): SchedulingProcess | undefined {
  const alive = processes().filter(({ actor }) => actor.isAlive);
  return alive.length > 0 ? world.dice.pick(alive) : undefined;
}

function see(
  { world, ledger }: Town,
  plan: Plan,
  state: AppointmentState | undefined,
  from: number,
): void {
  if (state !== undefined) {
    world.note(`${plan.shopperId} sees ${idOf(plan).slice(0, 4)} in state ${state}`);
    ledger.sightings.push({ appointmentId: idOf(plan), state, from, until: world.events() });
  }
}

function callerOf({ shopperId }: Plan): Caller {
  return { role: "shopper", tenantId: TENANT, subjectId: shopperId, storeIds: [] };
}

function idOf({ shopperId, requestId }: Plan): string {
  return appointmentIdOf(TENANT, shopperId, requestId);
}

function pause(world: World, ms: number): Promise<void> {
  return new Promise((resolve) => {
    world.after(ms, resolve);
  });
}
