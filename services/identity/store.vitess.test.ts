// The statements, on real Vitess: where rows lie, who wins a name, what a crash between Vitess's two
// commits leaves behind.

import { randomBytes } from "node:crypto";
import { afterAll, expect, test } from "vitest";
import { isDuplicate, openDatabase, retryTransient } from "#shared/mysql.ts";
import { keyspaceIdOfSuffix, suffixOf } from "#shared/suffix.ts";
import { testConfig, uniqueId, uniqueTenant } from "#shared/testing.ts";
import { type Account, hashSecret, signInKey } from "./domain.ts";
import { createStore } from "./store.ts";

const { mysqlDsn } = testConfig();
const identity = openDatabase(mysqlDsn, "identity");
const global = openDatabase(mysqlDsn, "global");
const store = createStore({ identity, global });
const tenantId = uniqueTenant();

afterAll(() => Promise.all([identity.stop(), global.stop()]));

function account(name: string, change: Partial<Account> = {}): Account {
  const subjectId = change.subjectId ?? uniqueId();
  return {
    suffix: suffixOf(tenantId, subjectId),
    tenantId,
    subjectId,
    role: "shopper",
    signInKey: signInKey(tenantId, name) ?? "",
    signInName: name,
    passwordHash: "$argon2id$",
    displayName: "Zoë 'O\"Neil\\ \u{1f600}",
    storeIds: [],
    requestHash: randomBytes(32),
    createdAtMs: Date.now(),
    ...change,
  };
}

/** An account on another shard than one of four that the first lies on. */
function accountElsewhere(name: string, suffix: string): Account {
  for (;;) {
    const candidate = account(name);
    if (Math.floor(Number(candidate.suffix) / 25) !== Math.floor(Number(suffix) / 25)) {
      return candidate;
    }
  }
}

async function openSession(owner: Account, nowMs: number) {
  const session = {
    sessionId: randomBytes(16).toString("hex") + owner.suffix,
    secretHash: hashSecret(randomBytes(8).toString("hex")),
    expiresAtMs: nowMs + 1000,
    endsAtMs: nowMs + 1500,
  };
  await store.insertSession(owner, session);
  return session;
}

test("an account is found by its name and by its person, as it was written", async () => {
  const zoe = account("zoë@example.org", {
    subjectId: "9223372036854775807",
    role: "staff",
    storeIds: ["9223372036854775806", "1"],
  });
  await store.insertAccount(zoe);
  expect(await store.findAccountBySignInKey(zoe.signInKey)).toEqual(zoe);
  expect(await store.findAccount(zoe)).toEqual(zoe);
  expect(await store.findAccount({ ...zoe, tenantId: uniqueTenant() })).toBeUndefined();
  // The database folds nothing: only the normal form is the name.
  expect(await store.findAccountBySignInKey(zoe.signInKey.replace("ë", "e"))).toBeUndefined();
  expect(await store.findAccountBySignInKey(zoe.signInKey.toUpperCase())).toBeUndefined();
  expect(await store.findAccountBySignInKey(`${zoe.signInKey} `)).toBeUndefined();
});

test("the longest name there can be is stored", async () => {
  const long = account("\u{20000}".repeat(128));
  await store.insertAccount(long);
  expect(await store.findAccountBySignInKey(long.signInKey)).toEqual(long);
});

test("a name has one owner on all shards, and the loser's row is nowhere", async () => {
  const first = account("bob");
  await store.insertAccount(first);
  for (const second of [accountElsewhere("bob", first.suffix), account("bob")]) {
    const error: unknown = await store.insertAccount(second).catch((caught: unknown) => caught);
    expect(isDuplicate(error)).toBe(true);
    expect(await store.findAccount(second)).toBeUndefined();
  }
  expect(await store.findAccountBySignInKey(first.signInKey)).toEqual(first);
});

test("of fifty who insert one name at once, one wins", async () => {
  const all = Array.from({ length: 50 }, () => account("everyone"));
  const outcomes = await Promise.all(
    all.map((each) =>
      retryTransient(() => store.insertAccount(each)).then(
        () => "won",
        (error: unknown) => (isDuplicate(error) ? "taken" : error),
      ),
    ),
  );
  expect(outcomes.filter((outcome) => outcome === "won")).toHaveLength(1);
  const winner = all[outcomes.indexOf("won")] as Account;
  expect(await store.findAccountBySignInKey(winner.signInKey)).toEqual(winner);
  const found = await Promise.all(all.map((each) => store.findAccount(each)));
  expect(found.filter((each) => each !== undefined)).toEqual([winner]);
});

test("a name whose account never came is free, on whatever shard it was reserved", async () => {
  for (let round = 0; round < 8; round += 1) {
    const lost = account(`lost-${round}`);
    // What Vitess has committed when the process dies before the account's own commit.
    await reserve(lost);
    expect(await store.findAccountBySignInKey(lost.signInKey)).toBeUndefined();
    const next = accountElsewhere(lost.signInName, lost.suffix);
    await store.insertAccount(next);
    expect(await store.findAccountBySignInKey(lost.signInKey)).toEqual(next);
  }
});

