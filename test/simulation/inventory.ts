// Inventory in a simulation: its real handlers over claims kept in maps. Each transaction is one step
// that happens or does not; between the batches of one call, anything else may come.

import type { ClaimsService } from "#gen/slotmesh/inventory/v1/claims_service_pb.ts";
import { ClaimState } from "#gen/slotmesh/inventory/v1/claims_service_pb.ts";
import type { BoundMethod } from "#shared/handlers.ts";
import type { Claims, Taken } from "../../services/inventory/claims.ts";
import { claimsService } from "../../services/inventory/claims-service.ts";
import {
  batchesOf,
  type Claim,
  nameOfClaim,
  nameOfSlot,
  type Slot,
} from "../../services/inventory/domain.ts";
import {
  type ClaimFlaw,
  type ClaimTables,
  listActive,
  markBatch,
  releaseBatch,
  takeBatch,
} from "../model/claims.ts";
import { atDatabase, storeAway } from "./failures.ts";
import type { Actor, Network } from "./network.ts";

/** As few as make a call of several transactions common; the product's is 500. */
const CLAIMS_PER_TRANSACTION_MAX = 3;

/** What Inventory is made of here. */
export interface InventoryOptions {
  readonly network: Network;
  readonly tables: ClaimTables;
  readonly now: () => number;
  /** Whether the database cannot be reached. */
  readonly isAway: () => boolean;
  readonly flaw?: ClaimFlaw | undefined;
  /** Is told of claims as a transaction leaves them. */
  readonly onWrite: (claims: readonly Claim[]) => void;
}

/** Makes the handlers of a process of Inventory. */
export function inventoryMethods(options: InventoryOptions, actor: Actor): BoundMethod[] {
  return claimsService({ claims: createClaimsPort(options, actor), now: options.now });
}

export type { ClaimsService };

function createClaimsPort(
  { network, tables, isAway, flaw, onWrite }: InventoryOptions,
  actor: Actor,
): Claims {
  const transact = <Result>(
    what: string,
    keys: readonly { storeId: string; slotId: string; appointmentId: string }[],
    work: () => Result,
  ) =>
    network.step(actor, atDatabase(`${what} ${keys.map(short).join(" ")}`), () => {
      if (isAway()) {
        throw storeAway();
      }
      const result = work();
      onWrite(
        keys.flatMap((key) => {
          const claim = tables.claims.get(nameOfClaim(key));
          return claim ? [claim] : [];
        }),
      );
      return result;
    });

  async function takeOnShard(takes: Parameters<Claims["take"]>[0], nowMs: number) {
    const answers = new Map<string, Claim>();
    const slots = new Map<string, Slot>();
    for (const batch of batchesOf(takes, CLAIMS_PER_TRANSACTION_MAX)) {
      const taken = await transact("T1", batch, () => takeBatch(tables, batch, nowMs, flaw));
      for (const claim of taken.claims) {
        answers.set(nameOfClaim(claim), claim);
      }
      for (const [name, slot] of taken.slots) {
        slots.set(name, slot);
      }
    }
    return takes.map(
      (take): Taken => ({
        claim: answers.get(nameOfClaim(take)) as Claim,
        slot: slots.get(nameOfSlot(take)),
      }),
    );
  }

  return {
    take: async (takes, nowMs) => {
      const byStore = [...Map.groupBy(takes, ({ storeId }) => storeId).values()];
      const taken = (await Promise.all(byStore.map((part) => takeOnShard(part, nowMs)))).flat();
      const byName = new Map(taken.map((one) => [nameOfClaim(one.claim), one]));
      return takes.map((take) => byName.get(nameOfClaim(take)) as Taken);
    },

    mark: async (keys) => {
      const byStore = [...Map.groupBy(keys, ({ storeId }) => storeId).values()];
      await Promise.all(
        byStore.map((part) => transact("T1b", part, () => markBatch(tables, part, flaw))),
      );
    },

    release: async (keys) => {
      const byStore = [...Map.groupBy(keys, ({ storeId }) => storeId).values()];
      const slots = await Promise.all(
        byStore.map((part) => transact("T3", part, () => releaseBatch(tables, part, flaw))),
      );
      return slots.flatMap((part) => [...part.values()]);
    },

    listUnsettled: (takenUntilMs, rowsMax) =>
      network.step(actor, atDatabase("list unsettled"), () =>
        [...tables.claims.values()]
          .filter(
            ({ state, takenAtMs }) => state === ClaimState.LOCKED && takenAtMs <= takenUntilMs,
          )
          .slice(0, rowsMax),
      ),

    listStock: async (keys) => {
      const byStore = [...Map.groupBy(keys, ({ storeId }) => storeId).values()];
      const stocks = await Promise.all(
        byStore.map((part) =>
          network.step(actor, atDatabase("read stock"), () =>
            part.flatMap((key) => {
              const slot = tables.slots.get(nameOfSlot(key));
              return slot ? [{ slot, claims: listActive(tables, nameOfSlot(key)) }] : [];
            }),
          ),
        ),
      );
      return stocks.flat();
    },
  };
}

function short({ slotId, appointmentId }: { slotId: string; appointmentId: string }): string {
  return `${appointmentId.slice(0, 4)}@${slotId}`;
}
