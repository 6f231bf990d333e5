// One seed: a mesh, some people, and everything that can go wrong, for half a minute; then no more faults,
// and when all is quiet, the promises are checked.

import { ClaimState } from "#gen/slotmesh/inventory/v1/claims_service_pb.ts";
import { SchedulingService } from "#gen/slotmesh/scheduling/v1/scheduling_service_pb.ts";
import type { BoundMethod } from "#shared/handlers.ts";
import type { Line } from "../../services/codes/acts.ts";
import type { CodeRecord } from "../../services/codes/domain.ts";
import { nameOfSlot } from "../../services/inventory/domain.ts";
import { type Row, WORK_NONE } from "../../services/scheduling/domain.ts";
import type { ClaimTables } from "../model/claims.ts";
import { createAppointments } from "./appointments.ts";
import { call } from "./calls.ts";
import { codesMethods } from "./codes.ts";
import type { Flaws } from "./flaws.ts";
import { inventoryMethods } from "./inventory.ts";
import { type Actor, CALM, createActor, createNetwork } from "./network.ts";
import {
  checkClaims,
  checkCode,
  checkQuiet,
  checkRow,
  type Ledger,
  type Rows,
} from "./promises.ts";
import { createQueue } from "./queue.ts";
import { createSimulatedRedis } from "./redis.ts";
import { createMemoryRedis } from "./redis-memory.ts";
import { type Blow, drawScenario, type Scenario } from "./scenario.ts";
import {
  HOLD_MS,
  type SchedulingProcess,
  type Surroundings,
  startScheduling,
} from "./scheduling.ts";
import { shop, TENANT } from "./shoppers.ts";
import { createWorld } from "./world.ts";

/** How soon after the last fault everything must be settled. */
const SETTLE_MS_MAX = 90_000;
const SWEEP_MS = 3000;
const RESTART_MS_MAX = 4000;
/** The gate notes a slot's use at most so often. */
const NOTE_MS = 31_000;
const AWAY_MS_MAX = 18_000;
/** So few numbers that codes meet. */
const CODES_DRAWN_FROM = 12;

/** What came of a seed. */
export interface Outcome {
  readonly seed: number;
  /** What was broken, in sentences; none if all promises were kept. */
  readonly broken: readonly string[];
  /** What happened, if it was to be kept. */
  readonly trace: readonly string[];
  /** Tells two runs apart. */
  readonly hash: string;
  readonly events: number;
  readonly counts: ReadonlyMap<string, number>;
}

/** Runs a seed. */
export async function simulate(
  seed: number,
  options: { readonly flaws?: Flaws; readonly trace?: boolean } = {},
): Promise<Outcome> {
  const town = buildTown(seed, options.flaws ?? {}, options.trace ?? false);
  const { world, broken } = town;
  try {
    await live(town);
  } catch (error) {
    broken.push(`the run failed: ${(error as Error).stack}`);
  }
  return {
    seed,
    broken,
    trace: world.trace,
    hash: world.hash(),
    events: world.events(),
    counts: world.counts,
  };
}

type Town = ReturnType<typeof buildTown>;

