// Sealed entries: one place opens one entry, and a length says little.

import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { open, placeOf, SALT_BYTES, seal } from "./sealing.ts";

const SALT = Buffer.alloc(SALT_BYTES, 7);
const CODE_ID = "0123456789abcdef0123456789abcdef07";
const ENTRY = {
  appointmentId: CODE_ID,
  serial: 1,
  shopperId: "ann",
  partySize: 2,
  goods: "1 phone",
  items: 3,
  itemsLeft: 2,
  openMs: 0n,
  expireMs: 1_900_000_000_000n,
  lockedUntilMs: 0n,
};

test("an entry is opened by the place that it was sealed for", () => {
  const place = placeOf(SALT, CODE_ID);
  expect(open(place, seal(place, ENTRY))).toMatchObject(ENTRY);
});

test("place and key are HKDF-SHA256 of the code's id, the salt and the purpose", () => {
  const { lookup, key } = placeOf(SALT, CODE_ID);
  expect([lookup.toString("hex"), key.toString("hex")]).toEqual([
    "c9f42b57e3a7b54d39ccac4c4a9b8337",
    "2701a32023e1db9086ceaeba6a18a0f14ce146f49aa2790c983850dbc5b4ef94",
  ]);
});

test("sealed twice, an entry is another text each time", () => {
  const place = placeOf(SALT, CODE_ID);
  expect(seal(place, ENTRY).equals(seal(place, ENTRY))).toBe(false);
});

test("another code, another salt and another place do not open it", () => {
  const place = placeOf(SALT, CODE_ID);
  const sealed = seal(place, ENTRY);
  const otherCode = placeOf(SALT, CODE_ID.replace("0", "1"));
  const otherSalt = placeOf(randomBytes(SALT_BYTES), CODE_ID);
  const moved = { ...place, lookup: otherCode.lookup };
  expect([otherCode, otherSalt, moved].map((it) => open(it, sealed))).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});

test("no bit of a sealed entry can be another", () => {
  const place = placeOf(SALT, CODE_ID);
  const sealed = seal(place, ENTRY);
  for (let bit = 0; bit < sealed.length * 8; bit += 1) {
    const changed = Buffer.from(sealed);
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(open(place, changed)).toBeUndefined();
  }
  for (const length of [0, 27, 28, 29, sealed.length - 1]) {
    expect(open(place, sealed.subarray(0, length))).toBeUndefined();
  }
});

test("entries are filled up to 64 bytes, whatever they hold", () => {
  const place = placeOf(SALT, CODE_ID);
  for (let length = 0; length <= 200; length += 1) {
    const entry = { ...ENTRY, goods: "g".repeat(length) };
    const sealed = seal(place, entry);
    expect((sealed.length - 28) % 64).toBe(0);
    expect(open(place, sealed)?.goods.length).toBe(length);
  }
});
