import { expect, test } from "vitest";
import { type Alphabet, normalize, readNumber, SYMBOLS, writeNumber } from "./alphabet.ts";

const STRICT = { lookAlikes: false, fullWidth: false };
const LENIENT = { lookAlikes: true, fullWidth: true };

/** Every character of Unicode's first two planes, where all that looks like ours is, without the halves
 * of pairs. */
function* everyCharacter(): Generator<string> {
  for (let point = 0; point <= 0x1ffff; point += 1) {
    if (point < 0xd800 || point > 0xdfff) {
      yield String.fromCodePoint(point);
    }
  }
}

/** Says what each of the accepted characters is read as, those passed over left out. */
function readings(alphabet: Alphabet, forgiving: typeof STRICT): Map<string, string> {
  const read = new Map<string, string>();
  for (const character of everyCharacter()) {
    const normalized = normalize(character, alphabet, forgiving);
    if (normalized.kind === "symbols" && normalized.symbols !== "") {
      read.set(character, normalized.symbols);
    }
  }
  return read;
}

test("the unmistakable symbols are 31: letters and digits without 0, 1, I, L and O", () => {
  const all = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"];
  const wanted = all.filter((symbol) => !"01ILO".includes(symbol)).join("");
  expect(SYMBOLS.unmistakable).toBe(wanted);
  expect(SYMBOLS.unmistakable).toHaveLength(31);
});

test("of all of Unicode, strict reading takes the symbols, and letters in both cases", () => {
  expect([...readings("digits", STRICT)].map(([character]) => character).join("")).toBe(
    "0123456789",
  );
  expect([...readings("unmistakable", STRICT)].map(([character]) => character).join("")).toBe(
    "23456789ABCDEFGHJKMNPQRSTUVWXYZabcdefghjkmnpqrstuvwxyz",
  );
});

test("look-alikes add the letters that look like one digit in both cases, and the bar", () => {
  const added = [...readings("digits", { lookAlikes: true, fullWidth: false })].slice(10);
  expect(added.map((pair) => pair.join("=")).join(" ")).toBe(
    "I=1 L=1 O=0 S=5 Z=2 i=1 l=1 o=0 s=5 z=2 |=1",
  );
});

test("among the 31 symbols none is read as another, forgiving or not", () => {
  const strict = readings("unmistakable", STRICT);
  expect(readings("unmistakable", { lookAlikes: true, fullWidth: false })).toEqual(strict);
});

test.each(["digits", "unmistakable"] as const)(
  "full width adds a form to each of %s",
  (alphabet) => {
    const narrow = readings(alphabet, { lookAlikes: true, fullWidth: false });
    const lenient = readings(alphabet, LENIENT);
    expect(lenient.size).toBe(2 * narrow.size);
    for (const [character, symbol] of lenient) {
      // What Unicode itself says that the form stands for.
      expect(narrow.get(character.normalize("NFKC"))).toBe(symbol);
    }
  },
);

test("spaces, dashes and invisible characters are passed over, and nothing else is", () => {
  const passed: string[] = [];
  for (const character of everyCharacter()) {
    const normalized = normalize(character, "digits", STRICT);
    if (normalized.kind === "symbols" && normalized.symbols === "") {
      passed.push(character);
    }
  }
  const sureOnes = " \t\n\r\u00a0\u00ad\u2009\u200b\u2060\u3000\ufeff-‐‑‒–—―−〜﹘﹣－ー";
  expect(passed).toEqual(expect.arrayContaining([...sureOnes]));
  const seen = passed.filter((character) => /[\p{L}\p{N}\p{S}\p{Po}\p{Pc}]/u.test(character));
  expect(seen.join("")).toBe("\u2212\u30fc\uff70");
});

test.each([
  ["48 29-13 07", "digits", STRICT, "48291307"],
  [" 7kq-x2m ", "unmistakable", STRICT, "7KQX2M"],
  ["OIl|sZ", "digits", LENIENT, "011152"],
  ["４８２９１３－０７", "digits", LENIENT, "48291307"],
  ["ｋＱ２", "unmistakable", LENIENT, "KQ2"],
  ["", "digits", STRICT, ""],
] as const)("%j in %s is read", (typed, alphabet, forgiving, symbols) => {
  expect(normalize(typed, alphabet, forgiving)).toEqual({ kind: "symbols", symbols });
});

test.each([
  ["4829130O", "digits", STRICT],
  ["４８２９１３０７", "digits", STRICT],
  ["4829.1307", "digits", LENIENT],
  ["٤٨٢٩", "digits", LENIENT],
  ["②", "digits", LENIENT],
  ["7KQO2M", "unmistakable", LENIENT],
  ["7KQ12M", "unmistakable", LENIENT],
  ["ſ", "unmistakable", LENIENT],
  ["😀", "unmistakable", LENIENT],
] as const)("%j in %s has a foreign symbol", (typed, alphabet, forgiving) => {
  expect(normalize(typed, alphabet, forgiving)).toEqual({ kind: "foreign-symbol" });
});

test.each([
  [42, "digits", 6, "000042"],
  [0, "unmistakable", 3, "AAA"],
  [30, "unmistakable", 3, "AA9"],
  [31, "unmistakable", 3, "ABA"],
  [99, "unmistakable", 2, "DG"],
  [10 ** 15 - 1, "digits", 15, "9".repeat(15)],
  [31 ** 10 - 1, "unmistakable", 10, "9".repeat(10)],
] as const)("the number %i in %s at width %i is %s, and back", (number, alphabet, width, text) => {
  expect(writeNumber(number, alphabet, width)).toBe(text);
  expect(readNumber(text, alphabet)).toBe(number);
});
