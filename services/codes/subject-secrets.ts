// What the ids of subjects hang on, a secret a tenant. An id opens the entry of its code in a till's snapshot,
// so without a secret whoever steals one could try order numbers (subjects.ts). A secret never changes: each
// process reads it once.

import { randomBytes } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { SubjectStore } from "./subject-store.ts";

const TENANTS_KEPT_MAX = 10_000;
const SECRET_BYTES = 32;

/** The secrets of tenants. */
export interface SubjectSecrets {
  /** Returns a tenant's, which is made when it is first asked for. */
  get(tenantId: string): Promise<string>;
}

/** Makes what remembers secrets. */
export function createSubjectSecrets(
  store: Pick<SubjectStore, "findSecret" | "insertSecret">,
): SubjectSecrets {
  const known = new LRUCache<string, Promise<string>>({ max: TENANTS_KEPT_MAX });

  async function read(tenantId: string): Promise<string> {
    const found = await store.findSecret(tenantId);
    if (found !== undefined) {
      return found;
    }
    await store.insertSecret(tenantId, randomBytes(SECRET_BYTES).toString("hex"));
    // Of two who make it at once, the row says which it is.
    const made = await store.findSecret(tenantId);
    if (made === undefined) {
      throw new Error("a row that was just written is not there: was its vschema changed?");
    }
    return made;
  }

  return {
    get: (tenantId) => {
      const kept = known.get(tenantId);
      if (kept) {
        return kept;
      }
      const secret = read(tenantId);
      known.set(tenantId, secret);
      // What could not be read is asked again.
      secret.catch(() => known.delete(tenantId));
      return secret;
    },
  };
}
