// How numbers are handed out, on real shards: no number twice, whoever asks and whoever dies, and a full
// space that goes on living on what comes free.

import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { CodeState } from "#gen/slotmesh/codes/v1/code_pb.ts";
import { uniqueTenant } from "#shared/testing.ts";
import { createAllocator, type Space } from "./allocating.ts";
import type { PolicySpec } from "./policy.ts";
import { putFreed } from "./space-store.ts";
import { openCodes, rejection, uniqueAppointment } from "./testing.ts";

const { LIVE } = CodeState;
const DAY_MS = 86_400_000;

/** So many numbers a location. */
function small(numbers: number, changes: Partial<PolicySpec> = {}): Partial<PolicySpec> {
  return {
    pattern: "RRRR LL",
    stopPerThousand: numbers / 10,
    quarantineSeconds: 0,
    reversalSeconds: 0,
    ...changes,
  };
}

type Codes = ReturnType<typeof openCodes>;

async function spaceOf(codes: Codes, suffix: string): Promise<Space> {
  const policy = await codes.parts.policies.current(codes.tenantId);
  return codes.parts.spaces.of(policy, codes.tenantId, uniqueAppointment(suffix))[0] as Space;
}

async function issueEach(codes: Codes, count: number, suffix: string) {
  const issues = Array.from({ length: count }, () => codes.wish(suffix));
  await codes.issuing.issueCodes({ issues });
  return issues;
}

test("five processes that take 40 numbers at a time never get one twice, and all there are", async () => {
  const codes = openCodes();
  await codes.choosePolicy(small(1000));
  const space = await spaceOf(codes, "11");
  const { database } = codes;
  const taken = await Promise.all(
    Array.from({ length: 5 }, async () => {
      const allocator = createAllocator({ database, now: Date.now });
      const parts = [];
      for (let round = 0; round < 5; round += 1) {
        parts.push(...(await allocator.take([{ space, count: 40 }])));
      }
      return parts.flat();
    }),
  );
  const numbers = taken.flat();
  expect(numbers.length).toBe(1000);
  expect(new Set(numbers).size).toBe(1000);
  await codes.stop();
});

test("numbers come in the order of the key, not of their size, and go on where another process stopped", async () => {
  const key = { numbersKey: randomBytes(32), tenantId: uniqueTenant() };
  const [first, second] = [openCodes(key), openCodes(key)];
  const issue = async (codes: Codes) =>
    codes.digitsOf((await issueEach(codes, 1, "12"))[0] as never);
  const codes = [await issue(first), await issue(first), await issue(second), await issue(first)];
  const space = await spaceOf(first, "12");
  const positions = codes.map((code) =>
    (space.permutation as { invert(number: number): number } & typeof space.permutation).invert(
      Number(code.slice(0, 6)),
    ),
  );
  expect(positions).toEqual([0, 1, 16, 2]);
  await Promise.all([first.stop(), second.stop()]);
});

test("a number rests for the quarantine before it is a code again", async () => {
  let nowMs = Date.now();
  const codes = openCodes({ now: () => nowMs });
  await codes.choosePolicy(small(10, { quarantineSeconds: 30 * 86_400 }));
  const issues = await issueEach(codes, 10, "13");
  const [first] = issues as [(typeof issues)[0]];
  const digits = await codes.digitsOf(first);
  await codes.issuing.revokeCodes({ revokes: [first] });
  const next = codes.wish("13", { expiresAtMs: nowMs + 90 * DAY_MS });

  nowMs += 30 * DAY_MS - 1000;
  expect(String(await rejection(codes.issuing.issueCodes({ issues: [next] })))).toContain(
    "suffix 13 has 9 live codes, and no free one was found",
  );
  nowMs += 1000;
  expect((await codes.issuing.issueCodes({ issues: [next] })).states).toEqual([LIVE]);
  expect(await codes.digitsOf(next)).toBe(digits);
  await codes.stop();
});

test("what was leased by a process that died is found again once the space has been round", async () => {
  const codes = openCodes();
  await codes.choosePolicy(small(100));
  const space = await spaceOf(codes, "14");
  // Takes a block, and is never heard of again.
  const dead = createAllocator({ database: codes.database, now: Date.now });
  const [lost = []] = await dead.take([{ space, count: 7 }]);
  expect(lost.length).toBe(7);

  const issues = await issueEach(codes, 100, "14");
  const held = await Promise.all(issues.map(codes.digitsOf));
  expect(new Set(held).size).toBe(100);
  expect(held).toEqual(expect.arrayContaining(lost.map((number) => space.codeOf(number))));
  await codes.stop();
});

test("freed numbers that a process leased are nobody else's, and found again when it is gone", async () => {
  const codes = openCodes();
  await codes.choosePolicy(small(20));
  const space = await spaceOf(codes, "15");
  const issues = await issueEach(codes, 20, "15");
  await codes.issuing.revokeCodes({ revokes: issues.slice(0, 4) });
  const freed = () =>
    codes.database.select("select number from freed_number where suffix = '15' and tenant_id = ?", [
      codes.tenantId,
    ]);
  expect((await freed()).length).toBe(4);
  const dead = createAllocator({ database: codes.database, now: Date.now });
  const [leased = []] = await dead.take([{ space, count: 2 }]);
  expect(leased.length).toBe(2);
  expect((await freed()).length).toBe(2);

  // First what is noted as free, then what is neither live nor noted.
  const again = await issueEach(codes, 4, "15");
  const digits = await Promise.all(again.map(codes.digitsOf));
  expect(new Set(digits)).toEqual(
    new Set(await Promise.all(issues.slice(0, 4).map(codes.digitsOf))),
  );
  expect(digits).toEqual(expect.arrayContaining(leased.map((number) => space.codeOf(number))));
  expect(await freed()).toEqual([]);
  expect(
    String(await rejection(codes.issuing.issueCodes({ issues: [codes.wish("15")] }))),
  ).toContain("suffix 15 has 20 live codes, and no free one was found");
  await codes.stop();
});

