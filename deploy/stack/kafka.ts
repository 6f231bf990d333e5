// The embedded broker: Apache Kafka from Maven, one node that is its own controller (KRaft). It stands
// in for Redpanda, which is in no registry; the services speak the Kafka API to either.
import { join } from "node:path";
import { Kafka, logLevel } from "kafkajs";
import { type Config, HOST } from "./config.ts";
import { fillFolder, makeFolder, writeWhole } from "./folders.ts";
import { javaArgs, type KafkaProgram } from "./kafka-program.ts";
import type { PartSpec } from "./process.ts";
import { run } from "./run.ts";
import type { Steps } from "./say.ts";

/** The cluster's name, fixed: the data folder is what tells two clusters apart. */
const CLUSTER_ID = "c2xvdG1lc2gtZW1iZWRkZWQ";
const RETENTION_DAYS = 7;
const PARTITIONS_DEFAULT = 4;
const HEAP_MEGABYTES = 512;
const FORMAT_SECONDS_MAX = 120;
const READY_SECONDS = 180;
const STOP_SECONDS = 20;
const PROBE_MS_MAX = 2000;

/** Formats the log folder on the first start. */
export async function formatKafka(
  config: Config,
  program: KafkaProgram,
  signal: AbortSignal,
  steps: Steps,
): Promise<void> {
  await fillFolder(join(config.dataFolder, "kafka"), config.runAs, async (folder) => {
    const properties = writeProperties(config, folder, "kafka-format.properties");
    await steps.run("kafka format", "an empty log is made", () =>
      run(program.java, formatArgs(program, properties), {
        cwd: folder,
        env: { PATH: config.environment.PATH, HOME: folder },
        ...(config.runAs && { runAs: config.runAs }),
        signal,
        secondsMax: FORMAT_SECONDS_MAX,
      }),
    );
  });
}

/** The arguments that make an empty log folder. */
export function formatArgs(program: KafkaProgram, properties: string): string[] {
  const main = ["kafka.tools.StorageTool", "format", "--cluster-id", CLUSTER_ID];
  return [...javaArgs(program, HEAP_MEGABYTES), ...main, "--config", properties];
}

/** Describes the running broker. */
export function kafkaPart(config: Config, program: KafkaProgram): PartSpec {
  const folder = join(config.dataFolder, "kafka");
  makeFolder(folder, config.runAs);
  const properties = writeProperties(config, folder, "kafka.properties");
  const address = `${HOST}:${config.ports.kafka}`;
  return {
    name: "kafka",
    command: program.java,
    args: [...javaArgs(program, HEAP_MEGABYTES), "kafka.Kafka", properties],
    env: { PATH: config.environment.PATH, HOME: folder },
    cwd: folder,
    ...(config.runAs && { runAs: config.runAs }),
    logFile: join(config.dataFolder, "logs", "kafka.log"),
    address,
    probe: () => probeKafka(address),
    readySeconds: READY_SECONDS,
    stopSeconds: STOP_SECONDS,
  };
}

export function kafkaBrokers(config: Config): string {
  return config.given.kafkaBrokers ?? `${HOST}:${config.ports.kafka}`;
}

/** Asks once for the cluster; rejects while it has no controller. */
export async function probeKafka(brokers: string): Promise<void> {
  const kafka = new Kafka({
    clientId: "slotmesh-stack",
    brokers: brokers.split(","),
    logLevel: logLevel.NOTHING,
    connectionTimeout: PROBE_MS_MAX,
    requestTimeout: PROBE_MS_MAX,
    retry: { retries: 0 },
  });
  const admin = kafka.admin({ retry: { retries: 0 } });
  try {
    await admin.connect();
    const cluster = await admin.describeCluster();
    if (cluster.controller === null) throw new Error("Kafka has no controller yet");
  } finally {
    await admin.disconnect();
  }
}

/** Writes the broker's configuration for a log folder and returns the file. */
export function writeProperties(config: Config, folder: string, name: string): string {
  const { kafka, kafkaController } = config.ports;
  const file = join(config.dataFolder, "run", name);
  const lines = [
    "process.roles=broker,controller",
    "node.id=1",
    `controller.quorum.voters=1@${HOST}:${kafkaController}`,
    `listeners=PLAINTEXT://${HOST}:${kafka},CONTROLLER://${HOST}:${kafkaController}`,
    `advertised.listeners=PLAINTEXT://${HOST}:${kafka}`,
    "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "controller.listener.names=CONTROLLER",
    "inter.broker.listener.name=PLAINTEXT",
    `log.dirs=${folder}`,
    // A misspelt topic is an error and not a new topic.
    "auto.create.topics.enable=false",
    `num.partitions=${PARTITIONS_DEFAULT}`,
    `log.retention.hours=${RETENTION_DAYS * 24}`,
    "log.segment.bytes=134217728",
    "default.replication.factor=1",
    "min.insync.replicas=1",
    "offsets.topic.replication.factor=1",
    "offsets.topic.num.partitions=8",
    "transaction.state.log.replication.factor=1",
    "transaction.state.log.min.isr=1",
    "share.coordinator.state.topic.replication.factor=1",
    "share.coordinator.state.topic.min.isr=1",
    // A broker that was killed is let in again when its session is over: with the default of 9 s it
    // answered after 20 s, with this after 9 s. Shorter, and a busy machine fences a living broker.
    "broker.session.timeout.ms=5000",
    "broker.heartbeat.interval.ms=1000",
    // No record every 500 ms into an idle metadata log, which a start would read all of.
    "metadata.max.idle.interval.ms=0",
    // One machine, few consumers: the first one need not wait 3 s for others to join its group.
    "group.initial.rebalance.delay.ms=200",
  ];
  writeWhole(file, `${lines.join("\n")}\n`);
  return file;
}
