// Takes codes back, in batches, a transaction per shard. What has no code yet gets a tombstone, so that it
// never gets one. A code that was given away is its heir's: whoever takes it back, or asks where it stands,
// is led on from hand to hand (transferring.ts says how often at most).
//
// That a code is revoked needs no request's id: it happens once, and its line in the ledger says who was
// first and why.

import { ofSuffix } from "#shared/shards.ts";
import { type CodeRecord, type Heir, type State, stateAt } from "./domain.ts";
import type { By } from "./ending-store.ts";
import { freedNumbersOf } from "./freeing.ts";
import type { IssuingOptions } from "./issuing.ts";
import { inKeyOrder, ofAppointment } from "./row.ts";
import type { Owner, StateRow } from "./store.ts";

/** What revoking needs. */
export type RevokingOptions = Pick<IssuingOptions, "store" | "shards" | "policies" | "now">;

/** What became of taking back one code. */
export type Revoked =
  | { readonly kind: "revoked"; readonly record: CodeRecord }
  | { readonly kind: "not-found" | "redeemed" };

/** Takes back the code of an appointment or a subject, and whatever came of it by transfers. */
export async function revokeCode(
  options: RevokingOptions,
  request: By & { readonly appointmentId: string; readonly tenantId: string },
): Promise<Revoked> {
  const { appointmentId, tenantId } = request;
  const found = await options.store.findByAppointment(appointmentId, tenantId);
  if (!found) {
    return { kind: "not-found" };
  }
  const [state] = await revokeCodes(options, [found], request);
  if (state === "redeemed") {
    return { kind: "redeemed" };
  }
  const record = await options.store.findByAppointment(appointmentId, tenantId);
  return { kind: "revoked", record: known(record) };
}

/** Makes sure that each appointment has no live code, now and later. Returns where each stands. */
export async function revokeCodes(
  options: RevokingOptions,
  owners: readonly Owner[],
  by: By,
): Promise<State[]> {
  const standings = await options.shards.forEachShard(owners, ofAppointment, (part) =>
    revokeOnShard(options, part, by),
  );
  const states = await followHeirs(standings, (heirs) =>
    revokeCodes(
      options,
      heirs.map(({ index, heir }) => ({ ...(owners[index] as Owner), ...heir })),
      by,
    ),
  );
  return states.map(known);
}

/** Says where the codes of some appointments stand, in order; undefined where there is no row. */
export async function listStates(
  options: Pick<RevokingOptions, "store" | "shards" | "now">,
  appointmentIds: readonly string[],
): Promise<(State | undefined)[]> {
  const { store, shards, now } = options;
  const standings = await shards.forEachShard(appointmentIds, ofSuffix, async (part) => {
    const rows = await store.listStates([...new Set(part)]);
    const byId = new Map(rows.map((row) => [row.appointmentId, standingOf(row, now())]));
    return part.map((id) => byId.get(id));
  });
  return followHeirs(standings, (heirs) =>
    listStates(
      options,
      heirs.map(({ heir }) => heir.appointmentId),
    ),
  );
}

/** Where an appointment's code stands, and to whom it was given. */
interface Standing {
  readonly state: State;
  readonly heir: Heir | undefined;
}

/** Asks on where codes were given away: an appointment's code is then its heir's, and what is asked or
 * taken back is that. */
async function followHeirs(
  standings: readonly (Standing | undefined)[],
  ask: (
    heirs: readonly { readonly index: number; readonly heir: Heir }[],
  ) => Promise<readonly (State | undefined)[]>,
): Promise<(State | undefined)[]> {
  const states = standings.map((standing) => standing?.state);
  const heirs = standings.flatMap((standing, index) =>
    standing?.heir ? [{ index, heir: standing.heir }] : [],
  );
  if (heirs.length > 0) {
    const theirs = await ask(heirs);
    for (const [position, { index }] of heirs.entries()) {
      states[index] = theirs[position];
    }
  }
  return states;
}

function standingOf(row: StateRow, nowMs: number): Standing {
  return { state: stateAt(row, nowMs), heir: row.heir };
}

async function revokeOnShard(
  { store, policies, now }: RevokingOptions,
  part: readonly Owner[],
  by: By,
): Promise<Standing[]> {
  const byId = inKeyOrder(part);
  const ids = [...byId.keys()];
  const nowMs = now();
  // The tombstones come first: after them no issue can slip in behind the update.
  const buried = await store.insertTombstones([...byId.values()], nowMs);
  if (buried === ids.length) {
    return part.map(() => ({ state: "revoked", heir: undefined }));
  }
  // Before the transaction: a policy that must be read takes a connection of its own.
  const tenants = new Set(part.map(({ tenantId }) => tenantId));
  await Promise.all([...tenants].map(policies.list));
  await store.revokeLive(ids, { ...by, atMs: nowMs }, (ended) =>
    freedNumbersOf(policies, ended, nowMs),
  );
  const rows = await store.listStates(ids);
  const standings = new Map(rows.map((row) => [row.appointmentId, standingOf(row, nowMs)]));
  return part.map(({ appointmentId }) => known(standings.get(appointmentId)));
}

function known<Value>(value: Value | undefined): Value {
  if (value === undefined) {
    throw new Error("a row that was just written is not there: was its vschema changed?");
  }
  return value;
}
