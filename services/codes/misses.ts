// The alarm of misses. Whoever guesses codes misses, and clerks who type them seldom do: so the share of
// misses in the last minutes is held against the same share in the hours before. A share and not a rate,
// since a drop brings ten times the tries and ten times the typing errors, and a thief at night few of
// either. A guess that a budget refused counts as a miss: an attack that meets its budget is not over.

/** How much of the past counts as now. */
const RECENT_BUCKETS = 5;
/** Fewer misses than this in the recent buckets ring nothing: a clerk's three typing errors are none. */
const ALARM_MISSES_MIN = 10;
/** The alarm rings at so many times what is usual. */
const ALARM_FACTOR = 5;
/** What is usual is at least this, else a tenant of few errors alarms at fewer still. */
const USUAL_SHARE_MIN = 0.01;
/** And at most this, so that half of all tries missing always rings, even if it has for hours. */
const USUAL_SHARE_MAX = 0.1;
/** What a tenant is taken to be like until it has tries of its own: as if it had had so many, so wrong. */
const ASSUMED_TRIES = 100;
const ASSUMED_SHARE = 0.02;

const MINUTE_MS = 60_000;

/** The counts of one bucket of time. */
export interface MissCount {
  /** Which one: the time divided by the length of a bucket. */
  readonly bucket: number;
  readonly tries: number;
  /** Those tries that have not turned out right, refused ones included. */
  readonly misses: number;
}

/** How many of the last tries missed, and how many would have as usual. */
export interface MissRatio {
  /** In the recent buckets. */
  readonly tries: number;
  readonly misses: number;
  /** Misses a minute, in the recent buckets. */
  readonly perMinute: number;
  /** Misses a minute that so many tries brought in the time before. */
  readonly usual: number;
}

/** Sets the recent buckets against those before. */
export function missRatio(
  counts: readonly MissCount[],
  now: { readonly bucket: number; readonly bucketMs: number; readonly buckets: number },
): MissRatio {
  const isRecent = ({ bucket }: MissCount) => bucket > now.bucket - RECENT_BUCKETS;
  const known = counts.filter(({ bucket }) => bucket > now.bucket - now.buckets);
  const recent = sumOf(known.filter(isRecent));
  const past = sumOf(known.filter((count) => !isRecent(count)));
  const share = (past.misses + ASSUMED_SHARE * ASSUMED_TRIES) / (past.tries + ASSUMED_TRIES);
  const usualShare = Math.min(USUAL_SHARE_MAX, Math.max(USUAL_SHARE_MIN, share));
  const minutes = (RECENT_BUCKETS * now.bucketMs) / MINUTE_MS;
  return {
    ...recent,
    perMinute: recent.misses / minutes,
    usual: (recent.tries * usualShare) / minutes,
  };
}

/** Says whether so many misses are an alarm. */
export function isAlarm({ misses, perMinute, usual }: MissRatio): boolean {
  return misses >= ALARM_MISSES_MIN && perMinute >= ALARM_FACTOR * usual;
}

function sumOf(counts: readonly MissCount[]): { tries: number; misses: number } {
  return counts.reduce(
    (sum, { tries, misses }) => ({ tries: sum.tries + tries, misses: sum.misses + misses }),
    { tries: 0, misses: 0 },
  );
}
