// What a tool does around its work on a mesh: reads its options, opens the mesh, stops what it started,
// and says by its exit code what came of it. The first Ctrl-C ends it in order, a second one at once.

import type { Say } from "../deploy/stack/say.ts";
import { sayToStdout } from "../deploy/stack/say.ts";
import { type Mesh, openMesh } from "./drop/mesh.ts";

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
const EXIT_INTERRUPTED = 130;
/** A signal sooner after the first is the same Ctrl-C: npm passes on what the terminal sent to us too. */
const SAME_SIGNAL_MS = 500;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** A tool. */
export interface Tool<Options> {
  /** As a sentence says it: "the drop". */
  readonly name: string;
  readonly help: string;
  /** Reads the command line. Throws with a sentence; undefined if help was asked for. */
  parse(): Options | undefined;
  /** Opens the mesh. If absent, the one that runs with the data folder, or one that is started. */
  open?(surroundings: Parameters<typeof openMesh>[0], options: Options): Promise<Mesh>;
  /** Does the work. Returns whether every promise was kept. */
  work(mesh: Mesh, options: Options, context: ToolContext): Promise<boolean>;
}

/** What the work is given. */
export interface ToolContext {
  readonly say: Say;
  readonly signal: AbortSignal;
}

/** Runs a tool to its end, which is the end of the process: 0 certified, 1 failed, 2 wrong options, 130
 * interrupted. */
export async function runTool<Options>(tool: Tool<Options>): Promise<never> {
  const say = sayToStdout();
  const options = readOptions(tool, say);
  process.exit(options ? await run(tool, options, say) : 0);
}

async function run<Options>(tool: Tool<Options>, options: Options, say: Say): Promise<number> {
  const { signal, kill } = listenToSignals(say);
  let mesh: Mesh | undefined;
  let exitCode = EXIT_FAILED;
  try {
    mesh = await (tool.open ?? openMesh)({ say, signal, kill }, options);
    exitCode = (await tool.work(mesh, options, { say, signal })) ? 0 : EXIT_FAILED;
  } catch (error) {
    say(
      signal.aborted
        ? "interrupted: no certificate"
        : `${tool.name} could not be run: ${tell(error)}`,
    );
  }
  try {
    await mesh?.stop();
  } catch (error) {
    say(`the mesh did not stop cleanly: ${tell(error)}`);
    exitCode = EXIT_FAILED;
  }
  return signal.aborted ? EXIT_INTERRUPTED : exitCode;
}

function listenToSignals(say: Say): { signal: AbortSignal; kill: AbortSignal } {
  const interrupt = new AbortController();
  const kill = new AbortController();
  let firstSignalMs: number | undefined;
  const onSignal = (name: NodeJS.Signals) => {
    if (firstSignalMs === undefined) {
      firstSignalMs = performance.now();
      say(`${name}: stopping; again to kill`);
      interrupt.abort(new Error(`interrupted by ${name}`));
    } else if (performance.now() - firstSignalMs > SAME_SIGNAL_MS) {
      kill.abort();
      process.exit(EXIT_INTERRUPTED);
    }
  };
  for (const name of SIGNALS) {
    process.on(name, onSignal);
  }
  return { signal: interrupt.signal, kill: kill.signal };
}

function readOptions<Options>(tool: Tool<Options>, say: Say): Options | undefined {
  try {
    const options = tool.parse();
    if (!options) {
      say(tool.help);
    }
    return options;
  } catch (error) {
    say(`${tell(error)}\n\n${tool.help}`);
    process.exit(EXIT_USAGE);
  }
}

function tell(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
