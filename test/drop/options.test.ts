import { expect, it } from "vitest";
import { HELP, parseOptions } from "./options.ts";

it("has the defaults of the source document: 100 spots in each of three stores", () => {
  expect(parseOptions([])).toEqual({
    shoppers: 5000,
    spots: 100,
    slots: 3,
    duplicates: 3,
    concurrency: 256,
    partyMax: 1,
    redeem: 10,
    timeoutSeconds: 120,
    seed: expect.any(Number),
    isChaos: false,
    randomFaults: 8,
    pauseSeconds: 5,
    keepsHistory: false,
  });
});

it("sends smaller waves with --chaos, and breaks what it is told to", () => {
  expect(parseOptions(["--chaos", "--spots=7"])).toMatchObject({
    isChaos: true,
    shoppers: 200,
    spots: 7,
  });
  expect(
    parseOptions(["--chaos", "--faults", "kill:kafka, pause:mysqld,cut:redis"])?.faults,
  ).toEqual([
    { kind: "kill", part: "kafka" },
    { kind: "pause", part: "mysqld" },
    { kind: "cut", part: "redis" },
  ]);
  for (const wrong of ["kill", "burn:kafka", "cut:kafka", "kill:kafka:9", ""]) {
    expect(() => parseOptions(["--chaos", "--faults", wrong])).toThrow(
      `--faults has "${wrong}": wanted kill:<part>, pause:<part>, cut:redis or flush:redis`,
    );
  }
});

it("reads what is given, and nothing if help is wanted", () => {
  expect(parseOptions(["--shoppers", "7", "--party-max=2", "--seed", "0"])).toMatchObject({
    shoppers: 7,
    partyMax: 2,
    seed: 0,
  });
  expect(parseOptions(["--help"])).toBeUndefined();
  expect(HELP).toContain(
    "--shoppers       how many come; with --chaos 200 (1 to 200000, default 5000)",
  );
});

it.each(["0", "-1", "1.5", "x", "", "200001"])("refuses --shoppers %j", (text) => {
  expect(() => parseOptions([`--shoppers=${text}`])).toThrow(
    `--shoppers is "${text}": wanted a whole number from 1 to 200000`,
  );
});

it("refuses a plan of faults without chaos", () => {
  for (const option of ["--faults=kill:kafka", "--history"]) {
    expect(() => parseOptions([option])).toThrow(
      "--faults and --history are about --chaos: wanted that too",
    );
  }
});

it("refuses an option that does not exist", () => {
  expect(() => parseOptions(["--shopers", "7"])).toThrow("Unknown option '--shopers'");
});
