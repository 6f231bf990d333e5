// Brings up the whole mesh and keeps it up: for `npm start`, for the tests and for the tools.
//
// Order: look whether this machine can (tools, ports), fetch and build what is missing, then start
// redis, kafka and mysqld -> vtcombo -> migrations side by side, then the services together. Stopping
// goes the other way round, level by level. Whatever fails in between, what was started is stopped.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { migrate } from "#shared/migrate.ts";
import type { Cache } from "./cache.ts";
import {
  type Config,
  HOST,
  loadConfig,
  PORT_DEFAULTS,
  type PortName,
  type Ports,
} from "./config.ts";
import { checkGiven } from "./given.ts";
import { formatKafka, kafkaBrokers, kafkaPart } from "./kafka.ts";
import { withArchive } from "./kafka-archive.ts";
import { fetchKafka, type KafkaProgram, kafkaNeed } from "./kafka-program.ts";
import { ensureKeys } from "./keys.ts";
import { takeLock } from "./lock.ts";
import {
  fetchMysqld,
  initializeMysqld,
  type MysqlProgram,
  mysqldNeed,
  mysqldPart,
} from "./mysqld.ts";
import { isRunning, ownProcess, signalProcess } from "./pids.ts";
import { checkPorts, pickFreePorts } from "./ports.ts";
import { Part, type PartSpec } from "./process.ts";
import { endParts, readRecord, removeRecord, type StackRecord, writeRecord } from "./record.ts";
import {
  fetchRedis,
  findRedis,
  type RedisProgram,
  redisNeed,
  redisPart,
  redisUrl,
} from "./redis.ts";
import { recordSteps, type Say, type Steps } from "./say.ts";
import { findServices, meshEnvironment, type ServiceSpec, servicePart } from "./services.ts";
import { checkPlatform, checkTools } from "./tools.ts";
import { buildVtcombo, vtcomboNeed, vtcomboPart, vtcomboStamp, vtgateDsn } from "./vtcombo.ts";
import { buildPage } from "./web.ts";

export { findRunningStack } from "./record.ts";

const PORT_NAMES = Object.keys(PORT_DEFAULTS) as PortName[];

/** Stopping goes from the highest level down. */
const LEVEL = { storage: 0, vitess: 1, service: 2 } as const;

export interface StackOptions {
  /** Overrides SLOTMESH_DATA. */
  dataFolder?: string;
  /** `free` picks free ports, for tests; single ports override the environment. */
  ports?: "free" | Partial<Ports>;
  /** Default: those whose main.ts exists. */
  services?: ServiceSpec[];
  /** Where lines go; default nowhere. */
  say?: Say;
  /** Interrupts a start; a running stack is stopped with stop(). */
  signal?: AbortSignal;
  /** Kills everything at once (SIGKILL), at whatever stage. */
  kill?: AbortSignal;
}

export interface Stack {
  /** The SLOTMESH_* variables that reach this mesh. */
  env: Record<string, string>;
  /** host:port by name. */
  endpoints: Record<string, string>;
  dataFolder: string;
  parts: Part[];
  /** Stops everything in order, each part within its bound. */
  stop(): Promise<void>;
}

/** Everything one start passes around. */
interface Context {
  config: Config;
  cache: Cache;
  say: Say;
  steps: Steps;
  signal: AbortSignal;
  /** Ends all that is under way when one thing fails. */
  abort: (reason: unknown) => void;
  launched: { part: Part; level: number }[];
  record: StackRecord;
}

/** Starts the mesh and resolves when every part answers. */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const startedAtMs = performance.now();
  const context = await prepare(options);
  const { config, say, steps } = context;
  const lock = takeLock(join(config.dataFolder, "run", "lock"));
  if (lock.kind === "held") throw alreadyRunning(config, lock.owner?.pid);
  // A process that ends without stop(), by a bug or a test runner's will, leaves nothing running.
  const onExit = () => endAtExit(context);
  process.once("exit", onExit);
  const stack: Stack = {
    env: context.record.env,
    endpoints: context.record.endpoints,
    dataFolder: config.dataFolder,
    parts: [],
    stop: async () => {
      await stopAll(context);
      process.off("exit", onExit);
      lock.release();
    },
  };
  options.kill?.addEventListener("abort", () => {
    for (const { part } of context.launched) part.kill();
  });
  try {
    await endOrphans(context);
    const services = options.services ?? findServices(config);
    const parts = await fetchParts(context, services);
    await startParts(context, parts, services);
  } catch (error) {
    await stack.stop();
    throw error;
  }
  stack.parts = context.launched.map(({ part }) => part);
  context.record.isReady = true;
  update(context);
  const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1);
  say(`ready in ${seconds} s (${steps.summary()})`);
  return stack;
}

