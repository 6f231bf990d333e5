// The page and its assets, read into memory at the start and served from there: so index.html and the
// assets it names always are of one build, whatever is written to the folder meanwhile, a path is looked
// up in a table and cannot leave the folder, and compressing is done once. A new build is a new start.

import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { lookup } from "mrmime";
import { plain, type Request, type Response } from "./edge.ts";

const FILES_MAX = 2000;
const BYTES_MAX = 64 << 20;
const COMPRESS_BYTES_MIN = 1024;
const IMMUTABLE_SECONDS = 31_536_000;
/** What is small already. */
const COMPRESSED = /^(?:image\/(?!svg)|video\/|audio\/|font\/)/;
/** Vite writes a hash of the content into every name below /assets. */
const HASHED = /^\/assets\/.+/;

/** The page may load what comes from here, pictures that it draws itself, WebAssembly for reading codes
 * with a camera, and nothing else; nobody may frame it. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'self'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "media-src 'self' blob:",
  "worker-src 'self' blob:",
  "connect-src 'self'",
  "font-src 'self'",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join("; ");

/** Answers a request for a path that is no RPC. */
export type Page = (path: string, request: Request, response: Response) => void;

interface File {
  readonly headers: Readonly<Record<string, string>>;
  readonly etag: string;
  readonly bodies: { readonly identity: Buffer; readonly br?: Buffer; readonly gzip?: Buffer };
}

/** Reads the folder, if there is one, and makes the page of it. */
export function createPage(webRoot: string | undefined): Page {
  const files = webRoot === undefined ? new Map<string, File>() : readFiles(webRoot);
  const index = files.get("/index.html");
  return (path, request, response) => {
    if (request.method !== "GET" && request.method !== "HEAD") {
      response.setHeader("allow", "GET, HEAD");
      plain(response, 405, "only GET and HEAD are answered here");
      return;
    }
    const name = decode(path);
    const file = name === undefined ? undefined : find(files, index, name);
    if (!file) {
      plain(
        response,
        404,
        webRoot === undefined
          ? "this gateway serves no page: SLOTMESH_WEB_ROOT is not set"
          : "there is no such file",
      );
      return;
    }
    send(file, request, response);
  };
}

/** A path without a dot is one of the page's own, which shows what belongs there. */
function find(files: ReadonlyMap<string, File>, index: File | undefined, name: string) {
  return files.get(name) ?? (name.includes(".") ? undefined : index);
}

function send(file: File, request: Request, response: Response): void {
  const { etag, bodies } = file;
  for (const [header, value] of Object.entries(file.headers)) {
    response.setHeader(header, value);
  }
  const known = request.headers["if-none-match"];
  if (known === "*" || known?.includes(etag)) {
    response.writeHead(304);
    response.end();
    return;
  }
  const accepted = String(request.headers["accept-encoding"] ?? "");
  const encoding = (["br", "gzip"] as const).find(
    (name) =>
      bodies[name] &&
      new RegExp(`\\b${name}\\b(?!\\s*;\\s*q=0(?:\\.0*)?(?:\\s*,|\\s*$))`).test(accepted),
  );
  const body = (encoding && bodies[encoding]) ?? bodies.identity;
  if (encoding) {
    response.setHeader("content-encoding", encoding);
  }
  response.setHeader("content-length", String(body.length));
  response.writeHead(200);
  // Node leaves the body out of an answer to HEAD.
  response.end(body);
}

function decode(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}

function readFiles(webRoot: string): Map<string, File> {
  const files = new Map<string, File>();
  let bytes = 0;
  for (const entry of readdirSync(webRoot, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = `/${relative(webRoot, path).split(sep).join("/")}`;
    if (!entry.isFile() || name.includes("/.")) {
      continue;
    }
    const body = readFileSync(path);
    bytes += body.length;
    if (files.size === FILES_MAX || bytes > BYTES_MAX) {
      throw new Error(
        `SLOTMESH_WEB_ROOT ${webRoot} holds more than ${FILES_MAX} files or ${BYTES_MAX} bytes: ` +
          "wanted the folder of a built page",
      );
    }
    files.set(name, toFile(name, body));
  }
  const index = files.get("/index.html");
  if (!index) {
    throw new Error(`SLOTMESH_WEB_ROOT ${webRoot} has no index.html: wanted a built page`);
  }
  return files.set("/", index);
}

function toFile(name: string, body: Buffer): File {
  const type = lookup(name) ?? "application/octet-stream";
  const isText = /^text\/|javascript|json|xml|svg/.test(type);
  const isHtml = type === "text/html";
  const isWorthwhile = body.length >= COMPRESS_BYTES_MIN && !COMPRESSED.test(type);
  const etag = `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`;
  return {
    etag,
    headers: {
      "content-type": isText ? `${type}; charset=utf-8` : type,
      "cache-control": HASHED.test(name)
        ? `public, max-age=${IMMUTABLE_SECONDS}, immutable`
        : "no-cache",
      // Weak: the same file has one tag in every encoding.
      etag: `W/${etag}`,
      vary: "Accept-Encoding",
      "cross-origin-resource-policy": "same-origin",
      ...(isHtml && {
        "content-security-policy": CONTENT_SECURITY_POLICY,
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "permissions-policy": "camera=(self), geolocation=(self), microphone=()",
      }),
    },
    bodies: {
      identity: body,
      ...(isWorthwhile && {
        br: brotliCompressSync(body, {
          params: {
            [constants.BROTLI_PARAM_QUALITY]: 9,
            [constants.BROTLI_PARAM_SIZE_HINT]: body.length,
          },
        }),
        gzip: gzipSync(body, { level: 9 }),
      }),
    },
  };
}
