// Tills on real Vitess: what they accept while they are offline, and what becomes of it when they tell.

import { randomBytes } from "node:crypto";
import { toBinary, toJson } from "@bufbuild/protobuf";
import { afterAll, expect, test } from "vitest";
import { CodeEventKind, CodeState } from "#gen/slotmesh/codes/v1/code_pb.ts";
import { RedeemOutcome } from "#gen/slotmesh/codes/v1/codes_service_pb.ts";
import {
  GetTillSnapshotResponseSchema,
  ListTicketKeysResponseSchema,
  ScanConflict,
  ScanOutcome,
  TillsService,
  TillVerdict,
} from "#gen/slotmesh/codes/v1/tills_service_pb.ts";
import { reasonOf } from "#shared/errors.ts";
import { clientAs, uniqueId } from "#shared/testing.ts";
import { toMs, toTimestamp } from "#shared/time.ts";
import { open, placeOf } from "./sealing.ts";
import { openCodes, rejection } from "./testing.ts";
import { signTicket } from "./ticket.ts";
import { generateTicketKey, rotate, type TicketKeys } from "./ticket-keys.ts";
import { ticketOf } from "./ticketing.ts";
import { createTill, type Till, type TillMessage } from "./till.ts";

const DAY_MS = 86_400_000;
const { RECORDED, DUPLICATE, CONFLICT } = ScanOutcome;

type Codes = ReturnType<typeof openCodes>;

const codes = openCodes();
const { clerk, storeId, tenantId, issue, issuing } = codes;
afterAll(() => codes.stop());

function tills(subjectId = "clerk", of: Codes = codes, storeIds = [of.storeId]) {
  const caller = { role: "staff", tenantId: of.tenantId, subjectId, storeIds } as const;
  return clientAs(TillsService, of.methods, caller);
}

const manager = clientAs(TillsService, codes.methods, {
  role: "manager",
  tenantId,
  subjectId: "max",
});

async function all<Part>(stream: AsyncIterable<Part>): Promise<Part[]> {
  return Array.fromAsync(stream);
}

/** A till with everything its store has. */
async function newTill(of: Codes = codes): Promise<Till> {
  const till = createTill();
  till.load(await all(tills("clerk", of).getTillSnapshot({ storeId: of.storeId })));
  return till;
}

async function refresh(till: Till, of: Codes = codes): Promise<void> {
  const request = { storeId: of.storeId, cursor: till.cursor() };
  till.apply(await all(tills("clerk", of).getTillChanges(request)));
}

/** Uploads what a till has kept. Returns what became of each. */
async function upload(till: Till, subjectId = "clerk", of: Codes = codes) {
  const scans = till
    .pending()
    .map(({ seenMs, ...scan }) => ({ ...scan, seenTime: toTimestamp(seenMs) }));
  const { results } = await tills(subjectId, of).uploadScans({ storeId: of.storeId, scans });
  till.settle(results.map(({ nonce }) => nonce));
  return results;
}

async function ticketFor({ appointmentId }: { appointmentId: string }, of: Codes = codes) {
  const record = await of.store.findByAppointment(appointmentId, of.tenantId);
  if (!record) {
    throw new Error("the test has no such code");
  }
  return signTicket(of.ticketKeys(), ticketOf(record), Date.now());
}

const scanning = () => ({ nowMs: Date.now(), nonce: uniqueId().padStart(8, "0") });
const at = (nowMs = Date.now()) => ({ nowMs });

async function eventsOf({ appointmentId }: { appointmentId: string }) {
  const boss = codes.as({ role: "manager", tenantId });
  return (await boss.listCodeEvents({ appointmentId })).events;
}