async function prepare(options: StackOptions): Promise<Context> {
  const say = options.say ?? (() => {});
  const own = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, own.signal]) : own.signal;
  const wanted = options.ports === "free" ? await pickFreePorts(PORT_NAMES) : (options.ports ?? {});
  const config = loadConfig({
    ...(options.dataFolder !== undefined && { dataFolder: options.dataFolder }),
    ports: wanted,
  });
  if (config.dataFolderNote) say(config.dataFolderNote);
  for (const folder of [config.dataFolder, join(config.dataFolder, "run")]) {
    mkdirSync(folder, { recursive: true, mode: 0o755 });
  }
  mkdirSync(join(config.dataFolder, "logs"), { recursive: true, mode: 0o750 });
  return {
    config,
    cache: { folder: config.cacheFolder, say, signal },
    say,
    steps: recordSteps(say),
    signal,
    abort: (reason) => own.abort(reason),
    launched: [],
    record: {
      supervisor: ownProcess(),
      isReady: false,
      startedAtMs: Date.now(),
      dataFolder: config.dataFolder,
      env: meshEnvironment(config),
      endpoints: endpointsOf(config),
      parts: [],
    },
  };
}

/** Ends what a supervisor that was killed has left running. */
async function endOrphans({ config, say }: Context): Promise<void> {
  const record = readRecord(config.dataFolder);
  if (!record) return;
  const left = record.parts.filter((part) => isRunning(part.process));
  if (left.length > 0) {
    say(
      `the last start was killed and left ${left.map((part) => part.name).join(", ")}: ending them`,
    );
    await endParts(record, say);
  }
  removeRecord(config.dataFolder);
}

/** The programs of the embedded parts; absent for what was given by address. */
interface Programs {
  mysqld?: MysqlProgram;
  vtcombo?: string;
  kafka?: KafkaProgram;
  redis?: RedisProgram;
  /** The folder of the page; absent when no gateway is started. */
  page?: string;
}

/** Checks tools and ports, then fetches and builds; starts nothing. */
async function fetchParts(context: Context, services: ServiceSpec[]): Promise<Programs> {
  const { config, cache, signal, steps } = context;
  const { mysqlDsn, kafkaBrokers: brokers, redisUrl: url } = config.given;
  if (!mysqlDsn) checkPlatform();
  const [stamp, foundRedis] = await Promise.all([
    mysqlDsn ? "" : vtcomboStamp(config, signal),
    url ? undefined : findRedis(config, signal),
  ]);
  checkTools(config, [
    ...(mysqlDsn ? [] : [mysqldNeed(cache), vtcomboNeed(cache, stamp)]),
    ...(brokers ? [] : [kafkaNeed(cache)]),
    ...(url ? [] : [redisNeed(cache, foundRedis)]),
  ]);
  await checkPorts(config.ports, portsNeeded(config, services));
  return steps.run("fetch", "parts are in the cache", async () => {
    const hasGateway = services.some(({ name }) => name === "gateway");
    const [mysqld, vtcombo, kafka, redis, page] = await together(context, [
      mysqlDsn ? undefined : fetchMysqld(cache),
      mysqlDsn ? undefined : buildVtcombo(cache, config, stamp),
      brokers ? undefined : fetchKafka(cache, config).then((it) => withArchive(cache, config, it)),
      url ? undefined : fetchRedis(cache, foundRedis),
      hasGateway ? buildPage(cache, config) : undefined,
      checkGiven(config),
    ]);
    return {
      ...(mysqld && { mysqld }),
      ...(vtcombo !== undefined && { vtcombo }),
      ...(kafka && { kafka }),
      ...(redis && { redis }),
      ...(page !== undefined && { page }),
    };
  });
}

