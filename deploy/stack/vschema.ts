// Which keyspaces there are, how many shards each has, and the vschema each gets: composed at every
// start from the services' own files, since vtcombo keeps its topology in memory only.
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Config, KEYSPACE_SERVICES } from "./config.ts";
import { writeWhole } from "./folders.ts";

/** The embedded topology. A suffix is whole on one shard for any number up to 100 (design.md). */
export const KEYSPACES: Record<string, readonly string[]> = {
  global: ["0"],
  identity: ["-40", "40-80", "80-c0", "c0-"],
  inventory: ["-80", "80-"],
  scheduling: ["-40", "40-80", "80-c0", "c0-"],
  codes: ["-40", "40-80", "80-c0", "c0-"],
};

export interface Vschema {
  sharded?: boolean;
  tables?: Record<string, unknown>;
  [field: string]: unknown;
}

/** Reads what every keyspace's vschema shall be. */
export function readVschemas(servicesFolder: string): Record<string, Vschema> {
  const vschemas: Record<string, Vschema> = { global: { sharded: false, tables: {} } };
  for (const name of KEYSPACE_SERVICES) {
    const own = readVschema(join(servicesFolder, name, "sql", "vschema.json"));
    vschemas[name] = own ?? { sharded: true, tables: {} };
    const shared = readVschema(join(servicesFolder, name, "sql", "global", "vschema.json"));
    if (shared) mergeTables(vschemas.global as Vschema, shared, name);
  }
  return vschemas;
}

/** Writes the folder that vtcombo's --schema-dir wants, and returns it. */
export function writeSchemaFolder(config: Config): string {
  const folder = join(config.dataFolder, "run", "schema");
  rmSync(folder, { recursive: true, force: true });
  for (const [keyspace, vschema] of Object.entries(
    readVschemas(join(config.checkout, "services")),
  )) {
    mkdirSync(join(folder, keyspace), { recursive: true });
    writeWhole(join(folder, keyspace, "vschema.json"), JSON.stringify(vschema, null, 2));
  }
  return folder;
}

/** A service without tables has no file. */
function readVschema(file: string): Vschema | undefined {
  if (!existsSync(file)) return undefined;
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Vschema;
  } catch (error) {
    throw new Error(`${file} is not JSON: ${(error as Error).message}`, { cause: error });
  }
}

function mergeTables(target: Vschema, source: Vschema, service: string): void {
  target.tables ??= {};
  for (const [table, definition] of Object.entries(source.tables ?? {})) {
    if (table in target.tables) {
      throw new Error(`services/${service}/sql/global/vschema.json: ${table} is another service's`);
    }
    target.tables[table] = definition;
  }
}
