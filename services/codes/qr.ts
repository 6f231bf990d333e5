// Draws a code's digits as a QR image. A drawing takes 0.5 ms of the event loop, ten times a reading of
// the row (version 1, all eight masks tried, as the standard wants), and a code on a screen is asked
// for again and again: so drawings are kept. A drawing depends on the digits alone and is never stale.

import { LRUCache } from "lru-cache";
import QRCode from "qrcode";

/** About 1 KB each. */
const DRAWINGS_KEPT_MAX = 5000;
const MARGIN_MODULES = 4;

const drawings = new LRUCache<string, string>({ max: DRAWINGS_KEPT_MAX });

/** Draws digits as an SVG document. */
export async function drawQr(digits: string): Promise<string> {
  const kept = drawings.get(digits);
  if (kept !== undefined) {
    return kept;
  }
  const svg = await QRCode.toString(digits, {
    type: "svg",
    errorCorrectionLevel: "M",
    margin: MARGIN_MODULES,
  });
  drawings.set(digits, svg);
  return svg;
}
