// The table at the end of a start: what runs, where it answers, and where its log is.
import type { Say } from "./say.ts";
import type { Stack } from "./stack.ts";

export function printTable(stack: Stack, say: Say): void {
  const rows = stack.parts.map((part) => [
    part.spec.name,
    part.spec.address,
    String(part.process?.pid ?? "-"),
    part.spec.logFile,
  ]);
  const table = [["part", "address", "pid", "log"], ...rows];
  const widths = [0, 1, 2, 3].map((column) => {
    return Math.max(...table.map((row) => row[column]?.length ?? 0));
  });
  for (const row of table) {
    say(
      `  ${row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd()}`,
    );
  }
}
