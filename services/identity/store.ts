// Every SQL statement of Identity. People and sessions lie at their suffix; a sign-in key finds its
// person through Vitess's lookup vindex, which costs one more hop, to the table in keyspace global.
// Reads that follow a write of the same call ask vtgate's tablets not to share another caller's answer,
// which may be older than the write.

import { type Database, idValue } from "#shared/mysql.ts";
import type { Account, PersonRole, Session } from "./domain.ts";

const SWEPT_MAX = 50;

const ACCOUNT_COLUMNS = `a.suffix, a.tenant_id, a.subject_id, a.role, a.sign_in_key, a.sign_in_name,
  a.password_hash, a.display_name, a.store_ids, a.request_hash, a.created_at_ms`;

/** A session with whose it is. */
export interface SessionOfAccount {
  readonly session: Session;
  readonly account: Account;
}

/** The statements. */
export type Store = ReturnType<typeof createStore>;

interface AccountRow {
  suffix: string;
  tenant_id: string;
  subject_id: string;
  role: PersonRole;
  sign_in_key: string;
  sign_in_name: string;
  password_hash: string;
  display_name: string;
  store_ids: string[];
  request_hash: Buffer;
  created_at_ms: string;
}

interface SessionRow {
  session_id: string;
  secret_hash: Buffer;
  generation: number;
  expires_at_ms: string;
  revoked_at_ms: string;
}

