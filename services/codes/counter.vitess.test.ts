// The counter on real Vitess and Redis: what a ticket is worth, and what guesses of digits cost.

import { randomInt } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { prepareZXingModule, readBarcodes } from "zxing-wasm/reader";
import { CodeState } from "#gen/slotmesh/codes/v1/code_pb.ts";
import { ImageFormat, RedeemOutcome } from "#gen/slotmesh/codes/v1/codes_service_pb.ts";
import { reasonOf } from "#shared/errors.ts";
import { uniqueId, uniqueTenant } from "#shared/testing.ts";
import { toTimestamp } from "#shared/time.ts";
import { GUESS_RULES, type GuessRules } from "./budgets.ts";
import type { CodeRecord } from "./domain.ts";
import { openCodes, rejection } from "./testing.ts";
import { signTicket, type Ticket } from "./ticket.ts";
import { generateTicketKey } from "./ticket-keys.ts";
import { ticketOf } from "./ticketing.ts";

const HOUR_MS = 3_600_000;
const { REDEEMED, ALREADY_REDEEMED, WRONG_STORE, NOT_FOUND, REVOKED, EXPIRED, NOT_YET, MISTYPED } =
  RedeemOutcome;

type Codes = ReturnType<typeof openCodes>;

const codes = openCodes({ guessRules: GUESS_RULES });
const { clerk, storeId, tenantId, issue, ticketKeys } = codes;
afterAll(() => codes.stop());

const idOf = ({ appointmentId }: { appointmentId: string }) => ({ appointmentId });

async function recordOf({ appointmentId }: { appointmentId: string }, of = codes) {
  return (await of.store.findByAppointment(appointmentId, of.tenantId)) as CodeRecord;
}

/** The ticket of a code, with what a test changes of it. */
async function ticketFor(
  one: { appointmentId: string },
  changes: Partial<Ticket> = {},
  of: Codes = codes,
): Promise<string> {
  return signTicket(
    of.ticketKeys(),
    { ...ticketOf(await recordOf(one, of)), ...changes },
    Date.now(),
  );
}

function staff(subjectId: string, storeIds = [storeId], of: Codes = codes) {
  return of.as({ role: "staff", tenantId: of.tenantId, subjectId, storeIds });
}

async function refusal(promise: Promise<unknown>): Promise<string | undefined> {
  return reasonOf(await rejection(promise));
}

const newRequest = () => uniqueId();

