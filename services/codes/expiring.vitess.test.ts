// Codes whose time is over, on real Vitess: each gives its number back once, an hour later, with a line in
// the ledger, whoever sweeps and however often.

import { afterAll, expect, test } from "vitest";
import { CodeState } from "#gen/slotmesh/codes/v1/code_pb.ts";
import { RedeemOutcome } from "#gen/slotmesh/codes/v1/codes_service_pb.ts";
import { openDatabase } from "#shared/mysql.ts";
import { testConfig, uniqueTenant } from "#shared/testing.ts";
import { expireCodes, KEPT_MS } from "./expiring.ts";
import { openCodes } from "./testing.ts";

const codes = openCodes();
const { issuing, clerk, storeId, digitsOf } = codes;
afterAll(() => codes.stop());

const OVER_MS = KEPT_MS + 60_000;

type Codes = typeof codes;

function expire(from: Codes = codes): Promise<number> {
  return expireCodes({ ...from.parts, now: Date.now }, () => false);
}

async function issued(suffix: string, overForMs: number, from: Codes = codes) {
  const issue = from.wish(suffix, { expiresAtMs: Date.now() - overForMs });
  await from.issuing.issueCodes({ issues: [issue] });
  return { ...issue, code: await from.digitsOf(issue) };
}

/** Reads whether the codes of a tenant hold their numbers, by appointment. */
async function heldOf(tenant: string): Promise<Map<string, boolean>> {
  const rows = await codes.database.select<{ appointment_id: string; is_held: string }>(
    "select appointment_id, active_code is not null as is_held from pickup_code where tenant_id = ?",
    [tenant],
  );
  return new Map(rows.map((row) => [row.appointment_id, Number(row.is_held) === 1]));
}

async function linesOf({ appointmentId }: { appointmentId: string }) {
  return codes.database.select<{ kind: number; store_id: string; items: number; staff_id: string }>(
    "select kind, store_id, items, staff_id from code_event where appointment_id = ?",
    [appointmentId],
  );
}

function freedOf(tenant: string) {
  return codes.database.select<{ number: string; free_at_ms: string }>(
    "select number, free_at_ms from freed_number where tenant_id = ?",
    [tenant],
  );
}

test("a code gives its number back an hour after its time, once, and the ledger says so", async () => {
  const mine = openCodes({ tenantId: uniqueTenant() });
  const over = await issued("07", OVER_MS, mine);
  const young = await issued("07", KEPT_MS - 60_000, mine);
  const live = await issued("31", -60_000, mine);
  const beforeMs = Date.now();
  await expire(mine);
  await expire(mine);
  const held = await heldOf(mine.tenantId);
  expect([over, young, live].map(({ appointmentId }) => held.get(appointmentId))).toEqual([
    false,
    true,
    true,
  ]);
  expect(await linesOf(over)).toEqual([
    { kind: 8, store_id: mine.storeId, items: 1, staff_id: "codes" },
  ]);
  expect(await linesOf(young)).toEqual([]);
  const freed = await freedOf(mine.tenantId);
  expect(freed.map(({ number }) => number)).toEqual([String(Number(over.code.slice(0, 6)))]);
  const restsMs = Number(freed[0]?.free_at_ms) - beforeMs;
  expect(restsMs / 86_400_000).toBeCloseTo(30, 2);
  await mine.stop();
});

test("an expired code stays expired to all who ask, and its appointment gets no other", async () => {
  const over = await issued("50", OVER_MS);
  await expire();
  const { states } = await issuing.issueCodes({ issues: [over] });
  expect(states).toEqual([CodeState.EXPIRED]);
  expect(await digitsOf(over)).toBe(over.code);
  const answer = await clerk.redeemCode({ code: over.code, storeId, requestId: "late" });
  expect(answer.outcome).toBe(RedeemOutcome.EXPIRED);
});

