// `npm run migrate`: brings the tables of a running Vitess to what this build knows.
import { join } from "node:path";
import { migrate } from "#shared/migrate.ts";
import { environmentHelp, loadConfig } from "./config.ts";
import type { Say } from "./say.ts";
import { runScript } from "./script.ts";
import { findRunningStack } from "./stack.ts";

const HELP = `npm run migrate

Applies the migrations that are missing, services/<service>/sql/NNNN_verb_noun.sql to the keyspace
<service> and services/<service>/sql/global/NNNN_verb_noun.sql to the keyspace global, and writes them
down in global.schema_migration. npm start does the same by itself.

The database is the running mesh of this data folder, else SLOTMESH_MYSQL_DSN.

Options:
  --help     this text

${environmentHelp()}`;

await runScript(HELP, main);

async function main(say: Say): Promise<void> {
  const config = loadConfig();
  const running = findRunningStack(config.dataFolder);
  const dsn = config.given.mysqlDsn ?? running?.env.SLOTMESH_MYSQL_DSN;
  if (dsn === undefined) {
    throw new Error(
      `nothing runs with the data in ${config.dataFolder}: npm start migrates by itself, or give a ` +
        "vtgate in SLOTMESH_MYSQL_DSN",
    );
  }
  const applied = await migrate({ dsn, servicesFolder: join(config.checkout, "services"), say });
  say(applied === 0 ? "nothing to apply" : `${applied} applied`);
}
