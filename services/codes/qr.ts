// Draws what a pickup code's owner shows: a QR image of a payload, and beneath it the code as it is
// typed, for the day the scanner is broken.
//
// Drawn on demand and kept in memory, not stored, by measure (us of CPU, a ticket at level M with its
// caption, a busy machine of 2 cores):
//   sign the ticket 70, draw the SVG 800 to 900 (the choice of the mask alone 600), the PNG 1,200;
//   find it in the cache below 1.
//   Stored with its row: the same once for every code, seen or not, 150 more to insert (mysqld and
//   client; 35 becomes 190), 10 more a read, and 8.6 KB a row instead of 0.4, the binary log besides.
// So a stored image pays from the second time that one process has to draw it, and costs 8 GB a million
// codes; and a rotated key or a new serial would have to draw it again.

import { LRUCache } from "lru-cache";
import QRCode from "qrcode";
import { ADVANCE_DOTS, dotsOf } from "./bitmap-font.ts";
import { encodePng, type PngRow, type PngRun } from "./png.ts";

/** Of each of the two caches: a drawing is 2 to 9 KB, so some thousands. */
const KEPT_BYTES_MAX = 16 * 1024 * 1024;
const PAYLOAD_MAX = 300;
/** White around the QR image, in modules, as its standard wants; captions keep out of it. */
const MARGIN = 4;
/** White beneath a caption, in modules. */
const CAPTION_MARGIN = 3;
const CAPTION = /^[0-9A-Z]+(?:[ -][0-9A-Z]+)*$/;
const CAPTION_MAX = 40;
/** How large a caption can be, in modules: much smaller than the QR image, however short it is. */
const FONT_SIZE_MAX = 8;
/** How far a monospaced symbol reaches and stands up, in font sizes; no font is wider than textLength. */
const FONT_ADVANCE = 0.6;
const FONT_ASCENT = 0.75;
const PIXELS_PER_MODULE = 10;

const ONLY_DIGITS = /^[0-9]+$/;
const ONLY_ALPHANUMERIC = /^[0-9A-Z $%*+\-./:]+$/;

/** How much of a QR image may be unreadable: about 7, 15, 25 or 30 %. */
export type QrLevel = "L" | "M" | "Q" | "H";

/** What to draw. */
export interface QrWish {
  /** What a scanner reads: a ticket, or digits. */
  readonly payload: string;
  /** Its error correction. If absent, "M". */
  readonly level?: QrLevel;
  /** What stands beneath: a code in its groups, of 0-9 and A-Z. If absent, nothing. */
  readonly caption?: string;
}

interface Modules {
  readonly size: number;
  isDark(x: number, y: number): boolean;
}

const kept = { maxSize: KEPT_BYTES_MAX };
const svgs = new LRUCache<string, string>({
  ...kept,
  sizeCalculation: (svg, key) => svg.length + key.length,
});
const pngs = new LRUCache<string, Buffer>({
  ...kept,
  sizeCalculation: (png, key) => png.length + key.length,
});

/** Draws an SVG document. */
export function drawSvg(wish: QrWish): string {
  return findOrDraw(svgs, wish, toSvg);
}

/** Draws a PNG file. It is kept: do not write into it. */
export function drawPng(wish: QrWish): Buffer {
  return findOrDraw(pngs, wish, toPng);
}

function findOrDraw<Drawing extends string | Buffer>(
  cache: LRUCache<string, Drawing>,
  wish: QrWish,
  draw: (wish: QrWish) => Drawing,
): Drawing {
  const key = `${wish.level ?? "M"}${wish.caption ?? ""}\0${wish.payload}`;
  let drawing = cache.get(key);
  if (drawing === undefined) {
    check(wish);
    drawing = draw(wish);
    cache.set(key, drawing);
  }
  return drawing;
}

/** No message holds what was wished for: it is a code. */
function check({ payload, caption }: QrWish): void {
  if (payload.length === 0 || payload.length > PAYLOAD_MAX) {
    throw new Error(`a QR image of ${payload.length} characters: wanted 1 to ${PAYLOAD_MAX}`);
  }
  if (caption !== undefined && !(caption.length <= CAPTION_MAX && CAPTION.test(caption))) {
    throw new Error(
      `a caption cannot be drawn: wanted groups of 0-9 and A-Z, ${CAPTION_MAX} characters in all`,
    );
  }
}

/** One mode for the whole payload: to look for the shortest mix of modes takes 300 us, and saves
 * nothing on tickets. */
