import { expect, test } from "vitest";
import { pageOf, parsePlaceToken, toPlaceToken } from "./pages.ts";
import { isSuffixedId } from "./suffix.ts";

const ID = `${"0123456789abcdef".repeat(2)}07`;

test("a page has a token only if a row follows, and the token is of its last row", () => {
  expect(pageOf([], 2, String)).toEqual({ page: [], nextPageToken: "" });
  expect(pageOf([7, 8], 2, String)).toEqual({ page: [7, 8], nextPageToken: "" });
  expect(pageOf([7, 8, 9], 2, String)).toEqual({ page: [7, 8], nextPageToken: "8" });
});

test("a place is read back from its token, and none is before everything", () => {
  const place = { atMs: 1_700_000_000_000, id: ID };
  expect(parsePlaceToken(toPlaceToken(place), isSuffixedId)).toEqual(place);
  expect(parsePlaceToken("", isSuffixedId).atMs).toBe(Number.MAX_SAFE_INTEGER);
});

test.each([
  "x",
  ".",
  `1.`,
  `.${ID}`,
  `-1.${ID}`,
  `1.5.${ID}`,
  `1234567890123456.${ID}`,
  `1.${ID}0`,
  `1.${ID.toUpperCase()}`,
  `1.${ID}\n`,
])("%j is no token of a place", (token) => {
  expect(() => parsePlaceToken(token, isSuffixedId)).toThrow(
    "page_token: wanted the next_page_token of a page before",
  );
});
