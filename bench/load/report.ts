// What came of a load: what ghz measured, whose processor time it took, and whether every promise was
// kept. Pure. A call that a busy mesh turned away breaks no promise, if it had no effect, or one that
// its shopper can see; how many there were stands in the verdict.

import { AppointmentState, RefusalReason } from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import {
  formatSlots,
  formatVerdict,
  judgeSlot,
  type SlotFacts,
  SOLD_OUT,
} from "../../test/drop/certificate.ts";
import { nameOf, type Shopper } from "../../test/drop/ledger.ts";
import type { CpuAccount } from "../cpu.ts";
import { formatCpu } from "../cpu-table.ts";
import type { GhzReport } from "./ghz.ts";
import type { LoadOptions } from "./options.ts";

/** What a mesh that has too much to do may answer, as ghz names it. */
const BUSY: readonly string[] = ["ResourceExhausted", "Unavailable", "DeadlineExceeded", "Aborted"];
const ERRORS_SHOWN = 5;

/** Calls that were sent, and what came of them. */
export interface Sent {
  readonly shoppers: readonly Shopper[];
  /** Absent if there were none. */
  readonly report?: GhzReport;
}

/** Calls that were sent, and the slots they were sent at. */
export interface Batch extends Sent {
  readonly slots: readonly SlotFacts[];
}

/** What was found. */
export interface LoadFacts {
  readonly runId: string;
  readonly options: LoadOptions;
  readonly warming: Batch;
  readonly load: Batch;
  readonly codes: { readonly issued: number; readonly distinct: number };
  /** What cannot be, in sentences. */
  readonly faults: readonly string[];
  /** From the first call until all were answered. */
  readonly answering: CpuAccount;
  /** From the first call until nothing differed, with the audits that looked. */
  readonly settling: CpuAccount;
}

/** Returns how many calls were not answered OK, or not made. */
export function failedCalls({ shoppers, report }: Sent): number {
  return Math.max(0, shoppers.length - (report?.statuses.OK ?? 0));
}

/** Says in sentences which promises were not kept. None: the load is certified. */
export function judgeLoad(facts: LoadFacts): string[] {
  const { warming, load, codes } = facts;
  const shoppers = [...warming.shoppers, ...load.shoppers];
  const confirmed = shoppers.filter(({ state }) => state === AppointmentState.CONFIRMED).length;
  const pending = shoppers.filter(isPending).length;
  return [
    ...[warming, load].flatMap(judgeBatch),
    ...judgeEnds(shoppers),
    ...(pending > 0 ? [`${of(pending, "shopper")} got no final answer`] : []),
    ...(codes.issued === confirmed
      ? []
      : [`${of(confirmed, "confirmed appointment")}, ${of(codes.issued, "code")}`]),
    ...(codes.distinct === codes.issued
      ? []
      : [`${of(codes.issued - codes.distinct, "code")} of ${codes.issued} came twice`]),
    ...facts.faults,
  ];
}

/** Formats everything, the verdict last. */
export function formatLoad(facts: LoadFacts): string {
  const { runId, options, load, answering, settling } = facts;
  const violations = judgeLoad(facts);
  const confirmed = load.shoppers.filter(({ state }) => state === AppointmentState.CONFIRMED);
  const spans = [
    { when: "until answered", account: answering, count: options.calls, unit: "call" },
    { when: "until settled", account: settling, count: options.calls, unit: "call" },
  ];
  const failed = failedCalls(load);
  return [
    "",
    `LOAD CERTIFICATE   run ${runId}   ${formatShape(options)}`,
    "",
    ...(load.report ? formatReport(load.report) : []),
    formatLine(
      "settled after",
      `${seconds(settling.wallMs)}   ${number(confirmed.length)} bookings`,
    ),
    "",
    ...formatCpu(spans, ["ghz", "load"]),
    "",
    ...formatSlots([...facts.warming.slots, ...load.slots]),
    "",
    ...formatVerdict(load, violations),
    ...(failed > 0 ? [`${of(failed, "call")} of ${number(options.calls)} failed`] : []),
  ].join("\n");
}

