import { once } from "node:events";
import { request } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { connect, type Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { sleep } from "#shared/time.ts";
import type { Handle } from "./edge.ts";
import { type OpenPort, openPort, type PortLimits } from "./port.ts";

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/** An empty SETTINGS frame. */
const SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
const GOAWAY = 7;

const open: { close(): unknown }[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
});

async function start(handle: Handle, limits: Partial<PortLimits> = {}): Promise<OpenPort> {
  const port = await openPort({
    host: "127.0.0.1",
    port: 0,
    connectionsMax: 100,
    handle,
    limits: { drainMs: 500, ...limits },
  });
  open.push(port);
  return port;
}

/** Says by which version a request came. */
const sayVersion: Handle = (asked, response) => {
  asked.resume();
  asked.on("end", () => {
    response.writeHead(200, { "content-type": "text/plain" });
    response.end(`HTTP/${asked.httpVersion}`);
  });
};

async function dial(port: number): Promise<{ socket: Socket; received(): Buffer }> {
  const socket = connect(port, "127.0.0.1");
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk)).on("error", () => {});
  await once(socket, "connect");
  open.push({ close: () => socket.destroy() });
  return { socket, received: () => Buffer.concat(chunks) };
}

async function writeByByte(socket: Socket, text: Uint8Array): Promise<void> {
  socket.setNoDelay(true);
  for (const byte of text) {
    socket.write(Uint8Array.of(byte));
    await sleep(2);
  }
}

function get(port: number, path = "/"): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ port, host: "127.0.0.1", path }, (response) => {
      let body = "";
      response.on("data", (chunk) => {
        body += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
    });
    asked.on("error", reject).end();
  });
}

async function getHttp2(port: number, path = "/"): Promise<string> {
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  open.push({ close: () => session.destroy() });
  session.on("error", () => {});
  const stream = session.request({ ":path": path });
  let body = "";
  stream.setEncoding("utf8").on("data", (chunk) => {
    body += chunk;
  });
  await once(stream, "end");
  return body;
}

describe("tells the versions apart", () => {
  test("by what ordinary clients send, at once and in turn", async () => {
    const { port } = await start(sayVersion);
    const answers = await Promise.all([get(port), getHttp2(port), get(port), getHttp2(port)]);
    expect(answers).toEqual([
      { status: 200, body: "HTTP/1.1" },
      "HTTP/2.0",
      { status: 200, body: "HTTP/1.1" },
      "HTTP/2.0",
    ]);
  });

  test("when the preface comes byte by byte", async () => {
    const { port } = await start(sayVersion);
    const { socket, received } = await dial(port);
    await writeByByte(socket, Buffer.from(PREFACE));
    await writeByByte(socket, SETTINGS);
    await expect.poll(() => received().length).toBeGreaterThan(9);
    // Its own SETTINGS first, as HTTP/2 wants.
    expect(received()[3]).toBe(4);
  });

  test("when a request of HTTP/1.1 comes byte by byte, body and all", async () => {
    const { port } = await start((asked, response) => {
      const chunks: Buffer[] = [];
      asked.on("data", (chunk) => chunks.push(chunk));
      asked.on("end", () => response.end(Buffer.concat(chunks)));
    });
    const { socket, received } = await dial(port);
    await writeByByte(
      socket,
      Buffer.from("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello"),
    );
    await expect
      .poll(() => received().toString())
      .toMatch(/^HTTP\/1\.1 200 OK\r\n(?:.*\r\n)*hello/);
  });

  test("when methods begin as the preface does", async () => {
    const { port } = await start((asked, response) => response.end(asked.method));
    const { socket, received } = await dial(port);
    await writeByByte(socket, Buffer.from("PR"));
    await writeByByte(socket, Buffer.from("OPFIND / HTTP/1.1\r\nhost: x\r\n\r\n"));
    await expect.poll(() => received().toString()).toMatch(/PROPFIND/);
  });

  test("and answers what is neither with 400", async () => {
    const { port } = await start(sayVersion);
    const { socket, received } = await dial(port);
    socket.write("\x16\x03\x01 a TLS hello\r\n\r\n");
    await expect.poll(() => received().toString()).toMatch(/^HTTP\/1\.1 400 Bad Request/);
  });
});

