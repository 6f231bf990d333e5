// Every statement about one person, as store.ts makes it, is sent through VEXPLAIN: it must go to the one
// shard of the person's suffix.

import { afterAll, expect, test } from "vitest";
import { type Database, openDatabase } from "#shared/mysql.ts";
import { suffixOf } from "#shared/suffix.ts";
import { explainingSql, testConfig, uniqueId, uniqueTenant } from "#shared/testing.ts";
import type { Account } from "./domain.ts";
import { createStore } from "./store.ts";

const { mysqlDsn } = testConfig();
const identity = openDatabase(mysqlDsn, "identity");
const global = openDatabase(mysqlDsn, "global");
afterAll(() => Promise.all([identity.stop(), global.stop()]));

const asked: string[][] = [];
const explaining: Database = { ...identity, ...explainingSql(identity, asked) };
const store = createStore({ identity: explaining, global });

/** Finds a person of a suffix. */
function accountIn(suffix: string): Account {
  for (;;) {
    const tenantId = uniqueTenant();
    const subjectId = uniqueId();
    if (suffixOf(tenantId, subjectId) === suffix) {
      return {
        suffix,
        tenantId,
        subjectId,
        role: "shopper",
        signInKey: `${tenantId}:${subjectId}`,
        signInName: subjectId,
        passwordHash: "$argon2id$",
        displayName: subjectId,
        storeIds: [],
        requestHash: Buffer.alloc(32),
        createdAtMs: 1,
      };
    }
  }
}

test.each([
  ["00", "-40"],
  ["30", "40-80"],
  ["60", "80-c0"],
  ["99", "c0-"],
])("what concerns a person of suffix %s goes to shard %s alone", async (suffix, shard) => {
  const account = accountIn(suffix);
  const sessionId = `${"0a".repeat(16)}${suffix}`;
  const secretHash = Buffer.alloc(32);
  asked.length = 0;
  await store.findAccount(account);
  await store.updatePasswordHash(account, "$argon2id$other");
  await store.insertSession(account, { sessionId, secretHash, expiresAtMs: 2, endsAtMs: 3 });
  await store.findSession(suffix, sessionId);
  await store.rotateSession({
    suffix,
    sessionId,
    generation: 1,
    secretHash,
    nextSecretHash: secretHash,
    nextExpiresAtMs: 3,
    nowMs: 1,
  });
  await store.revokeSession(suffix, sessionId, 1);
  await store.deleteEndedSessions(account, 9);
  expect(asked).toEqual(new Array(7).fill([shard]));
});