test("two tills of a store accept one ticket: one is recorded, the other told who, where and when", async () => {
  const one = await issue("01", { shopperId: "ann", goods: "1 phone" });
  const ticket = await ticketFor(one);
  const [first, second] = [await newTill(), await newTill()];
  const seen = first.scan(ticket, { nowMs: Date.now() - 60_000, nonce: "till-1-a" });
  expect(seen).toMatchObject({
    kind: "accept",
    entry: { shopperId: "ann", goods: "1 phone", itemsLeft: 1, partySize: 2 },
  });
  expect(first.judge(ticket, at())).toEqual({ kind: "refuse", reason: "handed-over-here" });
  expect(second.scan(ticket, { nowMs: Date.now(), nonce: "till-2-a" }).kind).toBe("accept");

  const [recorded] = await upload(first, "kim");
  expect(recorded).toMatchObject({
    outcome: RECORDED,
    event: { kind: CodeEventKind.REDEEMED, storeId, actorId: "kim" },
  });
  const [told] = await upload(second, "lee");
  expect(told).toMatchObject({
    nonce: "till-2-a",
    outcome: CONFLICT,
    conflict: ScanConflict.ALREADY_REDEEMED,
    redemption: { storeId, staffId: "kim", items: 1, redeemTime: recorded?.event?.time },
    event: { kind: CodeEventKind.CONFLICT, storeId, actorId: "lee" },
  });
  expect(toMs(told?.redemption?.redeemTime) ?? 0).toBeLessThan(Date.now() - 50_000);

  expect(
    (await eventsOf(one)).map(({ kind, actorId, reason }) => [
      kind,
      actorId,
      reason.split(", uploaded")[0],
    ]),
  ).toEqual([
    [CodeEventKind.REDEEMED, "kim", "offline, shown accepted"],
    [CodeEventKind.CONFLICT, "lee", "already-redeemed, shown accepted"],
  ]);
  const online = await clerk.redeemCode({ code: ticket, storeId, requestId: "online" });
  expect(online.outcome).toBe(RedeemOutcome.ALREADY_REDEEMED);
  await refresh(first);
  expect(first.judge(ticket, at())).toEqual({ kind: "refuse", reason: "redeemed" });
});

test("two tills that tell at once are one redemption and one conflict", async () => {
  const one = await issue("02");
  const ticket = await ticketFor(one);
  const both = [await newTill(), await newTill()];
  for (const till of both) {
    till.scan(ticket, scanning());
  }
  const results = (await Promise.all(both.map((till) => upload(till)))).flat();
  expect(results.map(({ outcome }) => outcome).sort()).toEqual([RECORDED, CONFLICT]);
});

test("what is uploaded twice counts once, and is told as it was", async () => {
  const [one, dead] = [await issue("03", { items: 3 }), await issue("04")];
  const till = await newTill();
  const [first, second] = [scanning(), scanning()];
  till.scan(await ticketFor(one), { ...first, items: 1 });
  till.scan(await ticketFor(dead), second);
  await issuing.revokeCodes({ revokes: [dead] });
  const scans = till.pending().map((scan) => ({ ...scan, seenTime: toTimestamp(scan.seenMs) }));
  const send = async () => (await tills().uploadScans({ storeId, scans })).results;
  const told = await send();
  expect(told.map(({ outcome }) => outcome)).toEqual([RECORDED, CONFLICT]);
  const again = await send();
  expect(again.map(({ outcome, conflict }) => [outcome, conflict])).toEqual([
    [DUPLICATE, ScanConflict.UNSPECIFIED],
    [DUPLICATE, ScanConflict.REVOKED],
  ]);
  expect(again.map(({ event }) => event)).toEqual(told.map(({ event }) => event));
  const { code } = await clerk.lookupCode({ code: one.code, storeId });
  expect(code?.itemsLeft).toBe(2);

  // What was sent online before the line went down has the same nonce.
  const request = { code: one.code, storeId, requestId: "sent-and-lost", items: 1 };
  await clerk.redeemCode(request);
  const lost = { ...scans[0], nonce: "sent-and-lost" } as (typeof scans)[0];
  const { results } = await tills().uploadScans({ storeId, scans: [lost, lost] });
  expect(results.map(({ outcome }) => outcome)).toEqual([DUPLICATE, DUPLICATE]);
});

test("a cancelled code is refused once the till has heard, and what it handed over before is a conflict", async () => {
  const one = await issue("05");
  const ticket = await ticketFor(one);
  const [deaf, hearing] = [await newTill(), await newTill()];
  await issuing.revokeCodes({ revokes: [one] });
  await refresh(hearing);
  expect(hearing.judge(ticket, at())).toEqual({ kind: "refuse", reason: "revoked" });
  expect(deaf.scan(ticket, scanning()).kind).toBe("accept");
  expect(await upload(deaf)).toMatchObject([
    { outcome: CONFLICT, conflict: ScanConflict.REVOKED, event: { kind: CodeEventKind.CONFLICT } },
  ]);
  // It does not come back: not here, not online, not in a new snapshot.
  expect((await newTill()).judge(ticket, at())).toEqual({ kind: "refuse", reason: "revoked" });
  const online = await clerk.redeemCode({ code: ticket, storeId, requestId: "r" });
  expect(online.outcome).toBe(RedeemOutcome.REVOKED);
});

