import { expect, test } from "vitest";
import { groupCode, readCode, spellCode } from "./code.ts";

test("a code is shown in groups and spoken in digits; leading zeros count", () => {
  expect(groupCode("00345678")).toBe("0034 5678");
  expect(spellCode("00345678")).toBe("0 0 3 4, 5 6 7 8");
});

test.each([
  ["003456 78", "0 0 3 4 5 6, 7 8"],
  ["A2BC-DEF", "A 2 B C, D E F"],
])("%j keeps the groups that it came in", (code, spelt) => {
  expect(groupCode(code)).toBe(code);
  expect(spellCode(code)).toBe(spelt);
});

test.each([
  ["00345678", { kind: "code", code: "00345678", isWhole: true }],
  [" 0034 5678 ", { kind: "code", code: "00345678", isWhole: true }],
  ["0034-56-78", { kind: "code", code: "00345678", isWhole: true }],
  ["0034–5678", { kind: "code", code: "00345678", isWhole: true }],
  ["", { kind: "empty" }],
  [" - ", { kind: "empty" }],
  ["1234567", { kind: "code", code: "1234567", isWhole: false }],
  [" A2BC-DEFG ", { kind: "code", code: "A2BC-DEFG", isWhole: false }],
  ["SM1:NCFOXN%TSM", { kind: "code", code: "SM1:NCFOXN%TSM", isWhole: false }],
])("%j is read as %o", (typed, read) => {
  expect(readCode(typed)).toEqual(read);
});
