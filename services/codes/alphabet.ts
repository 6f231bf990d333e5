// The symbols that codes are written with, and how what a person typed becomes those symbols again.
//
// The digits can be typed anywhere. The 31 unmistakable symbols are the letters and digits less those
// that people confuse with each other, 0 O, 1 I L; and 31 is a prime, which their check symbol needs.
// No message of this file repeats what was typed: a code is worth what it opens.

/** The two alphabets that a policy chooses from. */
export type Alphabet = "digits" | "unmistakable";

/** What reading forgives, besides spaces, dashes and case, which it always does. */
export interface Forgiving {
  /** Whether letters that look like one digit count as that digit. Only the digits have such letters. */
  readonly lookAlikes: boolean;
  /** Whether the full-width forms of Chinese, Japanese and Korean keyboards count as what they show. */
  readonly fullWidth: boolean;
}

/** What was typed: its symbols, or that one of its characters is no symbol. */
export type Normalized =
  | { readonly kind: "symbols"; readonly symbols: string }
  | { readonly kind: "foreign-symbol" };

/** The symbols of each alphabet, in the order of their values. */
export const SYMBOLS: Readonly<Record<Alphabet, string>> = {
  digits: "0123456789",
  unmistakable: "ABCDEFGHJKMNPQRSTUVWXYZ23456789",
};

/** The letters that are read as a digit: those whose capital and small form look like that one digit
 * and like no other. So neither B (b is a 6), nor G and Q (g and q are a 9), nor D (d is none). Among
 * the 31 symbols nothing is read as another: O and 0 look like each other, and neither is a symbol. */
const LOOK_ALIKES: Readonly<Record<Alphabet, ReadonlyMap<string, string>>> = {
  digits: new Map([
    ["O", "0"],
    ["I", "1"],
    ["L", "1"],
    ["|", "1"],
    ["Z", "2"],
    ["S", "5"],
  ]),
  unmistakable: new Map(),
};

/** Spaces, dashes and invisible characters, which copying brings along. Three dashes are none to
 * Unicode: the minus sign, and the sound marks that a Japanese keyboard has in the place of a dash. */
const PASSED_OVER = /[\s\p{Pd}\p{Cf}\u2212\u30fc\uff70]/u;

const SMALL_LETTER = /^[a-z]$/;
/** The full-width forms repeat ASCII from "!" to "~" in its order. */
const FULL_WIDTH = /^[\uff01-\uff5e]$/;
const FULL_WIDTH_OFFSET = 0xfee0;

/** Turns what was typed into symbols of an alphabet, without spaces and dashes, in capitals. */
export function normalize(typed: string, alphabet: Alphabet, forgiving: Forgiving): Normalized {
  let symbols = "";
  for (const character of typed) {
    if (PASSED_OVER.test(character)) {
      continue;
    }
    const symbol = symbolOf(character, alphabet, forgiving);
    if (symbol === undefined) {
      return { kind: "foreign-symbol" };
    }
    symbols += symbol;
  }
  return { kind: "symbols", symbols };
}

/** Writes a number with an alphabet's symbols, the highest place first, at a fixed width. */
export function writeNumber(number: number, alphabet: Alphabet, width: number): string {
  const symbols = SYMBOLS[alphabet];
  let rest = number;
  let text = "";
  for (let place = 0; place < width; place += 1) {
    text = symbols.charAt(rest % symbols.length) + text;
    rest = Math.floor(rest / symbols.length);
  }
  return text;
}

/** Reads a number that was written with an alphabet's symbols. */
export function readNumber(text: string, alphabet: Alphabet): number {
  const symbols = SYMBOLS[alphabet];
  return [...text].reduce((sum, symbol) => sum * symbols.length + symbols.indexOf(symbol), 0);
}

/** Says which symbol a character is. Only the full-width forms are undone, and not all that Unicode's
 * NFKC would: that reads "½" as three characters and "②" as a 2. */
function symbolOf(
  character: string,
  alphabet: Alphabet,
  { lookAlikes, fullWidth }: Forgiving,
): string | undefined {
  const plain =
    fullWidth && FULL_WIDTH.test(character)
      ? String.fromCharCode(character.charCodeAt(0) - FULL_WIDTH_OFFSET)
      : character;
  // Only ASCII is capitalised: Unicode makes an I of a dotless i, and two letters of others.
  const symbol = SMALL_LETTER.test(plain) ? plain.toUpperCase() : plain;
  if (SYMBOLS[alphabet].includes(symbol)) {
    return symbol;
  }
  return lookAlikes ? LOOK_ALIKES[alphabet].get(symbol) : undefined;
}
