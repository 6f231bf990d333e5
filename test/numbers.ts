// Numbers on a command line: a table says the bounds of each, and reading and help are made of it.

import { randomInt } from "node:crypto";

/** A number that can be given. */
export interface NumberOption {
  readonly flag: string;
  /** If absent, a random one. */
  readonly fallback?: number;
  readonly min: number;
  readonly max: number;
  readonly help: string;
}

/** Reads a number, or takes its default. Throws with a sentence. */
export function readNumber(option: NumberOption, text: string | undefined): number {
  const { flag, fallback, min, max } = option;
  if (text === undefined) {
    return fallback ?? randomInt(max);
  }
  const value = Number(text);
  if (text.trim() === "" || !Number.isInteger(value) || value < min || value > max) {
    throw new Error(`--${flag} is "${text}": wanted a whole number from ${min} to ${max}`);
  }
  return value;
}

/** Formats the line of a number in a help. */
export function helpLine({ flag, fallback, min, max, help }: NumberOption): string {
  const range = fallback === undefined ? "" : ` (${min} to ${max}, default ${fallback})`;
  return `  --${flag.padEnd(14)} ${help}${range}`;
}