test("of twenty who want a name that was reserved and never taken, one wins", async () => {
  const lost = account("lost by all");
  await reserve(lost);
  const all = Array.from({ length: 20 }, () => account("lost by all"));
  const outcomes = await Promise.all(
    all.map((each) =>
      retryTransient(() => store.insertAccount(each)).then(
        () => "won",
        (error: unknown) => (isDuplicate(error) ? "taken" : error),
      ),
    ),
  );
  expect(outcomes.filter((outcome) => outcome === "won")).toHaveLength(1);
  const winner = all[outcomes.indexOf("won")] as Account;
  expect(await store.findAccountBySignInKey(lost.signInKey)).toEqual(winner);
});

async function reserve(lost: Account): Promise<void> {
  const keyspaceId = Buffer.alloc(8);
  keyspaceId.writeBigUInt64BE(keyspaceIdOfSuffix(lost.suffix) ?? 0n);
  await global.write("insert into account_sign_in (sign_in_key, keyspace_id) values (?)", [
    [lost.signInKey, keyspaceId],
  ]);
}

test("Vitess refuses a session whose id ends in another suffix than its person's", async () => {
  const carol = account("carol");
  await store.insertAccount(carol);
  const other = carol.suffix === "07" ? "57" : "07";
  await expect(
    store.insertSession(carol, {
      sessionId: "a".repeat(32) + other,
      secretHash: randomBytes(32),
      expiresAtMs: 1,
      endsAtMs: 1,
    }),
  ).rejects.toMatchObject({
    errno: 1105,
    message: expect.stringContaining("does not map to keyspace ids"),
  });
});

test("a session moves on once, for who has the secret, in time, and never past its end", async () => {
  const dan = account("dan");
  await store.insertAccount(dan);
  const nowMs = 1_000_000;
  const { sessionId, secretHash } = await openSession(dan, nowMs);
  const rotation = {
    suffix: dan.suffix,
    sessionId,
    generation: 1,
    secretHash,
    nextSecretHash: randomBytes(32),
    nextExpiresAtMs: nowMs + 1200,
    nowMs,
  };
  const current = async () => (await store.findSession(dan.suffix, sessionId))?.session;
  const before = {
    sessionId,
    generation: 1,
    secretHash,
    expiresAtMs: nowMs + 1000,
    isRevoked: false,
  };
  await store.rotateSession({ ...rotation, secretHash: randomBytes(32) });
  await store.rotateSession({ ...rotation, generation: 2 });
  await store.rotateSession({ ...rotation, nowMs: nowMs + 1000 });
  expect(await current()).toEqual(before);
  await store.rotateSession(rotation);
  const after = {
    ...before,
    generation: 2,
    secretHash: rotation.nextSecretHash,
    expiresAtMs: nowMs + 1200,
  };
  expect(await current()).toEqual(after);
  await store.rotateSession(rotation);
  expect(await current()).toEqual(after);
  await store.rotateSession({
    ...rotation,
    generation: 2,
    secretHash: after.secretHash,
    nextExpiresAtMs: nowMs + 9999,
  });
  expect(await current()).toMatchObject({ generation: 3, expiresAtMs: nowMs + 1500 });
  await store.revokeSession(dan.suffix, sessionId, nowMs);
  await store.rotateSession({ ...rotation, generation: 3, secretHash: rotation.nextSecretHash });
  expect(await current()).toMatchObject({ generation: 3, isRevoked: true });
});

test("a session is found with its person, and a sweep takes only what is over, of one person", async () => {
  const [erin, fay] = [account("erin"), account("fay")];
  await Promise.all([store.insertAccount(erin), store.insertAccount(fay)]);
  const [over, live, others] = await Promise.all([
    openSession(erin, 1000),
    openSession(erin, 2000),
    openSession(fay, 1000),
  ]);
  expect(await store.findSession(erin.suffix, over.sessionId)).toMatchObject({ account: erin });
  await store.deleteEndedSessions(erin, 2000);
  expect(await store.findSession(erin.suffix, over.sessionId)).toBeUndefined();
  expect(await store.findSession(erin.suffix, live.sessionId)).toMatchObject({ account: erin });
  expect(await store.findSession(fay.suffix, others.sessionId)).toMatchObject({ account: fay });
});

test("a password's hash is replaced only if it is still the one that was read", async () => {
  const gus = account("gus");
  await store.insertAccount(gus);
  await store.updatePasswordHash(gus, "$second$");
  await store.updatePasswordHash(gus, "$third$");
  expect(await store.findAccount(gus)).toEqual({ ...gus, passwordHash: "$second$" });
});

test("a tenant is written once", async () => {
  const tenant = { tenantId: uniqueTenant(), name: "Better Buy", createdAtMs: 1 };
  expect(await store.findTenant(tenant.tenantId)).toBeUndefined();
  await store.insertTenant(tenant);
  const error: unknown = await store
    .insertTenant({ ...tenant, name: "Other" })
    .catch((caught: unknown) => caught);
  expect(isDuplicate(error)).toBe(true);
  expect(await store.findTenant(tenant.tenantId)).toEqual({ name: "Better Buy" });
});
