// Kafka as a program: its jars from Maven, pinned by their sum, and how a JVM is asked to run them.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { type Cache, ensure, isCached } from "./cache.ts";
import type { Config } from "./config.ts";
import { checkJars, fetchJars } from "./maven.ts";
import { findProgram } from "./run.ts";
import type { Need } from "./tools.ts";

const VERSION = "4.2.1";
const ARTIFACTS = [
  `org.apache.kafka:kafka_2.13:${VERSION}`,
  // Kafka brings no binding for its log: without one, not a line of it is written.
  "org.slf4j:slf4j-simple:1.7.36",
];
const JARS_SHA256 = "cc578baeac1053e7b7b7cfd197fd7deea77a48729c530f486c85c1b62e5c2a13";
export const KAFKA_STAMP = `${VERSION}-${JARS_SHA256.slice(0, 12)}`;

export interface KafkaProgram {
  java: string;
  /** The folder of the jars. */
  jars: string;
  /** The archive of loaded classes, see kafka-archive.ts; absent when it could not be made. */
  archive?: string;
}

export function kafkaNeed(cache: Pick<Cache, "folder">): Need {
  return {
    part: "kafka",
    tools: isCached(cache, "kafka", KAFKA_STAMP) ? ["java"] : ["java", "mvn"],
    otherwise: "or give a broker (Redpanda does) in SLOTMESH_KAFKA_BROKERS",
  };
}

/** Fetches Kafka's jars. */
export async function fetchKafka(cache: Cache, config: Config): Promise<KafkaProgram> {
  const jars = await ensure(cache, {
    name: "kafka",
    stamp: KAFKA_STAMP,
    doing: `fetching Kafka ${VERSION} (43 MB) with Maven`,
    build: async (folder) => {
      await fetchJars(ARTIFACTS, folder, cache.signal);
      await checkJars(folder, JARS_SHA256);
    },
  });
  const java = findProgram("java", config.environment.PATH);
  if (java === undefined) throw new Error("kafka needs java, and it is not in PATH");
  return { java, jars };
}

/** The JVM's arguments up to the main class. */
export function javaArgs(program: KafkaProgram, heapMegabytes: number): string[] {
  const jars = readdirSync(program.jars).filter((name) => name.endsWith(".jar"));
  return [
    `-Xmx${heapMegabytes}m`,
    "-XX:+UseSerialGC",
    ...(program.archive === undefined ? [] : [`-XX:SharedArchiveFile=${program.archive}`]),
    "-Djava.awt.headless=true",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSS",
    "-cp",
    // In a fixed order: the archive is good for exactly this class path.
    jars
      .sort()
      .map((name) => join(program.jars, name))
      .join(":"),
  ];
}
