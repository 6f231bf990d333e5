// Where the processor time of the services goes: reads the profiles that Node writes with --cpu-prof, and
// sums their samples by what the code is for. Node's own code counts for the nearest caller that is not
// Node's: what ioredis spends in a socket is ioredis'.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Starting and compiling are not what is asked for. */
const SKIPPED_MS = 5000;

/** Kinds of work, by the file of a function. */
const KINDS: readonly (readonly [name: string, file: RegExp])[] = [
  ["loading modules", /^node:internal\/modules/],
  ["grpc-js and HTTP/2", /\/@grpc\/|^node:internal\/http2|\/services\/shared\/serve\.ts$/],
  ["kafkajs", /\/kafkajs\//],
  ["ioredis", /\/ioredis\//],
  ["mysql2", /\/mysql2\/|\/sqlstring\//],
  ["checking rules", /\/protovalidate\/|\/cel\//],
  ["protobuf", /@bufbuild\/protobuf\/|\/gen\//],
  ["our code", /\/services\//],
];
/** Idling, and writing the profile at the end. */
const NOT_WORK = new Set(["(idle)", "reallyExit"]);
const BY_FUNCTION = new Map([
  ["(garbage collector)", "garbage collector"],
  ["(program)", "native code"],
]);

/** What is read of a V8 profile. Time deltas are in microseconds. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string };
    readonly children?: readonly number[];
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** Sums the busy time of a profile by kind, in milliseconds. */
export function sumByKind(profile: CpuProfile, skippedMs = SKIPPED_MS): Map<string, number> {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map(
    profile.nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])),
  );
  const kinds = new Map<number, string | undefined>();
  const kindOf = (id: number): string | undefined => {
    const name = nodes.get(id)?.callFrame.functionName ?? "";
    if (NOT_WORK.has(name)) {
      return undefined;
    }
    if (BY_FUNCTION.has(name)) {
      return BY_FUNCTION.get(name);
    }
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const url = nodes.get(at)?.callFrame.url ?? "";
      const kind = KINDS.find(([, file]) => file.test(url));
      if (kind) {
        return kind[0];
      }
    }
    return "other";
  };
  const sums = new Map<string, number>();
  let atMs = 0;
  for (const [index, id] of profile.samples.entries()) {
    const ms = (profile.timeDeltas[index] ?? 0) / 1000;
    atMs += ms;
    if (!kinds.has(id)) {
      kinds.set(id, kindOf(id));
    }
    const kind = kinds.get(id);
    if (kind !== undefined && atMs > skippedMs) {
      sums.set(kind, (sums.get(kind) ?? 0) + ms);
    }
  }
  return sums;
}

/** Reads the profiles of a folder, and formats one line for each service. */
export function formatProfiles(folder: string): string[] {
  return readdirSync(folder)
    .map((file) => JSON.parse(readFileSync(join(folder, file), "utf8")) as CpuProfile)
    .flatMap((profile) => {
      const name = serviceOf(profile);
      const sums = [...sumByKind(profile)].sort(([, a], [, b]) => b - a);
      const total = sums.reduce((sum, [, ms]) => sum + ms, 0);
      const shares = sums.map(([kind, ms]) => `${kind} ${Math.round((ms * 100) / total)} %`);
      return name === undefined ? [] : [`${name.padEnd(11)} ${shares.join(", ")}`];
    })
    .sort();
}

function serviceOf({ nodes }: CpuProfile): string | undefined {
  for (const { callFrame } of nodes) {
    const match = /\/services\/([a-z]+)\/(main|settler)\.ts$/.exec(callFrame.url);
    if (match) {
      return match[2] === "settler" ? "settler" : match[1];
    }
  }
  return undefined;
}
