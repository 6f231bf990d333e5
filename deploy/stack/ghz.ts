// ghz, the load generator, built from source into the cache: it is in no other registry. Not a part of
// the mesh: only what sends load asks for it, and it is pinned, because the numbers of a bench are the
// generator's as well. Go checks what it downloads against its database of sums.
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { type Cache, ensure, isCached } from "./cache.ts";
import type { Config } from "./config.ts";
import { run } from "./run.ts";
import { checkTools } from "./tools.ts";

/** The version of ghz that is built. */
export const GHZ_VERSION = "0.121.0";
const PACKAGE = `github.com/bojand/ghz/cmd/ghz@v${GHZ_VERSION}`;
const BUILD_SECONDS_MAX = 1800;

/** Builds ghz when it was not built yet, and returns the program. */
export async function buildGhz(cache: Cache, config: Config): Promise<string> {
  const tools = isCached(cache, "ghz", GHZ_VERSION) ? [] : (["go"] as const);
  checkTools(config, [{ part: "ghz", tools: [...tools], otherwise: "or take npm run drop" }]);
  const folder = await ensure(cache, {
    name: "ghz",
    stamp: GHZ_VERSION,
    doing: `building ghz ${GHZ_VERSION} from source, once (half a minute on 2 cores)`,
    build: async (target) => {
      await run("go", ["install", "-trimpath", "-ldflags", "-s -w", PACKAGE], {
        cwd: target,
        // Somebody's own -mod=vendor would be refused here, where there is no module of ours.
        env: { ...config.environment, CGO_ENABLED: "0", GOBIN: target, GOFLAGS: "-mod=mod" },
        signal: cache.signal,
        secondsMax: BUILD_SECONDS_MAX,
      });
      chmodSync(join(target, "ghz"), 0o755);
    },
  });
  return join(folder, "ghz");
}
