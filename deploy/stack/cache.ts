// The cache of fetched and built parts, shared by all checkouts of a user. An entry is a folder that
// appears by one rename when it is complete, so a start that is interrupted or doubled leaves either
// the whole entry or nothing. Its name carries the stamp: versions and checksums of what is in it.
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { takeLock } from "./lock.ts";
import { findProcess, ownProcess } from "./pids.ts";
import type { Say } from "./say.ts";

const PROGRESS_FIRST_SECONDS = 3;
const PROGRESS_EVERY_SECONDS = 10;
const WAIT_STEP_MS = 300;
/** Entries of an older stamp are removed when nobody started with them for this long. */
const UNUSED_DAYS_MAX = 14;
const DAY_MS = 86_400_000;

export interface Cache {
  folder: string;
  say: Say;
  signal: AbortSignal;
}

export interface Entry {
  /** For example `mysql`; no dashes. */
  name: string;
  /** What makes this entry other than an older one. */
  stamp: string;
  /** Said while it runs, for example "building vtcombo from source, once, 3 to 5 minutes". */
  doing: string;
  /** Fills the given empty folder. */
  build: (folder: string) => Promise<void>;
}

/** Where an entry is or will be. */
export function entryFolder(cache: Pick<Cache, "folder">, name: string, stamp: string): string {
  return join(cache.folder, `${name}-${stamp}`);
}

/** Tells whether the entry is there, complete. */
export function isCached(cache: Pick<Cache, "folder">, name: string, stamp: string): boolean {
  return statSync(entryFolder(cache, name, stamp), { throwIfNoEntry: false }) !== undefined;
}

/** Returns the entry's folder, building it first when it is missing. */
export async function ensure(cache: Cache, entry: Entry): Promise<string> {
  const folder = entryFolder(cache, entry.name, entry.stamp);
  if (!isCached(cache, entry.name, entry.stamp)) await buildLocked(cache, entry, folder);
  // Its time says when it was last used; a cache that cannot be written to serves just as well.
  try {
    utimesSync(folder, new Date(), new Date());
    removeUnused(cache, entry);
  } catch {}
  return folder;
}

async function buildLocked(cache: Cache, entry: Entry, folder: string): Promise<void> {
  const lockPath = join(cache.folder, "tmp", `${entry.name}-${entry.stamp}.lock`);
  let said = false;
  for (;;) {
    const lock = takeLock(lockPath);
    if (lock.kind === "taken") {
      try {
        if (!isCached(cache, entry.name, entry.stamp)) await build(cache, entry, folder);
        return;
      } finally {
        lock.release();
      }
    }
    if (!said) cache.say(`${entry.name}: waiting for process ${lock.owner?.pid}, which fetches it`);
    said = true;
    await sleep(WAIT_STEP_MS, undefined, { signal: cache.signal });
  }
}

async function build(cache: Cache, entry: Entry, folder: string): Promise<void> {
  removeAbandoned(cache.folder);
  const own = ownProcess();
  const temporary = join(cache.folder, "tmp", `build-${entry.name}-${own.pid}-${own.startTicks}`);
  rmSync(temporary, { recursive: true, force: true });
  // 0755 whatever the umask: the user nobody runs what is in here.
  mkdirSync(temporary, { recursive: true, mode: 0o755 });
  const stopProgress = sayProgress(cache, `${entry.name}: ${entry.doing}`);
  const startedAtMs = performance.now();
  try {
    await entry.build(temporary);
    cache.signal.throwIfAborted();
    renameSync(temporary, folder);
    const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1);
    cache.say(`${entry.name}: done in ${seconds} s, kept in ${folder}`);
  } finally {
    stopProgress();
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** Says at once what is done, and every few seconds that it is still being done. */
function sayProgress(cache: Cache, line: string): () => void {
  const startedAtMs = performance.now();
  cache.say(line);
  const remind = () => {
    const seconds = Math.round((performance.now() - startedAtMs) / 1000);
    cache.say(`${line} ... ${seconds} s`);
    timer = setTimeout(remind, PROGRESS_EVERY_SECONDS * 1000);
  };
  let timer = setTimeout(remind, PROGRESS_FIRST_SECONDS * 1000);
  return () => clearTimeout(timer);
}

/** Removes what killed starts left half-built. */
function removeAbandoned(folder: string): void {
  for (const name of readdirSync(join(folder, "tmp"))) {
    const owner = /^build-.*-(\d+)-(\d+)$/.exec(name);
    if (!owner || findProcess(Number(owner[1]))?.startTicks === owner[2]) continue;
    rmSync(join(folder, "tmp", name), { recursive: true, force: true });
  }
}

function removeUnused(cache: Cache, entry: Entry): void {
  const current = `${entry.name}-${entry.stamp}`;
  for (const name of readdirSync(cache.folder)) {
    if (!name.startsWith(`${entry.name}-`) || name === current) continue;
    const path = join(cache.folder, name);
    if (Date.now() - statSync(path).mtimeMs > UNUSED_DAYS_MAX * DAY_MS) {
      rmSync(path, { recursive: true, force: true });
    }
  }
}