test("a number that was given back is another's code once it has rested", async () => {
  const mine = openCodes({ tenantId: uniqueTenant() });
  const rests = { quarantineSeconds: 0, reversalSeconds: 0, stopPerThousand: 1 };
  await mine.choosePolicy({ pattern: "RRRR LL", ...rests });
  const wishes = Array.from({ length: 10 }, () =>
    mine.wish("07", { expiresAtMs: Date.now() - OVER_MS }),
  );
  await mine.issuing.issueCodes({ issues: wishes });
  const first = await Promise.all(wishes.map(mine.digitsOf));
  await expire(mine);
  const others = Array.from({ length: 10 }, () => mine.wish("07"));
  await mine.issuing.issueCodes({ issues: others });
  expect((await Promise.all(others.map(mine.digitsOf))).sort()).toEqual(first.sort());
  // A cancellation that comes late does not give the number away from under its new owner.
  const leased = await freedOf(mine.tenantId);
  await mine.issuing.revokeCodes({ revokes: wishes });
  expect(await freedOf(mine.tenantId)).toEqual(leased);
  await mine.stop();
});

test("three sweepers at once end 1,200 codes of all shards once each", async () => {
  const mine = openCodes({ tenantId: uniqueTenant() });
  const issues = Array.from({ length: 1200 }, (_, index) =>
    mine.wish(String(index % 100).padStart(2, "0"), { expiresAtMs: Date.now() - OVER_MS - index }),
  );
  await mine.issuing.issueCodes({ issues: issues.slice(0, 1000) });
  await mine.issuing.issueCodes({ issues: issues.slice(1000) });
  const others = [openCodes(), openCodes()];
  await Promise.all([mine, ...others].map((from) => expire(from)));
  await expire(mine);
  expect([...(await heldOf(mine.tenantId)).values()].filter(Boolean)).toEqual([]);
  const lines = await codes.database.select("select 1 from code_event where tenant_id = ?", [
    mine.tenantId,
  ]);
  expect(lines.length).toBe(1200);
  expect((await freedOf(mine.tenantId)).length).toBe(1200);
  await Promise.all([mine, ...others].map((from) => from.stop()));
});

test("a code that a clerk or the issuer ended in time is left alone", async () => {
  const mine = openCodes({ tenantId: uniqueTenant() });
  const revoked = await issued("07", OVER_MS, mine);
  await mine.issuing.revokeCodes({ revokes: [revoked] });
  await expire(mine);
  expect(await linesOf(revoked)).toEqual([
    { kind: 5, store_id: mine.storeId, items: 1, staff_id: "scheduling" },
  ]);
  await mine.stop();
});

test("a code that its policy does not know ends all the same, and so do those beside it", async () => {
  const mine = openCodes({ tenantId: uniqueTenant() });
  const [strange, other] = [await issued("07", OVER_MS, mine), await issued("07", OVER_MS, mine)];
  // As if a row had been written by hand: two symbols too many for the version that it names.
  await codes.database.write(
    `insert into pickup_code (suffix, appointment_id, tenant_id, shopper_id, store_id, state, code,
       active_code, issued_at_ms, expires_at_ms)
     values (?, ?, ?, 'ann', 7, 1, '1234567807', '1234567807', 1, 2)`,
    ["07", `${"f".repeat(32 - 16)}${mine.tenantId.slice(-16)}07`, mine.tenantId],
  );
  await expire(mine);
  expect([...(await heldOf(mine.tenantId)).values()]).toEqual([false, false, false]);
  expect((await freedOf(mine.tenantId)).map(({ number }) => Number(number)).sort()).toEqual(
    [strange, other].map(({ code }) => Number(code.slice(0, 6))).sort(),
  );
  await mine.stop();
});

test("a sweep stops when its time is over", async () => {
  const mine = openCodes({ tenantId: uniqueTenant() });
  await issued("07", -60_000, mine);
  // Overdue by this clock alone, so that no other sweeper comes first.
  const later = () => Date.now() + 2 * KEPT_MS;
  expect(await expireCodes({ ...mine.parts, now: later }, () => true)).toBe(0);
  expect([...(await heldOf(mine.tenantId)).values()]).toEqual([true]);
  await mine.stop();
});

test("what is overdue is found by its index alone, among whatever else there is", async () => {
  const shard = openDatabase(testConfig().mysqlDsn, "codes:-40");
  const rows = await shard.select<{ key: string; rows: string; Extra: string }>(
    `explain select appointment_id from pickup_code force index (by_end)
     where suffix in ('00', '07', '24') and ends_at_ms < 5 limit 250`,
  );
  expect(rows).toMatchObject([{ key: "by_end", Extra: expect.stringContaining("Using where") }]);
  expect(Number(rows[0]?.rows)).toBeLessThan(10);
  await shard.stop();
});
