// The walls of the house: imports point one way, no service reaches into another, and only config.ts
// reads the environment.

import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "..");
const SERVICES = ["identity", "inventory", "scheduling", "codes", "gateway"];
const IMPORT = /(?:^|\n)\s*(?:import|export)\s[^;]*?from\s+"([^"]+)"|import\("([^"]+)"\)/g;

/** Rooms in the order in which they may import: each only from those to its right. */
const ORDER = ["main", "service", "store", "redis", "events", "domain"];

const files = globSync("services/**/*.ts", { cwd: ROOT }).filter(
  (file) => !file.endsWith(".test.ts"),
);

function importsOf(file: string): string[] {
  const text = readFileSync(join(ROOT, file), "utf8");
  return [...text.matchAll(IMPORT)].map(([, from, dynamic]) => {
    const target = (from ?? dynamic) as string;
    if (target.startsWith("#shared/")) {
      return target.replace("#shared/", "services/shared/");
    }
    return target.startsWith(".")
      ? relative(ROOT, resolve(ROOT, dirname(file), target))
      : target.replace("#gen/", "gen/");
  });
}

function serviceOf(path: string): string | undefined {
  return /^services\/([^/]+)\//.exec(path)?.[1];
}

test("the walk sees the files it is about", () => {
  for (const service of SERVICES) {
    expect(files).toContain(`services/${service}/main.ts`);
  }
  expect(importsOf("services/scheduling/main.ts")).toContain("services/scheduling/service.ts");
  expect(importsOf("services/scheduling/main.ts")).toContain("services/shared/serve.ts");
});

describe.each(files)("%s", (file) => {
  const service = serviceOf(file);

  test("imports no other service's folder", () => {
    const foreign = importsOf(file).filter((target) => {
      const other = serviceOf(target);
      return other !== undefined && other !== service && other !== "shared";
    });
    expect(foreign).toEqual([]);
  });

  test("imports nothing that stands above it", () => {
    const room = ORDER.indexOf(/\/([^/]+)\.ts$/.exec(file)?.[1] ?? "");
    const above = importsOf(file)
      .filter((target) => serviceOf(target) === service)
      .map((target) => /\/([^/]+)\.ts$/.exec(target)?.[1] ?? "")
      .filter((target) => ORDER.includes(target) && ORDER.indexOf(target) < room);
    expect(above).toEqual([]);
  });

  test("leaves the environment to config.ts and to scripts", () => {
    const text = readFileSync(join(ROOT, file), "utf8");
    const mayRead = /config\.ts$|shared\/testing\.ts$/.test(file);
    expect(mayRead || !text.includes("process.env")).toBe(true);
  });
});
