import { sign } from "node:crypto";
import { create, toBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { TicketSchema } from "#gen/slotmesh/codes/v1/ticket_pb.ts";
import { decodeBase45, encodeBase45 } from "./base45.ts";
import { readTicket, signTicket, TICKET_TEXT_MAX, type Ticket } from "./ticket.ts";
import {
  generateTicketKey,
  getSigningKey,
  parseTicketKeys,
  rotate,
  type TicketKeys,
  toJwks,
} from "./ticket-keys.ts";

const SYMBOLS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
const NOW_MS = Date.parse("2026-03-01T00:00:00Z");
const NOW = NOW_MS / 1000;
const SIGNATURE_BYTES = 64;
/** The order of Ed25519's group. */
const L = 2n ** 252n + 27742317777372353535851937790883648493n;

const keys = [generateTicketKey(NOW_MS)];
const key = getSigningKey(keys, NOW_MS);
/** What a till has: public halves. */
const till = parseTicketKeys(JSON.stringify(toJwks(keys, NOW_MS)), "till");

const TICKET: Ticket = {
  tenantId: "acme",
  codeId: "0123456789abcdef0123456789abcdef07",
  storeId: "324859301928374652",
  notBeforeSeconds: NOW,
  notAfterSeconds: NOW + 86_400,
  serial: 1,
};

/** The fields of TICKET as the message has them. */
const FIELDS = {
  version: 1,
  keyId: Number.parseInt(key.keyId, 16),
  tenantId: "acme",
  codeId: Buffer.from("0123456789abcdef0123456789abcdef", "hex"),
  suffix: 7,
  storeId: 324859301928374652n,
  notBeforeSeconds: BigInt(NOW),
  notAfterSeconds: BigInt(NOW + 86_400),
  serial: 1,
};

function kindOf(text: string, known: TicketKeys = till): string {
  return readTicket(known, text, { nowMs: NOW_MS }).kind;
}

function toBytes(text: string): Buffer {
  return Buffer.from(decodeBase45(text.slice(4)) ?? "");
}

function toText(...parts: readonly Uint8Array[]): string {
  return `SM1:${encodeBase45(Buffer.concat(parts))}`;
}

/** Signs a body that signTicket would not. */
function signBody(body: Uint8Array): string {
  return toText(body, sign(null, body, key.privateKey));
}

/** Fails on the first text that is read as a ticket. A loop of expects takes ten times as long. */
function expectRefused(texts: Iterable<string>): number {
  let count = 0;
  for (const text of texts) {
    count++;
    const kind = kindOf(text);
    if (kind === "ticket" || kind === "not-yet" || kind === "over") {
      expect.fail(`${JSON.stringify(text)} was read: ${kind}`);
    }
  }
  return count;
}

test.each([
  ["one store", {}],
  ["every store", { storeId: undefined }],
  ["store 0, which is not every store", { storeId: "0" }],
  ["suffix 00", { codeId: "ffffffffffffffffffffffffffffffff00" }],
  ["from 1970", { notBeforeSeconds: 0 }],
  [
    "the largest of everything",
    {
      tenantId: "a".repeat(32),
      codeId: "ffffffffffffffffffffffffffffffff99",
      storeId: "9223372036854775807",
      notAfterSeconds: 253_402_300_799,
      serial: 4_294_967_295,
    },
  ],
])("a ticket for %s is read as it was signed, by a till", (_, changes) => {
  const ticket = { ...TICKET, ...changes };
  const text = signTicket(keys, ticket, NOW_MS);
  expect(readTicket(till, text, { nowMs: NOW_MS })).toEqual({ kind: "ticket", ticket });
  expect(text).toMatch(/^SM1:[0-9A-Z $%*+\-./:]+$/);
  expect(text.length).toBeLessThanOrEqual(TICKET_TEXT_MAX);
});

// Put together by hand from the layout, signed with the key of RFC 8037 by openssl.
test("the layout is frozen by what is printed", () => {
  const jwk = {
    kty: "OKP",
    crv: "Ed25519",
    d: "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    kid: "90facafe",
    nbf: 0,
  };
  const frozen = parseTicketKeys(JSON.stringify({ keys: [jwk] }), "test");
  const text = signTicket(frozen, TICKET, NOW_MS);
  const bytes = toBytes(text);
  expect(bytes.subarray(0, -SIGNATURE_BYTES).toString("hex")).toBe(
    [
      "0801", // version 1
      "15fecafa90", // key_id, little-endian as fixed32 is
      "1a0461636d65", // tenant_id "acme"
      "22100123456789abcdef0123456789abcdef", // code_id
      "2807", // suffix 7
      "30fca2b0eb85ba88c104", // store_id
      "3880838ecd06", // not_before_seconds
      "4080a693cd06", // not_after_seconds
      "4801", // serial 1
    ].join(""),
  );
  expect(text).toBe(
    [
      "SM1:O015Z2WTPZ9I-O0SPCFZC212TK404DGWLU9UTK404DGWLOAU++09.VLGMY+G",
      ":CH0O04BGH2IPZ0*BG$UIXZ0Y705.3O95-*5:3B7 00%2:X3F73JIQY%P5M01-6D",
      ".QOYK3LHB:RU/N.SRSB49%FXNT%WM13T-0IULT9$FZXNC 3$PSZK8YB610",
    ].join(""),
  );
});

describe("what was changed is refused:", () => {
  const text = signTicket(keys, TICKET, NOW_MS);
  const bytes = toBytes(text);

  test("every bit", () => {
    const flipped = Array.from({ length: bytes.length * 8 }, (_, bit) => {
      const copy = Buffer.from(bytes);
      copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      return toText(copy);
    });
    expect(expectRefused(flipped)).toBe(bytes.length * 8);
    const inSignature = flipped.slice(-SIGNATURE_BYTES * 8).map((changed) => kindOf(changed));
    expect(new Set(inSignature)).toEqual(new Set(["bad-signature"]));
  });

  test("every character, also into lower case and full width", () => {
    const changed = [...text].flatMap((old, at) =>
      [...SYMBOLS, old.toLowerCase(), String.fromCharCode(old.charCodeAt(0) + 0xfee0), "_", "\0"]
        .filter((symbol) => symbol !== old)
        .map((symbol) => text.slice(0, at) + symbol + text.slice(at + 1)),
    );
    expect(expectRefused(changed)).toBeGreaterThan(text.length * (SYMBOLS.length - 1));
    expect(kindOf(text.toLowerCase())).toBe("not-a-ticket");
  });

  test("every character left out, doubled, or swapped with the next", () => {
    const changed = [...text].flatMap((symbol, at) => [
      text.slice(0, at) + text.slice(at + 1),
      text.slice(0, at) + symbol + text.slice(at),
      text.slice(0, at) + text.slice(at + 1, at + 2) + symbol + text.slice(at + 2),
    ]);
    expectRefused(changed.filter((other) => other !== text));
  });

  test("whatever is cut off or put on, at either end", () => {
    const cut = [...text].flatMap((_, at) => [text.slice(0, at), text.slice(at + 1)]);
    expectRefused(cut);
    const put = [..." \n\t\rA0", "00", "000", "%69"].flatMap((more) => [text + more, more + text]);
    expectRefused(put);
    expectRefused([toText(bytes, Buffer.alloc(1)), toText(Buffer.alloc(1), bytes)]);
  });

  test("the head of one with the tail of another, cut anywhere", () => {
    const others = [
      signTicket(keys, { ...TICKET, serial: 2 }, NOW_MS),
      signTicket(keys, { ...TICKET, codeId: "f123456789abcdef0123456789abcdef07" }, NOW_MS),
    ];
    for (const other of others) {
      const mixed = [...text].flatMap((_, at) => [
        text.slice(0, at) + other.slice(at),
        other.slice(0, at) + text.slice(at),
      ]);
      expectRefused(mixed.filter((one) => one !== text && one !== other));
    }
    const body = bytes.subarray(0, -SIGNATURE_BYTES);
    const [signature] = others.map((other) => toBytes(other).subarray(-SIGNATURE_BYTES));
    expect(kindOf(toText(body, signature ?? body))).toBe("bad-signature");
  });

  test("the signature's other spelling, which holds for whoever forgets to reduce it", () => {
    const body = bytes.subarray(0, -SIGNATURE_BYTES);
    const r = bytes.subarray(-SIGNATURE_BYTES, -32);
    const s = BigInt(`0x${Buffer.from(bytes.subarray(-32)).reverse().toString("hex")}`) + L;
    const other = Buffer.from(s.toString(16).padStart(64, "0"), "hex").reverse();
    expect(kindOf(toText(body, r, other))).toBe("bad-signature");
  });
});

test.each(["", "SM1:", "SM2:", "42420007", "https://example.com", "SM1:0000", "🎟".repeat(50)])(
  "%j is no ticket",
  (text) => {
    expect(kindOf(text)).toBe("not-a-ticket");
  },
);

test("a long text is not even decoded", () => {
  const text = `SM1:${"0".repeat(50_000_000)}`;
  const before = process.cpuUsage();
  expect(kindOf(text)).toBe("not-a-ticket");
  expect(process.cpuUsage(before).user).toBeLessThan(100_000);
});

describe("signed by the key itself, but not as signTicket writes it:", () => {
  const good = toBinary(TicketSchema, create(TicketSchema, FIELDS));

  test("as it writes it, it is read", () => {
    expect(signBody(good)).toBe(signTicket(keys, TICKET, NOW_MS));
    expect(kindOf(signBody(good))).toBe("ticket");
  });

  test.each([
    ["an unknown field", Buffer.concat([good, Buffer.from("5001", "hex")])],
    ["a field twice", Buffer.concat([good, Buffer.from("4801", "hex")])],
    ["fields in another order", Buffer.concat([good.subarray(2), good.subarray(0, 2)])],
    [
      "a number longer than it must be",
      Buffer.concat([good.subarray(0, -1), Buffer.from("8100", "hex")]),
    ],
    ["a field cut off", good.subarray(0, -1)],
    ["nothing", Buffer.alloc(0)],
    ["no message", Buffer.from("ffffffff", "hex")],
  ])("%s is no ticket", (_, body) => {
    expect(kindOf(signBody(body))).toBe("not-a-ticket");
  });

  test.each([
    ["another version", { version: 2 }],
    ["no tenant", { tenantId: "" }],
    ["a strange tenant", { tenantId: "Acme" }],
    ["a long tenant", { tenantId: "a".repeat(33) }],
    ["a short code id", { codeId: Buffer.alloc(15) }],
    ["a wide suffix", { suffix: 100 }],
    ["a store past 63 bits", { storeId: 2n ** 63n }],
    ["no end", { notAfterSeconds: 0n }],
    ["an end before the beginning", { notAfterSeconds: BigInt(NOW) }],
    ["an end past the year 9999", { notAfterSeconds: 253_402_300_800n }],
    ["no serial", { serial: 0 }],
  ])("%s is no ticket", (_, changes) => {
    const body = toBinary(TicketSchema, create(TicketSchema, { ...FIELDS, ...changes }));
    expect(kindOf(signBody(body))).toBe("not-a-ticket");
  });
});

test("the key is the one that is named, and no other", () => {
  const text = signTicket(keys, TICKET, NOW_MS);
  const others = [generateTicketKey(NOW_MS)];
  expect(kindOf(text, others)).toBe("unknown-key");
  // Another's public half under this key's name.
  const [mine] = till;
  const [other] = others;
  if (!mine || !other) expect.fail("no keys");
  expect(kindOf(text, [{ ...mine, publicKey: other.publicKey }])).toBe("bad-signature");
  // A ticket of another key that names this one.
  const body = toBinary(TicketSchema, create(TicketSchema, FIELDS));
  const foreign = sign(null, body, getSigningKey(others, NOW_MS).privateKey);
  expect(kindOf(toText(body, foreign), [...till, ...others])).toBe("bad-signature");
});

test("a ticket outlives a rotation until its key retires, and dies at once with a leaked one", () => {
  const ticket = { ...TICKET, notAfterSeconds: NOW + 1000 * 86_400 };
  const text = signTicket(keys, ticket, NOW_MS);
  const rotated = rotate(keys, NOW_MS);
  const retireMs = (rotated[0]?.retireSeconds ?? 0) * 1000;
  const kindAt = (known: TicketKeys, nowMs: number) => readTicket(known, text, { nowMs }).kind;
  expect(kindAt(rotated, retireMs - 1)).toBe("ticket");
  expect(kindAt(rotated, retireMs)).toBe("unknown-key");
  const leaked = rotate(keys, NOW_MS, { leadSeconds: 0, overlapSeconds: 0 });
  expect(kindAt(leaked, NOW_MS)).toBe("unknown-key");
  const anew = signTicket(leaked, ticket, NOW_MS);
  expect(anew).not.toBe(text);
  expect(readTicket(leaked, anew, { nowMs: NOW_MS }).kind).toBe("ticket");
});

test.each([
  [-1, 0, "not-yet"],
  [0, 0, "ticket"],
  [86_399, 0, "ticket"],
  [86_400, 0, "over"],
  [-61, 60, "not-yet"],
  [-60, 60, "ticket"],
  [86_459, 60, "ticket"],
  [86_460, 60, "over"],
])(
  "%i s after its beginning, by a clock that may be %i s wrong: %s",
  (after, skewSeconds, kind) => {
    const text = signTicket(keys, TICKET, NOW_MS);
    const nowMs = NOW_MS + after * 1000;
    expect(readTicket(till, text, { nowMs, skewSeconds })).toEqual({ kind, ticket: TICKET });
  },
);

const BOUNDS = "a ticket cannot say that: see the bounds in ticket.proto";
const NO_CODE = "the code id of a ticket is none: wanted 32 hex digits and 2 decimal ones";
const NO_STORE = "the store of a ticket is none: wanted a decimal id without leading zeros";
const NO_TIME = "a ticket is over before it is good: wanted not-after later than not-before";

test.each([
  [{ codeId: "0123456789ABCDEF0123456789abcdef07" }, NO_CODE],
  [{ codeId: "0123456789abcdef07" }, NO_CODE],
  [{ storeId: "042" }, NO_STORE],
  [{ storeId: "" }, NO_STORE],
  [{ storeId: "9223372036854775808" }, BOUNDS],
  [{ notAfterSeconds: NOW }, NO_TIME],
  [{ notAfterSeconds: 253_402_300_800 }, BOUNDS],
  [{ tenantId: "" }, BOUNDS],
  [{ tenantId: "ACME" }, BOUNDS],
  [{ serial: 0 }, BOUNDS],
])("a ticket with %o is not signed", (changes, message) => {
  expect(() => signTicket(keys, { ...TICKET, ...changes }, NOW_MS)).toThrow(message);
});
