// What the stack says while it starts and stops: plain lines, and a clock for the steps.

export type Say = (line: string) => void;

/** Collects how long each step took, for the summary line. */
export interface Steps {
  /** Runs a step and says when it is done; steps may overlap. */
  run<T>(name: string, done: string, work: () => Promise<T>): Promise<T>;
  /** For example "mysqld 1.9, vtcombo 3.2". */
  summary(): string;
}

/** Writes to standard output; when nobody reads it any more, the stack goes on silently. */
export function sayToStdout(): Say {
  // Without a listener a closed pipe (`npm start | head`) would end us halfway through a start.
  process.stdout.on("error", () => {});
  process.stderr.on("error", () => {});
  // kafkajs computes timeouts that are in the past: harmless, and not worth a reader's time.
  process.removeAllListeners("warning");
  process.on("warning", (warning) => {
    if (warning.name !== "TimeoutNegativeWarning") console.error(warning);
  });
  return (line) => {
    process.stdout.write(`${line}\n`);
  };
}

export function recordSteps(say: Say): Steps {
  const took: string[] = [];
  return {
    async run(name, done, work) {
      const startedAtMs = performance.now();
      const result = await work();
      const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1);
      took.push(`${name} ${seconds}`);
      say(`  ${name.padEnd(12)} ${done.padEnd(48)} ${seconds.padStart(6)} s`);
      return result;
    },
    summary: () => took.join(", "),
  };
}
