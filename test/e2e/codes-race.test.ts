// Goal: what Codes promises, a live code is unique and redeems once, holds between processes and when one of
// them dies. Method: two real processes on one database, called at once over gRPC, and kill -9 of one in the
// middle; whoever got no answer calls the other with the same request. In the end the rows are counted.

import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { CodeState } from "#gen/slotmesh/codes/v1/code_pb.ts";
import { RedeemOutcome } from "#gen/slotmesh/codes/v1/codes_service_pb.ts";
import { Code, ConnectError } from "#shared/errors.ts";
import { type Database, openDatabase } from "#shared/mysql.ts";
import { testConfig, uniqueId, uniqueTenant } from "#shared/testing.ts";
import { sleep, toTimestamp } from "#shared/time.ts";
import { type CodesProcess, startCodes } from "./codes-processes.ts";
import { as } from "./mesh.ts";

const CLERKS = 50;
const HOUR_MS = 3_600_000;
const RETRY_MS = 50;
const RETRIES_MS_MAX = 60_000;
/** Four suffixes, one on each shard, of a thousand numbers each. */
const SUFFIXES = ["00", "25", "50", "75"];
const SPACE = 4000;
const BATCH = 100;
const LANES = 4;

let one: CodesProcess;
/** The one that dies. */
let other: CodesProcess;
let database: Database;

beforeAll(async () => {
  database = openDatabase(testConfig().mysqlDsn, "codes");
  one = await startCodes();
});

beforeEach(async () => {
  other = await startCodes();
});

afterEach(() => other?.stop());

afterAll(async () => {
  await one?.stop();
  await database.stop();
});

/** Asks one process and, where that gave no answer, the other, again and again. What was asked too often at
 * once is asked again as well. */
async function insist<Answer>(
  first: CodesProcess,
  ask: (process: CodesProcess) => Promise<Answer>,
): Promise<Answer> {
  const untilMs = performance.now() + RETRIES_MS_MAX;
  for (let process = first; ; process = process === one ? other : one) {
    try {
      return await ask(process);
    } catch (error) {
      const mayPass =
        error instanceof ConnectError &&
        [Code.Unavailable, Code.DeadlineExceeded, Code.ResourceExhausted].includes(error.code);
      if (!mayPass || performance.now() > untilMs) {
        throw error;
      }
      await sleep(RETRY_MS);
    }
  }
}

const turn = (index: number) => (index % 2 === 0 ? one : other);

function wishOf(tenantId: string, storeId: string, suffix: string) {
  return {
    appointmentId: randomBytes(16).toString("hex") + suffix,
    ...{ tenantId, storeId, shopperId: "ann", partySize: 1 },
    expireTime: toTimestamp(Date.now() + HOUR_MS),
  };
}

/** Issues a code, and has fifty clerks redeem it at once, half of them in each process. */
async function redeemAtOnce(atFirstAnswer: () => void) {
  const tenantId = uniqueTenant();
  const storeId = uniqueId();
  const wish = wishOf(tenantId, storeId, "50");
  await one.issuing.issueCodes({ issues: [wish] });
  const manager = await as("manager", tenantId);
  const { appointmentId } = wish;
  // Scanned, not typed: fifty who type at once in one store would be taken for guessers.
  const { ticket } = await one.codes.getCode({ appointmentId }, { token: manager.token });
  const clerks = await Promise.all(
    Array.from({ length: CLERKS }, () => as("staff", tenantId, { storeIds: [storeId] })),
  );
  const answering = clerks.map(({ token, subjectId }, index) => {
    const request = { code: ticket, storeId, requestId: subjectId };
    return insist(turn(index), ({ codes }) => codes.redeemCode(request, { token }));
  });
  await Promise.race(answering).then(atFirstAnswer);
  return { answers: await Promise.all(answering), clerks };
}

function expectOneWinner({ answers, clerks }: Awaited<ReturnType<typeof redeemAtOnce>>) {
  const outcomes = answers.map(({ outcome }) => outcome);
  expect(outcomes.filter((outcome) => outcome === RedeemOutcome.REDEEMED).length).toBe(1);
  expect(outcomes.filter((outcome) => outcome === RedeemOutcome.ALREADY_REDEEMED).length).toBe(
    CLERKS - 1,
  );
  const winner = clerks[outcomes.indexOf(RedeemOutcome.REDEEMED)]?.subjectId;
  for (const { code } of answers) {
    expect(code?.redemption?.staffId).toBe(winner);
  }
}

