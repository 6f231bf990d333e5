// Answers that many want at once. In a drop a hundred thousand pages ask for the same stores, services and
// free spots within a second: one of them is passed on, the others wait for its answer, and for a second
// from its asking the answer is kept. Only for callers without a token, whose answers depend on nothing
// but the request. Errors are shared with who waits, and not kept.

import type { Message } from "@bufbuild/protobuf";
import { LRUCache } from "lru-cache";

const KEPT_MS = 1000;
const ANSWERS_MAX = 1000;
/** An answer weighs one and its items: a page of 2,000 slots is the heaviest, about 2 MB. */
const WEIGHT_MAX = 40_000;

/** Bytes that an answer was written as, by who first wrote them. */
export type Written = Map<string, Uint8Array>;

/** Answers that are shared. */
export interface SharedReads {
  /** Returns the answer to a request: one just asked for or kept, or the one that `ask` gets. */
  read(key: string, ask: () => Promise<Message>): Promise<Message>;
  /** Returns where the bytes of a shared answer are kept, or undefined if it is not a shared one. */
  writtenOf(answer: Message): Written | undefined;
}

interface Entry {
  readonly answer: Promise<Message>;
  readonly askedAtMs: number;
  readonly isThere: boolean;
}

/** Makes the place where answers are shared. */
export function createSharedReads(now: () => number = Date.now): SharedReads {
  const entries = new LRUCache<string, Entry>({ max: ANSWERS_MAX, maxSize: WEIGHT_MAX });
  const written = new WeakMap<Message, Written>();

  function ask(key: string, work: () => Promise<Message>): Entry {
    const entry: Entry = { answer: work(), askedAtMs: now(), isThere: false };
    entries.set(key, entry, { size: 1 });
    entry.answer.then(
      (answer) => {
        written.set(answer, new Map());
        if (entries.peek(key) === entry) {
          entries.set(key, { ...entry, isThere: true }, { size: weigh(answer) });
        }
      },
      () => {
        if (entries.peek(key) === entry) {
          entries.delete(key);
        }
      },
    );
    return entry;
  }

  return {
    read: (key, work) => {
      const entry = entries.get(key);
      // What is still on its way is not older than what a new question would get much later.
      const isFresh = entry && (!entry.isThere || now() - entry.askedAtMs < KEPT_MS);
      return (isFresh ? entry : ask(key, work)).answer;
    },
    writtenOf: (answer) => written.get(answer),
  };
}

function weigh(answer: Message): number {
  const lists = Object.values(answer).filter((value) => Array.isArray(value));
  return Math.min(WEIGHT_MAX, 1 + lists.reduce((sum, list) => sum + list.length, 0));
}
