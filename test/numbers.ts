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

/** Numbers by the names that a tool has for them. */
export type NumberTable<Name extends string = string> = Readonly<Record<Name, NumberOption>>;

/** Reads a number, or takes its default. Throws with a sentence. */
function readNumber(option: NumberOption, text: string | undefined): number {
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

/** Returns the flags of a table, as parseArgs takes them. */
export function numberFlags(table: NumberTable): Record<string, { type: "string" }> {
  return Object.fromEntries(Object.values(table).map(({ flag }) => [flag, { type: "string" }]));
}

/** Reads all numbers of a table out of what parseArgs found. Throws with a sentence. */
export function readNumbers<Name extends string>(
  table: NumberTable<Name>,
  values: Readonly<Record<string, unknown>>,
): Record<Name, number> {
  const read = ([name, option]: [string, NumberOption]) => [
    name,
    readNumber(option, values[option.flag] as string | undefined),
  ];
  return Object.fromEntries(Object.entries<NumberOption>(table).map(read));
}

/** Formats the line of a number in a help. */
export function helpLine({ flag, fallback, min, max, help }: NumberOption): string {
  const range = fallback === undefined ? "" : ` (${min} to ${max}, default ${fallback})`;
  return `  --${flag.padEnd(14)} ${help}${range}`;
}
