// One fault after another, each while its wave of shoppers is being sent, and what clients saw of each.

import { AppointmentState } from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import { sleep } from "#shared/time.ts";
import type { History, HistoryEvent } from "../history.ts";
import type { Ledger, Shopper } from "../ledger.ts";
import { type LoadOptions, sendSpread } from "../shoppers.ts";
import type { Inflicted, Injector } from "./injector.ts";
import { type Fault, nameOfFault } from "./plan.ts";
import { type FaultFacts, FINAL_MS_MAX } from "./report.ts";

/** How long a wave's requests are spread over. */
const WAVE_MS = 5000;
/** From the beginning of a wave to its fault: some are in flight, more will come. */
const LEAD_MS = 1000;
const BUSY_MS_MAX = 2000;
/** A part that is killed answers again within this, and bookings are let in again. */
const RECOVER_MS_MAX = 90_000;
/** And soon after, someone who came after the fault is confirmed: the mesh is well again. */
const WELL_MS_MAX = 30_000;
const LOOK_MS = 50;
/** Those who gave it back had it. */
const WON: ReadonlySet<AppointmentState> = new Set([
  AppointmentState.CONFIRMED,
  AppointmentState.CANCELLED,
]);

/** One fault as it was seen when it came. */
export interface Seen extends Inflicted {
  readonly name: string;
  readonly inFlight: number;
  readonly waiting: number;
  readonly readyMs?: number;
}

interface BreakOptions {
  readonly faults: readonly Fault[];
  readonly waves: readonly (readonly Shopper[])[];
  readonly options: { readonly seed: number };
  readonly injector: Injector;
  readonly history: History;
  readonly ledger: Ledger;
  readonly load: LoadOptions;
  readonly signal: AbortSignal;
}

/** Does what the plan says. Returns what was seen, and what is still being sent. */
export async function breakInTurn(
  context: BreakOptions,
): Promise<{ seen: Seen[]; sending: Promise<unknown> }> {
  const { faults, waves, options, injector, history, ledger, load, signal } = context;
  const lastMs = load.untilMs - FINAL_MS_MAX;
  const seen: Seen[] = [];
  const sending: Promise<void>[] = [];
  for (const [wave, fault] of faults.entries()) {
    if (performance.now() > lastMs) {
      const left = faults.slice(wave).map(nameOfFault);
      throw new Error(`there was no time left for ${left.join(", ")}: see --timeout`);
    }
    // One after the other: that is what the plan says.
    await sleep(fault.afterMs ?? 0, signal);
    sending.push(sendSpread(waves[wave] ?? [], WAVE_MS, options.seed + wave, load));
    await sleep(LEAD_MS, signal);
    signal.throwIfAborted();
    const waitingNow = () => ledger.counts.admitted - ledger.counts.final;
    // A quick mesh is idle between two requests of a wave: a fault comes when something is under way.
    const busyUntilMs = performance.now() + BUSY_MS_MAX;
    while (history.inFlight() + waitingNow() === 0 && performance.now() < busyUntilMs) {
      await sleep(1, signal);
    }
    const inFlight = history.inFlight();
    const waiting = waitingNow();
    const inflicted = await injector.inflict(fault);
    const isAwaited = faults[wave + 1]?.afterMs === undefined;
    const recovery = isAwaited ? await recover(context, wave, inflicted) : {};
    seen.push({ name: nameOfFault(fault), inFlight, waiting, ...inflicted, ...recovery });
  }
  // What was broken at random is awaited at the end.
  const names = [...new Map(faults.map((fault) => [fault.part, fault])).values()];
  const untilMs = performance.now() + RECOVER_MS_MAX;
  await Promise.all(names.map((fault) => injector.recovered(fault, untilMs)));
  return { seen, sending: Promise.all(sending) };
}

/** Waits until the part answers, and a booking that was sent after the fault is let in. */
async function recover(
  { faults, waves, injector, history, signal }: BreakOptions,
  wave: number,
  { startedMs, endedMs }: Inflicted,
): Promise<{ readyMs?: number; violation?: string }> {
  const fault = faults[wave] as Fault;
  const untilMs = endedMs + RECOVER_MS_MAX;
  const isReady = await injector.recovered(fault, untilMs);
  const readyMs = performance.now() - startedMs;
  const until = async (isSo: () => boolean, lookUntilMs: number) => {
    while (!isSo() && !signal.aborted && performance.now() < lookUntilMs) {
      await sleep(LOOK_MS, signal);
    }
  };
  await until(() => firstOk(history, startedMs) !== undefined, untilMs);
  const isWell = () => firstConfirmed(waves[wave] ?? [], startedMs) !== undefined;
  await until(isWell, Math.min(untilMs, performance.now() + WELL_MS_MAX));
  const isKilled = fault.kind === "kill" || fault.kind === "cut";
  if (!isReady || performance.now() >= untilMs) {
    const what = isReady ? "no booking was let in" : `${fault.part} did not answer`;
    return { violation: `${what} within ${RECOVER_MS_MAX / 1000} s of "${nameOfFault(fault)}"` };
  }
  return isKilled ? { readyMs } : {};
}

/** Says what clients saw of each fault. */
export function factsOfFaults(
  seen: readonly Seen[],
  startedMs: number,
  history: History,
  shoppers: readonly Shopper[],
): FaultFacts[] {
  return seen.map((fault, index) => {
    const { name, note, inFlight, waiting, readyMs } = fault;
    const untilMs = seen[index + 1]?.startedMs ?? Number.POSITIVE_INFINITY;
    const doubts = history.events.filter(
      ({ phase, atMs }) => phase === "unknown" && atMs >= fault.startedMs && atMs < untilMs,
    );
    const okMs = firstOk(history, fault.startedMs);
    const confirmedMs = firstConfirmed(shoppers, fault.startedMs);
    return {
      ...{ name, note, inFlight, waiting },
      atMs: fault.startedMs - startedMs,
      errors: tally(doubts),
      ...(okMs !== undefined && { firstOkMs: okMs - fault.startedMs }),
      ...(confirmedMs !== undefined && { firstConfirmedMs: confirmedMs - fault.startedMs }),
      ...(readyMs !== undefined && { readyMs }),
    };
  });
}

/** When the first booking was let in that was sent after a moment. */
function firstOk({ events }: History, sinceMs: number): number | undefined {
  const sent = new Set<number>();
  for (const { kind, phase, operation, atMs } of events) {
    if (kind === "book" && phase === "invoke" && atMs >= sinceMs) {
      sent.add(operation);
    } else if (phase === "ok" && sent.has(operation)) {
      return atMs;
    }
  }
  return undefined;
}

/** When the first of those heard CONFIRMED who came after a moment. */
function firstConfirmed(shoppers: readonly Shopper[], sinceMs: number): number | undefined {
  const heard = shoppers.flatMap(({ sentMs = 0, state, finalMs }) =>
    sentMs >= sinceMs && finalMs !== undefined && WON.has(state) ? [finalMs] : [],
  );
  return heard.length === 0 ? undefined : Math.min(...heard);
}

function tally(events: readonly HistoryEvent[]): Record<string, number> {
  const groups = Map.groupBy(events, ({ said }) => said ?? "nothing");
  return Object.fromEntries([...groups].map(([said, group]) => [said, group.length]));
}
