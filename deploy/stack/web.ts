// The page, built once per state of its sources and kept in the checkout's own .cache/web: the folder that
// the gateway serves. The stamp covers all that goes into it, so what is served is always of this checkout.
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Cache, ensure } from "./cache.ts";
import type { Config } from "./config.ts";
import { run } from "./run.ts";

const BUILD_SECONDS_MAX = 180;
const STAMP_CHARACTERS = 16;
/** What the page is made of, besides the lock. */
const SOURCES = ["services/web", "gen"];
/** Written into the page by vite.config.ts. */
const VARIABLES = ["SLOTMESH_WEB_TENANT", "SLOTMESH_WEB_TENANT_NAME"];

/** Returns the folder of the page, building it when its sources have changed. One that is given in
 * SLOTMESH_WEB_ROOT is served as it is. */
export async function buildPage(cache: Cache, config: Config): Promise<string> {
  const given = config.environment.SLOTMESH_WEB_ROOT;
  if (given) return given;
  const folder = join(config.checkout, ".cache/web");
  mkdirSync(join(folder, "tmp"), { recursive: true });
  return ensure(
    { ...cache, folder },
    {
      name: "page",
      stamp: pageStamp(config),
      doing: "building the page from services/web, again when it changes, some seconds",
      build: async (target) => {
        await run(process.execPath, [join(config.checkout, "services/web/build.ts"), target], {
          cwd: config.checkout,
          // A page built while tests run is the same page.
          env: { ...config.environment, NODE_ENV: "production" },
          signal: cache.signal,
          secondsMax: BUILD_SECONDS_MAX,
        });
      },
    },
  );
}

/** Hashes everything the page is made of. */
function pageStamp({ checkout, environment }: Config): string {
  const hash = createHash("sha256");
  const files = SOURCES.flatMap((source) =>
    readdirSync(join(checkout, source), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !/\.(?:test\.ts|md)$/.test(entry.name))
      .map((entry) => join(entry.parentPath, entry.name)),
  );
  for (const file of [...files.toSorted(), join(checkout, "package-lock.json")]) {
    hash
      .update(`${file.slice(checkout.length)}\0`)
      .update(readFileSync(file))
      .update("\0");
  }
  for (const name of VARIABLES) {
    hash.update(`${name}=${environment[name] ?? ""}\0`);
  }
  return hash.digest("hex").slice(0, STAMP_CHARACTERS);
}
