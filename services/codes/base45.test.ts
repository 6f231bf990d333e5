import { expect, test } from "vitest";
import { decodeBase45, encodeBase45 } from "./base45.ts";

// RFC 9285, sections 4.3 and 4.4.
test.each([
  ["AB", "BB8"],
  ["Hello!!", "%69 VD92EX0"],
  ["base-45", "UJCLQE7W581"],
  ["ietf!", "QED8WEX0"],
  ["", ""],
])("%j is %j, and back", (plain, text) => {
  const bytes = new TextEncoder().encode(plain);
  expect(encodeBase45(bytes)).toBe(text);
  expect(decodeBase45(text)).toEqual(bytes);
});

test("every byte and every pair of bytes has its text, and no two the same", () => {
  const pairs = Array.from({ length: 65_536 }, (_, i) => Buffer.of(i >> 8, i & 255));
  const singles = Array.from({ length: 256 }, (_, i) => Buffer.of(i));
  const texts = new Set<string>();
  for (const bytes of [...pairs, ...singles]) {
    const text = encodeBase45(bytes);
    const back = decodeBase45(text);
    if (!back || !bytes.equals(back) || text.endsWith(" ")) {
      expect.fail(`${bytes.toString("hex")} became ${JSON.stringify(text)}`);
    }
    texts.add(text);
  }
  expect(texts.size).toBe(65_536 + 256);
});

test.each([
  ["a number past two bytes", "GGX"],
  ["the largest of three symbols", ":::"],
  ["a number past one byte", "V5"],
  ["one symbol too many", "BB8B"],
  ["one symbol", "B"],
  ["lower case", "bb8"],
  ["what is no symbol", "B_8"],
  ["a line end", "BB8\nB"],
  ["full-width symbols", "BB８"],
])("%s is not read", (_, text) => {
  expect(decodeBase45(text)).toBeUndefined();
});

test("the largest numbers that fit are read", () => {
  expect(decodeBase45("FGW")).toEqual(Uint8Array.of(255, 255));
  expect(decodeBase45("U5")).toEqual(Uint8Array.of(255));
});
