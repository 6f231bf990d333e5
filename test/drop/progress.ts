// Says how far a drop is: one line that rewrites itself on a terminal, a line every two seconds elsewhere.

import type { Ledger } from "./ledger.ts";
import type { LoadCounts } from "./shoppers.ts";

const TERMINAL_MS = 200;
const LOG_MS = 2000;
const CLEAR_LINE = "\r\x1b[2K";

/** Begins to say. Returns what ends it. */
export function showProgress(ledger: Ledger, load: LoadCounts, output: NodeJS.WriteStream) {
  const startedMs = performance.now();
  const line = () => {
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1).padStart(5);
    const { admitted, soldOut, confirmed } = ledger.counts;
    return (
      `${seconds} s  sent ${count(load.sent)}  admitted ${count(admitted)}  ` +
      `sold out ${count(soldOut)}  confirmed ${count(confirmed)}`
    );
  };
  const write = () => output.write(output.isTTY ? CLEAR_LINE + line() : `${line()}\n`);
  const timer = setInterval(write, output.isTTY ? TERMINAL_MS : LOG_MS);
  return () => {
    clearInterval(timer);
    output.write(output.isTTY ? CLEAR_LINE : `${line()}\n`);
  };
}

function count(value: number): string {
  return value.toLocaleString("en-US").padStart(7);
}
