// Whom the handlers charge a guess to. Each is refused before it looks at anything, so nothing else is there.

import { expect, test } from "vitest";
import { CodesService } from "#gen/slotmesh/codes/v1/codes_service_pb.ts";
import { clientAs } from "#shared/testing.ts";
import type { Guesser } from "./budgets.ts";
import { codesMethods } from "./codes-service.ts";
import { DEFAULT_POLICY } from "./policy.ts";

const CLERK = { role: "staff", tenantId: "t", subjectId: "ann", storeIds: ["7", "8"] } as const;
const SPENT =
  "[resource_exhausted] too many wrong codes from this network: scan the QR code, or wait";

/** Codes whose network budget is out, and who was to be charged. */
function openSpent() {
  const charged: Guesser[] = [];
  const methods = codesMethods({
    redis: {
      spendGuess: async (guesser: Guesser) => {
        charged.push(guesser);
        return { kind: "spent", budget: "network", retryMs: 1, freeAtMs: 1 };
      },
    },
    policies: { list: async () => [DEFAULT_POLICY] },
    now: Date.now,
  } as unknown as Parameters<typeof codesMethods>[0]);
  return { methods, charged };
}

test.each(["lookupCode", "redeemCode", "lockCode", "unlockCode"] as const)(
  "%s is charged to the address that the call comes from, and to none where nobody says",
  async (name) => {
    const { methods, charged } = openSpent();
    const request = { code: "12345678", deviceId: "till-0001", requestId: "r" };
    for (const [storeId, address] of [
      ["7", "203.0.113.9"],
      ["8", "203.0.113.9"],
      ["8", undefined],
    ] as const) {
      const clerk = clientAs(CodesService, methods, CLERK, address);
      await expect(clerk[name]({ ...request, storeId })).rejects.toThrow(SPENT);
    }
    const guesser = { tenantId: "t", staffId: "ann", deviceId: "till-0001" };
    expect(charged).toEqual([
      { ...guesser, storeId: "7", address: "203.0.113.9" },
      { ...guesser, storeId: "8", address: "203.0.113.9" },
      { ...guesser, storeId: "8", address: undefined },
    ]);
  },
);
