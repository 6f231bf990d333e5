import { hash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { suffixOf } from "#shared/suffix.ts";
import type { LocationSpace } from "./location.ts";
import { bodyHashOf, subjectIdsOf, suffixesOf } from "./subjects.ts";

const of = (layout: LocationSpace["layout"], libraries: number, tables: number) => ({
  location: { layout, libraries, tables },
});
const SIMPLE = of("one-dimensional", 1, 1);
const SIXTEEN = of("one-dimensional", 4, 4);
const FOUR_BY_FOUR = of("library-table", 4, 4);
const HUNDRED = of("one-dimensional", 10, 10);
const THOUSAND = of("one-dimensional", 10, 100);

const SECRET = "a secret";
const tenantId = "cinema";
const order = (subject: string, shopperId = "ann") => ({ tenantId, shopperId, subject });

function suffixes(policy: typeof SIMPLE, count: number, shopperId?: string): Set<string> {
  const ids = Array.from({ length: count }, (_, n) =>
    subjectIdsOf(SECRET, [policy], order(`o-${n}`, shopperId)),
  );
  return new Set(ids.map(([id]) => (id as string).slice(-2)));
}

describe("the id of a subject's code", () => {
  test("is 32 hex digits and a suffix, the same each time", () => {
    const [id] = subjectIdsOf(SECRET, [HUNDRED], order("o-1"));
    expect(id).toMatch(/^[0-9a-f]{32}[0-9]{2}$/);
    expect(subjectIdsOf(SECRET, [HUNDRED], order("o-1"))).toEqual([id]);
  });

  test("differs by tenant, by member and by subject, wherever one ends and the next begins", () => {
    const subjects = [
      order("o-1"),
      order("o-2"),
      order("1", "anno-"),
      order("o-1", "bob"),
      order("o-1", ""),
      { ...order("o-1"), tenantId: "cinem" },
      { tenantId: "cinem", shopperId: "aann", subject: "o-1" },
    ];
    const ids = subjects.map((subject) => subjectIdsOf(SECRET, [SIMPLE], subject)[0]);
    expect(new Set(ids).size).toBe(subjects.length);
  });

  test("cannot be told from the three without the tenant's secret", () => {
    const [id] = subjectIdsOf(SECRET, [SIMPLE], order("o-1"));
    const [other] = subjectIdsOf("another secret", [SIMPLE], order("o-1"));
    expect(other).not.toBe(id);
    expect(id?.slice(0, 32)).not.toBe(hash("sha256", `${tenantId}\0ann\0o-1`).slice(0, 32));
  });

  test("ends in the suffix of the member's appointments, with 100 locations or 1,000", () => {
    expect(suffixes(HUNDRED, 50, "ann")).toEqual(new Set([suffixOf(tenantId, "ann")]));
    expect(suffixes(THOUSAND, 50, "ann")).toEqual(new Set([suffixOf(tenantId, "ann")]));
  });

  test("ends in 00 where there is one location", () => {
    expect(suffixes(SIMPLE, 50, "")).toEqual(new Set(["00"]));
  });

  test.each([
    ["on end", SIXTEEN, Array.from({ length: 16 }, (_, n) => String(n).padStart(2, "0"))],
    [
      "by library and table",
      FOUR_BY_FOUR,
      [0, 1, 2, 3].flatMap((a) => [0, 1, 2, 3].map((b) => `${a}${b}`)),
    ],
  ])("ends in one of 16 locations %s, all of them in use by what is nobody's", (_, policy, all) => {
    expect([...suffixes(policy, 500, "")].sort()).toEqual(all);
  });

  test("keeps what a member holds together", () => {
    expect(suffixes(FOUR_BY_FOUR, 50, "ann").size).toBe(1);
  });

  test("spreads what is nobody's over all suffixes", () => {
    expect(suffixes(HUNDRED, 2000, "").size).toBe(100);
  });

  test("is one for policies whose locations agree, and that of the first policy first", () => {
    expect(subjectIdsOf(SECRET, [HUNDRED, THOUSAND, HUNDRED], order("o-1")).length).toBe(1);
    const [first, second, ...rest] = subjectIdsOf(SECRET, [SIMPLE, HUNDRED, SIMPLE], order("o-1"));
    expect([first?.slice(-2), second?.slice(-2)]).toEqual(["00", suffixOf(tenantId, "ann")]);
    expect(first?.slice(0, 32)).toBe(second?.slice(0, 32));
    expect(rest).toEqual([]);
    expect(suffixesOf([SIMPLE, HUNDRED], tenantId, "ann")).toEqual([
      "00",
      suffixOf(tenantId, "ann"),
    ]);
  });
});

describe("the hash of a body", () => {
  const body = { storeId: "7", goods: "", items: 0, opensAtMs: undefined, expiresAtMs: 5 };

  test("fits a signed BIGINT", () => {
    const hashes = Array.from({ length: 200 }, (_, items) =>
      BigInt(bodyHashOf({ ...body, items })),
    );
    expect(hashes.every((hash) => hash >= 0n && hash < 2n ** 63n)).toBe(true);
    expect(hashes.some((hash) => hash > 2n ** 62n)).toBe(true);
  });

  test("differs with each part", () => {
    const bodies = [
      body,
      { ...body, storeId: "8" },
      { ...body, goods: "7" },
      { ...body, items: 1 },
      { ...body, opensAtMs: 5 },
      { ...body, opensAtMs: 5, expiresAtMs: undefined },
      { ...body, expiresAtMs: undefined },
    ];
    expect(new Set(bodies.map(bodyHashOf)).size).toBe(bodies.length);
  });
});
