// What a call costs at the browser's edge: processor time of the gateway's process per call, for each
// protocol, beside the same call to a service's own gRPC server and to a bare node:http server.
//
// Each server is a process of its own, each variant is driven by raw sockets or HTTP/2 streams from this
// process, one variant at a time, all variants in turn and several times over: so a busy minute of the
// machine meets all of them. The figure is (utime + stime) of the server's process over the calls, which
// other processes disturb far less than they disturb wall time.

import { type ChildProcess, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { create, toBinary, toJsonString } from "@bufbuild/protobuf";
import { HealthCheckRequestSchema } from "#gen/grpc/health/v1/health_pb.ts";
import {
  GetSlotRequestSchema,
  GetSlotResponseSchema,
  InventoryService,
} from "#gen/slotmesh/inventory/v1/inventory_service_pb.ts";
import { ADDRESS_KEY_FILE } from "#shared/caller-address.ts";
import { bind } from "#shared/handlers.ts";
import { generateKeyFile } from "#shared/key-file.ts";
import { createLogger } from "#shared/log.ts";
import { serveGrpc } from "#shared/serve.ts";
import { sleep, toTimestamp } from "#shared/time.ts";

const HELP = `node bench/gateway.ts

Measures the processor time that one call costs the gateway, in microseconds of its process (user and
system), for Connect JSON and proto over HTTP/1.1, gRPC-Web, and gRPC over HTTP/2, beside the same call
to a service's gRPC server (grpc-js) and to bare node:http. Two calls: an empty one that is answered in
the process (grpc.health.v1.Health/Check), and one that the gateway passes on (GetSlot, to a service that
answers at once). Starts what it needs on free ports of 127.0.0.1 and ends it; needs no mesh.

  --calls <n>      calls of each variant and repetition (6000)
  --warm <n>       calls of each variant before the first figure (4000)
  --repeat <n>     repetitions; the median and the least are shown (5)
  --in-flight <n>  calls at once (32)
  --only <text>    only variants whose name contains this
  --profile <dir>  write a .cpuprofile of the gateway there
  --node <flag>    measure a second gateway too, whose node has this flag; may be given again
  --help           this text
`;

const CLOCK_TICK_US = 10_000;
const READY_MS_MAX = 20_000;
const HTTP2_SESSIONS = 4;
const LONG_WAY = "application/json; charset=utf-8";

interface Server {
  readonly pid: number;
  readonly port: number;
  stop(): Promise<void>;
}

interface Variant {
  readonly name: string;
  readonly server: Server;
  /** Makes so many calls, so many at once, and checks each answer. */
  run(calls: number, inFlight: number): Promise<void>;
}

const { values } = parseArgs({
  options: {
    calls: { type: "string", default: "6000" },
    warm: { type: "string", default: "4000" },
    repeat: { type: "string", default: "5" },
    "in-flight": { type: "string", default: "32" },
    only: { type: "string", default: "" },
    profile: { type: "string" },
    node: { type: "string", multiple: true, default: [] },
    serve: { type: "string" },
    port: { type: "string", default: "0" },
    help: { type: "boolean" },
  },
});

if (values.help) {
  console.log(HELP);
} else if (values.serve === "grpc") {
  await serveService(Number(values.port));
} else if (values.serve === "bare") {
  serveBare(Number(values.port));
} else {
  await measure();
}

async function measure(): Promise<void> {
  const calls = Number(values.calls);
  const inFlight = Number(values["in-flight"]);
  const service = await startSelf("grpc");
  const bare = await startSelf("bare");
  const keyDir = mkdtempSync(join(tmpdir(), "slotmesh-bench-"));
  writeFileSync(join(keyDir, ADDRESS_KEY_FILE), generateKeyFile());
  const gateways = await Promise.all(
    ["", ...values.node].map(async (flag) => ({
      flag,
      server: await startGateway(service.port, keyDir, flag),
    })),
  );
  try {
    const variants = variantsOf(service, bare, gateways).filter(({ name }) =>
      name.includes(values.only),
    );
    for (const variant of variants) {
      await variant.run(Number(values.warm), inFlight);
    }
    const figures = new Map<string, number[]>(variants.map(({ name }) => [name, []]));
    for (let round = 0; round < Number(values.repeat); round += 1) {
      for (const { name, server, run } of variants) {
        const before = cpuTicks(server.pid);
        await run(calls, inFlight);
        const ticks = cpuTicks(server.pid) - before;
        figures.get(name)?.push((ticks * CLOCK_TICK_US) / calls);
      }
    }
    print(figures);
  } finally {
    const servers = [service, bare, ...gateways.map(({ server }) => server)];
    await Promise.all(servers.map((server) => server.stop()));
    rmSync(keyDir, { recursive: true });
  }
}

function print(figures: ReadonlyMap<string, readonly number[]>): void {
  const { calls, repeat } = values;
  console.log(
    `node ${process.version}, ${calls} calls x ${repeat}, ${values["in-flight"]} at once, load ` +
      `${loadavg()[0]?.toFixed(1)}; microseconds of the server's processor time a call`,
  );
  console.log(`${"".padEnd(44)} median   least`);
  for (const [name, all] of figures) {
    const sorted = [...all].sort((a, b) => a - b);
    const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
    const least = sorted[0] ?? 0;
    console.log(
      `${name.padEnd(44)} ${median.toFixed(0).padStart(6)}  ${least.toFixed(0).padStart(6)}`,
    );
  }
}

function variantsOf(
  service: Server,
  bare: Server,
  gateways: readonly { flag: string; server: Server }[],
): Variant[] {
  const check = {
    path: "/grpc.health.v1.Health/Check",
    json: Buffer.from("{}"),
    proto: Buffer.from(toBinary(HealthCheckRequestSchema, create(HealthCheckRequestSchema))),
  };
  const slot = create(GetSlotRequestSchema, {
    storeId: "383920923432968192",
    slotId: "383920923432968193",
  });
  const getSlot = {
    path: "/slotmesh.inventory.v1.InventoryService/GetSlot",
    json: Buffer.from(toJsonString(GetSlotRequestSchema, slot)),
    proto: Buffer.from(toBinary(GetSlotRequestSchema, slot)),
  };
  const through = (
    name: string,
    { path, json, proto }: typeof check,
    { flag, server }: (typeof gateways)[number],
  ): Variant[] => {
    const title = flag === "" ? name : `${name} ${flag}`;
    const web = "application/grpc-web+proto";
    return [
      http1(`${title}: Connect JSON, HTTP/1.1`, server, path, "application/json", json),
      http1(`${title}: Connect proto, HTTP/1.1`, server, path, "application/proto", proto),
      // With a charset it goes through connect-node.
      http1(`${title}: Connect JSON, long way`, server, path, LONG_WAY, json),
      http1(`${title}: gRPC-Web, HTTP/1.1`, server, path, web, envelope(proto)),
      grpc(`${title}: gRPC, HTTP/2`, server, path, envelope(proto)),
    ];
  };
  const calls = { empty: check, "passed on": getSlot };
  return [
    http1("bare node:http, JSON", bare, "/", "application/json", check.json),
    ...Object.entries(calls).flatMap(([name, call]) => [
      ...gateways.flatMap((gateway) => through(name, call, gateway)),
      grpc(`${name}: gRPC to the service itself`, service, call.path, envelope(call.proto)),
    ]),
  ];
}

function envelope(message: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** Drives HTTP/1.1 by raw sockets: a client of node:http would cost more than what it measures. */
function http1(name: string, server: Server, path: string, type: string, body: Buffer): Variant {
  const request = Buffer.concat([
    Buffer.from(
      `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1:${server.port}\r\ncontent-type: ${type}\r\n` +
        `connect-protocol-version: 1\r\naccept: */*\r\naccept-encoding: gzip, deflate, br\r\n` +
        `authorization: Bearer none\r\nuser-agent: bench\r\ncontent-length: ${body.length}\r\n\r\n`,
    ),
    body,
  ]);
  return {
    name,
    server,
    run: async (calls, inFlight) => {
      let left = calls;
      await Promise.all(
        Array.from(
          { length: inFlight },
          () =>
            new Promise<void>((resolve, reject) => {
              const socket = connect(server.port, "127.0.0.1");
              let answer = "";
              const next = () => {
                if (left === 0) {
                  socket.destroy();
                  resolve();
                  return;
                }
                left -= 1;
                socket.write(request);
              };
              socket.setNoDelay(true).on("connect", next).on("error", reject);
              socket.on("data", (bytes) => {
                answer += bytes.toString("latin1");
                if (!isWhole(answer)) {
                  return;
                }
                if (!answer.startsWith("HTTP/1.1 200") || /grpc-status: [^0]/.test(answer)) {
                  reject(new Error(`${name} answered ${answer}`));
                  return;
                }
                answer = "";
                next();
              });
            }),
        ),
      );
    },
  };
}

function isWhole(answer: string): boolean {
  const end = answer.indexOf("\r\n\r\n");
  if (end === -1) {
    return false;
  }
  const length = /content-length: (\d+)/i.exec(answer)?.[1];
  return length === undefined
    ? answer.endsWith("0\r\n\r\n")
    : answer.length >= end + 4 + Number(length);
}

/** Drives gRPC by bare HTTP/2 streams, the same for the gateway and for grpc-js. */
function grpc(name: string, server: Server, path: string, body: Buffer): Variant {
  const headers = {
    ":method": "POST",
    ":path": path,
    "content-type": "application/grpc+proto",
    te: "trailers",
    authorization: "Bearer none",
    "user-agent": "bench",
  };
  return {
    name,
    server,
    run: async (calls, inFlight) => {
      const sessions = Array.from({ length: HTTP2_SESSIONS }, () =>
        connectHttp2(`http://127.0.0.1:${server.port}`),
      );
      let left = calls;
      const lane = async (session: ClientHttp2Session) => {
        while (left > 0) {
          left -= 1;
          await callOnce(session);
        }
      };
      await Promise.all(
        Array.from({ length: inFlight }, (_, index) =>
          lane(sessions[index % HTTP2_SESSIONS] as ClientHttp2Session),
        ),
      );
      for (const session of sessions) {
        session.destroy();
      }
    },
  };

  function callOnce(session: ClientHttp2Session): Promise<void> {
    return new Promise((resolve, reject) => {
      let status: unknown;
      const stream = session.request(headers);
      stream.on("response", (answer) => {
        status = answer["grpc-status"] ?? status;
      });
      stream.on("trailers", (answer) => {
        status = answer["grpc-status"] ?? status;
      });
      stream.on("error", reject).on("close", () => {
        if (status === "0") {
          resolve();
        } else {
          reject(new Error(`${name} answered with status ${String(status)}`));
        }
      });
      stream.resume();
      stream.end(body);
    });
  }
}

function cpuTicks(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name, in brackets, may hold spaces: fields 14 and 15 of the line are 12 and 13 after it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

function startSelf(what: string): Promise<Server> {
  const port = randomInt(20_000, 32_000);
  return start([import.meta.filename, "--serve", what, "--port", String(port)], {}, port);
}

function startGateway(servicePort: number, keyDir: string, flag: string): Promise<Server> {
  const port = randomInt(20_000, 32_000);
  const address = `127.0.0.1:${servicePort}`;
  const profile = values.profile ? ["--cpu-prof", `--cpu-prof-dir=${values.profile}`] : [];
  return start(
    [
      ...(flag === "" ? [] : [flag]),
      ...profile,
      `${import.meta.dirname}/../services/gateway/main.ts`,
    ],
    {
      SLOTMESH_GATEWAY_PORT: String(port),
      SLOTMESH_KEY_DIR: keyDir,
      SLOTMESH_IDENTITY_ADDRESS: address,
      SLOTMESH_INVENTORY_ADDRESS: address,
      SLOTMESH_SCHEDULING_ADDRESS: address,
      SLOTMESH_CODES_ADDRESS: address,
      SLOTMESH_DRAIN_MS: "0",
      SLOTMESH_LOG_LEVEL: "warn",
    },
    port,
  );
}

async function start(args: string[], env: Record<string, string>, port: number): Promise<Server> {
  const child: ChildProcess = spawn(process.execPath, args, {
    env: { ...process.env, ...env },
    stdio: ["ignore", "inherit", "inherit"],
  });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const untilMs = Date.now() + READY_MS_MAX;
  while (!(await answers(port))) {
    if (child.exitCode !== null || Date.now() > untilMs) {
      throw new Error(`${args.join(" ")} did not open port ${port}`);
    }
    await sleep(50);
  }
  return {
    pid: child.pid as number,
    port,
    stop: async () => {
      child.kill("SIGTERM");
      await ended;
    },
  };
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

/** A service that answers at once, on the mesh's own gRPC server. */
async function serveService(port: number): Promise<void> {
  const slot = create(GetSlotResponseSchema, {
    slot: {
      slotId: "383920923432968193",
      tenantId: "betterbuy",
      storeId: "383920923432968192",
      totalSpots: 100,
      availableSpots: 42,
      startTime: toTimestamp(1_800_000_000_000),
      endTime: toTimestamp(1_800_001_200_000),
    },
  });
  const missing = () => Promise.reject(new Error("only GetSlot is answered"));
  const open = ["anonymous", "shopper"] as const;
  await serveGrpc({
    address: `127.0.0.1:${port}`,
    methods: bind(
      InventoryService,
      {
        createStore: open,
        createService: open,
        createSlots: open,
        listStores: open,
        listServices: open,
        getSlot: open,
        listAvailability: open,
      },
      {
        createStore: missing,
        createService: missing,
        createSlots: missing,
        listStores: missing,
        listServices: missing,
        getSlot: async () => slot,
        listAvailability: missing,
      },
    ),
    authenticate: () => ({ role: "shopper", tenantId: "betterbuy", subjectId: "1", storeIds: [] }),
    drainMs: 0,
    logger: createLogger("bench", "warn"),
  });
}

function serveBare(port: number): void {
  createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.from(JSON.stringify(JSON.parse(Buffer.concat(chunks).toString())));
      response.writeHead(200, {
        "content-type": "application/json",
        "content-length": body.length,
      });
      response.end(body);
    });
  }).listen(port, "127.0.0.1");
}