describe("a ticket", () => {
  beforeAll(async () => {
    const wasm = new URL(import.meta.resolve("zxing-wasm/reader/zxing_reader.wasm"));
    const wasmBinary = new Uint8Array(readFileSync(wasm)).buffer;
    await prepareZXingModule({ overrides: { wasmBinary }, fireImmediately: true });
  });

  test("is what the QR image of a code holds, which is drawn as the policy says, and redeems it", async () => {
    const other = openCodes();
    const policy = await other.choosePolicy({ qrErrorCorrection: "Q" });
    const one = await other.issue("07", { shopperId: "ann", goods: "1 phone" });
    const owner = other.as({ role: "shopper", tenantId: other.tenantId, subjectId: "ann" });
    const png = await owner.getCode({ ...idOf(one), imageFormat: ImageFormat.PNG });
    const svg = await owner.getCode(idOf(one));
    expect([png.qrSvg, svg.qrPng.length, svg.qrSvg.slice(0, 5)]).toEqual(["", 0, "<svg "]);
    expect(svg.qrSvg).toContain(`${one.code.slice(0, 6)} ${one.code.slice(6)}`);

    const [found] = await readBarcodes(png.qrPng, { formats: ["QRCode"] });
    expect(found).toMatchObject({ ecLevel: policy.qrErrorCorrection });
    const text = found?.text ?? "";
    expect(text).toBe(await ticketFor(one, {}, other));
    expect([png.ticket, svg.ticket]).toEqual([text, text]);
    expect(text).not.toContain(one.code);

    const at = { code: ` ${text}\n`, storeId: other.storeId };
    const looked = await other.clerk.lookupCode(at);
    expect(looked.code).toMatchObject({ shopperId: "ann", goods: "1 phone" });
    expect((await other.clerk.lockCode(at)).code?.lock?.staffId).toBe("clerk");
    expect((await other.clerk.unlockCode(at)).code?.lock).toBeUndefined();
    const request = { ...at, requestId: "r" };
    const done = await other.clerk.redeemCode(request);
    expect([done.outcome, done.code?.state]).toEqual([REDEEMED, CodeState.REDEEMED]);
    expect(await other.clerk.redeemCode(request)).toEqual(done);
    const again = await other.clerk.redeemCode({ ...request, requestId: "other" });
    expect(again.outcome).toBe(ALREADY_REDEEMED);
    await other.stop();
  });

  test("is refused if one bit of it is another, or another key signed it", async () => {
    const one = await issue("08");
    const text = await ticketFor(one);
    const flip = (at: number) =>
      text.slice(0, at) + (text[at] === "A" ? "B" : "A") + text.slice(at + 1);
    const forged = signTicket([generateTicketKey(0)], ticketOf(await recordOf(one)), Date.now());
    for (const bad of [
      flip(10),
      flip(60),
      flip(text.length - 3),
      forged,
      text.slice(0, -3),
      "SM1:",
    ]) {
      const error = await rejection(clerk.redeemCode({ code: bad, storeId, requestId: "r" }));
      expect(String(error)).toBe(
        "ConnectError: [invalid_argument] this QR code is none of ours, or it was changed: scan it again, or type the code beneath it",
      );
      expect(reasonOf(error)).toBe("BAD_TICKET");
    }
    expect((await recordOf(one)).state).toBe("live");
  });

  test("of a lower serial than its code's was replaced", async () => {
    const one = await issue("09");
    const old = await ticketFor(one);
    await codes.database.write(
      "update pickup_code set serial = 2 where suffix = '09' and appointment_id = ?",
      [one.appointmentId],
    );
    const told = await clerk.redeemCode({ code: old, storeId, requestId: "r" });
    expect([told.outcome, told.message, told.code]).toEqual([
      REVOKED,
      "A newer ticket took the place of this one. Do not hand over: ask them to open it anew, and scan that.",
      undefined,
    ]);
    expect(await refusal(clerk.lookupCode({ code: old, storeId }))).toBe("TICKET_REPLACED");
    const code = await ticketFor(one);
    expect((await clerk.redeemCode({ code, storeId, requestId: "r" })).outcome).toBe(REDEEMED);
  });

  test("of another store or tenant tells nothing of its code", async () => {
    const one = await issue("10");
    const elsewhere = uniqueId();
    const stranger = uniqueTenant();
    const text = await ticketFor(one);
    const ask = (of: ReturnType<typeof staff>, at: string, code = text) =>
      of.redeemCode({ code, storeId: at, requestId: "r" });
    const wrong = await ask(staff("kim", [elsewhere]), elsewhere);
    expect([wrong.outcome, wrong.code]).toEqual([WRONG_STORE, undefined]);
    const outside = codes.as({ role: "operator", tenantId: stranger });
    expect((await ask(outside, storeId)).outcome).toBe(NOT_FOUND);
    expect(await refusal(outside.lookupCode({ code: text, storeId }))).toBe("NOT_FOUND");
    // A ticket that every store may read does not open a code that one store has.
    const anywhere = await ticketFor(one, { storeId: undefined });
    expect((await ask(staff("kim", [elsewhere]), elsewhere, anywhere)).outcome).toBe(WRONG_STORE);
    const nobodys = await ticketFor(one, { codeId: `${"0".repeat(32)}10` });
    expect((await ask(staff("kim"), storeId, nobodys)).outcome).toBe(NOT_FOUND);
  });

  test("dies with its code, and its own times do not count here: the row's do", async () => {
    const taken = await issue("11");
    const text = await ticketFor(taken);
    await codes.issuing.revokeCodes({ revokes: [taken] });
    const redeem = async (code: string) =>
      (await clerk.redeemCode({ code, storeId, requestId: newRequest() })).outcome;
    expect(await redeem(text)).toBe(REVOKED);

    const late = await issue("12", { expiresAtMs: Date.now() + HOUR_MS });
    const old = await ticketFor(late, { notBeforeSeconds: 1, notAfterSeconds: 2 });
    const early = await ticketFor(late, { notBeforeSeconds: 4e9, notAfterSeconds: 5e9 });
    const set = (column: string, value: number) =>
      codes.database.write(
        `update pickup_code set ${column} = ? where suffix = '12' and appointment_id = ?`,
        [value, late.appointmentId],
      );
    await set("opens_at_ms", Date.now() + HOUR_MS);
    expect([await redeem(old), await redeem(early)]).toEqual([NOT_YET, NOT_YET]);
    await set("opens_at_ms", 1);
    await set("expires_at_ms", Date.now() - 1);
    expect([await redeem(old), await redeem(early)]).toEqual([EXPIRED, EXPIRED]);
    const manager = codes.as({ role: "manager", tenantId, subjectId: "max" });
    const expireTime = toTimestamp(Date.now() + 9 * HOUR_MS);
    await manager.extendCode({ ...idOf(late), expireTime, requestId: "more" });
    expect(await redeem(old)).toBe(REDEEMED);
  });

  test("of digits that were issued again is its own code's, not theirs who have them now", async () => {
    const one = await issue("13");
    const text = await ticketFor(one);
    await clerk.redeemCode({ code: text, storeId, requestId: "first" });
    const heir = await issue("13");
    await codes.database.write(
      "update pickup_code set active_code = null where suffix = '13' and appointment_id = ?",
      [heir.appointmentId],
    );
    await codes.database.write(
      `insert into pickup_code (suffix, appointment_id, tenant_id, shopper_id, store_id, state, party_size,
         code, active_code, issued_at_ms, expires_at_ms) values (?)`,
      [
        [
          "13",
          `${"b".repeat(16)}${uniqueTenant().slice(-16)}13`,
          tenantId,
          "bob",
          storeId,
          1,
          1,
          one.code,
          one.code,
          1,
          1e13,
        ],
      ],
    );
    const told = await clerk.redeemCode({ code: text, storeId, requestId: "second" });
    expect([told.outcome, told.code?.appointmentId]).toEqual([ALREADY_REDEEMED, one.appointmentId]);
  });
});

