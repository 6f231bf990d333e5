// Ports, before anything is started: each one we need is free, or the message names it, who has it,
// and the variable that moves it.
import { randomInt } from "node:crypto";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { HOST, type PortName, type Ports, portVariable } from "./config.ts";

/** Characters of a process's command line that a message shows. */
const COMMAND_SHOWN_MAX = 120;
/** Picked ports lie below Linux's range for outgoing connections, which else could take one while its part
 * is started again. */
const PICKED_MIN = 20_000;
const PICKED_END = 32_000;
const PICK_TRIES_MAX = 100;

/** Checks that all of these can be listened on; throws one message for all that cannot. */
export async function checkPorts(ports: Ports, names: PortName[]): Promise<void> {
  const doubled = findDoubled(ports, names);
  if (doubled) throw new Error(`${doubled.map(portVariable).join(" and ")} are the same port`);
  const taken = await Promise.all(
    names.map(async (name) => ((await isFree(ports[name])) ? [] : name)),
  );
  const lines = taken.flat().map((name) => {
    const owner = findOwner(ports[name]);
    const who = owner ? `process ${owner.pid} (${owner.command})` : "another process";
    return `  port ${ports[name]} (${name}) is taken by ${who}: set ${portVariable(name)} to another`;
  });
  if (lines.length > 0) throw new Error(`cannot listen:\n${lines.join("\n")}`);
}

/** Picks a free port for every name; all are held together first, so that none comes twice. */
export async function pickFreePorts(names: PortName[]): Promise<Partial<Ports>> {
  const servers = await Promise.all(names.map(listenSomewhere));
  const ports: Partial<Ports> = {};
  for (const [index, name] of names.entries()) {
    const address = servers[index]?.address();
    if (address && typeof address === "object") ports[name] = address.port;
  }
  await Promise.all(servers.map(close));
  return ports;
}

async function isFree(port: number): Promise<boolean> {
  try {
    await close(await listen(port));
    return true;
  } catch (error) {
    if (isTaken(error)) return false;
    throw error;
  }
}

function isTaken(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "EADDRINUSE" || code === "EACCES";
}

async function listenSomewhere(): Promise<Server> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await listen(randomInt(PICKED_MIN, PICKED_END));
    } catch (error) {
      if (tries === PICK_TRIES_MAX || !isTaken(error)) throw error;
    }
  }
}

function listen(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(port, HOST, () => resolve(server));
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

function findDoubled(ports: Ports, names: PortName[]): PortName[] | undefined {
  return names
    .map((name) => names.filter((other) => ports[other] === ports[name]))
    .find((same) => same.length > 1);
}

/**
 * Finds who has a port, as far as /proc lets this user see. It may be the near end of an outgoing
 * connection: 50051 and above are in the range that Linux takes those from.
 */
function findOwner(port: number): { pid: number; command: string } | undefined {
  const inodes = new Set([...inodesOf("tcp", port), ...inodesOf("tcp6", port)]);
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    if (!openSockets(pid).some((inode) => inodes.has(inode))) continue;
    return { pid: Number(pid), command: commandOf(pid).slice(0, COMMAND_SHOWN_MAX) };
  }
  return undefined;
}

function inodesOf(family: "tcp" | "tcp6", port: number): string[] {
  const wanted = port.toString(16).toUpperCase().padStart(4, "0");
  try {
    const lines = readFileSync(`/proc/net/${family}`, "utf8").split("\n").slice(1);
    return (
      lines
        .map((line) => line.trim().split(/\s+/))
        // Field 1 is the local address:port in hexadecimal, field 9 the inode of the socket.
        .filter((fields) => fields[1]?.endsWith(`:${wanted}`))
        .map((fields) => fields[9] ?? "")
    );
  } catch {
    return [];
  }
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
  } catch {
    return "ended"; // Between finding and asking.
  }
}

function openSockets(pid: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      const match = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`));
      return match?.[1] ?? [];
    });
  } catch {
    return []; // Another user's process, or it ended meanwhile.
  }
}
