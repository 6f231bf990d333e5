// `npm run drop`: sends everyone at a few slots at once, and certifies that each spot was sold once. With
// --chaos the mesh is broken meanwhile, and the certificate must be the same.

import { sayToStdout } from "../../deploy/stack/say.ts";
import { formatCertificate, judge } from "./certificate.ts";
import { runChaos } from "./chaos/run.ts";
import { type Mesh, openMesh } from "./mesh.ts";
import { type DropOptions, HELP, parseOptions } from "./options.ts";
import { runDrop } from "./run.ts";

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
const EXIT_INTERRUPTED = 130;
/** A signal sooner after the first is the same Ctrl-C: npm passes on what the terminal sent to us too. */
const SAME_SIGNAL_MS = 500;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

const say = sayToStdout();
const options = readOptions();
if (options) {
  process.exit(await main(options));
}

async function main(options: DropOptions): Promise<number> {
  const { signal, kill } = listenToSignals();
  let mesh: Mesh | undefined;
  let exitCode = EXIT_FAILED;
  try {
    mesh = await openMesh({ say, signal, kill });
    const surroundings = { signal, say, output: process.stdout };
    const facts = options.isChaos
      ? await runChaos(mesh, options, surroundings)
      : await runDrop(mesh.env, options, surroundings);
    say(formatCertificate(facts));
    exitCode = judge(facts).length === 0 ? 0 : EXIT_FAILED;
  } catch (error) {
    say(
      signal.aborted ? "interrupted: no certificate" : `the drop could not be run: ${tell(error)}`,
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

function listenToSignals(): { signal: AbortSignal; kill: AbortSignal } {
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

function readOptions(): DropOptions | undefined {
  try {
    const options = parseOptions();
    if (!options) {
      say(HELP);
    }
    return options;
  } catch (error) {
    say(`${tell(error)}\n\n${HELP}`);
    process.exit(EXIT_USAGE);
  }
}

function tell(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
