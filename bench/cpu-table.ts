// Shows whose processor time a run took: per call, and as a share of a core, for one or more spans.

import { type CpuAccount, FOREIGN_SHARE_MAX } from "./cpu.ts";

/** A stretch of a run, and what it is divided by. */
export interface CpuSpan {
  /** "while answering" */
  readonly when: string;
  readonly account: CpuAccount;
  readonly count: number;
  /** "call" */
  readonly unit: string;
}

/** Formats a row for each name, the ones of the mesh together after its parts. */
export function formatCpu(spans: readonly CpuSpan[], tools: readonly string[]): string[] {
  const names = namesOf(spans);
  const parts = names.filter((name) => !tools.includes(name));
  const rows = [
    ["processor time", ...spans.flatMap(({ unit }) => [`us/${unit}`, "of a core"])],
    ...parts.map((name) => rowOf(name, [name], spans)),
    rowOf("the mesh", parts, spans),
    ...tools.map((name) => rowOf(name, [name], spans)),
  ];
  const heads = ["", ...spans.map(({ when }) => when)];
  const [first = 0, ...rest] = columnWidths(rows);
  const widths = [
    first,
    ...spans.map((_, span) => (rest[2 * span] ?? 0) + (rest[2 * span + 1] ?? 0) + 2),
  ];
  return [
    formatRow(heads, widths),
    ...rows.map((row) => formatRow(row, [first, ...rest])),
    "",
    ...spans.map(formatOthers),
    ...names.filter((name) => isRestarted(name, spans)).map(formatRestarted),
  ];
}

/** Says whether others took so much of the machine that the run tells little. */
export function isNoisy(account: CpuAccount): boolean {
  return account.foreignShare > FOREIGN_SHARE_MAX;
}

function formatOthers({ when, account }: CpuSpan): string {
  const { wallMs, cores, foreignShare, interruptMs, stolenMs } = account;
  const share = (ms: number) => percent(ms / (wallMs * cores));
  const noisy = isNoisy(account) ? `   NOISY: more than ${percent(FOREIGN_SHARE_MAX)}` : "";
  return (
    `  ${when}: others took ${percent(foreignShare)} of the machine, interrupts ` +
    `${share(interruptMs)}, stolen ${share(stolenMs)}${noisy}`
  );
}

function isRestarted(wanted: string, spans: readonly CpuSpan[]): boolean {
  return spans.some(({ account }) =>
    account.uses.some((use) => use.name === wanted && use.isRestarted),
  );
}

function formatRestarted(name: string): string {
  return `  ${name} was started again: what it used before is not in here`;
}

/** The dearest of the first span first. */
function namesOf(spans: readonly CpuSpan[]): string[] {
  const names = new Set(spans.flatMap(({ account }) => account.uses.map(({ name }) => name)));
  const [first] = spans;
  return [...names].sort((one, other) => msOf(first, [other]) - msOf(first, [one]));
}

function rowOf(label: string, names: readonly string[], spans: readonly CpuSpan[]): string[] {
  const cells = spans.flatMap((span) => {
    const ms = msOf(span, names);
    const each = span.count === 0 ? "-" : ((ms * 1000) / span.count).toFixed(1);
    return [each, percent(ms / span.account.wallMs)];
  });
  return [label, ...cells];
}

function msOf(span: CpuSpan | undefined, names: readonly string[]): number {
  const uses = span?.account.uses.filter(({ name }) => names.includes(name)) ?? [];
  return uses.reduce((sum, { cpuMs }) => sum + cpuMs, 0);
}

function columnWidths(rows: readonly (readonly string[])[]): number[] {
  return (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
}

function formatRow(cells: readonly string[], widths: readonly number[]): string {
  const padded = cells.map((cell, column) =>
    column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
  );
  return `  ${padded.join("  ")}`.trimEnd();
}

function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;
}