test("the ticket of a code that was given away is refused, the heir's accepted though it is new", async () => {
  const old = await issue("06", { shopperId: "ann" });
  const till = await newTill();
  const owner = codes.as({ role: "shopper", tenantId, subjectId: "ann" });
  const { appointmentId } = old;
  const ticket = await ticketFor(old);
  const heir = await owner.transferCode({ appointmentId, toShopperId: "bob", requestId: "gift" });
  const theirs = await ticketFor(heir);
  expect(till.judge(theirs, at()).kind).toBe("accept-unknown");
  await refresh(till);
  expect(till.judge(ticket, at())).toEqual({ kind: "refuse", reason: "revoked" });
  expect(till.judge(theirs, at())).toMatchObject({
    kind: "accept",
    ticket: { serial: 2 },
    entry: { shopperId: "bob", serial: 2 },
  });
});

test("changes bring what was issued, extended, locked and redeemed in part", async () => {
  const [kept, many, late] = [
    await issue("07"),
    await issue("08", { items: 3 }),
    await issue("09", { expiresAtMs: Date.now() + 1000 }),
  ];
  const [keptTicket, manyTicket, lateTicket] = await Promise.all(
    [kept, many, late].map((it) => ticketFor(it)),
  );
  const till = await newTill();
  const fresh = await issue("10");
  await clerk.lockCode({ code: kept.code, storeId });
  await clerk.redeemCode({ code: many.code, storeId, requestId: "r", items: 2 });
  const boss = codes.as({ role: "manager", tenantId, subjectId: "max" });
  const expireTime = toTimestamp(Date.now() + 3 * DAY_MS);
  const { appointmentId } = late;
  await boss.extendCode({ appointmentId, expireTime, requestId: "more" });
  await refresh(till);
  const judge = (text = "", more = {}) => till.judge(text, { ...at(), ...more });
  expect(judge(await ticketFor(fresh)).kind).toBe("accept");
  expect(judge(keptTicket)).toEqual({ kind: "refuse", reason: "locked" });
  expect(judge(manyTicket, { items: 2 })).toEqual({ kind: "refuse", reason: "too-few-left" });
  expect(till.scan(manyTicket ?? "", { ...scanning(), items: 1 }).kind).toBe("accept");
  expect(judge(manyTicket)).toEqual({ kind: "refuse", reason: "handed-over-here" });
  // The old ticket says a second, the row three days: where the row is known, it counts.
  expect(judge(lateTicket, { nowMs: Date.now() + DAY_MS }).kind).toBe("accept");
  expect(judge(lateTicket, { nowMs: Date.now() + 4 * DAY_MS })).toEqual({
    kind: "refuse",
    reason: "expired",
  });
  // What the till told is in the next changes, and not counted twice.
  await upload(till);
  await refresh(till);
  expect(judge(manyTicket)).toEqual({ kind: "refuse", reason: "redeemed" });
});

test("a scan that was in time is recorded though its time is over by now, and no other", async () => {
  const one = await issue("11", { expiresAtMs: Date.now() + 900_000 });
  const other = await issue("12", { expiresAtMs: Date.now() + 900_000 });
  const tickets = await Promise.all([ticketFor(one), ticketFor(other)]);
  const seenTime = toTimestamp(Date.now());
  await codes.database.write(
    "update pickup_code set expires_at_ms = ? where (suffix, appointment_id) in (?)",
    [
      Date.now() - 600_000,
      [
        ["11", one.appointmentId],
        ["12", other.appointmentId],
      ],
    ],
  );
  const shown = TillVerdict.ACCEPTED;
  const { results } = await tills().uploadScans({
    storeId,
    scans: [
      {
        nonce: "in-time-1",
        ticket: tickets[0],
        shown,
        seenTime: toTimestamp(Date.now() - 700_000),
      },
      { nonce: "too-late", ticket: tickets[1], shown, seenTime },
    ],
  });
  expect(results.map(({ outcome, conflict }) => [outcome, conflict])).toEqual([
    [RECORDED, ScanConflict.UNSPECIFIED],
    [CONFLICT, ScanConflict.EXPIRED],
  ]);
});

