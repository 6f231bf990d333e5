import { expect, test } from "vitest";
import { type Alphabet, SYMBOLS, writeNumber } from "./alphabet.ts";
import { type CheckMethod, checkSymbol, ERRORS_CAUGHT, passesCheck } from "./check-digit.ts";

/** The systems, and the lengths of which every code is tried with every error: 16.5 million errors. */
const SYSTEMS: [CheckMethod, Alphabet, number[]][] = [
  ["damm", "digits", [2, 3, 4, 5]],
  ["iso7064", "digits", [2, 3, 4, 5]],
  ["iso7064", "unmistakable", [2, 3]],
];

interface Counts {
  tried: number;
  caught: number;
}

/** Tries every single error and every neighbour swap of every code of a length, check symbol included.
 * A code's last symbol is its check symbol. */
function tryAll(method: CheckMethod, alphabet: Alphabet, length: number) {
  const symbols = SYMBOLS[alphabet];
  const single: Counts = { tried: 0, caught: 0 };
  const swap: Counts = { tried: 0, caught: 0 };
  const take = (counts: Counts, mistyped: string) => {
    counts.tried += 1;
    counts.caught += passesCheck(method, alphabet, mistyped) ? 0 : 1;
  };
  for (let number = 0; number < symbols.length ** length; number += 1) {
    const payload = writeNumber(number, alphabet, length);
    const code = payload + checkSymbol(method, alphabet, payload);
    for (let place = 0; place <= length; place += 1) {
      const before = code.slice(0, place);
      const own = code.charAt(place);
      const next = code.charAt(place + 1);
      for (const other of symbols) {
        if (other !== own) {
          take(single, before + other + code.slice(place + 1));
        }
      }
      if (next !== "" && next !== own) {
        take(swap, before + next + own + code.slice(place + 2));
      }
    }
  }
  return { single, swap };
}

test.each(SYSTEMS)("%s with %s catches what it says", (method, alphabet, all) => {
  const caught = ERRORS_CAUGHT[method][alphabet];
  for (const length of all) {
    const { single, swap } = tryAll(method, alphabet, length);
    const size = SYMBOLS[alphabet].length;
    expect(single.tried).toBe(size ** length * (length + 1) * (size - 1));
    expect({
      single: single.caught / single.tried,
      swap: swap.caught / swap.tried,
    }).toEqual(caught);
  }
});

test.each([
  ["damm", "digits", "572", "4"],
  ["iso7064", "digits", "0794", "5"],
  ["iso7064", "digits", "8609574271", "9"],
  // 7 K Q X have the values 28 9 13 20, M has 10: 28*81 + 9*27 + 13*9 + 20*3 + 10 = 2698 = 87*31 + 1.
  ["iso7064", "unmistakable", "7KQX", "M"],
] as const)("%s with %s: behind %s stands %s", (method, alphabet, payload, symbol) => {
  expect(checkSymbol(method, alphabet, payload)).toBe(symbol);
  expect(passesCheck(method, alphabet, payload + symbol)).toBe(true);
});

test("with the 31 symbols swaps are caught at any distance up to 29 symbols", () => {
  // A swap is missed where two weights are equal; they are powers of a primitive root.
  const weights = Array.from({ length: 30 }, (_, place) => {
    const code = `B${"A".repeat(place)}`;
    return checkSymbol("iso7064", "unmistakable", code);
  });
  expect(new Set(weights).size).toBe(30);
});

test("a check symbol is one of the alphabet's", () => {
  for (const [method, alphabet] of SYSTEMS) {
    const seen = new Set<string>();
    for (let number = 0; number < SYMBOLS[alphabet].length ** 2; number += 1) {
      seen.add(checkSymbol(method, alphabet, writeNumber(number, alphabet, 2)));
    }
    expect([...seen].sort()).toEqual([...SYMBOLS[alphabet]].sort());
  }
});
