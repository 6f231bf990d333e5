// A till's judgement, by a table of what it may know of a ticket's code.

import { randomBytes } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { CodeState } from "#gen/slotmesh/codes/v1/code_pb.ts";
import { TillHeaderSchema } from "#gen/slotmesh/codes/v1/till_pb.ts";
import { TillVerdict } from "#gen/slotmesh/codes/v1/tills_service_pb.ts";
import { placeOf, SALT_BYTES, seal } from "./sealing.ts";
import { signTicket, type Ticket } from "./ticket.ts";
import { generateTicketKey, toJwks } from "./ticket-keys.ts";
import { CLOCK_SKEW_MS, createTill, type TillMessage, UPLOAD_SCANS_MAX } from "./till.ts";

const NOW_MS = Date.parse("2026-03-01T12:00:00Z");
const MINUTE_MS = 60_000;
const SALT = randomBytes(SALT_BYTES);
const keys = [generateTicketKey(0)];
const TICKET: Ticket = {
  tenantId: "acme",
  codeId: `${"ab".repeat(16)}07`,
  storeId: "11",
  notBeforeSeconds: NOW_MS / 1000 - 60,
  notAfterSeconds: NOW_MS / 1000 + 3600,
  serial: 2,
};
const ENTRY = {
  appointmentId: TICKET.codeId,
  serial: 2,
  shopperId: "ann",
  partySize: 1,
  goods: "",
  items: 3,
  itemsLeft: 3,
  openMs: 0n,
  expireMs: BigInt(NOW_MS + 60 * MINUTE_MS),
  lockedUntilMs: 0n,
};

function text(changes: Partial<Ticket> = {}): string {
  return signTicket(keys, { ...TICKET, ...changes }, NOW_MS);
}

function message(changes: Partial<TillMessage> & { readonly salt?: Buffer } = {}): TillMessage {
  const { salt = SALT, ...more } = changes;
  const header = create(TillHeaderSchema, {
    tenantId: "acme",
    storeId: "11",
    salt,
    ticketKeys: JSON.stringify(toJwks(keys, NOW_MS)),
  });
  return { header, live: [], ended: [], cursor: "next", ...more };
}

function live(changes: Partial<typeof ENTRY> = {}) {
  const place = placeOf(SALT, TICKET.codeId);
  return [{ lookup: place.lookup, sealed: seal(place, { ...ENTRY, ...changes }) }];
}

function ended(state: CodeState) {
  return [{ lookup: placeOf(SALT, TICKET.codeId).lookup, state }];
}

function tillWith(changes: Parameters<typeof message>[0]) {
  const till = createTill();
  till.load([message(changes)]);
  return till;
}

function judged(
  known: Parameters<typeof message>[0],
  ticket = text(),
  at: { nowMs?: number; items?: number } = {},
): string {
  const judgement = tillWith(known).judge(ticket, { nowMs: NOW_MS, ...at });
  return judgement.kind === "refuse" ? judgement.reason : judgement.kind;
}

describe("a till that knows a code", () => {
  test.each([
    ["open", {}, "accept"],
    ["of an older serial than the ticket's", { serial: 1 }, "accept"],
    ["of a newer serial", { serial: 3 }, "replaced"],
    ["over, but for the clock", { expireMs: BigInt(NOW_MS - CLOCK_SKEW_MS + 1) }, "accept"],
    ["over", { expireMs: BigInt(NOW_MS - CLOCK_SKEW_MS) }, "expired"],
    ["early, but for the clock", { openMs: BigInt(NOW_MS + CLOCK_SKEW_MS) }, "accept"],
    ["early", { openMs: BigInt(NOW_MS + CLOCK_SKEW_MS + 1) }, "not-yet"],
    ["locked", { lockedUntilMs: BigInt(NOW_MS + 1) }, "locked"],
    ["no longer locked", { lockedUntilMs: BigInt(NOW_MS) }, "accept"],
    ["of another id", { appointmentId: `${"cd".repeat(16)}07` }, "bad-ticket"],
  ])("as %s says so", (_, entry, wanted) => {
    expect(judged({ live: live(entry) })).toBe(wanted);
  });

  test("lets its row decide the times, not the ticket", () => {
    const old = text({ notBeforeSeconds: 1, notAfterSeconds: 2 });
    const early = text({ notBeforeSeconds: 3e9, notAfterSeconds: 4e9 });
    expect([judged({ live: live() }, old), judged({ live: live() }, early)]).toEqual([
      "accept",
      "accept",
    ]);
  });

  test("as ended says how", () => {
    const { REDEEMED, REVOKED, EXPIRED } = CodeState;
    expect([REDEEMED, REVOKED, EXPIRED].map((state) => judged({ ended: ended(state) }))).toEqual([
      "redeemed",
      "revoked",
      "expired",
    ]);
  });

  test("hands over what is left, item by item", () => {
    const till = tillWith({ live: live() });
    const scan = (items: number, nonce: string) =>
      till.scan(text(), { nowMs: NOW_MS, items, nonce });
    expect(judged({ live: live() }, text(), { items: 4 })).toBe("too-few-left");
    expect(scan(2, "one").kind).toBe("accept");
    expect(scan(2, "two")).toEqual({ kind: "refuse", reason: "handed-over-here" });
    expect(scan(1, "three").kind).toBe("accept");
    expect(scan(0, "four")).toEqual({ kind: "refuse", reason: "handed-over-here" });
    expect(till.pending().map(({ nonce, items }) => [nonce, items])).toEqual([
      ["one", 2],
      ["three", 1],
    ]);
  });
});