/** Puts everything together. */
function buildTown(seed: number, flaws: Flaws, keepTrace: boolean) {
  const world = createWorld(seed, keepTrace);
  const { dice, now } = world;
  const network = createNetwork(world);
  const scenario: Scenario = drawScenario(dice, now());
  const tables: ClaimTables = {
    slots: new Map(scenario.slots.map((slot) => [nameOfSlot(slot), slot])),
    claims: new Map(),
    takes: new Map(),
  };
  const appointments = new Map<string, Row>();
  const codeRows = new Map<string, CodeRecord>();
  const codeLines: Line[] = [];
  const rows: Rows = { tables, appointments, codes: codeRows };
  const ledger: Ledger = {
    queued: new Set(),
    cancelAsked: new Set(),
    sightings: [],
    redemptions: new Map(),
  };
  const broken: string[] = [];
  const report = (found: readonly string[]) => {
    for (const one of found) {
      world.note(`BROKEN ${one}`);
      broken.push(one);
    }
  };
  const phase = { isCalm: false, away: new Map<string, number>() };
  const isAway = (part: string) => () => (phase.away.get(part) ?? 0) > now();
  const memory = createMemoryRedis(now);
  const processes: SchedulingProcess[] = [];

  const inventory = serve("inventory", (actor) =>
    inventoryMethods(
      {
        network,
        tables,
        now,
        isAway: isAway("claims"),
        flaw: flaws.claims,
        onWrite: (claims) => report(checkClaims(rows, claims)),
      },
      actor,
    ),
  );
  const codes = serve("codes", (actor) =>
    codesMethods(
      {
        network,
        rows: codeRows,
        lines: codeLines,
        now,
        isAway: isAway("codes"),
        draw: () => dice.between(0, CODES_DRAWN_FROM - 1),
        flaw: flaws.codes,
        onWrite: (row, before) => report(checkCode(rows, row, before)),
      },
      actor,
    ),
  );
  const around: Surroundings = {
    world,
    network,
    inventory,
    codes,
    queue: createQueue(world, network, flaws.queue, () => phase.isCalm),
    storeFor: (actor) =>
      createAppointments(
        {
          network,
          rows: appointments,
          isAway: isAway("appointments"),
          flaw: flaws.store,
          onWrite: (row, before) => {
            world.count(`row ${before?.state ?? "none"} to ${row.state}`);
            report(checkRow(rows, ledger, row, before));
          },
        },
        actor,
      ),
    redisFor: (actor) =>
      createSimulatedRedis(
        { network, memory, now, isAway: isAway("redis"), publish, flaw: flaws.redis },
        actor,
      ),
    hasSweeper: !flaws.noSweeper,
    isCalm: () => phase.isCalm,
  };

  /** Starts a service, and again whenever its process ends. */
  function serve(name: string, methodsOf: (actor: Actor) => readonly BoundMethod[]) {
    const server = { actor: createActor(name), methods: new Map<string, BoundMethod>() };
    const start = () => {
      const actor = createActor(name);
      server.actor = actor;
      server.methods = new Map(methodsOf(actor).map((one) => [one.method.localName, one]));
      actor.ended.add(() => {
        world.after(phase.isCalm ? 1 : dice.next() * RESTART_MS_MAX, start);
      });
    };
    start();
    return server;
  }

  function publish(message: string): void {
    for (const process of processes) {
      if (!dice.chance(network.rates.lost)) {
        world.after(network.delayMs(), () => {
          if (process.actor.isAlive) {
            process.hear(message.split(","));
          }
        });
      }
    }
  }

  let started = 0;
  function startProcess(): void {
    started += 1;
    const actor = createActor(`scheduling ${started}`);
    processes.push(startScheduling(around, actor));
    actor.ended.add(() => {
      world.after(phase.isCalm ? 1 : dice.next() * RESTART_MS_MAX, startProcess);
    });
  }

  return {
    world,
    network,
    scenario,
    rows,
    ledger,
    broken,
    report,
    phase,
    memory,
    around,
    inventory,
    codes,
    codeRows,
    allProcesses: processes,
    processes: () => processes,
    startProcess,
    hasSweeper: !flaws.noSweeper,
  };
}

/** Lets everyone live, then checks. */
async function live(town: Town): Promise<void> {
  const { world, network, scenario, phase, report } = town;
  for (let index = 0; index < scenario.processes; index += 1) {
    town.startProcess();
  }
  network.rates = scenario.rates;
  let shopping = scenario.plans.length;
  for (const plan of scenario.plans) {
    void shop(town, plan).then(() => {
      shopping -= 1;
    });
  }
  let restore = () => {};
  for (const { atMs, what } of scenario.blows) {
    world.after(atMs, () => {
      world.note(what);
      restore = strike(town, what, restore);
    });
  }
  await until(town, world.now() + scenario.faultyMs);

  world.note("no more faults");
  network.rates = CALM;
  phase.isCalm = true;
  phase.away.clear();
  town.around.queue.rebalance();
  const deadlineMs = world.now() + SETTLE_MS_MAX;
  const unsettled = () => [
    ...(shopping > 0 ? [`${shopping} wishes go on`] : []),
    ...(network.underWay() > 0 ? ["requests are under way"] : []),
    ...(town.around.queue.isDrained() ? [] : ["records wait"]),
    ...listUnsettled(town.rows),
  ];
  while (unsettled().length > 0 && world.now() < deadlineMs) {
    await until(town, world.now() + SWEEP_MS);
    await sweep(town);
  }
  if (unsettled().length > 0) {
    report([`I8: ${SETTLE_MS_MAX} ms after the last fault ${unsettled().join(", ")}`]);
  }
  report(checkQuiet(town.rows, town.ledger));
  if (town.hasSweeper) {
    await checkAdmission(town);
  }
}

function listUnsettled({ tables, appointments }: Rows): string[] {
  const locked = [...tables.claims.values()].filter(({ state }) => state === ClaimState.LOCKED);
  const owing = [...appointments.values()].filter(({ work }) => work !== WORK_NONE);
  return [
    ...(locked.length > 0 ? [`${locked.length} claims are LOCKED`] : []),
    ...(owing.length > 0 ? [`${owing.length} rows owe something`] : []),
  ];
}

/** I10: after two sweeps admission believes of slots in use what the rows say. The first one notes what
 * the rows say, and the second mends a picture that has not come as far since. After a restart of Redis
 * every slot is in use that it has a picture of. */
