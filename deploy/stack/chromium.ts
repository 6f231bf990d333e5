// Chromium for the browser tests: the system's when it is installed, else Debian's package unpacked
// privately, with the fonts and libraries this machine lacks. Nothing that serves people needs it.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { ensureDebian, libraryPath } from "./apt.ts";
import type { Cache } from "./cache.ts";
import { writeWhole } from "./folders.ts";
import { findProgram, run } from "./run.ts";

const PACKAGES = ["chromium", "fontconfig-config", "fonts-liberation"];
const NAMES = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];
const PULSE = "usr/lib/x86_64-linux-gnu/pulseaudio";
/** What a page asks for, and which of the fetched fonts it gets. */
const FAMILIES = [
  ["system-ui", "Liberation Sans"],
  ["sans-serif", "Liberation Sans"],
  ["monospace", "Liberation Mono"],
] as const;
const VERSION_SECONDS_MAX = 30;

/** A browser that can be started. */
export interface ChromiumProgram {
  path: string;
  /** What its environment must say besides. */
  env: Record<string, string>;
}

/** Finds or fetches a Chromium; throws a sentence that says how to get one. */
export async function fetchChromium(
  cache: Cache,
  path: string | undefined,
): Promise<ChromiumProgram> {
  const found = NAMES.map((name) => findProgram(name, path)).find((it) => it !== undefined);
  if (found !== undefined) return { path: found, env: {} };
  try {
    const folder = await ensureDebian(cache, "chromium", PACKAGES);
    const program = {
      // The real program: the package's script of that name wants its files below /etc and /usr.
      path: join(folder, "usr/lib/chromium/chromium"),
      env: {
        // Sound's common library lies in a folder of its own.
        LD_LIBRARY_PATH: `${libraryPath(folder)}:${join(folder, PULSE)}`,
        FONTCONFIG_FILE: writeFontConfig(cache, folder),
      },
    };
    await run(program.path, ["--version"], {
      env: { ...process.env, ...program.env },
      signal: cache.signal,
      secondsMax: VERSION_SECONDS_MAX,
    });
    return program;
  } catch (error) {
    throw new Error(
      `the browser tests need Chromium, and it could not be had from Debian: apt-get install chromium`,
      { cause: error },
    );
  }
}

/** The unpacked fonts are not where the system's fontconfig looks. */
function writeFontConfig(cache: Cache, folder: string): string {
  const own = join(cache.folder, "tmp");
  mkdirSync(own, { recursive: true });
  const file = join(own, "chromium-fonts.conf");
  writeWhole(
    file,
    `<?xml version="1.0"?>\n<!DOCTYPE fontconfig SYSTEM "fonts.dtd">\n<fontconfig>\n` +
      `  <dir>/usr/share/fonts</dir>\n  <dir>${join(folder, "usr/share/fonts")}</dir>\n` +
      FAMILIES.map(
        ([family, font]) =>
          `  <alias binding="same"><family>${family}</family><prefer><family>${font}</family></prefer></alias>\n`,
      ).join("") +
      `  <cachedir>${join(own, "chromium-fonts")}</cachedir>\n</fontconfig>\n`,
  );
  return file;
}
