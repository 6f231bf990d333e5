// Debian packages without installing them: a private apt-get downloads them with all they need and
// dpkg unpacks them into a cache folder. No root, no package database touched, and no daemon started
// by a package's scripts. apt checks the signatures.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { type Cache, ensure, isCached } from "./cache.ts";
import { makeQueue, run } from "./run.ts";

const SYSTEM_LISTS = "/var/lib/apt/lists";
const UPDATE_SECONDS_MAX = 300;
const DOWNLOAD_SECONDS_MAX = 300;
const UNPACK_SECONDS_MAX = 60;
/** Our own package lists have no lock: apt's is switched off for the sake of the system's. */
const oneAtATime = makeQueue();
const LIBRARY_FOLDERS = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"];

/** Returns the folder that holds the unpacked packages, fetching them when they are missing. */
export function ensureDebian(cache: Cache, name: string, packages: string[]): Promise<string> {
  return ensure(cache, {
    name,
    stamp: debianStamp(packages),
    doing: `fetching ${packages.join(", ")} from Debian`,
    build: async (folder) => {
      const archives = join(folder, "archives");
      mkdirSync(join(archives, "partial"), { recursive: true });
      await oneAtATime(() => download(cache, packages, archives));
      const files = readdirSync(archives).filter((file) => file.endsWith(".deb"));
      await Promise.all(
        files.map((file) =>
          run("dpkg", ["-x", join(archives, file), folder], {
            signal: cache.signal,
            secondsMax: UNPACK_SECONDS_MAX,
          }),
        ),
      );
      rmSync(archives, { recursive: true });
      linkRenamedLibraries(folder);
    },
  });
}

export function isDebianCached(cache: Pick<Cache, "folder">, name: string, packages: string[]) {
  return isCached(cache, name, debianStamp(packages));
}

/** What LD_LIBRARY_PATH must hold for programs that want these packages' libraries. */
export function libraryPath(folder: string): string {
  return LIBRARY_FOLDERS.map((library) => join(folder, library)).join(":");
}

/**
 * Downloads with the package lists the system has, which takes a second; when they are missing or too
 * old, with lists of our own.
 */
async function download(cache: Cache, packages: string[], archives: string): Promise<void> {
  try {
    await aptInstall(cache, packages, archives, SYSTEM_LISTS);
  } catch (error) {
    if (cache.signal.aborted) throw error;
    const lists = join(cache.folder, "apt-lists");
    mkdirSync(join(lists, "partial"), { recursive: true });
    cache.say("apt: fetching Debian's package lists");
    // One unreachable source of many is no reason to stop: the download itself tells.
    const args = [...aptOptions(archives, lists), "update"];
    await run("apt-get", args, { signal: cache.signal, secondsMax: UPDATE_SECONDS_MAX }).catch(() =>
      cache.signal.throwIfAborted(),
    );
    await aptInstall(cache, packages, archives, lists);
  }
}

async function aptInstall(cache: Cache, packages: string[], archives: string, lists: string) {
  const args = [...aptOptions(archives, lists), "--yes", "--no-install-recommends"];
  args.push("--reinstall", "--download-only", "install", ...packages);
  await run("apt-get", args, { signal: cache.signal, secondsMax: DOWNLOAD_SECONDS_MAX });
}

function aptOptions(archives: string, lists: string): string[] {
  const options = [
    `Dir::Cache::archives=${archives}`,
    `Dir::State::lists=${lists}`,
    "Dir::Cache::pkgcache=",
    "Dir::Cache::srcpkgcache=",
    // The system's package database is only read: its lock, which is root's, is not needed.
    "Debug::NoLocking=true",
    "APT::Sandbox::User=",
    "Acquire::Retries=2",
  ];
  return options.flatMap((option) => ["-o", option]);
}

/** Newer systems call the library libaio.so.1t64; mysqld asks for it by its older name. */
function linkRenamedLibraries(folder: string): void {
  for (const library of LIBRARY_FOLDERS) {
    const renamed = join(folder, library, "libaio.so.1t64");
    const link = join(folder, library, "libaio.so.1");
    if (existsSync(renamed) && !existsSync(link)) symlinkSync("libaio.so.1t64", link);
  }
}

function debianStamp(packages: string[]): string {
  let release = "unknown";
  try {
    const text = readFileSync("/etc/os-release", "utf8");
    release = /^VERSION_CODENAME=(\S+)/m.exec(text)?.[1] ?? release;
  } catch {} // Not Debian-like: apt-get, if there is one, will say the rest.
  return `${release}-${packages.join("-")}`;
}
