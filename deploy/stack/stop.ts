// `npm run stop`: stops the mesh of this data folder, or ends what a killed supervisor left behind.
import { join } from "node:path";
import { environmentHelp, loadConfig } from "./config.ts";
import { readOwner } from "./lock.ts";
import { isRunning, signalProcess } from "./pids.ts";
import { endParts, hasEnded, readRecord, removeRecord } from "./record.ts";
import type { Say } from "./say.ts";
import { runScript } from "./script.ts";

const HELP = `npm run stop

Stops the mesh that runs with this data folder, in order, and waits until it has ended. When its
supervisor was killed, ends exactly the processes that it had started. Nothing running is no error.

Options:
  --help     this text

${environmentHelp()}`;

/** The sum of the bounds of all levels, so that the supervisor's own order is not cut short. */
const SUPERVISOR_SECONDS_MAX = 90;

await runScript(HELP, stop);

async function stop(say: Say): Promise<void> {
  const { dataFolder, dataFolderNote } = loadConfig();
  if (dataFolderNote) say(dataFolderNote);
  const supervisor = readOwner(join(dataFolder, "run", "lock"));
  const isSupervised = supervisor !== undefined && isRunning(supervisor);
  if (isSupervised) {
    say(`stopping the mesh of ${dataFolder} (process ${supervisor.pid})`);
    signalProcess(supervisor, "SIGTERM");
    if (!(await hasEnded(supervisor, SUPERVISOR_SECONDS_MAX))) {
      say(`process ${supervisor.pid} did not end within ${SUPERVISOR_SECONDS_MAX} s: killing it`);
      signalProcess(supervisor, "SIGKILL");
      await hasEnded(supervisor, SUPERVISOR_SECONDS_MAX);
    }
  }
  const record = readRecord(dataFolder);
  const ended = record ? await endParts(record, say) : [];
  removeRecord(dataFolder);
  if (ended.length > 0) say(`ended what was left: ${ended.join(", ")}`);
  else say(isSupervised ? "stopped" : `nothing runs with the data in ${dataFolder}`);
}
