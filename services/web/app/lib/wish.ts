// A wish to book, kept until it is over. Its request id is made once and sent with every attempt, so a
// double tap, a retry, a reload and a second tab are one appointment. A wish to come with another party
// size is another wish; so is one made after the answer to this one was no for good.

/** A wish to book a slot. */
export interface Wish {
  readonly requestId: string;
  readonly partySize: number;
  /** When it was sent, or was to be sent as soon as its shopper is signed in; 0 once it was answered. */
  readonly sentAtMs: number;
}

/** A wish that was sent longer ago is not sent again by itself: whoever comes back may have changed
 * their mind. */
const RESUME_MS_MAX = 15 * 60_000;

/** Tells whether a wish was under way a moment ago, so that a reloaded page goes on with it. */
export function isUnderWay(wish: Wish | undefined, nowMs: number): wish is Wish {
  return wish !== undefined && wish.sentAtMs > 0 && nowMs - wish.sentAtMs < RESUME_MS_MAX;
}

/** What of localStorage is used. */
export type WishStorage = Pick<Storage, "getItem" | "setItem" | "removeItem" | "key" | "length">;

/** Wishes of a tenant's shopper on this device. */
export type Wishes = ReturnType<typeof createWishes>;

/** Opens the wishes kept in a storage. */
export function createWishes(storage: WishStorage, tenantId: string, makeId: () => string) {
  const prefix = `slotmesh.${tenantId}.wish.`;

  function find(slotId: string): Wish | undefined {
    const text = storage.getItem(prefix + slotId);
    if (text === null) {
      return undefined;
    }
    try {
      const { requestId, partySize, sentAtMs } = JSON.parse(text) as Record<string, unknown>;
      if (typeof requestId === "string" && typeof partySize === "number") {
        return { requestId, partySize, sentAtMs: Number(sentAtMs) || 0 };
      }
    } catch {} // Not ours, or cut short: as good as absent.
    return undefined;
  }

  return {
    find,

    /** Returns the wish for a slot and a party, the kept one if it is the same, marked as sent. */
    send(slotId: string, partySize: number, nowMs: number): Wish {
      const kept = find(slotId);
      const requestId = kept?.partySize === partySize ? kept.requestId : makeId();
      const wish = { requestId, partySize, sentAtMs: nowMs };
      storage.setItem(prefix + slotId, JSON.stringify(wish));
      return wish;
    },

    /** Marks the wish as answered for now: it is not sent by itself again, but keeps its request id. */
    rest(slotId: string): void {
      const kept = find(slotId);
      if (kept) {
        storage.setItem(prefix + slotId, JSON.stringify({ ...kept, sentAtMs: 0 }));
      }
    },

    /** Forgets the wish: its answer is final. */
    forget(slotId: string): void {
      storage.removeItem(prefix + slotId);
    },

    /** Forgets all wishes, for the next person at this device. */
    forgetAll(): void {
      const keys = Array.from({ length: storage.length }, (_, index) => storage.key(index));
      for (const key of keys) {
        if (key?.startsWith(prefix)) {
          storage.removeItem(key);
        }
      }
    },
  };
}
