// Makes the checkout ready to run: the npm packages as the lock says, and the Node they bring.
// Every npm script runs it first, so a fresh clone needs nothing but npm and any Node >= 18; when
// nothing changed it hashes one file and returns. It is plain JavaScript for that older Node's sake.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The first with Temporal, which the days of time zones are computed with. */
const NODE_MAJOR_MIN = 26;
/** An install that takes longer than this is taken for dead, and its lock is ignored. */
const INSTALL_SECONDS_MAX = 600;
const WAIT_STEP_MS = 200;
const EMPTY_LOCK_MS_MAX = 5000;

const checkout = dirname(dirname(fileURLToPath(import.meta.url)));
const modules = join(checkout, "node_modules");
const stampFile = join(modules, ".slotmesh-stamp");
const lockFile = join(checkout, ".cache", "npm-install.lock");

let holdsLock = false;
const wanted = stamp();
if (found() !== wanted) await install();
checkNode();

/** The lock's sha256 and the platform: native packages of another platform are of no use here. */
function stamp() {
  const lock = readFileSync(join(checkout, "package-lock.json"));
  const sum = createHash("sha256").update(lock).digest("hex");
  return `${sum} ${process.platform}-${process.arch}\n`;
}

function found() {
  try {
    return readFileSync(stampFile, "utf8");
  } catch {
    return ""; // No stamp: never installed, or an install was cut short.
  }
}

/**
 * Installs from the lock. `npm ci` would be stricter, but fails here: the lock's entries for other
 * platforms' optional packages carry no versions in this registry. The stamp is written last, so an
 * interrupted install is simply run again.
 */
async function install() {
  takeLock();
  try {
    if (found() === wanted) return; // Another one did it while this one waited for the lock.
    const startedAtMs = Date.now();
    console.log("slotmesh: installing npm packages into node_modules, as package-lock.json says");
    await runNpm(["install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"]);
    writeFileSync(`${stampFile}.${process.pid}`, wanted);
    renameSync(`${stampFile}.${process.pid}`, stampFile);
    const elapsed = ((Date.now() - startedAtMs) / 1000).toFixed(1);
    console.log(`slotmesh: npm packages installed in ${elapsed} s`);
  } finally {
    releaseLock();
  }
}

function runNpm(args) {
  return new Promise((resolve) => {
    const npm = spawn("npm", args, { cwd: checkout, stdio: ["ignore", 2, 2] });
    // npm outlives us when we are killed, and the next install must wait for it.
    if (npm.pid) writeFileSync(lockFile, `${process.pid} ${npm.pid}`);
    npm.on("error", (error) => fail(`npm could not be started: ${error.message}`));
    npm.on("exit", (code, signal) => {
      if (signal) fail(`npm install was ended by ${signal}: run this again`);
      if (code !== 0) fail(`npm install failed with exit code ${code}, see above`);
      resolve();
    });
  });
}

/** Takes the lock file, or waits for the install that has it; a dead owner's lock is removed. */
function takeLock() {
  mkdirSync(dirname(lockFile), { recursive: true });
  for (let said = false; ; said = true) {
    try {
      writeFileSync(lockFile, String(process.pid), { flag: "wx" });
      holdsLock = true;
      return;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
    if (isAbandoned()) {
      rmSync(lockFile, { force: true });
      continue;
    }
    if (!said) console.log("slotmesh: waiting for another npm install in this checkout");
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, WAIT_STEP_MS);
  }
}

function releaseLock() {
  if (holdsLock) rmSync(lockFile, { force: true });
  holdsLock = false;
}

function isAbandoned() {
  try {
    const ageMs = Date.now() - statSync(lockFile).mtimeMs;
    if (ageMs > INSTALL_SECONDS_MAX * 1000) return true;
    const pids = readFileSync(lockFile, "utf8").split(" ").filter(Boolean).map(Number);
    // An empty file was created a moment ago, or by a process that died before it wrote its pid.
    return pids.length === 0 ? ageMs > EMPTY_LOCK_MS_MAX : !pids.some(isAlive);
  } catch (error) {
    if (error.code === "ENOENT") return true; // Released meanwhile.
    throw error;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code !== "ESRCH";
  }
}

/** The npm package `node` is what the scripts run next: see that it came, and is new enough. */
function checkNode() {
  let version = "";
  try {
    version = JSON.parse(readFileSync(join(modules, "node", "package.json"), "utf8")).version;
    statSync(join(modules, ".bin", "node"));
  } catch {
    fail("node_modules/.bin/node is missing: remove node_modules and run this again");
  }
  if (Number(version.split(".")[0]) >= NODE_MAJOR_MIN) return;
  fail(
    `node_modules/.bin/node is ${version} and slotmesh wants ${NODE_MAJOR_MIN} or newer: ` +
      "put the npm package `node` back into package.json and run this again",
  );
}

function fail(message) {
  console.error(`slotmesh: ${message}`);
  releaseLock();
  process.exit(1);
}
