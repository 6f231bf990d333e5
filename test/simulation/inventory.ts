// Inventory in a simulation: its real handlers over claims kept in maps. Each transaction is one step
// that happens or does not; between the batches of one call, anything else may come.

import type { ClaimsService } from "#gen/slotmesh/inventory/v1/claims_service_pb.ts";
import type { BoundMethod } from "#shared/handlers.ts";
import type { Claims, Taken } from "../../services/inventory/claims.ts";
import { claimsService } from "../../services/inventory/claims-service.ts";
import {
  batchesOf,
  type Claim,
  nameOfClaim,
  nameOfSlot,
  nameOfTake,
  type Slot,
  type Take,
  type TakeKey,
  toTakeKey,
  type UnsettledTake,
} from "../../services/inventory/domain.ts";
import {
  type ClaimFlaw,
  type ClaimRow,
  type ClaimTables,
  claimsOf,
  listActive,
  releaseBatch,
  settleable,
  settleBatch,
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

  async function takeOnShard(takes: readonly Take[], nowMs: number, whole: TakeKey[]) {
    const answers = new Map<string, ClaimRow>();
    const slots = new Map<string, Slot>();
    const unsettled = new Map<string, UnsettledTake>();
    for (const batch of batchesOf(takes, CLAIMS_PER_TRANSACTION_MAX)) {
      const taken = await transact("T1", batch, () => takeBatch(tables, batch, nowMs, flaw));
      for (const claim of taken.claims) {
        answers.set(nameOfClaim(claim), claim);
      }
      for (const [name, slot] of taken.slots) {
        slots.set(name, slot);
      }
      for (const take of taken.unsettled) {
        unsettled.set(nameOfTake(take), take);
      }
    }
    whole.push(...settleable([...answers.values()], [...unsettled.values()], flaw));
    return takes.map(
      (take): Taken => ({
        claim: answers.get(nameOfClaim(take)) as Claim,
        slot: slots.get(nameOfSlot(take)),
      }),
    );
  }

  return {
    take: async (takes, nowMs) => {
      const whole: TakeKey[] = [];
      const byStore = [...Map.groupBy(takes, ({ storeId }) => storeId).values()];
      const shards = await Promise.all(byStore.map((part) => takeOnShard(part, nowMs, whole)));
      const byName = new Map(shards.flat().map((one) => [nameOfClaim(one.claim), one]));
      return { taken: takes.map((take) => byName.get(nameOfClaim(take)) as Taken), takes: whole };
    },

    settle: async (takes) => {
      const byStore = [...Map.groupBy(takes, ({ storeId }) => storeId).values()];
      await Promise.all(
        byStore.map((part) => {
          const keys = part.flatMap((take) => claimsOf(tables, take));
          return transact("T1b", keys, () => settleBatch(tables, part));
        }),
      );
    },

    release: async (keys) => {
      const byStore = [...Map.groupBy(keys, ({ storeId }) => storeId).values()];
      const slots = await Promise.all(
        byStore.map((part) => transact("T3", part, () => releaseBatch(tables, part, flaw))),
      );
      return slots.flatMap((part) => [...part.values()]);
    },

    listUnsettled: (takenUntilMs, claimsMax) =>
      network.step(actor, atDatabase("list unsettled"), () => {
        const takes = [...(tables.takes?.values() ?? [])]
          .filter(({ takenAtMs }) => takenAtMs <= takenUntilMs)
          .slice(0, claimsMax);
        return {
          claims: takes.flatMap((take) => claimsOf(tables, take)),
          takes: takes.map(toTakeKey),
        };
      }),

    listCounts: (keys) =>
      network.step(actor, atDatabase("read counts"), () =>
        keys.flatMap((key) => {
          const slot = tables.slots.get(nameOfSlot(key));
          return slot ? [{ slot, claims: [] }] : [];
        }),
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