async function startParts(context: Context, programs: Programs, services: ServiceSpec[]) {
  const { config, signal, steps, say } = context;
  ensureKeys(join(config.dataFolder, "keys"));
  await together(context, [
    (async () => {
      const { mysqld, vtcombo } = programs;
      if (mysqld && vtcombo !== undefined) {
        await initializeMysqld(config, mysqld, signal, steps);
        await launch(context, mysqldPart(config, mysqld), LEVEL.storage);
        await launch(context, vtcomboPart(config, vtcombo), LEVEL.vitess);
      }
      await steps.run("migrations", "the tables are as this build knows them", () =>
        migrate({ dsn: vtgateDsn(config), servicesFolder: join(config.checkout, "services"), say }),
      );
    })(),
    (async () => {
      if (!programs.kafka) return;
      await formatKafka(config, programs.kafka, signal, steps);
      await launch(context, kafkaPart(config, programs.kafka), LEVEL.storage);
    })(),
    (async () => {
      if (!programs.redis) return;
      await launch(context, redisPart(config, programs.redis), LEVEL.storage);
    })(),
  ]);
  await together(
    context,
    services.map((service) =>
      launch(context, servicePart(config, service, programs.page), LEVEL.service),
    ),
  );
}

/**
 * Waits for all; when one fails the others are interrupted and waited for, so that nothing starts
 * behind the back of the stop that follows.
 */
async function together<T extends readonly unknown[] | []>(context: Context, tasks: T) {
  for (const task of tasks) Promise.resolve(task).catch(context.abort);
  await Promise.allSettled(tasks);
  context.signal.throwIfAborted();
  return Promise.all(tasks);
}

async function launch(context: Context, spec: PartSpec, level: number): Promise<void> {
  context.signal.throwIfAborted();
  const part = new Part(spec, { say: context.say, onChange: () => update(context) });
  context.launched.push({ part, level });
  await context.steps.run(spec.name, `answers on ${spec.address}`, () =>
    part.start(context.signal),
  );
}

/** The ports this start listens on: not those of what was given by address. */
function portsNeeded(config: Config, services: ServiceSpec[]): PortName[] {
  const { mysqlDsn, kafkaBrokers: brokers, redisUrl: url } = config.given;
  const names: PortName[] = services.map((service) => service.name);
  if (names.includes("identity")) names.push("identityHttp");
  if (!mysqlDsn) names.push("vtgate", "vtcomboHttp", "vtcomboGrpc");
  if (!brokers) names.push("kafka", "kafkaController");
  if (!url) names.push("redis");
  return names;
}

function endpointsOf(config: Config): Record<string, string> {
  const names = PORT_NAMES.filter((name) => name !== "kafkaController");
  return {
    ...Object.fromEntries(names.map((name) => [name, `${HOST}:${config.ports[name]}`])),
    vtgate: new URL(vtgateDsn(config)).host,
    kafka: kafkaBrokers(config),
    redis: new URL(redisUrl(config)).host,
  };
}

function alreadyRunning(config: Config, pid: number | undefined): Error {
  return new Error(
    `slotmesh already runs with the data in ${config.dataFolder} (process ${pid}): stop it with ` +
      "npm run stop, or give this one another folder in SLOTMESH_DATA and other ports",
  );
}

/** Writes down what runs now; called in the same turn as every spawn and every end. */
function update({ record, launched }: Context): void {
  record.parts = launched.flatMap(({ part, level }) => {
    const { process: running, state } = part;
    const { name, address, logFile, stopSeconds } = part.spec;
    const isReady = state === "ready";
    return running
      ? [{ name, process: running, isReady, address, logFile, level, stopSeconds }]
      : [];
  });
  writeRecord(record);
}

async function stopAll(context: Context): Promise<void> {
  context.record.isReady = false;
  const levels = Object.values(LEVEL).sort((a, b) => b - a);
  for (const level of levels) {
    const same = context.launched.filter((entry) => entry.level === level);
    await Promise.all(same.map(({ part }) => part.stop()));
  }
  removeRecord(context.config.dataFolder);
}

/** Asks every part to end; there is no time left to wait, nor to do it in order. */
function endAtExit({ launched }: Context): void {
  for (const { part } of launched) {
    if (part.process) signalProcess(part.process, "SIGTERM");
  }
}
