// A drop while the mesh is being broken. Each fault has a wave of shoppers of its own, for slots of its own,
// whose requests are in flight when it comes. When the last fault is over, everyone must have a final answer
// in time; then newcomers buy what was given back, so that in the end every slot is sold exactly, and the
// history of what clients saw is compared with the rows.

import { join } from "node:path";
import { AppointmentState } from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import { findRunningStack } from "../../../deploy/stack/record.ts";
import { createFollower, type Follower } from "../answers.ts";
import { type AuditResult, auditSlots } from "../audit.ts";
import { type Facts, judge } from "../certificate.ts";
import { checkHistory } from "../check-history.ts";
import { fetchCodes, redeemCodes } from "../codes.ts";
import { countShoppers, factsOfSlots, timesOf } from "../facts.ts";
import { createHistory, type History, withHistory, writeHistory } from "../history.ts";
import { createLedger, type DropSlot, type Ledger, type Shopper } from "../ledger.ts";
import { type Clients, connect, type Mesh } from "../mesh.ts";
import type { DropOptions } from "../options.ts";
import { showProgress } from "../progress.ts";
import { createRandom } from "../random.ts";
import { newRunId, warm } from "../run.ts";
import { type LoadOptions, planShoppers, sendLate, sendOnce } from "../shoppers.ts";
import { openSlots } from "../slots.ts";
import { breakInTurn, factsOfFaults, type Seen } from "./faults.ts";
import { createInjector, type Injector } from "./injector.ts";
import { type Fault, nameOfFault, planFaults } from "./plan.ts";
import { FINAL_MS_MAX } from "./report.ts";
import { keyOf, readRows } from "./rows.ts";
import { chooseVisit, createVisits } from "./visits.ts";

/** After the promised time: to see by how much it was missed. */
const GRACE_MS = 20_000;
/** Newcomers for each slot beyond what is free: they must be refused. */
const NEWCOMERS_TOO_MANY = 2;
const NEWCOMERS_MS = 30_000;
/** Away from the seed's other uses. */
const SEED_OF_VISITS = 0x715175;

interface Surroundings {
  readonly signal: AbortSignal;
  readonly output: NodeJS.WriteStream;
  readonly say: (line: string) => void;
}

/** What one run passes around. */
interface Run {
  readonly runId: string;
  readonly options: DropOptions;
  readonly signal: AbortSignal;
  /** Calls without a trace, to look at what has become of it all. */
  readonly plain: Clients;
  /** Calls as shoppers do, with a history. */
  readonly clients: Clients;
  readonly history: History;
  readonly injector: Injector;
  readonly faults: readonly Fault[];
  readonly slots: readonly DropSlot[];
  readonly waves: readonly (readonly Shopper[])[];
  readonly startedMs: number;
}

/** What is left of the time of breaking. */
interface Broken {
  readonly seen: readonly Seen[];
  readonly ledger: Ledger;
  readonly load: LoadOptions;
  readonly lastFinalMs: number;
  readonly sentInLoad: number;
  /** Has those followed who are let in from now on. */
  followWith(follower: Follower): void;
}

/** Runs a drop and breaks the mesh meanwhile. Rejects if it cannot begin, or is interrupted. */
export async function runChaos(
  mesh: Mesh,
  options: DropOptions,
  { signal, say, output }: Surroundings,
): Promise<Facts> {
  const { seed } = options;
  const runId = newRunId();
  const faults = options.faults ?? planFaults(partsOf(mesh), seed, options.randomFaults);
  const plain = await connect(mesh.env);
  const history = createHistory();
  const injector = createInjector({
    dataFolder: mesh.dataFolder,
    redisUrl: mesh.env.SLOTMESH_REDIS_URL ?? "",
    pauseMs: options.pauseSeconds * 1000,
    random: createRandom(seed),
    signal,
  });
  const goOn = () => injector.stop();
  process.once("exit", goOn);
  try {
    const wanted = { ...options, slots: options.slots * faults.length };
    const slots = await openSlots(mesh.env, plain, runId, wanted, signal);
    await warm(plain, signal);
    const waves = planWaves(runId, slots, faults.length, options);
    sayPlan(runId, faults, options, say);
    const startedMs = performance.now();
    const clients = withHistory(plain, history);
    const all = { plain, clients, history, injector, faults, slots, waves };
    const run: Run = { runId, options, signal, startedMs, ...all };
    const broken = await breakAndSend(run, output);
    say("everyone has their answer: newcomers come for what was given back");
    const newcomers = await sellTheRest(run, broken);
    say("comparing what clients saw with the rows");
    const facts = await findFacts(run, broken, [...waves.flat(), ...newcomers]);
    return keepHistory(facts, history, options, mesh.dataFolder);
  } finally {
    process.off("exit", goOn);
    injector.stop();
    plain.close();
  }
}

