// `npm run drop`: sends everyone at a few slots at once, and certifies that each spot was sold once. With
// --chaos the mesh is broken meanwhile, and the certificate must be the same.

import { runTool } from "../tool.ts";
import { formatCertificate, judge } from "./certificate.ts";
import { runChaos } from "./chaos/run.ts";
import { HELP, parseOptions } from "./options.ts";
import { runDrop } from "./run.ts";

await runTool({
  name: "the drop",
  help: HELP,
  parse: () => parseOptions(),
  work: async (mesh, options, { say, signal }) => {
    const surroundings = { signal, say, output: process.stdout };
    const facts = options.isChaos
      ? await runChaos(mesh, options, surroundings)
      : await runDrop(mesh.env, options, surroundings);
    say(formatCertificate(facts));
    return judge(facts).length === 0;
  },
});
