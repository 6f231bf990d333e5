// `npm start`: brings up the mesh, prints where everything is, and keeps it up until Ctrl-C.
import { environmentHelp } from "./config.ts";
import { printDemo, seedDemo } from "./demo.ts";
import type { Say } from "./say.ts";
import { runScript } from "./script.ts";
import { type Stack, startStack } from "./stack.ts";
import { printTable } from "./table.ts";

const HELP = `npm start

Starts the whole mesh on this machine and keeps it running until Ctrl-C: MySQL, Vitess, a Kafka
broker, Redis, the tables, the four services, and the gateway that browsers reach them through. The
first start fetches and builds what is missing and takes minutes; later ones take seconds. A part that
ends is started again.

The first Ctrl-C stops everything in order, a second one kills it. Nothing is lost either way.

Options:
  --help     this text

${environmentHelp()}`;

/** A signal sooner after the first is the same Ctrl-C: npm passes on what the terminal sent to us too. */
const SAME_SIGNAL_MS = 500;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

await runScript(HELP, main);

async function main(say: Say): Promise<void> {
  const interrupt = new AbortController();
  const kill = new AbortController();
  let stack: Stack | undefined;
  let firstSignalMs: number | undefined;
  const onSignal = (signal: NodeJS.Signals) => {
    if (firstSignalMs === undefined) {
      firstSignalMs = performance.now();
      say(`${signal}: stopping; again to kill`);
      interrupt.abort(new Error(`interrupted by ${signal}`));
      if (stack) void stop(stack, say);
    } else if (performance.now() - firstSignalMs > SAME_SIGNAL_MS) {
      say(`${signal} again: killing everything`);
      kill.abort();
      process.exit(1);
    }
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);

  try {
    stack = await startStack({ say, signal: interrupt.signal, kill: kill.signal });
  } catch (error) {
    say(`slotmesh did not start: ${error instanceof Error ? error.message : error}`);
    process.exit(1);
  }
  if (interrupt.signal.aborted) return stop(stack, say);
  const showDemo = await makeDemo(stack);
  if (interrupt.signal.aborted) return;
  printTable(stack, say);
  const page = stack.env.SLOTMESH_GATEWAY_URL;
  say(`page: ${page} for shoppers, ${page}/staff for the counter`);
  showDemo(say);
  say("Ctrl-C, or npm run stop, stops everything.");
}

/** Makes sure that the demo is there, and returns how to tell of it. A mesh without it is still one. */
async function makeDemo(stack: Stack): Promise<(say: Say) => void> {
  try {
    const demo = await seedDemo(stack.env);
    return (say) => printDemo(demo, say);
  } catch (error) {
    const why = error instanceof Error ? error.message : error;
    return (say) => say(`the demo data could not be made: ${why}`);
  }
}

async function stop(stack: Stack, say: Say): Promise<void> {
  try {
    await stack.stop();
    say("stopped");
    process.exit(0);
  } catch (error) {
    say(`slotmesh did not stop cleanly: ${error instanceof Error ? error.message : error}`);
    process.exit(1);
  }
}
