// `npm run drop`: sends everyone at a few slots at once, and certifies that each spot was sold once.

import { runTool } from "../tool.ts";
import { formatCertificate, judge } from "./certificate.ts";
import { HELP, parseOptions } from "./options.ts";
import { runDrop } from "./run.ts";

await runTool({
  name: "the drop",
  help: HELP,
  parse: () => parseOptions(),
  work: async (mesh, options, { say, signal }) => {
    const facts = await runDrop(mesh.env, options, { signal, say, output: process.stdout });
    say(formatCertificate(facts));
    return judge(facts).length === 0;
  },
});