function judgeBatch(batch: Batch): string[] {
  const failed = failedCalls(batch);
  if (failed === 0) {
    return [...batch.slots.flatMap(judgeSlot), ...judgeCalls(batch)];
  }
  // Nobody knows whose calls failed, so what is left of the slots is judged as a whole: where spots are
  // left, there was one for everyone whose call did not fail.
  const known = batch.slots.map((slot) => ({ ...slot, wantedSpots: slot.confirmedSpots }));
  const without = batch.slots
    .filter(({ audit }) => "availableSpots" in audit && audit.availableSpots > 0)
    .reduce((sum, { wantedSpots, confirmedSpots }) => sum + wantedSpots - confirmedSpots, 0);
  return [
    ...known.flatMap(judgeSlot),
    ...judgeCalls(batch),
    ...(without > failed
      ? [
          `${of(without, "shopper")} have nothing at slots with free spots, ${of(failed, "call")} failed`,
        ]
      : []),
  ];
}

function judgeCalls({ shoppers, report }: Sent): string[] {
  if (!report) {
    return [];
  }
  const wrong = Object.entries(report.statuses).filter(
    ([status]) => status !== "OK" && !BUSY.includes(status),
  );
  return [
    ...(report.calls === shoppers.length
      ? []
      : [`ghz made ${of(report.calls, "call")} of ${number(shoppers.length)}`]),
    ...wrong.map(([status, count]) => `${of(count, "call")} ended with ${status}`),
  ];
}

/** Every shopper asks for one place at an open slot, so only the spots can be lacking. */
function judgeEnds(shoppers: readonly Shopper[]): string[] {
  const names = shoppers
    .filter((shopper) => shopper.appointmentId !== "" && !isPending(shopper))
    .filter(({ state }) => state !== AppointmentState.CONFIRMED)
    .map(({ state, refusal }) =>
      state === AppointmentState.REFUSED
        ? nameOf(RefusalReason, refusal)
        : nameOf(AppointmentState, state),
    );
  return [...Map.groupBy(names, (name) => name)]
    .filter(([name]) => name !== SOLD_OUT)
    .map(([name, each]) => `${of(each.length, "appointment")} ended as ${name}`);
}

function isPending({ appointmentId, finalMs }: Shopper): boolean {
  return appointmentId !== "" && finalMs === undefined;
}

function formatShape({
  profile,
  concurrency,
  connections,
  rps,
  rpsFrom,
  hasOwnTokens,
}: LoadOptions) {
  const shapes = {
    saturate: `saturate, ${concurrency} at once`,
    constant: `constant, ${number(rps)} a second`,
    ramp: `ramp, ${number(rpsFrom)} to ${number(rps)} a second`,
  };
  const tokens = hasOwnTokens ? "a token each" : "one token";
  return `${shapes[profile]}, ${of(connections, "connection")}, ${tokens}`;
}

function formatReport({ calls, tookMs, callsPerSecond, latencyMs, statuses, errors }: GhzReport) {
  const each = Object.entries(statuses).map(([status, count]) => `${status} ${number(count)}`);
  const { fastest, average, p50, p90, p99, slowest } = latencyMs ?? {};
  const shown = { average, p50, p90, p99, fastest, slowest };
  return [
    formatLine("calls", `${number(calls)}   ${each.join("   ")}`),
    formatLine("took", `${seconds(tookMs)}   ${number(Math.round(callsPerSecond))} calls/s`),
    formatLine(
      "latency",
      Object.entries(shown)
        .map(([name, value]) => `${name} ${ms(value)}`)
        .join("   "),
    ),
    ...Object.entries(errors)
      .slice(0, ERRORS_SHOWN)
      .map(([error, count]) => formatLine("failed", `${number(count)}   ${error}`)),
  ];
}

function formatLine(label: string, text: string): string {
  return `  ${label.padEnd(16)}${text}`;
}

function of(count: number, thing: string): string {
  return `${number(count)} ${count === 1 ? thing : `${thing}s`}`;
}

function number(value: number): string {
  return value.toLocaleString("en-US");
}

function ms(value: number | undefined): string {
  return value === undefined ? "-" : `${value.toFixed(value < 10 ? 1 : 0)} ms`;
}

function seconds(value: number): string {
  return `${(value / 1000).toFixed(2)} s`;
}
