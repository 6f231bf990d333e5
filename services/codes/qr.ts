// Draws a code's digits as a QR image. A drawing took 565 us of the event loop (version 1, all eight
// masks tried, as the standard wants; 2,000 drawings on a busy machine of 2 cores), and a code on a
// screen is asked for again and again: so drawings are kept. They depend on the digits alone and are
// never stale.

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
