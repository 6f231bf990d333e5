// A till over the real wire: from a booked appointment to a ticket that is accepted offline and recorded, and
// what becomes of tickets when the keys that signed them leaked.

import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { RedeemOutcome } from "#gen/slotmesh/codes/v1/codes_service_pb.ts";
import { IssuingService } from "#gen/slotmesh/codes/v1/issuing_service_pb.ts";
import { ScanOutcome, TillsService } from "#gen/slotmesh/codes/v1/tills_service_pb.ts";
import { createPass, readMeshKey } from "#shared/auth.ts";
import { createMeshClient } from "#shared/client.ts";
import { reasonOf } from "#shared/errors.ts";
import { suffixOf } from "#shared/suffix.ts";
import { testConfig, uniqueId, uniqueTenant } from "#shared/testing.ts";
import { toTimestamp } from "#shared/time.ts";
import { createTill } from "../../services/codes/till.ts";
import { startCodes } from "./codes-processes.ts";
import { as } from "./mesh.ts";

const CALL_MS = 10_000;
/** Long beside the time between two looks at the file of keys. */
const KEYS_TAKEN_MS_MAX = 30_000;
const ROTATE = join(import.meta.dirname, "../../services/codes/rotate-ticket-key.ts");
const config = testConfig();

test("a till accepts a ticket while its line is down, and the mesh records it", async () => {
  const tenantId = uniqueTenant();
  const storeId = uniqueId();
  const shopper = await as("shopper", tenantId);
  const clerk = await as("staff", tenantId, { storeIds: [storeId] });
  const pass = createPass(readMeshKey(config.keyDir), "scheduling", "codes");
  const issuing = createMeshClient(IssuingService, config.addresses.codes, { pass });
  const tills = createMeshClient(
    TillsService,
    config.addresses.codes,
    { token: clerk.token },
    CALL_MS,
  );
  const appointmentId = randomUUID().replaceAll("-", "") + suffixOf(tenantId, shopper.subjectId);
  const expireTime = toTimestamp(Date.now() + 3_600_000);
  const owner = { appointmentId, tenantId, shopperId: shopper.subjectId, storeId };
  await issuing.issueCodes({ issues: [{ ...owner, partySize: 1, expireTime }] });
  const { ticket } = await shopper.codes.getCode({ appointmentId });

  const till = createTill();
  till.load(await Array.fromAsync(tills.getTillSnapshot({ storeId })));
  const scanned = till.scan(ticket, { nowMs: Date.now(), nonce: randomUUID() });
  expect(scanned).toMatchObject({ kind: "accept", entry: { shopperId: shopper.subjectId } });

  const scans = till
    .pending()
    .map(({ seenMs, ...scan }) => ({ ...scan, seenTime: toTimestamp(seenMs) }));
  const { results } = await tills.uploadScans({ storeId, scans });
  expect(results.map(({ outcome }) => outcome)).toEqual([ScanOutcome.RECORDED]);
  till.settle(results.map(({ nonce }) => nonce));
  till.apply(await Array.fromAsync(tills.getTillChanges({ storeId, cursor: till.cursor() })));
  expect(till.judge(ticket, { nowMs: Date.now() })).toEqual({ kind: "refuse", reason: "redeemed" });
  const request = { code: ticket, storeId, requestId: randomUUID() };
  const online = await clerk.codes.redeemCode(request);
  expect(online.outcome).toBe(RedeemOutcome.ALREADY_REDEEMED);
  tills.close();
  issuing.close();
});

test("keys that leaked die within seconds in a process that runs, and their tickets with them", async () => {
  // The mesh's own keys are everybody's: this process has a copy of them.
  const keyDir = mkdtempSync(join(tmpdir(), "slotmesh-keys-"));
  cpSync(config.keyDir, keyDir, { recursive: true });
  const codes = await startCodes({ SLOTMESH_KEY_DIR: keyDir });
  try {
    const tenantId = uniqueTenant();
    const storeId = uniqueId();
    const shopper = await as("shopper", tenantId);
    const clerk = await as("staff", tenantId, { storeIds: [storeId] });
    const appointmentId = randomUUID().replaceAll("-", "") + suffixOf(tenantId, shopper.subjectId);
    const expireTime = toTimestamp(Date.now() + 3_600_000);
    const owner = { appointmentId, tenantId, shopperId: shopper.subjectId, storeId };
    await codes.issuing.issueCodes({ issues: [{ ...owner, partySize: 1, expireTime }] });
    const show = () => codes.codes.getCode({ appointmentId }, { token: shopper.token });
    const kids = async () => (await codes.tills.listTicketKeys({})).keys.map(({ kid }) => kid);
    const { ticket: before } = await show();

    const args = [ROTATE, "--leaked", "--key-dir", keyDir];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    const fresh = stdout.slice(0, 8);
    await expect.poll(kids, { timeout: KEYS_TAKEN_MS_MAX, interval: 200 }).toEqual([fresh]);
    const { ticket: after } = await show();
    const redeem = (code: string) =>
      codes.codes.redeemCode({ code, storeId, requestId: "scan-1" }, { token: clerk.token });
    const error = await redeem(before).catch((caught: unknown) => caught);
    expect(reasonOf(error)).toBe("BAD_TICKET");
    expect((await redeem(after)).outcome).toBe(RedeemOutcome.REDEEMED);
  } finally {
    await codes.stop();
    rmSync(keyDir, { recursive: true });
  }
});