async function checkAdmission(town: Town): Promise<void> {
  const { world, report, scenario } = town;
  // Holds of those who never came back end.
  await until(town, world.now() + Math.max(HOLD_MS, NOTE_MS));
  town.memory.restart();
  await sweepTwice(town);
  report(await driftOf(town, "before anyone came again", await listPictures(town)));
  // A wish that cannot be granted shows that the slot is in use, and leaves nothing behind.
  for (const { storeId, slotId } of scenario.slots) {
    const visit = call(
      town.network,
      createActor("visitor", true),
      () => aliveProcess(town),
      SchedulingService.method.bookAppointment,
      { requestId: "visit", storeId, slotId, partySize: 100 },
      { role: "shopper", tenantId: TENANT, subjectId: "visitor", storeIds: [] },
    );
    await settle(town, visit);
  }
  await until(town, world.now() + SWEEP_MS);
  await sweepTwice(town);
  report(await driftOf(town, "after a visit", scenario.slots));
}

async function listPictures(town: Town): Promise<{ storeId: string; slotId: string }[]> {
  const { slots } = town.scenario;
  const slotIds = slots.map(({ slotId }) => slotId);
  const pictures = await settle(town, aliveProcess(town).redis.readPictures(slotIds));
  return slots.filter((_, index) => pictures[index]);
}

async function driftOf(
  town: Town,
  when: string,
  slots: readonly { storeId: string; slotId: string }[],
): Promise<string[]> {
  const broken: string[] = [];
  for (const key of slots) {
    const stock = await settle(town, aliveProcess(town).redis.readStock(key.slotId));
    const available = town.rows.tables.slots.get(nameOfSlot(key))?.available;
    if (stock?.freeSpots !== available) {
      broken.push(
        `I10: ${when}, admission believes that ${stock?.freeSpots} spots of slot ${key.slotId} are free, ` +
          `and ${available} are`,
      );
    }
  }
  return broken;
}

function aliveProcess({ world, processes }: Town): SchedulingProcess {
  return world.dice.pick(processes().filter(({ actor }) => actor.isAlive));
}

async function sweep(town: Town, by?: SchedulingProcess): Promise<void> {
  if (town.hasSweeper && town.processes().some(({ actor }) => actor.isAlive)) {
    const swept = (by ?? aliveProcess(town)).sweep();
    // What was sent while there were faults may still fail; the next sweep comes soon.
    await settle(
      town,
      swept.catch((error: Error) => town.world.note(`a sweep failed: ${error.message}`)),
    );
  }
}

/** Sweeps as whoever has the lease does: the same process again. */
async function sweepTwice(town: Town): Promise<void> {
  const by = aliveProcess(town);
  await sweep(town, by);
  await until(town, town.world.now() + SWEEP_MS);
  await sweep(town, by);
}

/** Lets things happen until a time. */
async function until({ world }: Town, atMs: number): Promise<void> {
  let isOver = false;
  world.after(atMs - world.now(), () => {
    isOver = true;
  });
  await world.run(() => isOver);
}

/** Lets things happen until a promise is settled. */
async function settle<Result>({ world }: Town, pending: Promise<Result>): Promise<Result> {
  let isOver = false;
  const over = () => {
    isOver = true;
  };
  pending.then(over, over);
  await world.run(() => isOver);
  if (!isOver) {
    throw new Error("something was waited for that never came");
  }
  return pending;
}

/** Lets something happen to a part. Returns what brings Redis back to where it last remembered. */
function strike(town: Town, what: Blow, restore: () => void): () => void {
  const { memory, network, phase, scenario, world, codes, inventory } = town;
  switch (what) {
    case "redis is flushed":
      memory.flush();
      break;
    case "redis remembers":
      return memory.snapshot();
    case "redis is rewound": {
      restore();
      memory.restart();
      // The last that was written may have been that a slot is in use.
      const { storeId, slotId } = world.dice.pick(scenario.slots);
      memory.command(["zrem", "scheduling:warm", `${storeId}:${slotId}`]);
      break;
    }
    case "redis is away":
    case "the appointments are away":
    case "the codes are away":
    case "the claims are away": {
      const part = what.replace(/^the | (is|are) away$/g, "");
      phase.away.set(part, world.now() + world.dice.between(500, AWAY_MS_MAX));
      break;
    }
    case "redis lies": {
      const { slotId } = world.dice.pick(scenario.slots);
      const key = `scheduling:{${slotId}}:stock`;
      if (memory.command(["hget", key, "available"]) !== false) {
        memory.command(["hset", key, "available", String(world.dice.between(0, 5))]);
      }
      break;
    }
    case "inventory ends":
      network.end(inventory.actor);
      break;
    case "codes ends":
      network.end(codes.actor);
      break;
    case "scheduling ends": {
      const alive = town.processes().filter(({ actor }) => actor.isAlive);
      if (alive.length > 0) {
        network.end(world.dice.pick(alive).actor);
      }
      break;
    }
    case "the group is dealt anew":
      town.around.queue.rebalance();
      break;
  }
  return restore;
}