test("each space of a shard gets what it lacks, however many numbers another has free", async () => {
  const codes = openCodes();
  await codes.choosePolicy(small(300));
  const [many, few] = [await issueEach(codes, 300, "20"), await issueEach(codes, 300, "21")];
  await codes.issuing.revokeCodes({ revokes: [...many, ...few.slice(0, 3)] });
  const other = openCodes({ tenantId: codes.tenantId });
  const issues = Array.from({ length: 6 }, (_, n) => codes.wish(n < 3 ? "20" : "21"));
  await other.issuing.issueCodes({ issues });
  const digits = await Promise.all(issues.map(codes.digitsOf));
  expect(digits.filter((code) => code.endsWith("21")).length).toBe(3);
  expect(new Set(digits).size).toBe(6);
  await Promise.all([codes.stop(), other.stop()]);
});

test("four processes that issue and take back at once in a space nearly full never fail", async () => {
  const key = { numbersKey: randomBytes(32), tenantId: uniqueTenant() };
  const processes = Array.from({ length: 4 }, () => openCodes(key));
  const [first] = processes as [Codes];
  await first.choosePolicy(small(200));
  await Promise.all(processes.map(({ parts }) => parts.policies.forget(key.tenantId)));
  await issueEach(first, 170, "22");
  await Promise.all(
    processes.map(async (codes) => {
      for (let round = 0; round < 15; round += 1) {
        const issues = Array.from({ length: 3 }, () => codes.wish("22"));
        const { states } = await codes.issuing.issueCodes({ issues });
        expect(states).toEqual([LIVE, LIVE, LIVE]);
        await codes.issuing.revokeCodes({ revokes: issues });
      }
    }),
  );
  const [row] = await first.database.select<{ codes: string; different: string }>(
    `select count(*) as codes, count(distinct active_code) as different from pickup_code
     where suffix = '22' and tenant_id = ? and active_code is not null`,
    [key.tenantId],
  );
  expect([Number(row?.codes), Number(row?.different)]).toEqual([170, 170]);
  await Promise.all(processes.map((codes) => codes.stop()));
});

test("notes of free numbers that are codes by now are passed over, and the free ones behind them found", async () => {
  const codes = openCodes();
  await codes.choosePolicy(small(1000));
  const space = await spaceOf(codes, "15");
  const issues = await issueEach(codes, 1000, "15");
  await codes.issuing.revokeCodes({ revokes: issues.slice(0, 10) });
  const nowMs = Date.now();
  const live = await Promise.all(issues.slice(10).map(codes.digitsOf));
  const wrong = live.map((code) => ({
    ...space.key,
    number: Number(code.slice(0, 4)),
    freeAtMs: nowMs - 1000,
  }));
  await putFreed(codes.database, wrong);
  expect(
    (await codes.issuing.issueCodes({ issues: Array.from({ length: 10 }, () => codes.wish("15")) }))
      .states,
  ).toEqual(new Array(10).fill(LIVE));
  await codes.stop();
});

test("a policy that lengthens goes on with one more digit where the shorter codes are out", async () => {
  const codes = openCodes();
  await codes.choosePolicy(small(10, { onFull: "lengthen" }));
  const issues = await issueEach(codes, 15, "16");
  const lengths = (await Promise.all(issues.map(codes.digitsOf))).map(({ length }) => length);
  expect(lengths.filter((length) => length === 6).length).toBe(10);
  expect(lengths.filter((length) => length === 7).length).toBe(5);
  await codes.stop();
});

test("three location digits end in the suffix, and codes of one suffix lie at all ten of its locations", async () => {
  const codes = openCodes();
  await codes.choosePolicy({
    pattern: "RRRR LLL",
    location: { layout: "one-dimensional", libraries: 10, tables: 100 },
  });
  const issues = await issueEach(codes, 200, "17");
  const ends = (await Promise.all(issues.map(codes.digitsOf))).map((code) => code.slice(-3));
  expect([...new Set(ends)].sort()).toEqual(Array.from({ length: 10 }, (_, digit) => `${digit}17`));
  await codes.stop();
});

test("an appointment whose suffix is none of the policy's locations gets a code of version 0", async () => {
  const codes = openCodes();
  await codes.choosePolicy({
    pattern: "RRRRLL",
    location: { layout: "library-table", libraries: 4, tables: 4 },
  });
  const [inside] = await issueEach(codes, 1, "12");
  const [outside] = await issueEach(codes, 1, "18");
  expect(await codes.digitsOf(inside as never)).toMatch(/^[0-9]{4}12$/);
  expect(await codes.digitsOf(outside as never)).toMatch(/^[0-9]{6}18$/);
  await codes.stop();
});

test("drawn at random, codes are unique as well, and a nearly full space gives up", async () => {
  const codes = openCodes();
  await codes.choosePolicy({
    pattern: "RRRR LL",
    allocation: "random",
    quarantineSeconds: 0,
    reversalSeconds: 0,
  });
  const issues = await issueEach(codes, 600, "19");
  const held = await Promise.all(issues.map(codes.digitsOf));
  expect(new Set(held).size).toBe(600);
  await codes.stop();
});