/** Makes the statements over keyspace identity and keyspace global. */
export function createStore(databases: { readonly identity: Database; readonly global: Database }) {
  const { identity, global } = databases;
  return {
    /** Writes a tenant. Throws a duplicate if the id is taken. */
    async insertTenant(tenant: { tenantId: string; name: string; createdAtMs: number }) {
      await global.write("insert into tenant (tenant_id, name, created_at_ms) values (?)", [
        [tenant.tenantId, tenant.name, tenant.createdAtMs],
      ]);
    },

    /** Finds a tenant. */
    async findTenant(tenantId: string): Promise<{ readonly name: string } | undefined> {
      const rows = await global.select<{ name: string }>(
        "select /*vt+ CONSOLIDATOR=disabled */ name from tenant where tenant_id = ?",
        [tenantId],
      );
      return rows[0];
    },

    /** Writes an account, and its sign-in key into the lookup table, which Vitess commits first. Throws
     * a duplicate if the key has an owner; one row a statement, since two could lie on two shards. */
    async insertAccount(account: Account) {
      await identity.write(
        `insert into account (suffix, tenant_id, subject_id, role, sign_in_key, sign_in_name,
          password_hash, display_name, store_ids, request_hash, created_at_ms) values (?)`,
        [
          [
            account.suffix,
            account.tenantId,
            idValue(account.subjectId),
            account.role,
            account.signInKey,
            account.signInName,
            account.passwordHash,
            account.displayName,
            JSON.stringify(account.storeIds),
            account.requestHash,
            account.createdAtMs,
          ],
        ],
      );
    },

    /** Finds who signs in with a key. Not by suffix: the lookup vindex turns the key into one shard. */
    async findAccountBySignInKey(signInKey: string): Promise<Account | undefined> {
      const rows = await identity.select<AccountRow>(
        `select /*vt+ CONSOLIDATOR=disabled */ ${ACCOUNT_COLUMNS}
        from account a where a.sign_in_key = ?`,
        [signInKey],
      );
      return rows[0] && toAccount(rows[0]);
    },

    /** Finds a person. */
    async findAccount(person: {
      suffix: string;
      tenantId: string;
      subjectId: string;
    }): Promise<Account | undefined> {
      const rows = await identity.select<AccountRow>(
        `select ${ACCOUNT_COLUMNS} from account a
        where a.suffix = ? and a.tenant_id = ? and a.subject_id = ?`,
        [person.suffix, person.tenantId, idValue(person.subjectId)],
      );
      return rows[0] && toAccount(rows[0]);
    },

    /** Replaces the hash of a password by a better one, unless it was replaced meanwhile. */
    async updatePasswordHash(account: Account, passwordHash: string) {
      await identity.write(
        `update account set password_hash = ?
        where suffix = ? and tenant_id = ? and subject_id = ? and password_hash = ?`,
        [
          passwordHash,
          account.suffix,
          account.tenantId,
          idValue(account.subjectId),
          account.passwordHash,
        ],
      );
    },

    /** Writes the first generation of a session. */
    async insertSession(
      account: Account,
      session: {
        sessionId: string;
        secretHash: Buffer;
        expiresAtMs: number;
        endsAtMs: number;
      },
    ) {
      await identity.write(
        `insert into session (suffix, session_id, tenant_id, subject_id, secret_hash, generation,
          expires_at_ms, ends_at_ms, revoked_at_ms) values (?)`,
        [
          [
            account.suffix,
            session.sessionId,
            account.tenantId,
            idValue(account.subjectId),
            session.secretHash,
            1,
            session.expiresAtMs,
            session.endsAtMs,
            0,
          ],
        ],
      );
    },

    /** Deletes some of a person's sessions that are over, so that they do not pile up. */
    async deleteEndedSessions(account: Account, nowMs: number) {
      await identity.write(
        `delete from session where suffix = ? and tenant_id = ? and subject_id = ?
        and expires_at_ms <= ? limit ${SWEPT_MAX}`,
        [account.suffix, account.tenantId, idValue(account.subjectId), nowMs],
      );
    },

    /** Moves a session to its next generation, if it is still at the one given and its secret is the
     * one given: one compare-and-set. */
    async rotateSession(rotation: {
      suffix: string;
      sessionId: string;
      generation: number;
      secretHash: Buffer;
      nextSecretHash: Buffer;
      nextExpiresAtMs: number;
      nowMs: number;
    }) {
      await identity.write(
        `update session set generation = generation + 1, secret_hash = ?,
          expires_at_ms = least(?, ends_at_ms)
        where suffix = ? and session_id = ? and generation = ? and secret_hash = ?
          and revoked_at_ms = 0 and expires_at_ms > ?`,
        [
          rotation.nextSecretHash,
          rotation.nextExpiresAtMs,
          rotation.suffix,
          rotation.sessionId,
          rotation.generation,
          rotation.secretHash,
          rotation.nowMs,
        ],
      );
    },

    /** Finds a session and whose it is: one shard, since both rows carry the suffix. */
    async findSession(suffix: string, sessionId: string): Promise<SessionOfAccount | undefined> {
      const rows = await identity.select<SessionRow & AccountRow>(
        `select /*vt+ CONSOLIDATOR=disabled */ s.session_id, s.secret_hash, s.generation,
          s.expires_at_ms, s.revoked_at_ms, ${ACCOUNT_COLUMNS}
        from session s
        join account a on a.suffix = s.suffix and a.tenant_id = s.tenant_id
          and a.subject_id = s.subject_id
        where s.suffix = ? and s.session_id = ?`,
        [suffix, sessionId],
      );
      return rows[0] && { session: toSession(rows[0]), account: toAccount(rows[0]) };
    },

    /** Ends a session before its time. */
    async revokeSession(suffix: string, sessionId: string, nowMs: number) {
      await identity.write(
        `update session set revoked_at_ms = ?
        where suffix = ? and session_id = ? and revoked_at_ms = 0`,
        [nowMs, suffix, sessionId],
      );
    },
  };
}

function toAccount(row: AccountRow): Account {
  return {
    suffix: row.suffix,
    tenantId: row.tenant_id,
    subjectId: row.subject_id,
    role: row.role,
    signInKey: row.sign_in_key,
    signInName: row.sign_in_name,
    passwordHash: row.password_hash,
    displayName: row.display_name,
    storeIds: row.store_ids,
    requestHash: row.request_hash,
    createdAtMs: Number(row.created_at_ms),
  };
}

function toSession(row: SessionRow): Session {
  return {
    sessionId: row.session_id,
    generation: row.generation,
    secretHash: row.secret_hash,
    expiresAtMs: Number(row.expires_at_ms),
    isRevoked: Number(row.revoked_at_ms) !== 0,
  };
}
