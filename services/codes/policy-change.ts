// Says what is wrong with putting a policy in the place of those that a tenant has live codes under.
// Live codes keep their version, so two things can go wrong. The new codes can be too few for as many
// as are live today. And a text can be read under two versions as two codes: then whoever types one
// person's code can be given another's goods.

import { type Arrangement, shapesOf } from "./arrangement.ts";
import { codesAltogether, PER_THOUSAND, type Policy, type PolicySpec } from "./policy.ts";
import { type Problem, written } from "./policy-validation.ts";

/** A version and how many codes are live under it. */
export interface Standing {
  readonly policy: Policy;
  readonly liveCodes: number;
}

/** Lists what is wrong with a change to a policy that is valid by itself. */
export function problemsOfChange(existing: readonly Standing[], next: PolicySpec): Problem[] {
  const live = existing.filter(({ liveCodes }) => liveCodes > 0);
  const liveCodes = live.reduce((sum, standing) => sum + standing.liveCodes, 0);
  return [
    ...capacityProblems(liveCodes, next),
    ...live.filter(({ policy }) => mayReadTwice(policy, next)).map(ambiguity),
  ];
}

/** Says whether some text may be read under two arrangements as two different codes. No is certain. Yes
 * is so unless locations or check symbols happen to keep the two apart, which is not worked out. */
export function mayReadTwice(one: Arrangement, other: Arrangement): boolean {
  const isAlphabetShared = one.alphabet === other.alphabet;
  const areSymbolsRead = isAlphabetShared || !(one.lookAlikes || other.lookAlikes);
  return shapesOf(one).some(({ pattern: a }) =>
    shapesOf(other).some(({ pattern: b }) => {
      if (a.roles.length !== b.roles.length) {
        return false;
      }
      // The same symbols in the same order are the same code, whatever the groups and the check.
      if (a.roles === b.roles && areSymbolsRead) {
        return false;
      }
      // The 31 symbols write each location with a letter A to D first, which no digit looks like: only
      // codes that show no location can look like digits.
      const inLetters = one.alphabet === "digits" ? b : a;
      return isAlphabetShared || inLetters.locationSymbols === 0;
    }),
  );
}

function ambiguity({ policy, liveCodes }: Standing): Problem {
  const count = liveCodes === 1 ? "1 live code" : `${written(liveCodes)} live codes`;
  return {
    field: "pattern",
    sentence: `What is typed could be a new code and another one of version ${policy.version}, which has ${count}: take another length, or the same order of symbols.`,
  };
}

function capacityProblems(liveCodes: number, next: PolicySpec): Problem[] {
  const holds = Math.floor((codesAltogether(next) / PER_THOUSAND) * next.stopPerThousand);
  const resting = restingCodes(liveCodes, next);
  if (liveCodes + resting <= holds) {
    return [];
  }
  return [
    {
      field: "pattern",
      sentence: `Up to its stop line the policy has ${written(holds)} codes, and ${written(liveCodes + resting)} are wanted: ${written(liveCodes)} that are live and ${written(resting)} in quarantine.`,
    },
  ];
}

/** Estimates how many numbers rest while as many codes are live: those that end in the time of a
 * quarantine, if a code lives as long as it may. Where that is not known, as many as are live. */
function restingCodes(
  liveCodes: number,
  { lifetimeSeconds, quarantineSeconds }: PolicySpec,
): number {
  if (quarantineSeconds === 0) {
    return 0;
  }
  return lifetimeSeconds === undefined
    ? liveCodes
    : Math.ceil((liveCodes * quarantineSeconds) / lifetimeSeconds);
}
