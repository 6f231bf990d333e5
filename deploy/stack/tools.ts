// The programs this machine must have before anything is fetched or started, and how to get them.
import type { Config } from "./config.ts";
import { findProgram } from "./run.ts";

/** A program, and the Debian package that has it. */
const TOOLS = {
  go: "golang-go, or Go 1.26 from go.dev when Debian's is older",
  java: "openjdk-17-jre-headless",
  mvn: "maven",
  tar: "tar",
  "apt-get": "apt (this part is fetched from Debian's archive)",
  dpkg: "dpkg (this part is fetched from Debian's archive)",
} as const;

export type Tool = keyof typeof TOOLS;

export interface Need {
  part: string;
  tools: Tool[];
  /** How to do without, for example "or give a broker in SLOTMESH_KAFKA_BROKERS". */
  otherwise: string;
}

/** Checks all needs at once, so that one message names everything that is missing. */
export function checkTools(config: Config, needs: Need[]): void {
  const path = config.environment.PATH;
  const lines = needs.flatMap((need) =>
    need.tools
      .filter((tool) => findProgram(tool, path) === undefined)
      .map(
        (tool) => `  ${need.part} needs ${tool}: apt-get install ${TOOLS[tool]}; ${need.otherwise}`,
      ),
  );
  if (lines.length > 0)
    throw new Error(`something is missing on this machine:\n${lines.join("\n")}`);
}

/** The embedded MySQL and Vitess come as Linux programs for one kind of processor. */
export function checkPlatform(): void {
  if (process.platform === "linux" && process.arch === "x64") return;
  throw new Error(
    `the embedded MySQL exists for Linux on x86-64 and this is ${process.platform} on ` +
      `${process.arch}: give a vtgate in SLOTMESH_MYSQL_DSN, a broker in SLOTMESH_KAFKA_BROKERS and ` +
      "a Redis in SLOTMESH_REDIS_URL",
  );
}
