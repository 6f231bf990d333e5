// A lock between processes: a file that names its owner, so that the lock of a process that was killed
// is seen to be dead and taken over. Node has no flock; link(2) is as atomic.
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { isRunning, ownProcess, type ProcessId } from "./pids.ts";

/** How often a dead owner's lock is taken over before giving up: each round someone else won. */
const TAKEOVERS_MAX = 20;

export type LockResult =
  | { kind: "taken"; release: () => void }
  | { kind: "held"; owner: ProcessId | undefined };

/** Takes the lock at once or says who has it. */
export function takeLock(path: string): LockResult {
  mkdirSync(dirname(path), { recursive: true });
  const own = `${path}.${process.pid}`;
  // The content is complete before the name appears, so a reader never sees half an owner.
  writeFileSync(own, JSON.stringify(ownProcess()));
  try {
    for (let round = 0; round < TAKEOVERS_MAX; round++) {
      if (tryLink(own, path)) {
        return { kind: "taken", release: () => rmSync(path, { force: true }) };
      }
      const owner = readOwner(path);
      if (owner && isRunning(owner)) return { kind: "held", owner };
      moveAway(path);
    }
    return { kind: "held", owner: readOwner(path) };
  } finally {
    rmSync(own, { force: true });
  }
}

function tryLink(own: string, path: string): boolean {
  try {
    linkSync(own, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** Reads whose lock it is; undefined when nobody has it. */
export function readOwner(path: string): ProcessId | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as ProcessId;
  } catch {
    return undefined; // Released meanwhile.
  }
}

/**
 * Removes a dead owner's lock. Between reading and removing it another starter may have taken it over:
 * rename first, and put a living owner's lock back.
 */
function moveAway(path: string): void {
  const aside = `${path}.dead.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch {
    return; // Someone else removed it: look again.
  }
  const owner = readOwner(aside);
  if (owner && isRunning(owner)) tryLink(aside, path);
  rmSync(aside, { force: true });
}
