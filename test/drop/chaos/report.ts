// What chaos found: a table of the faults and what clients saw of each, and which promises were not kept.
// Pure, as certificate.ts is.

/** Everyone who was let in has the final answer so soon after the last fault. */
export const FINAL_MS_MAX = 60_000;

const ERRORS_SHOWN = 3;

/** One fault, and what clients saw until the next one. */
export interface FaultFacts {
  readonly name: string;
  /** Since the run began. */
  readonly atMs: number;
  readonly note: string;
  /** Requests in flight at that moment. */
  readonly inFlight: number;
  /** Shoppers who were let in and had no final answer at that moment. */
  readonly waiting: number;
  /** Operations whose end is unknown, by what was said. */
  readonly errors: Readonly<Record<string, number>>;
  /** From the fault to the first booking, sent after it, that was let in. Absent: none was. */
  readonly firstOkMs?: number;
  /** From the fault to the first confirmation of a shopper who came after it. Absent: none was. */
  readonly firstConfirmedMs?: number;
  /** From the kill until the supervisor says that the part answers. Absent: it was not killed, or nobody
   * waited for it. */
  readonly readyMs?: number;
}

/** What was broken, and what came of it. */
export interface ChaosFacts {
  readonly faults: readonly FaultFacts[];
  /** From the end of the last fault to the last first final answer; negative if it came before. */
  readonly lastFinalMs: number;
  readonly operations: number;
  readonly unknown: number;
  /** Where the history and the rows disagree, and what else should not be. */
  readonly violations: readonly string[];
  readonly historyFile?: string;
}

/** Says in sentences which promises were not kept. */
export function judgeChaos({ faults, lastFinalMs, violations }: ChaosFacts): string[] {
  const idle = faults.filter(({ inFlight, waiting }) => inFlight + waiting === 0);
  return [
    ...violations,
    ...(lastFinalMs > FINAL_MS_MAX
      ? [
          `the last final answer came ${seconds(lastFinalMs)} after the last fault: at most ` +
            `${seconds(FINAL_MS_MAX)} are promised`,
        ]
      : []),
    ...idle.map(({ name }) => `nothing was in flight at "${name}": it proves nothing`),
  ];
}

/** Formats the table of faults. */
export function formatChaos(facts: ChaosFacts): string[] {
  const head = [
    ...["at", "fault", "", "in flight", "queued", "first ok", "confirmed", "ready"],
    "errors that clients saw",
  ];
  const rows = facts.faults.map((fault) => [
    seconds(fault.atMs),
    fault.name,
    fault.note,
    String(fault.inFlight),
    String(fault.waiting),
    span(fault.firstOkMs),
    span(fault.firstConfirmedMs),
    span(fault.readyMs),
    errorsOf(fault.errors),
  ]);
  const widths = head.map((_, column) =>
    Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)),
  );
  const isText = new Set([1, 2, 8]);
  const table = [head, ...rows].map((row) => {
    const cells = row.map((cell, column) =>
      isText.has(column) ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
    );
    return `  ${cells.join("  ").trimEnd()}`;
  });
  const { operations, unknown, lastFinalMs, historyFile } = facts;
  return [
    ...table,
    "",
    `  ${operations} operations in the history, ${unknown} with an unknown end, each asked again until known`,
    `  the last final answer came ${seconds(lastFinalMs)} after the last fault (promised: ${seconds(FINAL_MS_MAX)})`,
    ...(historyFile === undefined ? [] : [`  the history is in ${historyFile}`]),
  ];
}

function errorsOf(errors: FaultFacts["errors"]): string {
  const entries = Object.entries(errors).sort(([, one], [, other]) => other - one);
  const shown = entries.slice(0, ERRORS_SHOWN).map(([said, count]) => `${count} ${said}`);
  const rest = entries.slice(ERRORS_SHOWN).reduce((sum, [, count]) => sum + count, 0);
  return entries.length === 0
    ? "none"
    : [...shown, ...(rest > 0 ? [`${rest} others`] : [])].join(", ");
}

function span(ms: number | undefined): string {
  return ms === undefined ? "-" : seconds(ms);
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}