test("fifty clerks at once in two processes: one redeems, forty-nine are told who did", async () => {
  expectOneWinner(await redeemAtOnce(() => {}));
});

test("fifty clerks at once, and one process dies: one redeems, also of those who asked twice", async () => {
  expectOneWinner(await redeemAtOnce(() => other.kill()));
});

test("two processes fill a small space to its last number, no code twice, though one dies on the way", async () => {
  const tenantId = uniqueTenant();
  const operator = await as("operator", tenantId);
  await one.policies.createPolicy(
    {
      policy: {
        ...{ version: 1, pattern: "RRRR LL", stopPerThousand: 100, warnPerThousand: 100 },
        ...{ reversalSeconds: 0, quarantineSeconds: 0n },
      },
    },
    { token: operator.token },
  );
  // Until then the other process may know the built-in policy.
  await sleep(5500);
  const storeId = uniqueId();
  const wishes = Array.from({ length: SPACE }, (_, index) =>
    wishOf(tenantId, storeId, SUFFIXES[index % SUFFIXES.length] as string),
  );
  const batches = Array.from({ length: SPACE / BATCH }, (_, index) =>
    wishes.slice(index * BATCH, (index + 1) * BATCH),
  );
  let begun = 0;
  const lanes = Array.from({ length: LANES }, async (_, lane) => {
    for (let index = lane; index < batches.length; index += LANES) {
      begun += 1;
      if (begun === batches.length / 2) {
        other.kill();
      }
      const issues = batches[index] ?? [];
      const { states } = await insist(turn(index), ({ issuing }) => issuing.issueCodes({ issues }));
      expect(states).toEqual(new Array(BATCH).fill(CodeState.LIVE));
    }
  });
  await Promise.all(lanes);
  const rows = await database.select<{ appointment_id: string; code: string }>(
    "select appointment_id, active_code as code from pickup_code where tenant_id = ?",
    [tenantId],
  );
  expect(rows.length).toBe(SPACE);
  expect(new Set(rows.map(({ code }) => code)).size).toBe(SPACE);
  expect(new Set(rows.map((row) => row.appointment_id))).toEqual(
    new Set(wishes.map(({ appointmentId }) => appointmentId)),
  );
  const full = one.issuing.issueCodes({ issues: [wishOf(tenantId, storeId, "25")] });
  await expect(full).rejects.toThrow("suffix 25 has 1000 live codes, and no free one was found");
});

test("two processes run one campaign, one of them dies, and a third goes on", async () => {
  const tenantId = uniqueTenant();
  const { token } = await as("operator", tenantId);
  const campaign = {
    ...{ campaignId: "coupons", wantedCodes: 8000, storeId: uniqueId(), goods: "a meal" },
    expireTime: toTimestamp(Date.now() + HOUR_MS),
  };
  const run = async (process: CodesProcess, hear: (issuedCodes: number) => void = () => {}) => {
    const progress = process.campaigns.runCampaign(campaign, { token, timeoutMs: 60_000 });
    for await (const { issuedCodes } of progress) {
      hear(issuedCodes);
    }
  };
  const dying = run(other, (issuedCodes) => {
    if (issuedCodes >= 2000) {
      other.kill();
    }
  });
  const leaving = run(one, (issuedCodes) => {
    if (issuedCodes >= 4000) {
      throw new Error("the caller leaves");
    }
  });
  await expect(dying).rejects.toMatchObject({ code: Code.Unavailable });
  await expect(leaving).rejects.toThrow("the caller leaves");
  const third = await startCodes();
  const steps: number[] = [];
  await run(third, (issuedCodes) => steps.push(issuedCodes));
  await third.stop();
  expect(steps[0]).toBeGreaterThanOrEqual(4000);
  expect(steps.at(-1)).toBe(8000);
  const rows = await database.select<{ subject: string; code: string }>(
    "select subject, active_code as code from pickup_code where tenant_id = ?",
    [tenantId],
  );
  expect(rows.length).toBe(8000);
  expect(new Set(rows.map(({ subject }) => subject)).size).toBe(8000);
  expect(new Set(rows.map(({ code }) => code)).size).toBe(8000);
});
