// Registers people. Two who want one name at the same moment are told apart by the unique sign-in key;
// an attempt that comes again, after an answer was lost, is told from a second person by the hash of
// what it asked for and by its password. Nobody learns more about an account than that its name is taken.

import { isTransient } from "#shared/errors.ts";
import type { Call } from "#shared/handlers.ts";
import type { Ids } from "#shared/ids.ts";
import { isDuplicate } from "#shared/mysql.ts";
import { suffixOf } from "#shared/suffix.ts";
import { backoffMs, sleep } from "#shared/time.ts";
import { type Account, displayNameOf, isSameAttempt, type PersonRole } from "./domain.ts";
import type { Passwords } from "./passwords.ts";
import type { Store } from "./store.ts";

const ATTEMPTS_MAX = 8;
const RETRY_BASE_MS = 20;
const RETRY_MAX_MS = 300;

/** Someone to register. */
export interface Candidate {
  readonly tenantId: string;
  readonly role: PersonRole;
  readonly signInKey: string;
  readonly signInName: string;
  /** In normal form. */
  readonly password: string;
  /** May be empty. */
  readonly displayName: string;
  readonly storeIds: readonly string[];
  readonly requestHash: Buffer;
}

/** What became of a candidate. */
export type Registered =
  /** Registered, now or by an earlier try of the same attempt. */
  { readonly kind: "registered"; readonly account: Account } | { readonly kind: "taken" };

/** Registers someone. */
export type Register = (candidate: Candidate, call: Call) => Promise<Registered>;

/** Makes the function that registers. */
export function createRegister(options: {
  readonly store: Store;
  readonly passwords: Passwords;
  readonly ids: Ids;
  readonly now: () => number;
}): Register {
  const { store, passwords, ids, now } = options;

  async function newAccount(candidate: Candidate, call: Call): Promise<Account> {
    const subjectId = ids.next();
    return {
      suffix: suffixOf(candidate.tenantId, subjectId),
      tenantId: candidate.tenantId,
      subjectId,
      role: candidate.role,
      signInKey: candidate.signInKey,
      signInName: candidate.signInName,
      passwordHash: await passwords.hash(candidate.password, call),
      displayName: displayNameOf(candidate.displayName, candidate.signInName),
      storeIds: candidate.storeIds,
      requestHash: candidate.requestHash,
      createdAtMs: now(),
    };
  }

  async function judge(owner: Account, candidate: Candidate, call: Call): Promise<Registered> {
    const isRetry =
      isSameAttempt(owner, candidate.requestHash) &&
      (await passwords.verify(owner.passwordHash, candidate.password, call));
    return isRetry ? { kind: "registered", account: owner } : { kind: "taken" };
  }

  return async (candidate, call) => {
    let account: Account | undefined;
    for (let attempt = 0; ; attempt += 1) {
      try {
        // 1. Look first: most names that are taken were taken long ago, and a refused insert makes
        //    Vitess lock the owner's rows, on which many at once deadlock.
        const owner = await store.findAccountBySignInKey(candidate.signInKey);
        if (owner) {
          return await judge(owner, candidate, call);
        }
        // 2. Take the name. The unique key decides; the hash is made once, for all attempts.
        account ??= await newAccount(candidate, call);
        await store.insertAccount(account);
        return { kind: "registered", account };
      } catch (error) {
        // 3. After a duplicate the owner is there to be read. After a lost answer the owner may be us.
        const isWorthAnother = isDuplicate(error) || isTransient(error);
        if (!isWorthAnother || attempt >= ATTEMPTS_MAX || call.remainingMs() <= 0) {
          throw error;
        }
        await sleep(backoffMs(attempt, RETRY_BASE_MS, RETRY_MAX_MS));
      }
    }
  };
}