/** Sends the waves, breaks something in each, and waits until everyone has a final answer. */
async function breakAndSend(run: Run, output: NodeJS.WriteStream): Promise<Broken> {
  const { clients, history, options, signal, startedMs, waves } = run;
  const over = new AbortController();
  const untilMs = startedMs + options.timeoutSeconds * 1000;
  const bounds = { clients, untilMs, signal: AbortSignal.any([signal, over.signal]) };
  const ledger = createLedger((shopper) => follower.follow(shopper), {
    onFinal: (shopper) => visits.begin(shopper),
    isForgetful: true,
  });
  let follower = createFollower({ ...bounds, ledger });
  const visits = createVisits({ ...bounds, history, ledger: () => ledger });
  const counts = { sent: 0, retries: 0, failures: new Map<string, number>() };
  const { concurrency } = options;
  const load = { ...bounds, clients: clients.scheduling, ledger, counts, concurrency };
  const endProgress = showProgress(ledger, counts, output);
  try {
    const { seen, sending } = await breakInTurn({ ...run, ledger, load });
    const bound = setTimeout(() => over.abort(), FINAL_MS_MAX + GRACE_MS);
    await sending;
    await sendOnce(inDoubt(waves.flat(), history), load);
    await follower.finish();
    await visits.finish();
    clearTimeout(bound);
    signal.throwIfAborted();
    const lastFaultMs = seen.at(-1)?.endedMs ?? startedMs;
    const finals = waves.flat().map(({ finalMs }) => finalMs ?? 0);
    const lastFinalMs = finals.reduce((last, ms) => Math.max(last, ms), 0) - lastFaultMs;
    const sentInLoad = counts.sent;
    const followWith = (next: Follower) => {
      follower = next;
    };
    return { seen, ledger, load, lastFinalMs, sentInLoad, followWith };
  } finally {
    endProgress();
  }
}

/** Whoever had an answer lost asks once more: what is said then must be true. */
function inDoubt(shoppers: readonly Shopper[], { events }: History): Shopper[] {
  const doubtful = new Set(
    events
      .filter(({ kind, phase }) => kind === "book" && phase === "unknown")
      .map(({ key }) => key),
  );
  return shoppers.filter((shopper) => doubtful.has(keyOf(shopper)));
}

/** Lets newcomers have what is free, once the mesh counts the same everywhere; and everyone asks again. */
async function sellTheRest(run: Run, { seen, ledger, load, followWith }: Broken) {
  const { plain, clients, signal, slots, waves, startedMs } = run;
  const lastFaultMs = seen.at(-1)?.endedMs ?? startedMs;
  const audits = await auditSlots(slots, plain, signal, lastFaultMs + FINAL_MS_MAX + GRACE_MS);
  const bounds = { untilMs: performance.now() + NEWCOMERS_MS, signal };
  const follower = createFollower({ clients, ledger, ...bounds });
  followWith(follower);
  const newcomers = planNewcomers(run, audits);
  await sendOnce(newcomers, { ...load, ...bounds });
  await sendLate(waves.flat(), { ...load, ...bounds });
  await follower.finish();
  return newcomers;
}

