// Fetches jars with Maven's own client, which knows the registry this machine is set up for. One run
// at a time: two at once would write the same files of ~/.m2.
import { createHash } from "node:crypto";
import { createReadStream, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { makeQueue, run } from "./run.ts";

/** Pinned, so that no version list has to be asked for. */
const PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:2.8";
const FETCH_SECONDS_MAX = 900;

const oneAtATime = makeQueue();

/** Copies these artifacts (group:artifact:version) and all they depend on into a folder. */
export function fetchJars(artifacts: string[], folder: string, signal: AbortSignal): Promise<void> {
  return maven("copy-dependencies", artifacts, folder, [], signal);
}

/** Unpacks one file of one artifact's jar into a folder. */
export function fetchFileOfJar(
  artifact: string,
  file: string,
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  const options = ["-DexcludeTransitive=true", `-Dmdep.unpack.includes=${file}`];
  return maven("unpack-dependencies", [artifact], folder, options, signal);
}

function maven(
  goal: string,
  artifacts: string[],
  folder: string,
  options: string[],
  signal: AbortSignal,
): Promise<void> {
  return oneAtATime(async () => {
    const pom = join(folder, "pom.xml");
    writeFileSync(pom, pomOf(artifacts));
    const args = ["--batch-mode", "--quiet", "--file", pom, `${PLUGIN}:${goal}`];
    args.push(`-DoutputDirectory=${folder}`, ...options);
    await run("mvn", args, { cwd: folder, signal, secondsMax: FETCH_SECONDS_MAX });
  });
}

/** Checks that a folder holds exactly the jars that were seen when their sum was pinned. */
export async function checkJars(folder: string, wanted: string): Promise<void> {
  const names = readdirSync(folder)
    .filter((name) => name.endsWith(".jar"))
    .sort();
  const sums = await Promise.all(names.map((name) => sha256(join(folder, name))));
  const lines = names.map((name, index) => `${sums[index]}  ${name}\n`).join("");
  const found = createHash("sha256").update(lines).digest("hex");
  if (found === wanted) return;
  throw new Error(
    `the jars in ${folder} are not the ones this build knows: wanted the sum ${wanted}, found ` +
      `${found}:\n${lines}`,
  );
}

export async function sha256(file: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
}

function pomOf(artifacts: string[]): string {
  const dependencies = artifacts.map((artifact) => {
    const [group, name, version] = artifact.split(":");
    return (
      `<dependency><groupId>${group}</groupId><artifactId>${name}</artifactId>` +
      `<version>${version}</version></dependency>`
    );
  });
  return [
    "<project><modelVersion>4.0.0</modelVersion>",
    "<groupId>slotmesh</groupId><artifactId>stack</artifactId><version>1</version>",
    `<packaging>pom</packaging><dependencies>${dependencies.join("")}</dependencies></project>`,
  ].join("\n");
}