test("what is not the store's is told, and what is not the tenant's leaves no line", async () => {
  const one = await issue("13");
  const ticket = await ticketFor(one);
  const elsewhere = uniqueId();
  const other = openCodes();
  const foreign = await other.issue("13");
  const scans = [ticket, `${ticket.slice(0, -1)}A`, await ticketFor(foreign, other)].map(
    (text, index) => ({
      nonce: `nonce-${index}`.padEnd(8, "0"),
      ticket: text,
      seenTime: toTimestamp(Date.now()),
      shown: TillVerdict.ACCEPTED_UNKNOWN,
    }),
  );
  const { results } = await tills("kim", codes, [elsewhere]).uploadScans({
    storeId: elsewhere,
    scans,
  });
  expect(results.map(({ outcome, conflict, event }) => [outcome, conflict, event?.kind])).toEqual([
    [CONFLICT, ScanConflict.WRONG_STORE, CodeEventKind.CONFLICT],
    [CONFLICT, ScanConflict.NOT_OURS, undefined],
    [CONFLICT, ScanConflict.NOT_OURS, undefined],
  ]);
  expect((await clerk.lookupCode({ code: one.code, storeId })).code?.state).toBe(CodeState.LIVE);
  const till = await newTill();
  const judge = (text: string) => till.judge(text, at());
  expect(judge(await ticketFor(foreign, other))).toEqual({ kind: "refuse", reason: "unknown-key" });
  expect(judge(`${ticket.slice(0, 40)}A${ticket.slice(41)}`)).toMatchObject({ kind: "refuse" });
  const away = createTill();
  away.load(await all(tills("kim", codes, [elsewhere]).getTillSnapshot({ storeId: elsewhere })));
  expect(away.judge(ticket, at())).toEqual({ kind: "refuse", reason: "wrong-store" });
  await other.stop();
});

test("a till whose clock is wrong is told so, and nothing of its upload is recorded", async () => {
  const one = await issue("14");
  const ticket = await ticketFor(one);
  const shown = TillVerdict.ACCEPTED;
  const good = { nonce: "good-one", ticket, shown, seenTime: toTimestamp(Date.now()) };
  for (const ms of [11 * 60_000, -32 * DAY_MS]) {
    const bad = { nonce: "bad-time", ticket, shown, seenTime: toTimestamp(Date.now() + ms) };
    const error = await rejection(tills().uploadScans({ storeId, scans: [good, bad] }));
    expect(String(error)).toBe(
      "ConnectError: [invalid_argument] seen_time: wanted at most 31 days ago and 10 minutes ahead; none of the scans was recorded: set the till's clock",
    );
    expect(reasonOf(error)).toBe("BAD_SEEN_TIME");
  }
  expect(await eventsOf(one)).toEqual([]);
});

test("a stolen snapshot tells nothing to who has no ticket", async () => {
  const one = await issue("15", { shopperId: "ann-of-the-hill", goods: "a very dear watch" });
  const parts = await all(tills().getTillSnapshot({ storeId }));
  const bytes = Buffer.concat(parts.map((part) => toBinary(GetTillSnapshotResponseSchema, part)));
  const secrets = [one.appointmentId, one.appointmentId.slice(0, 32), one.code, "ann-of", "watch"];
  for (const secret of [...secrets, Buffer.from(one.appointmentId.slice(0, 32), "hex")]) {
    expect(bytes.includes(secret as string)).toBe(false);
  }
  const salt = parts[0]?.header?.salt ?? new Uint8Array();
  const sealed = parts.flatMap(({ live }) => live);
  const opened = (codeId: string) =>
    sealed.map((entry) => open(placeOf(salt, codeId), entry.sealed)).filter(Boolean);
  expect(opened(one.appointmentId)).toMatchObject([{ goods: "a very dear watch" }]);
  for (let time = 0; time < 100; time += 1) {
    expect(opened(`${randomBytes(16).toString("hex")}15`)).toEqual([]);
  }
  // Nor does it tell which of its entries were in another.
  const other = await all(tills().getTillSnapshot({ storeId }));
  const names = (all: typeof parts) =>
    all.flatMap(({ live }) => live.map(({ lookup }) => Buffer.from(lookup).toString("hex")));
  const before = new Set(names(parts));
  expect(names(other).some((name) => before.has(name))).toBe(false);
  // Entries of other goods are as long.
  expect(new Set(sealed.map((entry) => entry.sealed.length % 64))).toEqual(new Set([28]));
});

