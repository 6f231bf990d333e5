// `npm run bench`: measures the mesh against what it could be at best, and what it would be without its
// design, all in one run.

import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { loadConfig } from "../deploy/stack/config.ts";
import { buildGhz } from "../deploy/stack/ghz.ts";
import { mysqldSocket } from "../deploy/stack/mysqld.ts";
import { startStack } from "../deploy/stack/stack.ts";
import { runTool } from "../test/tool.ts";
import { measureCodes } from "./suite/codes.ts";
import { measureDrain } from "./suite/drain.ts";
import { measureHotSlot } from "./suite/hot-slot.ts";
import { HELP, parseOptions } from "./suite/options.ts";
import { formatProfiles } from "./suite/profile.ts";
import { conditions, formatTable, type Line } from "./suite/report.ts";
import { createRig } from "./suite/rig.ts";
import { measureRpc } from "./suite/rpc.ts";
import { measureStrangers } from "./suite/strangers.ts";

const DATA = join(import.meta.dirname, "../.data/bench");
const PROFILES = join(DATA, "profiles");

await runTool({
  name: "the bench",
  help: HELP,
  parse: () => parseOptions(),
  open: async ({ say, signal, kill }, { profile }) => {
    rmSync(DATA, { recursive: true, force: true });
    if (profile) {
      mkdirSync(PROFILES, { recursive: true });
      process.env.NODE_OPTIONS = `--cpu-prof --cpu-prof-dir=${PROFILES}`;
    }
    say("starting a mesh for the bench");
    const stack = await startStack({ dataFolder: DATA, ports: "free", say, signal, kill });
    const stop = async () => {
      await stack.stop();
      // Node writes a profile when its process ends.
      if (profile) {
        say(formatProfiles(PROFILES).join("\n"));
      }
    };
    return { env: stack.env, dataFolder: stack.dataFolder, stop };
  },
  work: async ({ env, dataFolder }, options, { say, signal }) => {
    const config = loadConfig({ dataFolder });
    const ghz = await buildGhz({ folder: config.cacheFolder, say, signal }, config);
    const rig = await createRig(env, dataFolder, ghz, { say, signal });
    const lines: Line[] = [];
    const details: string[] = [];
    try {
      if (options.groups.includes("rpc")) {
        lines.push(...(await measureRpc(rig, options.calls, options.rounds)));
      }
      if (options.groups.includes("slot")) {
        lines.push(...(await measureHotSlot(rig, mysqldSocket(config), options)));
      }
      if (options.groups.includes("drain")) {
        lines.push(...(await measureDrain(rig, options.bookings, options.rounds)));
      }
      if (options.groups.includes("codes")) {
        const codes = await measureCodes(rig, options.rounds);
        lines.push(...codes.lines);
        details.push("", ...codes.table);
      }
      if (options.groups.includes("strangers")) {
        lines.push(...(await measureStrangers(rig, options.rounds)));
      }
    } finally {
      await rig.stop();
    }
    say([`\n${conditions()}\n`, formatTable(lines), ...details].join("\n"));
    return true;
  },
});
