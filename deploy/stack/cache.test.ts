import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { type Cache, ensure } from "./cache.ts";
import { readOwner, takeLock } from "./lock.ts";
import { isRunning, ownProcess } from "./pids.ts";

const root = mkdtempSync(join(tmpdir(), "slotmesh-cache-"));
afterAll(() => rmSync(root, { recursive: true }));

function makeCache(name: string, signal = new AbortController().signal): Cache {
  return { folder: join(root, name), say: () => {}, signal };
}

const entry = (build: (folder: string) => Promise<void>) => ({
  name: "thing",
  stamp: "1",
  doing: "making a thing",
  build,
});

test("an entry is built once, by many at once and ever after", async () => {
  const cache = makeCache("once");
  let builds = 0;
  const thing = entry(async (folder) => {
    builds++;
    writeFileSync(join(folder, "it"), "whole");
  });
  const folders = await Promise.all([ensure(cache, thing), ensure(cache, thing)]);
  expect(await ensure(cache, thing)).toBe(folders[0]);
  expect(readFileSync(join(folders[0] ?? "", "it"), "utf8")).toBe("whole");
  expect(builds).toBe(1);
  expect(readdirSync(join(cache.folder, "tmp"))).toEqual([]);
});

test("a build that fails, or is interrupted, leaves nothing, and can be done again", async () => {
  const interrupt = new AbortController();
  const cache = makeCache("fails", interrupt.signal);
  const half = (folder: string) => writeFileSync(join(folder, "half"), "");
  const failing = ensure(
    cache,
    entry(async (folder) => {
      half(folder);
      throw new Error("no room left");
    }),
  );
  await expect(failing).rejects.toThrow("no room left");
  const interrupted = ensure(
    cache,
    entry(async (folder) => {
      half(folder);
      interrupt.abort(new Error("interrupted"));
    }),
  );
  await expect(interrupted).rejects.toThrow("interrupted");
  expect(readdirSync(cache.folder)).toEqual(["tmp"]);
  expect(readdirSync(join(cache.folder, "tmp"))).toEqual([]);
  const folder = await ensure(
    makeCache("fails"),
    entry(async () => {}),
  );
  expect(readdirSync(folder)).toEqual([]);
});

test("what a killed start left half-built is removed by the next build", async () => {
  const cache = makeCache("killed");
  const { pid } = ownProcess();
  const left = join(cache.folder, "tmp", `build-other-${pid}-1`);
  mkdirSync(left, { recursive: true });
  await ensure(
    cache,
    entry(async () => {}),
  );
  expect(existsSync(left)).toBe(false);
});

test("a lock names its living owner, and a dead owner's lock is taken over", () => {
  const path = join(root, "locks", "one");
  const first = takeLock(path);
  expect(first.kind).toBe("taken");
  expect(takeLock(path)).toEqual({ kind: "held", owner: ownProcess() });
  // The same pid, but of a process that started at another time.
  writeFileSync(path, JSON.stringify({ ...ownProcess(), startTicks: "1" }));
  expect(takeLock(path).kind).toBe("taken");
  expect(readOwner(path)).toEqual(ownProcess());
  if (first.kind === "taken") first.release();
  expect(readOwner(path)).toBeUndefined();
  expect(readdirSync(join(root, "locks"))).toEqual([]);
});

test("a process is the one that it was only with its start time and boot", () => {
  expect(isRunning(ownProcess())).toBe(true);
  expect(isRunning({ ...ownProcess(), startTicks: "1" })).toBe(false);
  expect(isRunning({ ...ownProcess(), bootId: "another" })).toBe(false);
});