describe("a wrong code", () => {
  const wrong = (of: Codes) => {
    // Of the million codes of a suffix these tests issue a handful: a number is wrong but by a miracle.
    const code = `${String(randomInt(1e6)).padStart(6, "0")}98`;
    return { code, storeId: of.storeId, deviceId: "till-0001" };
  };

  test("ten times locks the device: the eleventh is not looked at, and a right one neither", async () => {
    const one = await issue("20");
    const kim = staff("kim");
    const right = { code: one.code, storeId, deviceId: "till-0001" };
    for (let time = 0; time < 9; time += 1) {
      expect(await refusal(kim.lookupCode(wrong(codes)))).toBe("NOT_FOUND");
      // What is right is given back.
      expect((await kim.lookupCode(right)).code?.appointmentId).toBe(one.appointmentId);
    }
    expect(await refusal(kim.lookupCode(wrong(codes)))).toBe("NOT_FOUND");
    expect(await refusal(kim.lookupCode(wrong(codes)))).toBe("DEVICE_LOCKED");
    expect(await refusal(kim.redeemCode({ ...right, requestId: "r" }))).toBe("DEVICE_LOCKED");
    expect(await refusal(kim.lockCode(right))).toBe("DEVICE_LOCKED");
    expect(await refusal(kim.unlockCode(right))).toBe("DEVICE_LOCKED");
    // Another of their tills goes on, and so does a ticket.
    const till = { ...right, deviceId: "till-0002" };
    expect((await kim.lookupCode(till)).code?.appointmentId).toBe(one.appointmentId);
    const scanned = { ...right, code: await ticketFor(one), requestId: "r" };
    expect((await kim.redeemCode(scanned)).outcome).toBe(REDEEMED);
  });

  test("is a code of another store as well, and what a manager or an operator types", async () => {
    const one = await issue("21");
    const elsewhere = uniqueId();
    for (const role of ["manager", "operator"] as const) {
      const boss = codes.as({ role, tenantId, subjectId: role });
      const at = { code: one.code, storeId: elsewhere, requestId: "r" };
      for (let time = 0; time < 10; time += 1) {
        expect((await boss.redeemCode(at)).outcome).toBe(WRONG_STORE);
      }
      expect(await refusal(boss.redeemCode(at))).toBe("DEVICE_LOCKED");
    }
  });

  test("that the check symbol tells costs nothing", async () => {
    const other = openCodes({ guessRules: GUESS_RULES });
    await other.choosePolicy({ pattern: "RRRRRR LLC", check: "damm" });
    const one = await other.issue("22");
    const { code } = (await other.clerk.lookupCode({
      code: await ticketFor(one, {}, other),
      storeId: other.storeId,
    })) as { code: { code: string } };
    const mistyped = code.code.slice(0, -1) + ((Number(code.code.at(-1)) + 1) % 10);
    const at = { storeId: other.storeId, deviceId: "till-0001", requestId: "r" };
    for (let time = 0; time < 12; time += 1) {
      expect((await other.clerk.redeemCode({ ...at, code: mistyped })).outcome).toBe(MISTYPED);
    }
    expect((await other.clerk.redeemCode({ ...at, code: code.code })).outcome).toBe(REDEEMED);
    await other.stop();
  });

  test("counts for its network in all stores of the tenant, and for no other network", async () => {
    const network = { burst: 3, everyMs: HOUR_MS };
    const guessRules = { ...GUESS_RULES, budgets: { ...GUESS_RULES.budgets, network } };
    const other = openCodes({ guessRules });
    const [aiea, hilo] = [uniqueId(), uniqueId()];
    const caller = { role: "staff", subjectId: "kim", storeIds: [aiea, hilo] } as const;
    const type = (at: string, address?: string) =>
      rejection(
        other
          .as({ ...caller, tenantId: other.tenantId }, address)
          .lookupCode({ ...wrong(other), storeId: at }),
      );
    for (const [at, address] of [
      [aiea, "203.0.113.9"],
      [hilo, "203.0.113.9"],
      [hilo, "::ffff:203.0.113.77"],
    ] as const) {
      expect(reasonOf(await type(at, address))).toBe("NOT_FOUND");
    }
    for (const at of [aiea, hilo]) {
      expect(String(await type(at, "203.0.113.9"))).toBe(
        "ConnectError: [resource_exhausted] too many wrong codes from this network: scan the QR code, or wait",
      );
    }
    expect(reasonOf(await type(hilo, "198.51.100.9"))).toBe("NOT_FOUND");
    expect(reasonOf(await type(hilo))).toBe("NOT_FOUND");
    await other.stop();
  });

  test.each(["short", `${"x".repeat(65)}`, "with spaces", "tüll-0001"])(
    "on a device called %j is not asked about",
    async (deviceId) => {
      const error = await rejection(clerk.lookupCode({ ...wrong(codes), deviceId }));
      expect(String(error)).toContain("[invalid_argument] device_id: ");
    },
  );
});

