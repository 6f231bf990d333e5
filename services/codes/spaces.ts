// The number spaces of policies: what a space is called, how many of its numbers may be out, in which
// order they come, and how each is written as a code.

import { LRUCache } from "lru-cache";
import { suffixAtEnd } from "#shared/suffix.ts";
import type { Space } from "./allocating.ts";
import { formatNumber, type Shape, shapesOf } from "./arrangement.ts";
import { locationsOfSuffix, writeLocation } from "./location.ts";
import { createPermutation, deriveKey } from "./permutation.ts";
import { DEFAULT_POLICY, PER_THOUSAND, type Policy } from "./policy.ts";

const SPACES_KEPT_MAX = 20_000;
/** How many of an appointment's digits choose among the locations of a suffix. */
const CHOOSING_DIGITS = 8;

/** Finds number spaces. */
export interface Spaces {
  /** Returns the spaces that an appointment's code may come from, in the order in which they are tried:
   * the longer codes of a policy that lengthens them after the others. */
  of(policy: Policy, tenantId: string, appointmentId: string): Space[];
}

/** Says under which policy an appointment's code is issued: its tenant's, or the built-in one if the
 * appointment's suffix is not among the locations of the tenant's. */
export function policyFor(policy: Policy, appointmentId: string): Policy {
  return locationFor(policy, appointmentId) === undefined ? DEFAULT_POLICY : policy;
}

/** Names the codes of an alphabet and a length, the same for all policies that have such codes. */
export function shapeName({ alphabet }: Pick<Policy, "alphabet">, { pattern }: Shape): string {
  return `${alphabet === "digits" ? "d" : "u"}${pattern.randomSymbols}`;
}

/** Makes what finds number spaces. */
export function createSpaces({ masterKey }: { readonly masterKey: Buffer }): Spaces {
  // One object a space and version, so that a batch groups by it; a permutation is a key schedule.
  const kept = new LRUCache<string, Space[]>({ max: SPACES_KEPT_MAX });

  function makeSpaces(policy: Policy, tenantId: string, location: number): Space[] {
    return shapesOf(policy).map((shape) => {
      const name = shapeName(policy, shape);
      const size = shape.codesPerLocation;
      return {
        key: {
          tenantId,
          shape: name,
          location: writeLocation(location, shape.pattern.locationSymbols),
        },
        usable: Math.max(1, Math.floor((size / PER_THOUSAND) * policy.stopPerThousand)),
        permutation: createPermutation(
          deriveKey(masterKey, { tenantId, location, shape: name }),
          size,
        ),
        codeOf: (number) => formatNumber(policy, shape, number, location),
      };
    });
  }

  return {
    of: (policy, tenantId, appointmentId) => {
      const location = locationFor(policy, appointmentId) as number;
      const name = `${tenantId}|${policy.version}|${location}`;
      let spaces = kept.get(name);
      if (!spaces) {
        spaces = makeSpaces(policy, tenantId, location);
        kept.set(name, spaces);
      }
      return spaces;
    },
  };
}

/** Returns the location of an appointment's code. Undefined if the policy has none that ends in its
 * suffix: the code would lie on another shard than its owner. */
function locationFor(policy: Policy, appointmentId: string): number | undefined {
  const locations = locationsOfSuffix(policy.location, suffixAtEnd(appointmentId));
  const chosen = Number.parseInt(appointmentId.slice(0, CHOOSING_DIGITS), 16) % locations.length;
  return locations[chosen];
}
