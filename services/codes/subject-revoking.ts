// Takes back the codes of subjects: where each has its code, or would have it, and what revoking.ts does with
// that. A subject without a code gets a tombstone there, which whoever issues it later finds.

import { NO_STORE } from "./acts.ts";
import type { State } from "./domain.ts";
import type { By } from "./ending-store.ts";
import { type RevokingOptions, revokeCodes } from "./revoking.ts";
import { findRows, idsOf, placeOf, type SubjectOptions } from "./subject-issuing.ts";
import type { Subject } from "./subjects.ts";

/** Makes sure that no subject of a tenant has a live code, now and later. Returns where each stands. */
export async function revokeSubjects(
  options: RevokingOptions & Pick<SubjectOptions, "subjectStore" | "subjectSecrets">,
  tenantId: string,
  subjects: readonly Subject[],
  by: By,
): Promise<State[]> {
  const policy = await options.policies.current(tenantId);
  const ids = await idsOf(options, { tenantId, policy }, subjects);
  const found = await findRows(options, ids.flat());
  const owners = subjects.map(({ shopperId }, index) => ({
    appointmentId: placeOf(ids[index] ?? [], found),
    ...{ tenantId, shopperId, storeId: NO_STORE },
  }));
  return revokeCodes(options, owners, by);
}
