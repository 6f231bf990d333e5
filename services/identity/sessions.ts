// Opens sessions and moves them on. What is handed out is an access token, good for minutes and checked
// by anyone with the public keys, and a refresh token, good once and checked here.

import { isDuplicate, retryTransient } from "#shared/mysql.ts";
import { suffixAtEnd } from "#shared/suffix.ts";
import {
  ACCESS_SECONDS,
  type Account,
  formatRefreshToken,
  hashSecret,
  judgeRefresh,
  parseRefreshToken,
  REFRESH_MS,
  SECRET_BYTES,
  SESSION_ID_BYTES,
  SESSION_MS_MAX,
} from "./domain.ts";
import type { Store } from "./store.ts";
import type { SignToken } from "./tokens.ts";

/** A session as it is handed out. */
export interface OpenSession {
  readonly accessToken: string;
  readonly accessExpiresAtMs: number;
  readonly refreshToken: string;
  readonly refreshExpiresAtMs: number;
  readonly account: Account;
}

/** Opens and refreshes sessions. */
export interface Sessions {
  /** Opens a session for someone who proved who they are. */
  open(account: Account): Promise<OpenSession>;
  /** Trades a refresh token for the next one, or returns undefined if it is worth nothing. */
  refresh(text: string): Promise<OpenSession | undefined>;
}

/** Makes the sessions. */
export function createSessions(options: {
  readonly store: Store;
  readonly signToken: SignToken;
  readonly now: () => number;
  readonly randomBytes: (bytes: number) => Buffer;
}): Sessions {
  const { store, now, randomBytes } = options;
  const newSecret = () => randomBytes(SECRET_BYTES).toString("base64url");

  async function access(account: Account, nowMs: number) {
    return {
      accessToken: await options.signToken(account, nowMs, ACCESS_SECONDS),
      // The token counts in seconds, rounded down.
      accessExpiresAtMs: (Math.floor(nowMs / 1000) + ACCESS_SECONDS) * 1000,
      account,
    };
  }

  return {
    open: async (account) => {
      const nowMs = now();
      const sessionId = randomBytes(SESSION_ID_BYTES).toString("hex") + account.suffix;
      const secret = newSecret();
      const expiresAtMs = nowMs + REFRESH_MS;
      const session = {
        sessionId,
        secretHash: hashSecret(secret),
        expiresAtMs,
        endsAtMs: nowMs + SESSION_MS_MAX,
      };
      const [issued] = await Promise.all([
        access(account, nowMs),
        retryTransient(() => store.insertSession(account, session)).catch((error: unknown) => {
          // The id is random: a duplicate is this session, written by a try whose answer was lost.
          if (!isDuplicate(error)) {
            throw error;
          }
        }),
        store.deleteEndedSessions(account, nowMs).catch(() => {
          // Nobody waits for it, and the next sign-in sweeps again.
        }),
      ]);
      return {
        ...issued,
        refreshToken: formatRefreshToken({ sessionId, generation: 1, secret }),
        refreshExpiresAtMs: expiresAtMs,
      };
    },

    refresh: async (text) => {
      const presented = parseRefreshToken(text);
      if (!presented) {
        return undefined;
      }
      const { sessionId, generation } = presented;
      const suffix = suffixAtEnd(sessionId);
      const nowMs = now();
      const secret = newSecret();
      const next = { secretHash: hashSecret(secret) };
      // 1. Rotate. A retry after a lost answer changes nothing more, and step 2 sees whose secret won.
      await retryTransient(() =>
        store.rotateSession({
          suffix,
          sessionId,
          generation,
          secretHash: hashSecret(presented.secret),
          nextSecretHash: next.secretHash,
          nextExpiresAtMs: nowMs + REFRESH_MS,
          nowMs,
        }),
      );
      // 2. Judge by the row.
      const found = await retryTransient(() => store.findSession(suffix, sessionId));
      const { kind } = judgeRefresh(found?.session, presented, next);
      if (kind === "reused") {
        await retryTransient(() => store.revokeSession(suffix, sessionId, nowMs));
      }
      if (kind !== "rotated" || !found) {
        return undefined;
      }
      return {
        ...(await access(found.account, nowMs)),
        refreshToken: formatRefreshToken({ sessionId, generation: generation + 1, secret }),
        refreshExpiresAtMs: found.session.expiresAtMs,
      };
    },
  };
}
