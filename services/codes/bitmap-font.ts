// The symbols of codes as 5 by 7 dots, for images that are made without fonts. The digit 0 is slashed,
// so that it is no O.

/** The dots of a symbol across, and one between it and the next. */
export const ADVANCE_DOTS = 6;
/** The dots of a symbol from top to bottom. */
export const HEIGHT_DOTS = 7;

const SHEETS = [
  {
    symbols: "0123456789",
    rows: [
      ".###. ..#.. .###. ####. ...#. ##### ..##. ##### .###. .###.",
      "#...# .##.. #...# ....# ..##. #.... .#... ....# #...# #...#",
      "#..## ..#.. ....# ....# .#.#. ####. #.... ...#. #...# #...#",
      "#.#.# ..#.. ...#. .###. #..#. ....# ####. ...#. .###. .####",
      "##..# ..#.. ..#.. ....# ##### ....# #...# ..#.. #...# ....#",
      "#...# ..#.. .#... ....# ...#. #...# #...# ..#.. #...# ...#.",
      ".###. .###. ##### ####. ...#. .###. .###. ..#.. .###. .##..",
    ],
  },
  {
    symbols: "ABCDEFGHIJKLM",
    rows: [
      ".###. ####. .###. ####. ##### ##### .###. #...# .###. ..### #...# #.... #...#",
      "#...# #...# #...# #...# #.... #.... #...# #...# ..#.. ....# #..#. #.... ##.##",
      "#...# #...# #.... #...# #.... #.... #.... #...# ..#.. ....# #.#.. #.... #.#.#",
      "##### ####. #.... #...# ####. ####. #.### ##### ..#.. ....# ##... #.... #.#.#",
      "#...# #...# #.... #...# #.... #.... #...# #...# ..#.. ....# #.#.. #.... #...#",
      "#...# #...# #...# #...# #.... #.... #...# #...# ..#.. #...# #..#. #.... #...#",
      "#...# ####. .###. ####. ##### #.... .#### #...# .###. .###. #...# ##### #...#",
    ],
  },
  {
    symbols: "NOPQRSTUVWXYZ-",
    rows: [
      "#...# .###. ####. .###. ####. .#### ##### #...# #...# #...# #...# #...# ##### .....",
      "##..# #...# #...# #...# #...# #.... ..#.. #...# #...# #...# #...# #...# ....# .....",
      "##..# #...# #...# #...# #...# #.... ..#.. #...# #...# #...# .#.#. .#.#. ...#. .....",
      "#.#.# #...# ####. #...# ####. .###. ..#.. #...# #...# #.#.# ..#.. ..#.. ..#.. .###.",
      "#..## #...# #.... #.#.# #.#.. ....# ..#.. #...# #...# #.#.# .#.#. ..#.. .#... .....",
      "#..## #...# #.... #..#. #..#. ....# ..#.. #...# .#.#. ##.## #...# ..#.. #.... .....",
      "#...# .###. #.... .##.# #...# ####. ..#.. .###. ..#.. #...# #...# ..#.. ##### .....",
    ],
  },
] as const;

const glyphs = new Map<string, readonly string[]>([
  [" ", Array<string>(HEIGHT_DOTS).fill(".....")],
]);
for (const { symbols, rows } of SHEETS) {
  for (const [at, symbol] of [...symbols].entries()) {
    const from = at * ADVANCE_DOTS;
    glyphs.set(
      symbol,
      rows.map((row) => row.slice(from, from + ADVANCE_DOTS - 1)),
    );
  }
}

/** Returns the rows of a text, "#" where a dot is: 7 of them, 6 dots a symbol less the last gap. */
export function dotsOf(text: string): string[] {
  return Array.from({ length: HEIGHT_DOTS }, (_, row) =>
    [...text].map((symbol) => getGlyph(symbol)[row]).join("."),
  );
}

function getGlyph(symbol: string): readonly string[] {
  const glyph = glyphs.get(symbol);
  if (!glyph) {
    throw new Error("the text has a symbol without dots: wanted 0-9, A-Z, space and dash");
  }
  return glyph;
}
