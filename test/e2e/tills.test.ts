// A till over the real wire: from a booked appointment to a ticket that is accepted offline and recorded.

import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { RedeemOutcome } from "#gen/slotmesh/codes/v1/codes_service_pb.ts";
import { IssuingService } from "#gen/slotmesh/codes/v1/issuing_service_pb.ts";
import { ScanOutcome, TillsService } from "#gen/slotmesh/codes/v1/tills_service_pb.ts";
import { createPass, readMeshKey } from "#shared/auth.ts";
import { createMeshClient } from "#shared/client.ts";
import { suffixOf } from "#shared/suffix.ts";
import { testConfig, uniqueId, uniqueTenant } from "#shared/testing.ts";
import { toTimestamp } from "#shared/time.ts";
import { createTill } from "../../services/codes/till.ts";
import { as } from "./mesh.ts";

const CALL_MS = 10_000;
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
