// Folders of the data folder that an embedded part writes to: made with the right owner and mode, and
// checked, since MySQL's and Redis's complaints about a wrong owner are hard to read.
import {
  chownSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import type { RunAs } from "./config.ts";

/** Makes a folder that only this user (default: ours) can enter. */
export function makeFolder(path: string, runAs: RunAs | undefined, mode = 0o700): void {
  const uid = runAs?.uid ?? process.getuid?.() ?? 0;
  if (!existsSync(path)) {
    mkdirSync(path, { recursive: true, mode });
    if (runAs) chownSync(path, runAs.uid, runAs.gid);
  }
  const owner = statSync(path).uid;
  if (owner === uid) return;
  throw new Error(
    `${path} belongs to uid ${owner} and this start needs it as uid ${uid}: start slotmesh as the ` +
      `user who started it first, or give the folder over with: chown -R ${uid} ${path}`,
  );
}

/**
 * Fills a folder that must be whole or absent (a freshly initialised database): it is made under
 * another name and renamed, so an interrupt leaves nothing that looks finished.
 */
export async function fillFolder(
  path: string,
  runAs: RunAs | undefined,
  fill: (temporary: string) => Promise<void>,
): Promise<void> {
  if (existsSync(path)) return;
  const temporary = `${path}.tmp`;
  rmSync(temporary, { recursive: true, force: true });
  makeFolder(temporary, runAs);
  await fill(temporary);
  renameSync(temporary, path);
}

/** Writes a file so that a reader, or a crash, sees the old content or the new one. */
export function writeWhole(path: string, content: string, mode = 0o644): void {
  writeFileSync(`${path}.tmp`, content, { mode });
  renameSync(`${path}.tmp`, path);
}
