import { describe, expect, test } from "vitest";
import {
  BUDGET_NAMES,
  chargedTo,
  GUESS_RULES,
  type Guesser,
  lockableOf,
  lockableText,
  mostGuesses,
  mostGuessesADay,
} from "./budgets.ts";

const HOUR_MS = 3_600_000;
const GUESSER: Guesser = { tenantId: "t", storeId: "7", staffId: "ann" };

describe("the budgets", () => {
  test.each([
    ["device", 600_000, 20],
    ["person", 600_000, 40],
    ["store", HOUR_MS, 60],
    ["network", HOUR_MS, 120],
    ["tenant", 24 * HOUR_MS, 1000],
  ] as const)("%s: in any %i ms at most %i", (name, ms, most) => {
    expect(mostGuesses(GUESS_RULES.budgets[name], ms)).toBe(most);
  });

  test("count in whole milliseconds, as the script does", () => {
    for (const name of BUDGET_NAMES) {
      const { burst, everyMs } = GUESS_RULES.budgets[name];
      expect([burst, everyMs].every((value) => Number.isInteger(value) && value >= 1)).toBe(true);
    }
  });

  test("have given a device all its guesses back when its lock ends", () => {
    const { burst, everyMs } = GUESS_RULES.budgets.device;
    expect(GUESS_RULES.lockMs).toBeGreaterThanOrEqual(burst * everyMs);
  });

  test("let one network use up the tenant's day in six hours, and no sooner", () => {
    const { network, tenant } = GUESS_RULES.budgets;
    expect(mostGuesses(network, 6 * HOUR_MS)).toBeLessThan(mostGuesses(tenant, 6 * HOUR_MS));
    expect(mostGuesses(network, 7 * HOUR_MS)).toBeGreaterThan(mostGuesses(tenant, 7 * HOUR_MS));
  });

  test.each([
    [0, 0],
    [1, 750],
    [2, 1000],
    [500, 1000],
  ])("of %i stores let through at most %i wrong guesses a day", (stores, most) => {
    expect(mostGuessesADay(stores)).toBe(most);
  });
});

describe("a guess is charged to", () => {
  test("the person's device, the person, the store and the network", () => {
    const guesser = { ...GUESSER, deviceId: "till-0001", address: "203.0.113.9" };
    expect(chargedTo(guesser)).toEqual({
      device: "ann/till-0001",
      person: "ann",
      store: "7",
      network: "203.0.113",
      tenant: "",
    });
  });

  test("the person as a device of their own, where the client names none", () => {
    expect(chargedTo(GUESSER).device).toBe("ann/-");
    expect(chargedTo({ ...GUESSER, deviceId: "" }).device).toBe("ann/-");
  });

  test.each([
    ["2001:db8:0:5::77", "2001:db8:0:5"],
    ["::ffff:203.0.113.9", "203.0.113"],
    ["", "store 7"],
    ["not an address", "store 7"],
  ])("from %j, the network %s", (address, network) => {
    expect(chargedTo({ ...GUESSER, address }).network).toBe(network);
  });

  test("one network in two stores behind one address, and to two from two addresses", () => {
    const networkAt = (storeId: string, address: string | undefined) =>
      chargedTo({ ...GUESSER, storeId, address }).network;
    expect(networkAt("7", "203.0.113.9")).toBe(networkAt("8", "203.0.113.9"));
    expect(networkAt("7", "203.0.113.9")).not.toBe(networkAt("7", "198.51.100.9"));
    expect([networkAt("7", undefined), networkAt("8", undefined)]).toEqual(["store 7", "store 8"]);
  });

  test("one device never counts for another, whatever it calls itself", () => {
    const texts = [
      { staffId: "ann" },
      { staffId: "ann", deviceId: "-" },
      { staffId: "ann", deviceId: "b/c" },
      { staffId: "ann/b", deviceId: "c" },
      { staffId: "ann/b/c" },
      { staffId: "ann", deviceId: "é}{:" },
    ];
    expect(new Set(texts.map(lockableText)).size).toBe(texts.length);
    expect(texts.map(lockableText).map(lockableOf)).toEqual(texts);
  });
});
