// The programs this machine must have before anything is fetched or started, and how to get them.
import type { Config } from "./config.ts";
import { findProgram } from "./run.ts";

/** A program, and the Debian package that has it. */
const TOOLS = {
  go: "golang-go (1.26 or newer)",
  java: "openjdk-17-jre-headless",
  mvn: "maven",
  tar: "tar",
  "apt-get": "apt",
  dpkg: "dpkg",
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
  const lines = needs.flatMap((need) => {
    const missing = need.tools.filter((tool) => findProgram(tool, path) === undefined);
    if (missing.length === 0) return [];
    const packages = missing.map((tool) => TOOLS[tool]).join(" ");
    return [
      `  ${need.part} needs ${missing.join(", ")}: apt-get install ${packages}; ${need.otherwise}`,
    ];
  });
  if (lines.length > 0)
    throw new Error(`programs are missing on this machine:\n${lines.join("\n")}`);
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
