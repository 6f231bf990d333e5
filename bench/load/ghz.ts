// Runs ghz: its arguments, and what is read of its report. Always a fixed number of calls, never a
// duration: --duration forgets the number, and so does --max-duration, whatever their help says, and
// what is under way when they end is reported as failed.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { isIP } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../deploy/stack/run.ts";
import type { Tally } from "../../test/drop/certificate.ts";
import type { LoadOptions } from "./options.ts";

const BOOK = "slotmesh.scheduling.v1.SchedulingService/BookAppointment";
/** What the page in a browser waits for an answer. */
const CALL_SECONDS = 5;
const CONNECT_SECONDS = 10;

/** What ghz found. */
export interface GhzReport {
  /** How many calls ended, whichever way. */
  readonly calls: number;
  readonly tookMs: number;
  readonly callsPerSecond: number;
  /** Of the calls that were answered OK; absent if none was. */
  readonly latencyMs?: {
    readonly fastest: number;
    readonly average: number;
    readonly p50: number;
    readonly p90: number;
    readonly p99: number;
    readonly slowest: number;
  };
  /** How many calls ended with which status, "OK" among them. */
  readonly statuses: Tally;
  /** What failed calls were told. */
  readonly errors: Tally;
}

/** What ghz is to send. */
export interface GhzJob {
  /** Of scheduling. */
  readonly address: string;
  /** "package.Service/Method". If absent, BookAppointment. */
  readonly method?: string;
  /** From encodeCalls, or other requests in that form. */
  readonly calls: Uint8Array;
  readonly count: number;
  /** One for all, or one for each call. */
  readonly tokens: string | readonly string[];
  readonly options: Pick<
    LoadOptions,
    "profile" | "concurrency" | "connections" | "rps" | "rpsFrom" | "timeoutSeconds"
  >;
}

/** Runs ghz to its end. */
export async function runGhz(
  program: string,
  job: GhzJob,
  signal: AbortSignal,
): Promise<GhzReport> {
  checkLoopback(job.address);
  // A folder of its own that nobody else may read: tokens are in it.
  const folder = mkdtempSync(join(tmpdir(), "slotmesh-ghz-"));
  try {
    return await runIn(folder, program, job, signal);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runIn(
  folder: string,
  program: string,
  job: GhzJob,
  signal: AbortSignal,
): Promise<GhzReport> {
  const files = {
    calls: join(folder, "calls.bin"),
    metadata: join(folder, "metadata.json"),
    report: join(folder, "report.json"),
  };
  const { metadata, env, templates } = credentialsOf(job.tokens);
  writeFileSync(files.calls, job.calls, { mode: 0o600 });
  writeFileSync(files.metadata, JSON.stringify(metadata), { mode: 0o600 });
  await run(program, [...argsOf(job, files), ...templates, job.address], {
    env,
    cwd: folder,
    signal,
    secondsMax: job.options.timeoutSeconds,
  });
  return parseReport(readFileSync(files.report, "utf8"));
}

/** Load is for the mesh of this machine, and an address elsewhere can only be a mistake. */
export function checkLoopback(address: string): void {
  const host = address.slice(0, address.lastIndexOf(":")).replace(/^\[(.*)\]$/, "$1");
  const isLoopback =
    host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
  if (!isLoopback) {
    throw new Error(`load is sent to this machine only, and the mesh is at "${address}"`);
  }
}

function argsOf(
  { method = BOOK, count, options }: Pick<GhzJob, "method" | "count" | "options">,
  files: Readonly<Record<"calls" | "metadata" | "report", string>>,
): string[] {
  const concurrency = Math.min(options.concurrency, count);
  return [
    ...["--insecure", "--call", method, "--binary-file", files.calls],
    ...["--metadata-file", files.metadata, "--total", String(count)],
    ...["--connections", String(Math.min(options.connections, concurrency))],
    ...["--concurrency", String(concurrency), ...paceArgs(count, options)],
    ...["--timeout", `${CALL_SECONDS}s`, "--connect-timeout", `${CONNECT_SECONDS}s`],
    ...["--format", "json", "--output", files.report],
  ];
}

/** Open loops are --async: else a slow answer would keep the next call from being made in its time. */
export function paceArgs(
  count: number,
  { profile, rps, rpsFrom }: Pick<LoadOptions, "profile" | "rps" | "rpsFrom">,
): string[] {
  switch (profile) {
    case "saturate":
      return [];
    case "constant":
      return ["--async", "--rps", String(rps)];
    case "ramp": {
      // The ramp is as long as its calls take at the mean of both rates; ghz raises it once a second.
      const seconds = (2 * count) / (rps + rpsFrom);
      const step = Math.max(1, Math.round((rps - rpsFrom) / seconds));
      return [
        ...["--async", "--load-schedule", "line", "--load-step", String(step)],
        ...["--load-start", String(rpsFrom), "--load-end", String(rps)],
      ];
    }
    default:
      return profile satisfies never;
  }
}

/**
 * Returns the metadata that makes ghz show the token, or the n-th with call n. Metadata can have
 * templates and no data, but templates can read the environment, which only its owner sees.
 */
function credentialsOf(tokens: string | readonly string[]) {
  if (typeof tokens === "string") {
    // Else ghz copies its template functions for each call: 145 us of its time and more, instead of 60.
    const templates = ["--disable-template-functions", "--disable-template-data"];
    return { metadata: { authorization: `Bearer ${tokens}` }, env: {}, templates };
  }
  return {
    metadata: { authorization: "Bearer {{env (print `T` .RequestNumber)}}" },
    env: Object.fromEntries(tokens.map((token, index) => [`T${index}`, token])),
    templates: [],
  };
}

/** Reads ghz's report. Throws with a sentence if it is not one. */
export function parseReport(text: string): GhzReport {
  const report = JSON.parse(text) as Record<string, unknown>;
  const number = (name: string): number => {
    const value = report[name];
    if (typeof value !== "number") {
      throw new Error(`ghz's report has ${JSON.stringify(value)} as ${name}: wanted a number`);
    }
    return value;
  };
  const tally = (name: string) => (report[name] ?? {}) as Tally;
  const shares = (report.latencyDistribution ?? []) as readonly {
    readonly percentage: number;
    readonly latency: number;
  }[];
  const share = (wanted: number) =>
    (shares.find(({ percentage }) => percentage === wanted)?.latency ?? 0) / 1e6;
  const statuses = tally("statusCodeDistribution");
  return {
    calls: number("count"),
    tookMs: number("total") / 1e6,
    callsPerSecond: number("rps"),
    ...((statuses.OK ?? 0) > 0 && {
      latencyMs: {
        fastest: number("fastest") / 1e6,
        average: number("average") / 1e6,
        p50: share(50),
        p90: share(90),
        p99: share(99),
        slowest: number("slowest") / 1e6,
      },
    }),
    statuses,
    errors: tally("errorDistribution"),
  };
}