test("an entry that was put in another's place is not believed", async () => {
  const [one, other] = [await issue("16"), await issue("17")];
  const parts = await all(tills().getTillSnapshot({ storeId }));
  const salt = parts[0]?.header?.salt ?? new Uint8Array();
  const name = (codeId: string) => placeOf(salt, codeId).lookup.toString("hex");
  const find = (codeId: string) =>
    parts
      .flatMap(({ live }) => live)
      .find(({ lookup }) => Buffer.from(lookup).toString("hex") === name(codeId));
  const [mine, theirs] = [find(one.appointmentId), find(other.appointmentId)];
  if (mine && theirs) {
    mine.sealed = theirs.sealed;
  }
  const till = createTill();
  till.load(parts);
  expect(till.judge(await ticketFor(one), at())).toEqual({ kind: "refuse", reason: "bad-ticket" });
  expect(till.judge(await ticketFor(other), at()).kind).toBe("accept");
});

test("5,000 codes come in parts that are bounded, each of them once", async () => {
  const big = openCodes();
  for (let batch = 0; batch < 5; batch += 1) {
    const issues = Array.from({ length: 1000 }, (_, index) =>
      big.wish(String(index % 100).padStart(2, "0"), { goods: "g".repeat(200) }),
    );
    await big.issuing.issueCodes({ issues });
  }
  const beganMs = performance.now();
  const parts = await all(tills("clerk", big).getTillSnapshot({ storeId: big.storeId }));
  const ms = Math.round(performance.now() - beganMs);
  const sizes = parts.map((part) => toBinary(GetTillSnapshotResponseSchema, part).length);
  const names = parts.flatMap(({ live }) =>
    live.map(({ lookup }) => Buffer.from(lookup).toString("hex")),
  );
  console.log(
    `${names.length} codes in ${parts.length} parts of at most ${Math.max(...sizes)} bytes, ${sizes.reduce((a, b) => a + b)} in all, ${ms} ms`,
  );
  expect([names.length, new Set(names).size]).toEqual([5000, 5000]);
  expect(Math.max(...sizes)).toBeLessThan(256 * 1024);
  expect(Math.max(...parts.map(({ live }) => live.length))).toBe(500);
  const messages: TillMessage[] = parts;
  const till = createTill();
  till.load(messages);
  const torn = () => createTill().load(messages.slice(0, -1));
  expect(torn).toThrow(
    "a snapshot is torn: wanted a header in its first part, a cursor in its last",
  );
  // Changes are what changed, but for the minute that is told twice: an hour ago is not told again.
  await Promise.all(
    Array.from({ length: 100 }, (_, index) =>
      big.database.write(
        `update pickup_code set changed_at = changed_at - interval 1 hour
         where suffix = ? and tenant_id = ?`,
        [String(index).padStart(2, "0"), big.tenantId],
      ),
    ),
  );
  const changed = big.wish("07", { goods: "late" });
  await big.issuing.issueCodes({ issues: [changed] });
  const late = await all(
    tills("clerk", big).getTillChanges({ storeId: big.storeId, cursor: till.cursor() }),
  );
  expect(late.flatMap(({ live }) => live).length).toBe(1);
  await big.stop();
});

test("a day's scans are one upload, and soon recorded", async () => {
  const busy = openCodes();
  const issues = Array.from({ length: 500 }, (_, index) =>
    busy.wish(String(index % 100).padStart(2, "0")),
  );
  await busy.issuing.issueCodes({ issues });
  const till = await newTill(busy);
  const records = await busy.store.listByAppointments(issues.map((one) => one.appointmentId));
  for (const record of records) {
    till.scan(signTicket(busy.ticketKeys(), ticketOf(record), Date.now()), scanning());
  }
  expect(till.pending().length).toBe(500);
  const beganMs = performance.now();
  const results = await upload(till, "clerk", busy);
  console.log(`500 scans recorded in ${Math.round(performance.now() - beganMs)} ms`);
  expect(results.every(({ outcome }) => outcome === RECORDED)).toBe(true);
  await busy.stop();
});

