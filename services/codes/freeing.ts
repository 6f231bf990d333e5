// What becomes of the number of a code that dies: it rests for the policy's quarantine, and may then be
// a code again. Whoever ends a code writes this in the same transaction (space-store.ts, putFreed).

import { numberOf } from "./arrangement.ts";
import { writeLocation } from "./location.ts";
import type { Policies } from "./policies.ts";
import type { FreedNumber } from "./space-store.ts";
import { shapeName } from "./spaces.ts";

/** A code that ended. */
export interface EndedCode {
  readonly tenantId: string;
  readonly code: string;
  readonly policyVersion: number;
}

/** Returns the numbers of codes that ended, and when each may be given again. */
export async function freedNumbersOf(
  policies: Policies,
  ended: readonly EndedCode[],
  nowMs: number,
): Promise<FreedNumber[]> {
  return Promise.all(
    ended.map(async ({ tenantId, code, policyVersion }) => {
      const policy = await policies.get(tenantId, policyVersion);
      const { shape, number, location } = numberOf(policy, code);
      return {
        tenantId,
        shape: shapeName(policy, shape),
        location: writeLocation(location, shape.pattern.locationSymbols),
        number,
        freeAtMs: nowMs + policy.quarantineSeconds * 1000,
      };
    }),
  );
}
