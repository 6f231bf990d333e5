// Policies as they travel and as the rules know them. What a message leaves out gets its default here,
// so a version that was made says everything.

import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  AllocationStrategy,
  CheckDigit,
  CodeAlphabet,
  type CodePolicy,
  type CodePolicySchema,
  FullRule,
  LocationLayout,
  QrCorrection,
  StoreRule,
} from "#gen/slotmesh/codes/v1/policy_pb.ts";
import { toTimestamp } from "#shared/time.ts";
import type { LocationSpace } from "./location.ts";
import { DEFAULT_POLICY, type Policy, type PolicySpec } from "./policy.ts";

/** A value of an enum beside what the rules call it. */
type Names<Name extends string, Value extends number> = readonly (readonly [
  name: Name,
  value: Value,
])[];

const ALPHABETS: Names<Policy["alphabet"], CodeAlphabet> = [
  ["digits", CodeAlphabet.DIGITS],
  ["unmistakable", CodeAlphabet.UNMISTAKABLE],
];
const CHECKS: Names<Policy["check"], CheckDigit> = [
  ["none", CheckDigit.NONE],
  ["damm", CheckDigit.DAMM],
  ["iso7064", CheckDigit.ISO7064],
];
const LAYOUTS: Names<LocationSpace["layout"], LocationLayout> = [
  ["one-dimensional", LocationLayout.ONE_DIMENSIONAL],
  ["library-table", LocationLayout.LIBRARY_TABLE],
];
const STRATEGIES: Names<Policy["allocation"], AllocationStrategy> = [
  ["permutation", AllocationStrategy.PERMUTATION],
  ["random", AllocationStrategy.RANDOM],
];
const FULL_RULES: Names<Policy["onFull"], FullRule> = [
  ["refuse", FullRule.REFUSE],
  ["lengthen", FullRule.LENGTHEN],
];
const STORE_RULES: Names<"issued-for" | "any-of-tenant" | "listed", StoreRule> = [
  ["issued-for", StoreRule.ISSUED_FOR],
  ["any-of-tenant", StoreRule.ANY],
  ["listed", StoreRule.LISTED],
];
const CORRECTIONS: Names<Policy["qrErrorCorrection"], QrCorrection> = [
  ["M", QrCorrection.M],
  ["L", QrCorrection.L],
  ["Q", QrCorrection.Q],
  ["H", QrCorrection.H],
];

/** Locations where a message names none, by how many L the pattern has. */
const LOCATIONS: Readonly<Record<number, Pick<LocationSpace, "libraries" | "tables">>> = {
  0: { libraries: 1, tables: 1 },
  2: { libraries: 10, tables: 10 },
  3: { libraries: 10, tables: 100 },
};

/** Reads a policy, with every default filled in. It may be invalid: validatePolicy tells. */
export function toSpec(message: CodePolicy): PolicySpec {
  const pattern = message.pattern || DEFAULT_POLICY.pattern;
  const rule = nameOf(STORE_RULES, message.storeRule);
  return {
    pattern,
    alphabet: nameOf(ALPHABETS, message.alphabet),
    check: nameOf(CHECKS, message.checkDigit),
    location: {
      layout: nameOf(LAYOUTS, message.locationLayout),
      ...locationsOf(message, pattern),
    },
    lookAlikes: message.acceptsLookAlikes,
    fullWidth: message.acceptsFullWidth,
    lifetimeSeconds: message.lifetimeSeconds === 0n ? undefined : Number(message.lifetimeSeconds),
    uses: message.perItem ? "per-item" : message.uses || 1,
    stores: rule === "listed" ? message.storeIds : rule,
    opensBeforeSeconds: toNumber(message.opensBeforeSeconds),
    closesAfterSeconds: toNumber(message.closesAfterSeconds),
    lockSeconds: message.lockSeconds ?? DEFAULT_POLICY.lockSeconds,
    reversalSeconds: message.reversalSeconds ?? DEFAULT_POLICY.reversalSeconds,
    quarantineSeconds: toNumber(message.quarantineSeconds) ?? DEFAULT_POLICY.quarantineSeconds,
    allocation: nameOf(STRATEGIES, message.strategy),
    onFull: nameOf(FULL_RULES, message.fullRule),
    warnPerThousand: message.warnPerThousand ?? DEFAULT_POLICY.warnPerThousand,
    stopPerThousand: message.stopPerThousand ?? DEFAULT_POLICY.stopPerThousand,
    qrErrorCorrection: nameOf(CORRECTIONS, message.qrCorrection),
  };
}

/** Writes a policy. */
export function toMessage(
  policy: Policy,
  createdAtMs?: number,
): MessageInitShape<typeof CodePolicySchema> {
  const { stores, uses, location } = policy;
  const rule = typeof stores === "string" ? stores : "listed";
  return {
    version: policy.version,
    pattern: policy.pattern,
    alphabet: valueFor(ALPHABETS, policy.alphabet),
    checkDigit: valueFor(CHECKS, policy.check),
    locationLayout: valueFor(LAYOUTS, location.layout),
    libraries: location.libraries,
    tables: location.tables,
    acceptsLookAlikes: policy.lookAlikes,
    acceptsFullWidth: policy.fullWidth,
    lifetimeSeconds: BigInt(policy.lifetimeSeconds ?? 0),
    uses: uses === "per-item" ? 0 : uses,
    perItem: uses === "per-item",
    storeRule: valueFor(STORE_RULES, rule),
    storeIds: typeof stores === "string" ? [] : [...stores],
    ...(policy.opensBeforeSeconds !== undefined && {
      opensBeforeSeconds: BigInt(policy.opensBeforeSeconds),
    }),
    ...(policy.closesAfterSeconds !== undefined && {
      closesAfterSeconds: BigInt(policy.closesAfterSeconds),
    }),
    lockSeconds: policy.lockSeconds,
    reversalSeconds: policy.reversalSeconds,
    quarantineSeconds: BigInt(policy.quarantineSeconds),
    strategy: valueFor(STRATEGIES, policy.allocation),
    fullRule: valueFor(FULL_RULES, policy.onFull),
    warnPerThousand: policy.warnPerThousand,
    stopPerThousand: policy.stopPerThousand,
    qrCorrection: valueFor(CORRECTIONS, policy.qrErrorCorrection),
    ...(createdAtMs !== undefined && { createTime: toTimestamp(createdAtMs) }),
  };
}

function locationsOf({ libraries, tables }: CodePolicy, pattern: string) {
  const shown = pattern.split("L").length - 1;
  const unsaid = libraries === 0 && tables === 0 ? LOCATIONS[shown] : undefined;
  return unsaid ?? { libraries, tables };
}

/** The first name stands for UNSPECIFIED; the contract's rules refuse what is no value. */
function nameOf<Name extends string, Value extends number>(
  names: Names<Name, Value>,
  value: Value,
): Name {
  const [name] = names.find((one) => one[1] === value) ?? (names[0] as readonly [Name, Value]);
  return name;
}

function valueFor<Name extends string, Value extends number>(
  names: Names<Name, Value>,
  name: Name,
): Value {
  const [, value] = names.find((one) => one[0] === name) ?? (names[0] as readonly [Name, Value]);
  return value;
}

function toNumber(value: bigint | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}
