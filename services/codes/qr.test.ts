// What is drawn is read back by ZXing, the scanner in many a phone: the PNG as the file that it is, the
// SVG after its path was painted on a canvas.

import { readFileSync } from "node:fs";
import { inflateSync } from "node:zlib";
import { beforeAll, describe, expect, test } from "vitest";
import { prepareZXingModule, readBarcodes } from "zxing-wasm/reader";
import { dotsOf } from "./bitmap-font.ts";
import { drawPng, drawSvg, type QrLevel, type QrWish } from "./qr.ts";
import { readTicket, signTicket } from "./ticket.ts";
import { parseTicketKeys } from "./ticket-keys.ts";

const NOW_MS = Date.parse("2026-03-01T00:00:00Z");
const SCALE = 4;
/** The key of RFC 8037: what can be read of a damaged image shall not change from run to run. */
const JWK = {
  kty: "OKP",
  crv: "Ed25519",
  d: "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
  x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
  kid: "90facafe",
  nbf: 0,
};
const keys = parseTicketKeys(JSON.stringify({ keys: [JWK] }), "test");
const ticket = {
  tenantId: "acme",
  codeId: "0123456789abcdef0123456789abcdef07",
  storeId: "324859301928374652",
  notBeforeSeconds: NOW_MS / 1000,
  notAfterSeconds: NOW_MS / 1000 + 86_400,
  serial: 1,
};
const payload = signTicket(keys, ticket, NOW_MS);

beforeAll(async () => {
  const wasm = new URL(import.meta.resolve("zxing-wasm/reader/zxing_reader.wasm"));
  const wasmBinary = new Uint8Array(readFileSync(wasm)).buffer;
  await prepareZXingModule({ overrides: { wasmBinary }, fireImmediately: true });
});

type Pixels = Exclude<Parameters<typeof readBarcodes>[0], Uint8Array | ArrayBuffer | Blob>;

/** What a scanner finds in an image. */
async function scan(image: Uint8Array | Pixels) {
  const found = await readBarcodes(image, { formats: ["QRCode"], maxNumberOfSymbols: 2 });
  return found.map(({ text, ecLevel, version, isValid }) => ({ text, ecLevel, version, isValid }));
}

/** Paints the black lines of our SVG, and nothing else, on white. */
function paint(svg: string): Pixels {
  const [, width = 0, height = 0] = (/viewBox="0 0 ([\d.]+) ([\d.]+)"/.exec(svg) ?? []).map(Number);
  const canvas = { width: Math.ceil(width * SCALE), height: Math.ceil(height * SCALE) };
  const data = new Uint8ClampedArray(canvas.width * canvas.height * 4).fill(255);
  const path = / d="M([\d. ]+)((?:m-?\d+ \d+h\d+)+)"/.exec(svg);
  let [x = 0, y = 0] = path?.[1]?.split(" ").map(Number) ?? [];
  for (const [, dx, dy, length] of path?.[2]?.matchAll(/m(-?\d+) (\d+)h(\d+)/g) ?? []) {
    x += Number(dx);
    y += Number(dy);
    for (let row = (y - 0.5) * SCALE; row < (y + 0.5) * SCALE; row++) {
      for (let column = x * SCALE; column < (x + Number(length)) * SCALE; column++) {
        data.fill(0, (row * canvas.width + column) * 4, (row * canvas.width + column) * 4 + 3);
      }
    }
    x += Number(length);
  }
  return { ...canvas, data, colorSpace: "srgb" } as Pixels;
}

/** The pixels of our PNG as rows of "#" and ".". */
function pixelsOf(png: Buffer): string[] {
  const width = png.readUInt32BE(16);
  const idat = png.subarray(41, 41 + png.readUInt32BE(33));
  const bytes = inflateSync(idat);
  const rowBytes = 1 + Math.ceil(width / 8);
  return Array.from({ length: bytes.length / rowBytes }, (_, y) => {
    const row = bytes.subarray(y * rowBytes + 1, (y + 1) * rowBytes);
    return [...row]
      .map((byte) => byte.toString(2).padStart(8, "0"))
      .join("")
      .slice(0, width)
      .replaceAll("0", "#")
      .replaceAll("1", ".");
  });
}

describe.each<[QrLevel, string]>([
  ["L", "6"],
  ["M", "8"],
  ["Q", "9"],
  ["H", "11"],
])("a ticket at level %s", (level, version) => {
  const wish = { payload, level, caption: "482913 07" };
  const expected = [{ text: payload, ecLevel: level, version, isValid: true }];

  test("is read from the PNG, and from there as a ticket", async () => {
    const found = await scan(drawPng(wish));
    expect(found).toEqual(expected);
    const read = readTicket(keys, found[0]?.text ?? "", { nowMs: NOW_MS });
    expect(read).toEqual({ kind: "ticket", ticket });
  });

  test("is read from the SVG", async () => {
    expect(await scan(paint(drawSvg(wish)))).toEqual(expected);
  });
});