test("anyone is told the keys that a snapshot has", async () => {
  const [first] = await all(tills().getTillSnapshot({ storeId }));
  const anyone = clientAs(TillsService, codes.methods, { role: "anonymous" });
  const answer = toJson(ListTicketKeysResponseSchema, await anyone.listTicketKeys({}));
  expect(answer).toEqual(JSON.parse(first?.header?.ticketKeys ?? ""));
});

test("keys that leaked sign and verify no more in a process that runs, and a till hears of the new one", async () => {
  let keys: TicketKeys = [generateTicketKey(Date.now())];
  const own = openCodes({ ticketKeys: () => keys });
  const one = await own.issue("11");
  const { appointmentId } = one;
  const shopper = own.as({ role: "shopper", tenantId: own.tenantId, subjectId: "shopper" });
  const { ticket: before } = await shopper.getCode({ appointmentId });
  const till = await newTill(own);
  expect(till.judge(before, at()).kind).toBe("accept");

  keys = rotate(keys, Date.now(), { leadSeconds: 0, overlapSeconds: 0 });
  const { ticket: after } = await shopper.getCode({ appointmentId });
  expect(till.judge(after, at())).toEqual({ kind: "refuse", reason: "unknown-key" });
  await refresh(till, own);
  expect(till.judge(before, at())).toEqual({ kind: "refuse", reason: "unknown-key" });
  expect(till.judge(after, at()).kind).toBe("accept");
  const request = { storeId: own.storeId, requestId: "r" };
  const error = await rejection(own.clerk.redeemCode({ ...request, code: before }));
  expect(reasonOf(error)).toBe("BAD_TICKET");
  const done = await own.clerk.redeemCode({ ...request, code: after });
  expect(done.outcome).toBe(RedeemOutcome.REDEEMED);
  await own.stop();
});

test("cursors are checked", async () => {
  const ask = async (cursor: string) => {
    const error = await rejection(all(tills().getTillChanges({ storeId, cursor })));
    return reasonOf(error);
  };
  const salt = "A".repeat(22);
  expect(await ask("nonsense")).toBe("BAD_CURSOR");
  expect(await ask(`${salt}.${Date.now() + DAY_MS}`)).toBe("BAD_CURSOR");
  expect(await ask(`${salt}.${Date.now() - 32 * DAY_MS}`)).toBe("CURSOR_TOO_OLD");
  const till = await newTill();
  const changes = await all(tills().getTillChanges({ storeId, cursor: `${salt}.${Date.now()}` }));
  expect(() => till.apply(changes)).toThrow(
    "changes are of another snapshot: wanted those since this one's cursor",
  );
});

test("a manager lists a store's conflicts, page by page, and no clerk does", async () => {
  const of = await Promise.all(["20", "40", "60", "80"].map((suffix) => issue(suffix)));
  const there = uniqueId();
  const boss = { role: "manager", tenantId, subjectId: "max" } as const;
  const office = clientAs(TillsService, codes.methods, boss);
  const scans = await Promise.all(
    of.map(async (one, index) => ({
      nonce: `conflict-${index}`,
      ticket: await ticketFor(one),
      seenTime: toTimestamp(Date.now() - index * 1000),
      shown: TillVerdict.ACCEPTED,
    })),
  );
  await office.uploadScans({ storeId: there, scans });
  const request = { storeId: there, pageSize: 3 };
  const first = await office.listConflicts(request);
  const { nextPageToken: pageToken } = first;
  const second = await office.listConflicts({ ...request, pageToken });
  const ids = [...first.events, ...second.events].map(({ appointmentId }) => appointmentId);
  expect([first.events.length, second.nextPageToken]).toEqual([3, ""]);
  expect(ids).toEqual(of.map(({ appointmentId }) => appointmentId));
  expect(reasonOf(await rejection(tills().listConflicts({ storeId })))).toBe("WRONG_ROLE");
  expect(reasonOf(await rejection(manager.listConflicts({ storeId, pageToken: "x" })))).toBe(
    "BAD_PAGE_TOKEN",
  );
  const stranger = tills("kim", codes, [there]);
  expect(reasonOf(await rejection(all(stranger.getTillSnapshot({ storeId }))))).toBe(
    "NOT_YOUR_STORE",
  );
});