describe("cuts off", () => {
  test("a connection that says nothing", async () => {
    const { port } = await start(sayVersion, { firstBytesMs: 100 });
    const { socket } = await dial(port);
    await once(socket, "close");
  });

  test("a connection that says a little, however often", async () => {
    const { port } = await start(sayVersion, { firstBytesMs: 150 });
    const { socket } = await dial(port);
    socket.write("P");
    await sleep(100);
    socket.write("R");
    await once(socket, "close");
  });

  test("headers that do not end", async () => {
    const { port } = await start(sayVersion, { headersMs: 200 });
    const { socket, received } = await dial(port);
    socket.write("GET / HTTP/1.1\r\nhost: x\r\n");
    const trickle = setInterval(() => socket.write("x-more: y\r\n"), 50);
    await once(socket, "close");
    clearInterval(trickle);
    expect(received().toString()).toMatch(/^HTTP\/1\.1 408 Request Timeout/);
  });

  test("an idle connection of HTTP/1.1, after its answer", async () => {
    const { port } = await start(sayVersion, { idleMs: 200 });
    const { socket, received } = await dial(port);
    socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    await once(socket, "close");
    expect(received().toString()).toMatch(/HTTP\/1\.1 200 OK/);
  });

  test("an idle connection of HTTP/2, with GOAWAY", async () => {
    const { port } = await start(sayVersion, { idleMs: 200 });
    const { socket, received } = await dial(port);
    socket.write(Buffer.concat([Buffer.from(PREFACE), SETTINGS]));
    await once(socket, "close");
    expect(frameTypes(received())).toContain(GOAWAY);
  });

  test("a client that reads nothing of an answer without end", async () => {
    const { port } = await start(
      (_, response) => {
        const chunk = Buffer.alloc(1 << 16);
        const more = () => {
          while (!response.destroyed && response.write(chunk)) {}
        };
        response.on("drain", more);
        more();
      },
      { stalledMs: 300 },
    );
    const { socket } = await dial(port);
    socket.pause();
    socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    await sleep(1000);
    socket.resume();
    await once(socket, "close");
  });

  test("more connections than it takes", async () => {
    const port = await openPort({
      host: "127.0.0.1",
      port: 0,
      connectionsMax: 2,
      handle: sayVersion,
    });
    open.push(port);
    await dial(port.port);
    await dial(port.port);
    const { socket } = await dial(port.port);
    await once(socket, "close");
  });
});

test("lives on when a connection of HTTP/2 breaks its rules", async () => {
  const { port } = await start(sayVersion);
  const { socket, received } = await dial(port);
  socket.write(Buffer.concat([Buffer.from(PREFACE), Buffer.from("no frame at all, ".repeat(20))]));
  await once(socket, "close");
  expect(frameTypes(received())).toContain(GOAWAY);
  expect(await getHttp2(port)).toBe("HTTP/2.0");
});

describe("closes", () => {
  test("after what runs, of either version, and takes nothing new", async () => {
    const waiting: (() => void)[] = [];
    const server = await start(
      (asked, response) => {
        waiting.push(() => sayVersion(asked, response));
      },
      { drainMs: 20_000 },
    );
    const answers = [get(server.port), getHttp2(server.port)];
    await expect.poll(() => waiting.length).toBe(2);
    const closed = server.close();
    await expect(get(server.port)).rejects.toThrow("ECONNREFUSED");
    for (const go of waiting) {
      go();
    }
    expect(await Promise.all(answers)).toEqual([{ status: 200, body: "HTTP/1.1" }, "HTTP/2.0"]);
    await closed;
  });

  test("within its bound, whatever does not end", async () => {
    const server = await start(() => {}, { drainMs: 200 });
    const { socket } = await dial(server.port);
    socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    const session = connectHttp2(`http://127.0.0.1:${server.port}`);
    session.on("error", () => {});
    const stream = session.request({ ":path": "/" });
    stream.on("error", () => {});
    const cut = [once(socket, "close"), once(session, "close")];
    await sleep(50);
    const beganMs = performance.now();
    await server.close();
    await Promise.all(cut);
    expect(performance.now() - beganMs).toBeLessThan(1500);
  });
});

function frameTypes(bytes: Buffer): number[] {
  const types: number[] = [];
  for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3)) {
    types.push(bytes[at + 3] as number);
  }
  return types;
}