test.each([
  ["digits", "00004207", "1"],
  ["the longest ticket", `SM1:${"Z".repeat(233)}`, "9"],
  ["lower case", "https://example.com/c/42?a=b", "3"],
  ["other scripts", "码 42 ✓", "1"],
])("%s are read from both images", async (_, text, version) => {
  const expected = [{ text, ecLevel: "M", version, isValid: true }];
  expect(await scan(drawPng({ payload: text }))).toEqual(expected);
  expect(await scan(paint(drawSvg({ payload: text })))).toEqual(expected);
});

test.each<[QrLevel, number, number]>([
  ["L", 0.05, 0.2],
  ["M", 0.17, 0.3],
  ["Q", 0.28, 0.4],
  ["H", 0.33, 0.45],
])(
  "level %s is read with a hole of %f of its inner part, and not of %f",
  async (level, holds, breaks) => {
    const found = [holds, breaks].map(async (part) => {
      const image = paint(drawSvg({ payload, level }));
      const size = image.width / SCALE - 8;
      // Between the three finders, which no error correction replaces.
      const hole = { from: 4 + 9, side: size - 18, rows: Math.round((size - 18) * part) };
      for (let y = hole.from * SCALE; y < (hole.from + hole.rows) * SCALE; y++) {
        const row = y * image.width;
        const from = row + hole.from * SCALE;
        image.data.fill(255, from * 4, (from + hole.side * SCALE) * 4);
      }
      return (await scan(image)).map(({ text }) => text);
    });
    expect(await Promise.all(found)).toEqual([[payload], []]);
  },
);

test("the caption stands beneath, 4 modules away, as SVG text that is not read out again", () => {
  const svg = drawSvg({ payload: "00004207", caption: "0000-42-07" });
  expect(svg).toMatch(
    /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" viewBox="0 0 29 34\.63" role="img"><title>QR code 0 0 0 0, 4 2, 0 7<\/title>/,
  );
  expect(svg).toMatch(
    /<text x="14\.5" y="31\.63" font-size="3\.5" .* textLength="21" .* aria-hidden="true">0000-42-07<\/text><\/svg>$/,
  );
});

test("the caption stands beneath in the PNG, dot by dot", () => {
  const caption = "A7-Z 09";
  const dotPixels = 5;
  const pixels = pixelsOf(drawPng({ payload: "00004207", caption }));
  const dots = dotsOf(caption);
  const left = Math.floor((290 - (dots[0]?.length ?? 0) * dotPixels) / 2);
  const seen = pixels
    .slice(290, 290 + 7 * dotPixels)
    .filter((_, y) => y % dotPixels === 2)
    .map((row) => [...row.slice(left)].filter((_, x) => x % dotPixels === 2).join(""));
  expect(seen.map((row, y) => row.slice(0, dots[y]?.length))).toEqual(dots);
  expect(pixels.length).toBe(290 + 7 * dotPixels + 30);
  // Around the image and around the caption it is white.
  const isWhite = (row: string | undefined) => /^\.{290}$/.test(row ?? "");
  expect(pixels.map(isWhite).lastIndexOf(false)).toBe(290 + 7 * dotPixels - 1);
  expect([0, 39, 250, 289].map((y) => isWhite(pixels[y]))).toEqual([true, true, true, true]);
  expect([40, 249].map((y) => isWhite(pixels[y]))).toEqual([false, false]);
});

test("the longest caption fits into the smallest image", async () => {
  const wish = { payload: "42", caption: "A B C D E F G H J K M N P Q R S T U V W" };
  expect(await scan(drawPng(wish))).toMatchObject([{ text: "42" }]);
  expect(drawSvg(wish)).toContain('font-size="0.9"');
});

test("without a caption there is no text, and the title holds nothing of the payload", () => {
  const svg = drawSvg({ payload: "00004207" });
  expect(svg).toMatch(/^<svg xmlns="[^"]+" viewBox="0 0 29 29" role="img"><title>QR code<\/title>/);
  expect(svg).not.toContain("<text");
  expect(drawSvg({ payload, level: "H" }).length).toBeLessThan(20_000);
});

test("the same wish is the same drawing, kept; another is another", () => {
  const wish: QrWish = { payload: "00004207", level: "M", caption: "0000 42 07" };
  const others: QrWish[] = [
    { ...wish, payload: "00004217" },
    { ...wish, level: "H" },
    { ...wish, caption: "0000 42 17" },
    { payload: "00004207" },
  ];
  expect(drawPng(wish)).toBe(drawPng({ ...wish }));
  expect(drawSvg({ payload: "00004207" })).toBe(drawSvg({ payload: "00004207", level: "M" }));
  expect(new Set([wish, ...others].map(drawSvg)).size).toBe(5);
  expect(new Set([wish, ...others].map((one) => drawPng(one).toString("hex"))).size).toBe(5);
});

test.each([
  [{ payload: "" }, "a QR image of 0 characters: wanted 1 to 300"],
  [{ payload: "A".repeat(301) }, "a QR image of 301 characters: wanted 1 to 300"],
  ...["", "a", "1<2", " 12", "12  34", "1".repeat(41)].map((caption): [QrWish, string] => [
    { payload: "1", caption },
    "a caption cannot be drawn: wanted groups of 0-9 and A-Z, 40 characters in all",
  ]),
])("%o is refused", (wish, message) => {
  expect(() => drawSvg(wish)).toThrow(message);
  expect(() => drawPng(wish)).toThrow(message);
});
