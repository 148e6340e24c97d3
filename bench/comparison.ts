/** What a number of rounds, each of two versions one right after the other, says about how they differ. */

/** A quantity of one row, measured in pairs: `here[i]` and `there[i]` are of the same round. */
export interface Pairs {
  readonly here: readonly number[];
  readonly there: readonly number[];
}

export interface Comparison {
  /** Median of the rounds' ratios, here to there. */
  readonly ratio: number;
  /** The true median lies between these with a confidence of 95 %; null where there are too few rounds to say. */
  readonly interval: readonly [low: number, high: number] | null;
}

export type Verdict = "better" | "worse" | "no difference seen" | "too few rounds";

const CONFIDENCE = 0.95;

/** Compares by the ratio of each round, so that a machine that is slow for a while is slow for both. */
export function compare({ here, there }: Pairs): Comparison {
  const ratios = here.map((value, round) => value / there[round]).sort((a, b) => a - b);
  const cut = valuesCutOff(ratios.length);
  return {
    ratio: median(ratios),
    interval: cut === null ? null : [ratios[cut], ratios[ratios.length - 1 - cut]],
  };
}

/** What may be said in the face of the noise: a difference counts when equality lies outside the interval. */
export function verdictOf({ interval }: Comparison, isMoreBetter: boolean): Verdict {
  if (interval === null) return "too few rounds";
  const [low, high] = interval;
  if (low <= 1 && high >= 1) return "no difference seen";
  return low > 1 === isMoreBetter ? "better" : "worse";
}

/** The middle value, or the mean of the two in the middle; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >>> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * How many values to leave out at either end so that the rest still spans the true median with the confidence wanted, or
 * null where even all of them do not. No assumption is made about how the noise is distributed.
 *
 * **Source**: the sign test's interval: each value lies below the true median like the toss of a coin.
 */
function valuesCutOff(count: number): number | null {
  let outside = 2 * 0.5 ** count;
  let term = outside;
  let cut: number | null = null;
  for (let next = 0; outside <= 1 - CONFIDENCE && next < count / 2; next += 1) {
    cut = next;
    term *= (count - next) / (next + 1);
    outside += term;
  }
  return cut;
}