function toModules({ payload, level = "M" }: QrWish): Modules {
  const { modules } = QRCode.create([toSegment(payload)], { errorCorrectionLevel: level });
  const { size, data } = modules;
  return {
    size,
    isDark: (x, y) => x < size && data[y * size + x] === 1,
  };
}

function toSegment(payload: string): QRCode.QRCodeSegment {
  if (ONLY_DIGITS.test(payload)) {
    return { mode: "numeric", data: payload };
  }
  return ONLY_ALPHANUMERIC.test(payload)
    ? { mode: "alphanumeric", data: payload }
    : { mode: "byte", data: Buffer.from(payload) };
}

/** To a screen reader the image is its title, and nothing inside is read again. */
function toSvg(wish: QrWish): string {
  const { caption } = wish;
  const modules = toModules(wish);
  const width = modules.size + 2 * MARGIN;
  let height = width;
  let title = "QR code";
  let text = "";
  if (caption !== undefined) {
    const room = modules.size / (FONT_ADVANCE * caption.length);
    const fontSize = Math.min(FONT_SIZE_MAX, round(room));
    const baseline = round(height + FONT_ASCENT * fontSize);
    height = round(baseline + CAPTION_MARGIN);
    title += ` ${spell(caption)}`;
    text =
      `<text x="${width / 2}" y="${baseline}" font-size="${fontSize}" font-weight="700" ` +
      'font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,monospace" text-anchor="middle" ' +
      `textLength="${round(FONT_ADVANCE * fontSize * caption.length)}" ` +
      `lengthAdjust="spacingAndGlyphs" fill="#000000" aria-hidden="true">${caption}</text>`;
  }
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img">` +
    `<title>${title}</title><path fill="#ffffff" d="M0 0h${width}v${height}H0z"/>` +
    `<path stroke="#000000" shape-rendering="crispEdges" d="${toPath(modules)}"/>${text}</svg>`
  );
}

/** Draws each run of dark modules as a line through their middle, from the end of the last. */
function toPath(modules: Modules): string {
  let path = `M${MARGIN} ${MARGIN + 0.5}`;
  let penX = 0;
  let penY = 0;
  for (let y = 0; y < modules.size; y++) {
    for (const { from, length } of runsOf(modules, y)) {
      path += `m${from - penX} ${y - penY}h${length}`;
      penX = from + length;
      penY = y;
    }
  }
  return path;
}

function toPng(wish: QrWish): Buffer {
  const modules = toModules(wish);
  const width = (modules.size + 2 * MARGIN) * PIXELS_PER_MODULE;
  const left = MARGIN * PIXELS_PER_MODULE;
  const rows = Array.from({ length: modules.size }, (_, y) =>
    enlarge(runsOf(modules, y), left, PIXELS_PER_MODULE),
  );
  const caption = wish.caption === undefined ? [] : toRows(wish.caption, width);
  return encodePng(width, [white(MARGIN), ...rows, white(MARGIN), ...caption]);
}

function toRows(caption: string, width: number): PngRow[] {
  const dots = caption.length * ADVANCE_DOTS - 1;
  const room = width - 2 * MARGIN * PIXELS_PER_MODULE;
  const dotPixels = Math.max(1, Math.min(PIXELS_PER_MODULE, Math.floor(room / dots)));
  const left = Math.floor((width - dots * dotPixels) / 2);
  const rows = dotsOf(caption).map((row) => {
    const runs = [...row.matchAll(/#+/g)];
    const black = runs.map(({ index, 0: run }) => ({ from: index, length: run.length }));
    return enlarge(black, left, dotPixels);
  });
  return [...rows, white(CAPTION_MARGIN)];
}

/** The runs of dark modules in a row, from the left. */
function runsOf({ size, isDark }: Modules, y: number): PngRun[] {
  const runs: PngRun[] = [];
  for (let x = 0; x < size; x++) {
    const from = x;
    while (isDark(x, y)) {
      x++;
    }
    if (x > from) {
      runs.push({ from, length: x - from });
    }
  }
  return runs;
}

function enlarge(runs: readonly PngRun[], left: number, pixels: number): PngRow {
  const black = runs.map(({ from, length }) => ({
    from: left + from * pixels,
    length: length * pixels,
  }));
  return { times: pixels, black };
}

function white(modules: number): PngRow {
  return { times: modules * PIXELS_PER_MODULE, black: [] };
}

/** Symbol by symbol, so that it is not read as a number, with a rest after each group. */
function spell(caption: string): string {
  return caption
    .split(/[ -]/)
    .map((group) => [...group].join(" "))
    .join(", ");
}

function round(modules: number): number {
  return Math.round(modules * 100) / 100;
}
