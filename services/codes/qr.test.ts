import { expect, test } from "vitest";
import { drawQr } from "./qr.ts";

test("a code is drawn as an SVG of 21 modules with a quiet zone of 4 around, below 20,000 bytes", async () => {
  const svg = await drawQr("00004207");
  expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" viewBox="0 0 29 29"/);
  expect(svg).toContain('fill="#ffffff"');
  expect(svg.length).toBeLessThan(20_000);
});

test("other digits are another drawing, the same digits the same", async () => {
  const [first, again, other] = await Promise.all(["00004207", "00004207", "00004217"].map(drawQr));
  expect(again).toBe(first);
  expect(other).not.toBe(first);
});
