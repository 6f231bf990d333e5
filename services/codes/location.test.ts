import { expect, test } from "vitest";
import { suffixAtEnd } from "#shared/suffix.ts";
import {
  hasLocation,
  type LocationSpace,
  locationAt,
  locationCount,
  locationsOfSuffix,
  writeLocation,
} from "./location.ts";

const suffixes = Array.from({ length: 100 }, (_, suffix) => String(suffix).padStart(2, "0"));

function listLocations(space: LocationSpace): number[] {
  return Array.from({ length: locationCount(space) }, (_, index) => locationAt(space, index));
}

test("four libraries of four tables are 00 to 15, or 00 to 03, 10 to 13, 20 to 23 and 30 to 33", () => {
  const size = { libraries: 4, tables: 4 };
  expect(listLocations({ layout: "one-dimensional", ...size })).toEqual([
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
  ]);
  expect(listLocations({ layout: "library-table", ...size })).toEqual([
    0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23, 30, 31, 32, 33,
  ]);
});

test("a space has the locations that it counts, and no other number up to 1,000", () => {
  const sizes = [1, 2, 3, 4, 9, 10];
  const spaces = sizes.flatMap((libraries) =>
    sizes.flatMap((tables) => [
      { layout: "one-dimensional" as const, libraries, tables },
      { layout: "library-table" as const, libraries, tables },
    ]),
  );
  for (const space of [
    ...spaces,
    { layout: "one-dimensional" as const, libraries: 100, tables: 10 },
  ]) {
    const has = Array.from({ length: 1001 }, (_, number) => number).filter((number) =>
      hasLocation(space, number),
    );
    expect(has).toEqual(listLocations(space));
  }
});

test("what is not a whole number from 0 is no location", () => {
  const space: LocationSpace = { layout: "library-table", libraries: 10, tables: 10 };
  expect([-1, -10, 0.5, Number.NaN].map((number) => hasLocation(space, number))).toEqual([
    false,
    false,
    false,
    false,
  ]);
});

test("with 100 locations an owner's is their suffix, in both layouts", () => {
  for (const layout of ["one-dimensional", "library-table"] as const) {
    const space = { layout, libraries: 10, tables: 10 };
    for (const suffix of suffixes) {
      expect(locationsOfSuffix(space, suffix)).toEqual([Number(suffix)]);
    }
  }
});

test("with more than 100, an owner's are those that end in their suffix", () => {
  const space: LocationSpace = { layout: "one-dimensional", libraries: 25, tables: 10 };
  expect(locationsOfSuffix(space, "07")).toEqual([7, 107, 207]);
  expect(locationsOfSuffix(space, "50")).toEqual([50, 150]);
  for (const suffix of suffixes) {
    const written = locationsOfSuffix(space, suffix).map((location) => writeLocation(location, 3));
    expect(written.map(suffixAtEnd)).toEqual(written.map(() => suffix));
  }
});

test("with fewer than 100, the locations are those of the suffixes that name them, and no others'", () => {
  const space: LocationSpace = { layout: "library-table", libraries: 4, tables: 4 };
  const listed = suffixes.map((suffix) => locationsOfSuffix(space, suffix));
  expect(listed.flat()).toEqual(listLocations(space));
  expect(locationsOfSuffix(space, "33")).toEqual([33]);
  expect(locationsOfSuffix(space, "34")).toEqual([]);
});

test("a location is written in two digits, or three, and 00 where none is shown", () => {
  expect([writeLocation(7, 2), writeLocation(7, 3), writeLocation(0, 0)]).toEqual([
    "07",
    "007",
    "00",
  ]);
});
