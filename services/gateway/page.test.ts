import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createPage } from "./page.ts";
import { askHttp1, askHttp2, startGateway, type TestGateway } from "./testing.ts";

const INDEX = `<!doctype html><title>slotmesh</title>${"<p>the page</p>".repeat(200)}`;
const SCRIPT = "console.log('the script');".repeat(200);

let folder: string;
let gateway: TestGateway;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "slotmesh-page-"));
  mkdirSync(join(folder, "web/assets"), { recursive: true });
  writeFileSync(join(folder, "secret.txt"), "a secret");
  writeFileSync(join(folder, "web/index.html"), INDEX);
  writeFileSync(join(folder, "web/.env"), "a secret");
  writeFileSync(join(folder, "web/assets/app-abc123.js"), SCRIPT);
  writeFileSync(join(folder, "web/assets/reader-abc123.wasm"), Buffer.alloc(2000));
  writeFileSync(join(folder, "web/assets/logo-abc123.svg"), "<svg/>");
  writeFileSync(join(folder, "web/assets/sound-abc123.mp3"), Buffer.alloc(2000));
  writeFileSync(join(folder, "web/grüße.txt"), "hello");
  symlinkSync(join(folder, "secret.txt"), join(folder, "web/link.txt"));
  gateway = await startGateway({ webRoot: join(folder, "web") });
});

afterAll(async () => {
  await gateway.close();
  rmSync(folder, { recursive: true });
});

const ask = (path: string, headers: Record<string, string> = {}, method = "GET") =>
  askHttp1(gateway.port, { method, path, headers });

test.each(["/", "/index.html", "/book", "/staff/redeem?code=1", "/book/"])(
  "answers %s with the page, never kept without asking",
  async (path) => {
    const { status, headers, body } = await ask(path);
    expect(status).toBe(200);
    expect(body.toString()).toBe(INDEX);
    expect(headers).toMatchObject({
      "content-type": "text/html; charset=utf-8",
      "cache-control": "no-cache",
      "content-length": String(INDEX.length),
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      vary: "Accept-Encoding",
    });
    expect(headers["content-security-policy"]).toMatch(/^default-src 'self'; /);
    expect(headers["content-security-policy"]).toMatch(/frame-ancestors 'none'/);
    expect(headers["content-security-policy"]).not.toMatch(/'unsafe-|\*/);
  },
);

test.each([
  ["/assets/app-abc123.js", "text/javascript; charset=utf-8"],
  ["/assets/logo-abc123.svg", "image/svg+xml; charset=utf-8"],
  ["/assets/reader-abc123.wasm", "application/wasm"],
  ["/assets/sound-abc123.mp3", "audio/mpeg"],
])("lets %s be kept for good", async (path, type) => {
  const { status, headers } = await ask(path);
  expect(status).toBe(200);
  expect(headers).toMatchObject({
    "content-type": type,
    "cache-control": "public, max-age=31536000, immutable",
  });
});

describe("compresses", () => {
  test.each([
    ["br", "gzip, deflate, br, zstd", brotliDecompressSync],
    ["br", "br;q=1.0, gzip;q=0.5", brotliDecompressSync],
    ["gzip", "gzip", gunzipSync],
    ["gzip", "gzip, br;q=0", gunzipSync],
  ])("with %s for %s", async (encoding, accepted, decompress) => {
    const { headers, body } = await ask("/assets/app-abc123.js", { "accept-encoding": accepted });
    expect(headers["content-encoding"]).toBe(encoding);
    expect(body.length).toBeLessThan(SCRIPT.length / 2);
    expect(decompress(body).toString()).toBe(SCRIPT);
  });

  test.each(["", "zstd", "identity", "br;q=0, gzip;q=0.0"])("not for %j", async (accepted) => {
    const { headers, body } = await ask("/assets/app-abc123.js", { "accept-encoding": accepted });
    expect(headers["content-encoding"]).toBeUndefined();
    expect(body.toString()).toBe(SCRIPT);
  });

  test("not what is small or compressed already", async () => {
    const headers = { "accept-encoding": "br" };
    const answers = await Promise.all([
      ask("/assets/logo-abc123.svg", headers),
      ask("/assets/sound-abc123.mp3", headers),
    ]);
    for (const answer of answers) {
      expect(answer.headers["content-encoding"]).toBeUndefined();
    }
  });
});

test("answers 304 to who has the file, in any encoding", async () => {
  const { headers } = await ask("/");
  const etag = headers.etag as string;
  expect(etag).toMatch(/^W\/"[\w-]{22}"$/);
  for (const known of [etag, `"other", ${etag}`, "*"]) {
    const answer = await ask("/", { "if-none-match": known, "accept-encoding": "br" });
    expect(answer.status).toBe(304);
    expect(answer.body.length).toBe(0);
    expect(answer.headers.etag).toBe(etag);
  }
  expect((await ask("/", { "if-none-match": '"other"' })).status).toBe(200);
});

test("answers HEAD with the head alone", async () => {
  const { status, headers, body } = await ask("/", {}, "HEAD");
  expect(status).toBe(200);
  expect(headers["content-length"]).toBe(String(INDEX.length));
  expect(body.length).toBe(0);
});

test("refuses to be written to", async () => {
  const { status, headers } = await ask("/", {}, "POST");
  expect(status).toBe(405);
  expect(headers.allow).toBe("GET, HEAD");
});

test("decodes names", async () => {
  expect((await ask(encodeURI("/grüße.txt"))).body.toString()).toBe("hello");
});

test.each([
  "/../secret.txt",
  "/..%2fsecret.txt",
  "/assets/../../secret.txt",
  "/%2e%2e/secret.txt",
  "/..%5csecret.txt",
  "/link.txt",
  "/.env",
  "/assets",
  "/assets/none.js",
  "/%00.txt",
  "/%zz",
  "//etc/passwd.txt",
])("gives nothing away for %s", async (path) => {
  const { status, body } = await ask(path);
  // A folder is no file; without a dot its name could be a place of the page's own.
  expect([status, body.toString().includes("secret")]).toEqual([
    path.includes(".") || path.includes("%zz") ? 404 : 200,
    false,
  ]);
});

test("is the same by HTTP/2", async () => {
  const [one, two] = await Promise.all([
    ask("/", { "accept-encoding": "br" }),
    askHttp2(gateway.port, { path: "/", headers: { "accept-encoding": "br" } }),
  ]);
  expect(two).toEqual(one);
});

describe("without a page", () => {
  test("says so", async () => {
    const bare = await startGateway({});
    const { status, body } = await askHttp1(bare.port, { path: "/" });
    expect(status).toBe(404);
    expect(body.toString()).toBe("this gateway serves no page: SLOTMESH_WEB_ROOT is not set\n");
    await bare.close();
  });

  test("but with a folder, does not start", () => {
    expect(() => createPage(join(folder, "web/assets"))).toThrow(
      `SLOTMESH_WEB_ROOT ${join(folder, "web/assets")} has no index.html: wanted a built page`,
    );
  });
});