describe("a till that does not know a code", () => {
  test.each([
    ["its own store's", {}, "accept-unknown"],
    ["another store's", { storeId: "12" }, "wrong-store"],
    ["any store's", { storeId: undefined }, "needs-line"],
    ["another tenant's", { tenantId: "other" }, "not-ours"],
    ["over", { notAfterSeconds: (NOW_MS - CLOCK_SKEW_MS) / 1000 }, "expired"],
    ["early", { notBeforeSeconds: (NOW_MS + CLOCK_SKEW_MS) / 1000 + 1 }, "not-yet"],
  ])("goes by a ticket that is %s", (_, changes, wanted) => {
    const begun = "notAfterSeconds" in changes ? { notBeforeSeconds: 1 } : {};
    expect(judged({}, text({ ...begun, ...changes }))).toBe(wanted);
  });

  test("accepts it once, and says that it was not known", () => {
    const till = tillWith({});
    const at = { nowMs: NOW_MS, nonce: "one" };
    expect(till.scan(text(), at).kind).toBe("accept-unknown");
    expect(till.scan(text(), at)).toEqual({ kind: "refuse", reason: "handed-over-here" });
    expect(till.pending()).toMatchObject([
      { nonce: "one", ticket: text(), seenMs: NOW_MS, shown: TillVerdict.ACCEPTED_UNKNOWN },
    ]);
  });

  test("believes no one else's signature, and no changed text", () => {
    const foreign = signTicket([generateTicketKey(0)], TICKET, NOW_MS);
    const good = text();
    const flipped = good.slice(0, 60) + (good[60] === "0" ? "1" : "0") + good.slice(61);
    expect([foreign, flipped, "SM1:", "12345607"].map((it) => judged({}, it))).toEqual([
      "unknown-key",
      "bad-ticket",
      "bad-ticket",
      "bad-ticket",
    ]);
  });
});

describe("what a till hears", () => {
  test("takes the place of what it knew, either way", () => {
    const till = tillWith({ live: live() });
    const judge = () => till.judge(text(), { nowMs: NOW_MS });
    till.apply([message({ ended: ended(CodeState.REVOKED), cursor: "two" })]);
    expect([judge(), till.cursor()]).toEqual([{ kind: "refuse", reason: "revoked" }, "two"]);
    // A redemption was reversed.
    till.apply([message({ live: live({ itemsLeft: 1 }) })]);
    expect(judge()).toMatchObject({ kind: "accept", entry: { itemsLeft: 1 } });
  });

  test("includes what it told: then its own scans do not count again", () => {
    const till = tillWith({ live: live() });
    till.scan(text(), { nowMs: NOW_MS, items: 1, nonce: "one" });
    till.scan(text(), { nowMs: NOW_MS, items: 1, nonce: "two" });
    till.settle(["one"]);
    expect(till.pending().map(({ nonce }) => nonce)).toEqual(["two"]);
    till.apply([message({ live: live({ itemsLeft: 2 }) })]);
    const judge = (items: number) => till.judge(text(), { nowMs: NOW_MS, items }).kind;
    expect([judge(1), judge(2)]).toEqual(["accept", "refuse"]);
  });

  test("is refused if it is torn or of another snapshot", () => {
    const torn = "a snapshot is torn: wanted a header in its first part, a cursor in its last";
    const till = createTill();
    expect(() => till.judge(text(), { nowMs: NOW_MS })).toThrow(
      "a till without a snapshot knows no tickets: load one first",
    );
    expect(() => till.load([])).toThrow(torn);
    expect(() => till.load([message({ cursor: "" })])).toThrow(torn);
    expect(() => till.load([{ ...message(), header: undefined }])).toThrow(torn);
    till.load([message()]);
    expect(() => till.apply([message({ salt: randomBytes(SALT_BYTES) })])).toThrow(
      "changes are of another snapshot: wanted those since this one's cursor",
    );
  });
});

test("a till uploads what an upload can hold, and the rest next time", () => {
  const till = tillWith({});
  for (let number = 0; number < UPLOAD_SCANS_MAX + 1; number += 1) {
    const codeId = `${number.toString(16).padStart(32, "0")}07`;
    till.scan(text({ codeId }), { nowMs: NOW_MS, nonce: `nonce-${number}` });
  }
  const first = till.pending();
  till.settle(first.map(({ nonce }) => nonce));
  expect([first.length, till.pending().map(({ nonce }) => nonce)]).toEqual([500, ["nonce-500"]]);
});
