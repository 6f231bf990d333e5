// Builds the page: `node services/web/build.ts <folder>`. `npm start` does it when sources have changed.

import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "vite";

const [folder] = process.argv.slice(2);
if (folder === undefined || folder === "--help") {
  console.log(
    "node services/web/build.ts <folder>\n\nBuilds the page into a folder, and says how large it is.",
  );
  process.exitCode = folder === undefined ? 2 : 0;
} else {
  await buildPage(resolve(folder));
}

async function buildPage(outDir: string): Promise<void> {
  await build({
    configFile: join(import.meta.dirname, "vite.config.ts"),
    logLevel: "warn",
    build: { outDir },
  });
  for (const name of readdirSync(outDir, { recursive: true, encoding: "utf8" })) {
    if (/\.(?:js|css|html)$/.test(name)) {
      const bytes = readFileSync(join(outDir, name));
      const zipped = gzipSync(bytes, { level: 9 }).length;
      console.log(`${name}: ${bytes.length} bytes, ${zipped} as gzip`);
    }
  }
}
