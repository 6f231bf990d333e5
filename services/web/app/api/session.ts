// Who is signed in on this device, and the token that proves it.
//
// A refresh token works once, and showing a spent one ends the whole session. So a refresh has a single
// flight: within the page by one promise, and across tabs by a Web Lock, under which the stored session
// is read again, since another tab may have refreshed it meanwhile. Web Locks need a secure context
// (https or localhost); without them two tabs that refresh in the same instant sign the shopper out.

import { Code, ConnectError } from "@connectrpc/connect";
import type { Session as SessionMessage } from "#gen/slotmesh/identity/v1/profile_pb.ts";
import { Role } from "#gen/slotmesh/identity/v1/profile_pb.ts";
import { toMs } from "../lib/convert.ts";

/** A token with less than this left is renewed before it is used. */
const RENEW_BEFORE_MS = 30_000;

/** Someone who is signed in. */
export interface Person {
  readonly subjectId: string;
  readonly displayName: string;
  readonly role: Role;
  readonly storeIds: readonly string[];
}

interface Stored {
  readonly accessToken: string;
  readonly accessExpiresAtMs: number;
  readonly refreshToken: string;
  readonly person: Person;
}

/** Runs work while no other tab does the same. */
export type RunAlone = <Result>(name: string, work: () => Promise<Result>) => Promise<Result>;

/** What a session works with. */
export interface SessionOptions {
  /** Names it in the storage. */
  readonly key: string;
  readonly storage: Pick<Storage, "getItem" | "setItem" | "removeItem">;
  /** Trades a refresh token for the next session. */
  readonly refresh: (refreshToken: string) => Promise<SessionMessage | undefined>;
  readonly nowMs: () => number;
  readonly runAlone?: RunAlone;
}

/** A session on this device. */
export type Session = ReturnType<typeof createSession>;

/** Opens the session that is kept under a key, if there is one. */
export function createSession(options: SessionOptions) {
  const { key, storage, refresh, nowMs, runAlone = (_name, work) => work() } = options;
  const listeners = new Set<() => void>();
  let text = storage.getItem(key);
  let stored = parse(text);
  let flight: Promise<string | undefined> | undefined;

  function keep(next: Stored | undefined): void {
    if (next) {
      storage.setItem(key, JSON.stringify(next));
    } else {
      storage.removeItem(key);
    }
    reread();
  }

  /** Takes over what is stored now: another tab may have changed it. */
  function reread(): void {
    const now = storage.getItem(key);
    if (now === text) {
      return;
    }
    text = now;
    stored = parse(now);
    for (const listener of listeners) {
      listener();
    }
  }

  async function renewAlone(spent: string): Promise<string | undefined> {
    reread();
    if (!stored || stored.accessToken !== spent) {
      return stored?.accessToken;
    }
    try {
      const session = await refresh(stored.refreshToken);
      keep(session && toStored(session));
    } catch (error) {
      // Only a plain no ends the session; a network that is away says nothing about it.
      if (!(error instanceof ConnectError) || error.code !== Code.Unauthenticated) {
        throw error;
      }
      keep(undefined);
    }
    return stored?.accessToken;
  }

  function renew(spent: string): Promise<string | undefined> {
    flight ??= runAlone(key, () => renewAlone(spent)).finally(() => {
      flight = undefined;
    });
    return flight;
  }

  return {
    /** Who is signed in. The same object until that changes. */
    person: (): Person | undefined => stored?.person,

    /** Calls back when someone signs in or out, here or in another tab. */
    subscribe(listener: () => void): () => void {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },

    reread,

    /** Keeps the session of someone who has just signed in. */
    open: (session: SessionMessage): void => keep(toStored(session)),

    /** Forgets the tokens. */
    close: (): void => keep(undefined),

    /** Returns a token that is good for a call, or undefined if nobody is signed in. */
    async token(): Promise<string | undefined> {
      if (stored && stored.accessExpiresAtMs - nowMs() < RENEW_BEFORE_MS) {
        return renew(stored.accessToken);
      }
      return stored?.accessToken;
    },

    /** Returns the token after one that was refused; undefined if the session is over. */
    renew,
  };
}

function toStored(session: SessionMessage): Stored {
  const { profile } = session;
  return {
    accessToken: session.accessToken,
    accessExpiresAtMs: toMs(session.accessTokenExpireTime) ?? 0,
    refreshToken: session.refreshToken,
    person: {
      subjectId: profile?.subjectId ?? "",
      displayName: profile?.displayName ?? "",
      role: profile?.role ?? Role.UNSPECIFIED,
      storeIds: profile?.storeIds ?? [],
    },
  };
}

function parse(text: string | null): Stored | undefined {
  try {
    const stored = JSON.parse(text ?? "null") as Stored | null;
    return stored?.accessToken && stored.refreshToken && stored.person ? stored : undefined;
  } catch {
    return undefined; // Not ours, or cut short.
  }
}
