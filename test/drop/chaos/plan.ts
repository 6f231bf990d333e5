// Which faults a run has, and in what order: each one in turn, then some at random. A seed brings the same
// plan back for the same parts, and a list on the command line is a plan of one's own.

import { createRandom } from "../random.ts";

/**
 * What is done to the mesh:
 * - kill: SIGKILL; the supervisor starts the part again
 * - pause: SIGSTOP, and SIGCONT after some seconds; nobody may start it again
 * - cut: Redis's append-only file loses its tail, in the middle of a record, as after a power failure
 * - flush: Redis forgets everything
 */
export type FaultKind = "kill" | "pause" | "cut" | "flush";

/** One fault. */
export interface Fault {
  readonly kind: FaultKind;
  /** The part's name in the supervisor's record. */
  readonly part: string;
  /** Absent: it waits until the mesh has recovered from the one before. Else it comes so long after it,
   * recovered or not. */
  readonly afterMs?: number;
}

const REDIS = "redis";
const KINDS: readonly FaultKind[] = ["kill", "pause", "cut", "flush"];
const GAP_MS_MIN = 500;
const GAP_MS_SPREAD = 3500;
/** Away from the seed's other uses: who wants what, and when it is sent. */
const SEED_OF_PLAN = 0x5eed;

/** Plans the faults of a run: every part in turn, then so many at random. */
export function planFaults(parts: readonly string[], seed: number, atRandom: number): Fault[] {
  const inTurn = parts.flatMap(faultsOf);
  const random = createRandom(seed ^ SEED_OF_PLAN);
  return [
    ...inTurn,
    ...Array.from({ length: inTurn.length > 0 ? atRandom : 0 }, () => ({
      ...(inTurn[Math.floor(random() * inTurn.length)] as Fault),
      afterMs: Math.round(GAP_MS_MIN + random() * GAP_MS_SPREAD),
    })),
  ];
}

/** Reads a list like "kill:kafka,pause:mysqld,cut:redis". Throws with a sentence. */
export function parseFaults(text: string): Fault[] {
  return text.split(",").map((word) => {
    const [kind, part, ...rest] = word.trim().split(":");
    const isKnown = KINDS.includes(kind as FaultKind) && part && rest.length === 0;
    const isPossible = kind === "kill" || kind === "pause" || part === REDIS;
    if (!isKnown || !isPossible) {
      throw new Error(
        `--faults has "${word.trim()}": wanted kill:<part>, pause:<part>, cut:redis or flush:redis`,
      );
    }
    return { kind: kind as FaultKind, part };
  });
}

/** Names a fault as people read it. */
export function nameOfFault({ kind, part }: Fault): string {
  return `${kind} ${part}`;
}

function faultsOf(part: string): Fault[] {
  const kinds: FaultKind[] = part === REDIS ? [...KINDS] : ["kill", "pause"];
  return kinds.map((kind) => ({ kind, part }));
}