/** Reads what has become of it all, and compares. */
async function findFacts(run: Run, broken: Broken, shoppers: readonly Shopper[]): Promise<Facts> {
  const { runId, options, signal, plain, history, slots, startedMs, waves } = run;
  const { seen, ledger, load, lastFinalMs, sentInLoad } = broken;
  const confirmed = shoppers.filter(({ state }) => state === AppointmentState.CONFIRMED);
  const faults = await fetchCodes(confirmed, plain, signal);
  const audits = await auditSlots(slots, plain, signal);
  const rows = await readRows(shoppers, plain, signal);
  const withCode = confirmed.filter(({ code }) => code !== "");
  const unused = withCode.filter(({ isRedeemed }) => !isRedeemed);
  const redemptions = await redeemCodes(unused, options.redeem, plain, signal);
  signal.throwIfAborted();
  const slotRows = slots.flatMap(({ slotId, totalSpots }) => {
    const audit = audits.get(slotId);
    return audit && "availableSpots" in audit ? [{ ...audit, slotId, totalSpots }] : [];
  });
  const { sent, retries, failures } = load.counts;
  return {
    runId,
    ...options,
    shoppers: shoppers.length,
    ...countShoppers(shoppers),
    ...{ sent, sentInLoad, retries, failures: Object.fromEntries(failures) },
    contradictions: ledger.contradictions(),
    codes: {
      issued: withCode.length,
      distinct: new Set(withCode.map(({ code }) => code)).size,
      faults,
    },
    redemptions,
    slots: factsOfSlots(slots, shoppers, audits),
    ...timesOf(waves.flat()),
    chaos: {
      faults: factsOfFaults(seen, startedMs, history, waves.flat()),
      lastFinalMs,
      operations: history.events.filter(({ phase }) => phase === "invoke").length,
      unknown: history.events.filter(({ phase }) => phase === "unknown").length,
      violations: [
        ...seen.flatMap(({ violation }) => violation ?? []),
        ...checkHistory(history.events, rows, slotRows),
      ],
    },
  };
}

/** Writes the history down if it was asked for, or if someone will want to know what happened. */
function keepHistory(facts: Facts, history: History, options: DropOptions, folder: string): Facts {
  if (!facts.chaos || (!options.keepsHistory && judge(facts).length === 0)) {
    return facts;
  }
  const historyFile = join(folder, "run", `drop-history-${facts.runId}.jsonl`);
  writeHistory(historyFile, history);
  return { ...facts, chaos: { ...facts.chaos, historyFile } };
}

/** The parts of the supervisor's record: whatever is part of the mesh is broken. */
function partsOf({ dataFolder }: Mesh): string[] {
  return (findRunningStack(dataFolder)?.parts ?? []).map(({ name }) => name);
}

function planWaves(
  runId: string,
  slots: readonly DropSlot[],
  waves: number,
  options: DropOptions,
): Shopper[][] {
  const random = createRandom(options.seed ^ SEED_OF_VISITS);
  return Array.from({ length: waves }, (_, wave) => {
    const mine = slots.filter((_slot, index) => index % waves === wave);
    const seed = options.seed + wave;
    return planShoppers(`${runId}-${wave + 1}`, mine, { ...options, seed }).map((shopper) => {
      const visit = chooseVisit(random);
      return visit ? { ...shopper, visit } : shopper;
    });
  });
}

function planNewcomers(
  { runId, slots, options }: Run,
  audits: ReadonlyMap<string, AuditResult>,
): Shopper[] {
  return slots.flatMap((slot, index) => {
    const audit = audits.get(slot.slotId);
    const free = audit && "availableSpots" in audit ? audit.availableSpots : 0;
    const shoppers = free > 0 ? free + NEWCOMERS_TOO_MANY : 0;
    return planShoppers(`${runId}-new-${index + 1}`, [slot], {
      ...{ shoppers, partyMax: 1, duplicates: 1, seed: options.seed },
    });
  });
}

function sayPlan(
  runId: string,
  faults: readonly Fault[],
  { shoppers, slots, spots, seed }: DropOptions,
  say: (line: string) => void,
): void {
  say(
    `run ${runId}: ${faults.length} waves of ${shoppers} shoppers for ${slots} slots of ${spots} ` +
      `spots, a fault in each, seed ${seed}`,
  );
  const inTurn = faults.filter(({ afterMs }) => afterMs === undefined);
  const atRandom = faults.flatMap((fault) =>
    fault.afterMs === undefined
      ? []
      : [`${(fault.afterMs / 1000).toFixed(1)} s ${nameOfFault(fault)}`],
  );
  say(`in turn, each when the mesh is well again: ${inTurn.map(nameOfFault).join(", ")}`);
  if (atRandom.length > 0) {
    say(`then at random, each so long after the one before: ${atRandom.join(", ")}`);
  }
}
