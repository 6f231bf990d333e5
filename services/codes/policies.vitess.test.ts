// Policies as a tenant's operator makes them: versions, refusals with their reasons, and codes that keep
// the version they were issued under.

import type { MessageInitShape } from "@bufbuild/protobuf";
import { afterAll, expect, test } from "vitest";
import { PoliciesService } from "#gen/slotmesh/codes/v1/policies_service_pb.ts";
import {
  CheckDigit,
  CodeAlphabet,
  type CodePolicySchema,
  FullRule,
  LocationLayout,
  StoreRule,
} from "#gen/slotmesh/codes/v1/policy_pb.ts";
import type { Role } from "#shared/auth.ts";
import { Code, type ConnectError } from "#shared/errors.ts";
import { clientAs, uniqueTenant } from "#shared/testing.ts";
import { openCodes, rejection } from "./testing.ts";

const codes = openCodes();
afterAll(() => codes.stop());

function operatorOf(tenantId: string, role: Role = "operator") {
  return clientAs(PoliciesService, codes.methods, { role, tenantId, subjectId: "olga" });
}

type PolicyInit = MessageInitShape<typeof CodePolicySchema>;

const CINEMA: PolicyInit = {
  pattern: "RRRR-RRLLC",
  alphabet: CodeAlphabet.UNMISTAKABLE,
  checkDigit: CheckDigit.ISO7064,
  storeRule: StoreRule.ANY,
  fullRule: FullRule.LENGTHEN,
  lockSeconds: 60,
};

async function refusal(promise: Promise<unknown>): Promise<[Code, string]> {
  const { code, rawMessage } = (await rejection(promise)) as ConnectError;
  return [code, rawMessage];
}

test("a version says everything that was left out, and comes back as it was made", async () => {
  const operator = operatorOf(uniqueTenant());
  const { policy } = await operator.createPolicy({ policy: { ...CINEMA, version: 1 } });
  expect(policy).toMatchObject({
    version: 1,
    pattern: "RRRR-RRLLC",
    libraries: 10,
    tables: 10,
    locationLayout: LocationLayout.ONE_DIMENSIONAL,
    uses: 1,
    lockSeconds: 60,
    reversalSeconds: 900,
    quarantineSeconds: 2_592_000n,
    warnPerThousand: 50,
    stopPerThousand: 1000,
  });
  const { policies } = await operator.listPolicies({});
  expect(policies.map(({ version }) => version)).toEqual([1, 0]);
  expect(policies[0]).toEqual(policy);
  expect(policies[1]?.pattern).toBe("RRRRRR LL");
});

test("the same version again is answered as the first time, another one under its number is refused", async () => {
  const operator = operatorOf(uniqueTenant());
  const first = await operator.createPolicy({ policy: { ...CINEMA, version: 1 } });
  expect(await operator.createPolicy({ policy: { ...CINEMA, version: 1 } })).toEqual(first);
  const taken = [Code.Aborted, "the last version is 1: read it, and make version 2"];
  const other = { ...CINEMA, version: 1, lockSeconds: 61 };
  expect(await refusal(operator.createPolicy({ policy: other }))).toEqual(taken);
  expect(await refusal(operator.createPolicy({ policy: { ...CINEMA, version: 3 } }))).toEqual(
    taken,
  );
});

test("of ten who make the next version at once, one does, and the others are told", async () => {
  const operator = operatorOf(uniqueTenant());
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, index) =>
      rejection(
        operator.createPolicy({ policy: { ...CINEMA, version: 1, lockSeconds: index + 1 } }),
      ),
    ),
  );
  expect(answers.filter((error) => error === undefined).length).toBe(1);
  expect(answers.filter((error) => (error as ConnectError)?.code === Code.Aborted).length).toBe(9);
});

test("an invalid policy is refused with every problem, each with its field", async () => {
  const operator = operatorOf(uniqueTenant());
  const policy = { ...CINEMA, version: 1, pattern: "RRRR-RRLL", quarantineSeconds: 10n };
  const [code, message] = await refusal(operator.createPolicy({ policy }));
  expect(code).toBe(Code.InvalidArgument);
  expect(message).toContain("C");
  expect(message.split(". ").length).toBeGreaterThanOrEqual(2);
  const preview = await operator.previewPolicy({ policy });
  expect(preview.problems.join(" ")).toBe(message);
  expect(preview.policy).toBeUndefined();
  expect((await operator.listPolicies({})).policies.length).toBe(1);
});

test("a preview shows codes of nobody and how many there can be, and makes nothing", async () => {
  const operator = operatorOf(uniqueTenant());
  const preview = await operator.previewPolicy({
    policy: { ...CINEMA, fullRule: FullRule.REFUSE },
  });
  expect(preview.problems).toEqual([]);
  expect(preview.examples.length).toBe(3);
  for (const example of preview.examples) {
    expect(example).toMatch(/^[A-HJKMNP-Z2-9]{4}-[A-HJKMNP-Z2-9]{5}$/);
  }
  expect(preview.codesPerLocation).toBe(31n ** 6n);
  expect(preview.codesAltogether).toBe(31 ** 6 * 100);
  expect((await operator.listPolicies({})).policies.length).toBe(1);
});

test("live codes keep their version, and refuse a version whose codes could be read as theirs", async () => {
  const { issuing, wish, digitsOf, tenantId } = codes;
  const operator = operatorOf(tenantId);
  const before = wish("51");
  await issuing.issueCodes({ issues: [before] });
  const digits = await digitsOf(before);

  const mixed = { version: 1, pattern: "LLRRRRRR" };
  expect(await refusal(operator.createPolicy({ policy: mixed }))).toEqual([
    Code.FailedPrecondition,
    "What is typed could be a new code and another one of version 0, which has 1 live code: take another length, or the same order of symbols.",
  ]);
  await operator.createPolicy({ policy: { version: 1, pattern: "RRRR-RRR-LL" } });
  const after = wish("51");
  await issuing.issueCodes({ issues: [after] });
  expect(await digitsOf(after)).toMatch(/^[0-9]{7}51$/);
  expect(await digitsOf(before)).toBe(digits);
  const record = await codes.store.findByAppointment(before.appointmentId, tenantId);
  expect(record?.policyVersion).toBe(0);

  // Once no code lives under version 0, nothing can be mistaken for one.
  await issuing.revokeCodes({ revokes: [before] });
  expect((await operator.previewPolicy({ policy: mixed })).problems).toEqual([]);
});

test.each<Role>(["anonymous", "shopper", "staff", "service"])(
  "the role %s may not make, preview or list policies",
  async (role) => {
    const client = operatorOf(uniqueTenant(), role);
    const answers = await Promise.all(
      [
        client.createPolicy({ policy: { version: 1 } }),
        client.previewPolicy({ policy: {} }),
        client.listPolicies({}),
      ].map(refusal),
    );
    const refused = role === "anonymous" ? Code.Unauthenticated : Code.PermissionDenied;
    expect(answers.map(([code]) => code)).toEqual([refused, refused, refused]);
  },
);