describe("without Redis", () => {
  test("tickets are redeemed, and typed codes are not looked at", async () => {
    const dead = openCodes({
      tenantId,
      redisUrl: `redis://127.0.0.1:${await closedPort()}`,
      ticketKeys,
    });
    const one = await issue("30");
    const dan = staff("dan", [storeId], dead);
    const at = { storeId, requestId: "r" };
    const error = await rejection(dan.redeemCode({ ...at, code: one.code }));
    expect(String(error)).toBe(
      "ConnectError: [unavailable] wrong codes cannot be counted now, so typed codes are not looked up: scan the QR code, or try again",
    );
    expect(reasonOf(error)).toBe("GUESSES_NOT_COUNTED");
    expect((await recordOf(one)).state).toBe("live");
    const done = await dan.redeemCode({ ...at, code: await ticketFor(one) });
    expect(done.outcome).toBe(REDEEMED);
    await dead.stop();
  });
});

describe("guessing in earnest", () => {
  const LIVE = 800;
  const SPACE = 10_000;
  const CHANCE = LIVE / SPACE;

  /** A tenant of one location whose codes have four digits, LIVE of which live. */
  async function openField(options: { readonly guessRules?: GuessRules } = {}) {
    const field = openCodes(options);
    await field.choosePolicy({
      pattern: "RRRR",
      location: { layout: "one-dimensional", libraries: 1, tables: 1 },
    });
    const issues = Array.from({ length: LIVE }, () => field.wish("00"));
    await field.issuing.issueCodes({ issues });
    return field;
  }

  /** Guesses until it is refused or done. Returns what came of it. */
  async function guess(field: Codes, subjectId: string, times: number) {
    const someone = staff(subjectId, [field.storeId], field);
    const counts = { hits: 0, misses: 0, refused: 0 };
    for (let time = 0; time < times && counts.refused === 0; time += 1) {
      const code = String(randomInt(SPACE)).padStart(4, "0");
      const reason = await refusal(someone.lookupCode({ code, storeId: field.storeId }));
      counts[reason === undefined ? "hits" : reason === "NOT_FOUND" ? "misses" : "refused"] += 1;
    }
    return counts;
  }

  function sum(all: readonly { hits: number; misses: number; refused: number }[]) {
    return all.reduce((one, other) => ({
      hits: one.hits + other.hits,
      misses: one.misses + other.misses,
      refused: one.refused + other.refused,
    }));
  }

  test("hits as often as live codes lie in the space", async () => {
    const field = await openField();
    const guessers = Array.from({ length: 8 }, (_, number) => guess(field, `thief-${number}`, 150));
    const { hits, misses, refused } = sum(await Promise.all(guessers));
    const tries = hits + misses;
    console.log(`${tries} guesses, ${hits} hits; by arithmetic ${tries * CHANCE}`);
    // Five standard deviations of the binomial distribution: one run in a million is outside.
    const deviation = Math.sqrt(tries * CHANCE * (1 - CHANCE));
    expect([tries, refused]).toEqual([1200, 0]);
    expect(Math.abs(hits - tries * CHANCE)).toBeLessThan(5 * deviation);
    await field.stop();
  });

  test("is over after ten wrong ones of a device, and 30 of a store", async () => {
    const field = await openField({ guessRules: GUESS_RULES });
    const one = await guess(field, "thief", 1000);
    expect([one.misses, one.refused]).toEqual([10, 1]);
    const gang = Array.from({ length: 10 }, (_, number) => guess(field, `thief-${number}`, 1000));
    const all = sum([one, ...(await Promise.all(gang))]);
    console.log(`30 wrong guesses of a store are all: ${all.hits} hits with them`);
    // A guess that is under way holds its place until it turns out right, so never more, and of ten at
    // once a few less than thirty before each of the ten was refused.
    expect(all.misses).toBeLessThanOrEqual(30);
    expect(all.misses).toBeGreaterThan(20);
    expect(all.refused).toBe(11);
    await field.stop();
  });
});

async function closedPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
