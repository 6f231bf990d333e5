// The policies of tenants, as a process knows them. Versions never change, so what was read is kept; only
// which one is the newest is asked again after CURRENT_MS. That is how long a new version takes to be in
// force everywhere.

import { LRUCache } from "lru-cache";
import { DEFAULT_POLICY, type Policy } from "./policy.ts";

const CURRENT_MS = 5000;
const TENANTS_KEPT_MAX = 10_000;

/** The policies of tenants. */
export interface Policies {
  /** Returns the policy that codes are issued under now. */
  current(tenantId: string): Promise<Policy>;
  /** Returns a version. Throws if the tenant has none of that number. */
  get(tenantId: string, version: number): Promise<Policy>;
  /** Returns every version, the newest first, down to the built-in one. At most CURRENT_MS old. */
  list(tenantId: string): Promise<readonly Policy[]>;
  /** Forgets what is known of a tenant, because it was just changed. */
  forget(tenantId: string): void;
}

/** Makes what remembers policies; `read` returns the versions that a tenant made itself. */
export function createPolicies(options: {
  readonly read: (tenantId: string) => Promise<readonly Policy[]>;
  /** The clock, in milliseconds. */
  readonly now: () => number;
}): Policies {
  const { read, now } = options;
  const known = new LRUCache<
    string,
    { readonly policies: Promise<Policy[]>; readonly atMs: number }
  >({
    max: TENANTS_KEPT_MAX,
  });

  function list(tenantId: string): Promise<readonly Policy[]> {
    const kept = known.get(tenantId);
    if (kept && now() - kept.atMs < CURRENT_MS) {
      return kept.policies;
    }
    const policies = read(tenantId).then((made) =>
      [...made, DEFAULT_POLICY].sort((a, b) => b.version - a.version),
    );
    known.set(tenantId, { policies, atMs: now() });
    // What could not be read is asked again; until then, what was known before still holds for old codes.
    policies.catch(() => {
      if (kept) {
        known.set(tenantId, kept);
      } else {
        known.delete(tenantId);
      }
    });
    return policies;
  }

  return {
    list,
    current: async (tenantId) => (await list(tenantId))[0] as Policy,
    get: async (tenantId, version) => {
      const kept = await known.get(tenantId)?.policies.catch(() => undefined);
      const find = (policies: readonly Policy[] | undefined) =>
        policies?.find((policy) => policy.version === version);
      const policy = find(kept) ?? find(await list(tenantId));
      if (!policy) {
        throw new Error(`tenant ${tenantId} has no policy of version ${version}`);
      }
      return policy;
    },
    forget: (tenantId) => {
      known.delete(tenantId);
    },
  };
}
