// Issues the codes of subjects: where each would have its code, whether it has one, and whether that is what
// is asked for now. What it has not is issued like any code, and then read if someone else was quicker.

import { ofSuffix } from "#shared/shards.ts";
import { toMs } from "#shared/time.ts";
import { type IssuingOptions, issueCodes, type Wish } from "./issuing.ts";
import type { Policy } from "./policy.ts";
import type { SubjectSecrets } from "./subject-secrets.ts";
import type { SubjectRow, SubjectStore } from "./subject-store.ts";
import { bodyHashOf, type Subject, subjectIdsOf } from "./subjects.ts";
import { type Asked, termsOf } from "./terms.ts";

const PARTY_SIZE = 1;

/** What issuing to subjects needs. */
export interface SubjectOptions extends IssuingOptions {
  readonly subjectStore: SubjectStore;
  readonly subjectSecrets: SubjectSecrets;
}

/** A wish for the code of a subject. */
export interface SubjectWish extends Subject, Omit<Asked, "partySize"> {
  readonly storeId: string;
  readonly goods: string;
}

/** What became of a batch of wishes. */
export type Issued =
  /** Each has its code, or was revoked: under these ids. */
  | { readonly kind: "issued"; readonly appointmentIds: readonly string[] }
  /** The subject of the wish at this place was issued with another body. */
  | { readonly kind: "reused"; readonly index: number }
  /** This one has none, and its location has no free number. */
  | { readonly kind: "full"; readonly appointmentId: string };

/** A wish, the ids under which it may have its code, and what tells its body from another. */
interface Named {
  readonly wish: SubjectWish;
  readonly ids: readonly string[];
  readonly bodyHash: string;
}

/** Makes sure that each subject of a tenant has its code. With `isLookedUp`, nothing is issued if one of the
 * batch was issued before with another body; without it, looking is saved where all of them are new. */
export async function issueSubjects(
  options: SubjectOptions,
  policy: Policy,
  wishes: readonly SubjectWish[],
  { isLookedUp }: { readonly isLookedUp: boolean },
): Promise<Issued> {
  const tenantId = wishes[0]?.tenantId ?? "";
  const ids = await idsOf(options, { tenantId, policy }, wishes);
  const named = wishes.map((wish, index) => ({
    wish,
    ids: ids[index] ?? [],
    bodyHash: bodyHashOf(toBody(wish)),
  }));
  const found = await findRows(
    options,
    named.flatMap(({ ids }) => ids.slice(isLookedUp ? 0 : 1)),
  );
  const placed = named.map((one) => ({ ...one, id: placeOf(one.ids, found) }));
  const reused = findReused(placed, found);
  if (reused !== undefined) {
    return { kind: "reused", index: reused };
  }
  const nowMs = options.now();
  const missing = placed.filter(({ id }) => !found.has(id));
  const { written, fullId } = await insert(
    options,
    missing.map(({ wish, id, bodyHash }) => toWish(wish, { id, bodyHash, policy, nowMs })),
  );
  const missingIds = [...new Set(missing.map(({ id }) => id))];
  if (written < missingIds.length) {
    // Someone else was quicker, with what may be another body.
    const late = findReused(placed, await findRows(options, missingIds));
    if (late !== undefined) {
      return { kind: "reused", index: late };
    }
  }
  return fullId === undefined
    ? { kind: "issued", appointmentIds: placed.map(({ id }) => id) }
    : { kind: "full", appointmentId: fullId };
}

/** Returns the ids under which each of a tenant's subjects may have its code, that of a policy first. */
export async function idsOf(
  { policies, subjectSecrets }: Pick<SubjectOptions, "policies" | "subjectSecrets">,
  { tenantId, policy }: { readonly tenantId: string; readonly policy: Policy },
  subjects: readonly Subject[],
): Promise<string[][]> {
  const secret = await subjectSecrets.get(tenantId);
  const versions = [policy, ...(await policies.list(tenantId))];
  return subjects.map((subject) => subjectIdsOf(secret, versions, subject));
}

/** Reads the rows of some ids, by id. */
export async function findRows(
  { shards, subjectStore }: Pick<SubjectOptions, "shards" | "subjectStore">,
  ids: readonly string[],
): Promise<Map<string, SubjectRow>> {
  const rows = await shards.forEachShard([...new Set(ids)], ofSuffix, async (part) => {
    const byId = new Map(
      (await subjectStore.listSubjects(part)).map((row) => [row.appointmentId, row]),
    );
    return part.map((id) => byId.get(id));
  });
  return new Map(rows.flatMap((row) => (row ? [[row.appointmentId, row]] : [])));
}

/** Returns the id under which a subject has its code, or else would get it. */
export function placeOf(ids: readonly string[], found: ReadonlyMap<string, SubjectRow>): string {
  return ids.find((id) => found.has(id)) ?? (ids[0] as string);
}

/** Finds the place of a wish whose subject has, in the rows or earlier in the batch, another body. */
function findReused(
  placed: readonly (Named & { readonly id: string })[],
  rows: ReadonlyMap<string, SubjectRow>,
): number | undefined {
  const hashes = new Map<string, string | undefined>();
  for (const [id, { bodyHash }] of rows) {
    hashes.set(id, bodyHash);
  }
  for (const [index, { id, bodyHash }] of placed.entries()) {
    const known = hashes.get(id);
    if (known !== undefined && known !== bodyHash) {
      return index;
    }
    hashes.set(id, bodyHash);
  }
  return undefined;
}

/** Issues, and counts how many rows were written: if all of them, nobody else issued one. */
async function insert(
  options: SubjectOptions,
  wishes: readonly Wish[],
): Promise<{ written: number; fullId: string | undefined }> {
  let written = 0;
  const store: typeof options.store = {
    ...options.store,
    insertCodes: async (codes) => {
      const count = await options.store.insertCodes(codes);
      written += count;
      return count;
    },
  };
  const outcomes = await issueCodes({ ...options, store }, wishes);
  return { written, fullId: wishes[outcomes.indexOf("no-free-code")]?.appointmentId };
}

function toBody({ storeId, goods, items, openTime, expireTime }: SubjectWish) {
  return { storeId, goods, items, opensAtMs: toMs(openTime), expiresAtMs: toMs(expireTime) };
}

function toWish(
  wish: SubjectWish,
  given: {
    readonly id: string;
    readonly bodyHash: string;
    readonly policy: Policy;
    readonly nowMs: number;
  },
): Wish {
  const { tenantId, shopperId, storeId, subject, goods } = wish;
  const { id, bodyHash, policy, nowMs } = given;
  return {
    ...{ appointmentId: id, tenantId, shopperId, storeId, subject, bodyHash, policy, goods },
    partySize: PARTY_SIZE,
    ...termsOf(policy, { ...wish, partySize: PARTY_SIZE }, nowMs),
  };
}
