// An archive of the classes that Kafka loads (Java's AppCDS), made once per Kafka and Java by starting
// a broker on an empty folder and stopping it. With it a broker takes 5.5 s of processor time until it
// answers and without it 11 (2 cores, Java 17), for the first start, every later one, and every restart.

import { createHash } from "node:crypto";
import { mkdirSync, realpathSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Cache, ensure } from "./cache.ts";
import type { Config } from "./config.ts";
import { formatArgs, kafkaPart, writeProperties } from "./kafka.ts";
import { KAFKA_STAMP, type KafkaProgram } from "./kafka-program.ts";
import { Part } from "./process.ts";
import { run } from "./run.ts";

const FORMAT_SECONDS_MAX = 120;
/** The broker ends by itself after this, even when we are killed: it is in no record. */
const BROKER_SECONDS_MAX = 300;
const DUMP_SECONDS_MAX = 120;

/** Adds the archive to the program; a start without it is only slower, so a failure is no error. */
export async function withArchive(
  cache: Cache,
  config: Config,
  program: KafkaProgram,
): Promise<KafkaProgram> {
  try {
    const folder = await ensure(cache, {
      name: "kafkaclasses",
      stamp: `${KAFKA_STAMP}-${javaStamp(program.java)}`,
      doing: "recording Kafka's classes for quick starts, once",
      build: (target) => recordClasses(cache, config, program, target),
    });
    return { ...program, archive: join(folder, "classes.jsa") };
  } catch (error) {
    cache.signal.throwIfAborted();
    cache.say(`kafka: starts will be slower: ${error instanceof Error ? error.message : error}`);
    return program;
  }
}

async function recordClasses(cache: Cache, config: Config, program: KafkaProgram, folder: string) {
  // A mesh of its own inside the entry; as our own user, who is the only one to write there.
  const { runAs: _, ...own } = config;
  const scratch: Config = { ...own, dataFolder: join(folder, "scratch") };
  for (const name of ["run", "logs", "kafka"]) {
    mkdirSync(join(scratch.dataFolder, name), { recursive: true });
  }
  const logs = join(scratch.dataFolder, "kafka");
  const properties = writeProperties(scratch, logs, "format.properties");
  await run(program.java, formatArgs(program, properties), {
    signal: cache.signal,
    secondsMax: FORMAT_SECONDS_MAX,
  });
  const archive = join(folder, "classes.jsa");
  const spec = kafkaPart(scratch, program);
  const part = new Part(
    {
      ...spec,
      command: "timeout",
      args: [
        ...[String(BROKER_SECONDS_MAX), spec.command],
        ...[`-XX:ArchiveClassesAtExit=${archive}`, ...spec.args],
      ],
      stopSeconds: DUMP_SECONDS_MAX,
    },
    { say: () => {}, onChange: () => {} },
  );
  const onAbort = () => part.kill();
  cache.signal.addEventListener("abort", onAbort, { once: true });
  try {
    await part.start(cache.signal);
    // The archive is written while it ends.
    await part.stop();
  } catch (error) {
    part.kill();
    throw error;
  } finally {
    cache.signal.removeEventListener("abort", onAbort);
  }
  statSync(archive);
  rmSync(scratch.dataFolder, { recursive: true });
}

/** Which Java this is, without starting it: its real path, size and time. */
function javaStamp(java: string): string {
  const path = realpathSync(java);
  const { size, mtimeMs } = statSync(path);
  return createHash("sha256").update(`${path} ${size} ${mtimeMs}`).digest("hex").slice(0, 12);
}
