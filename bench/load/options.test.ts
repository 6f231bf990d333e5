import { expect, it } from "vitest";
import { HELP, parseOptions } from "./options.ts";

it("has defaults: a closed loop at the slots of the source document", () => {
  expect(parseOptions([])).toEqual({
    profile: "saturate",
    hasOwnTokens: false,
    calls: 20_000,
    slots: 3,
    spots: 100,
    concurrency: 64,
    connections: 4,
    rps: 1000,
    rpsFrom: 100,
    warm: 3000,
    timeoutSeconds: 300,
  });
});

it("reads what is given, and nothing if help is wanted", () => {
  const args = ["--profile", "ramp", "--rps-from=5", "--rps", "50", "--own-tokens", "--calls=9"];
  expect(parseOptions(args)).toMatchObject({
    profile: "ramp",
    hasOwnTokens: true,
    calls: 9,
    rps: 50,
    rpsFrom: 5,
  });
  expect(parseOptions(["--help"])).toBeUndefined();
  expect(HELP).toContain(
    "--calls          how many are sent, each by a shopper of its own (1 to 200000, default 20000)",
  );
});

it.each([
  [["--calls", "200001"], '--calls is "200001": wanted a whole number from 1 to 200000'],
  [["--profile", "burst"], '--profile is "burst": wanted saturate, constant, ramp'],
  [["--profile", "toString"], '--profile is "toString": wanted saturate, constant, ramp'],
  [
    ["--own-tokens"],
    "--calls is 20000 with --own-tokens: wanted at most 4000, since each call's token is handed to " +
      "ghz in its environment",
  ],
  [
    ["--profile", "ramp", "--rps", "100"],
    "--rps-from is 100: wanted less than --rps, which is 100",
  ],
])("refuses %j", (args, sentence) => {
  expect(() => parseOptions(args)).toThrow(new Error(sentence));
});
