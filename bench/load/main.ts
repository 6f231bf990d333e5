// `npm run load`: sends a measured load of bookings with ghz, and certifies that each spot was sold once.

import { loadConfig } from "../../deploy/stack/config.ts";
import { buildGhz } from "../../deploy/stack/ghz.ts";
import { runTool } from "../../test/tool.ts";
import { HELP, parseOptions } from "./options.ts";
import { formatLoad, judgeLoad } from "./report.ts";
import { runLoad } from "./run.ts";

await runTool({
  name: "the load",
  help: HELP,
  parse: () => parseOptions(),
  work: async ({ env }, options, { say, signal }) => {
    const config = loadConfig();
    const { dataFolder, cacheFolder: folder } = config;
    const ghz = await buildGhz({ folder, say, signal }, config);
    const facts = await runLoad(options, { env, dataFolder, ghz, say, signal });
    say(formatLoad(facts));
    return judgeLoad(facts).length === 0;
  },
});
