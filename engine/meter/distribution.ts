/** Upper bounds of the steps in which times are counted. **Units**: seconds. */
export const TIME_BOUNDS_SECONDS: readonly number[] = [
  0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

/** Upper bounds of the steps in which the records of a frame are counted. */
export const RECORD_BOUNDS: readonly number[] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000];

/** What was counted up to now. */
export interface DistributionView {
  readonly bounds: readonly number[];
  /** How many values lay within each bound and above the one before; one more for those above all. */
  readonly counts: readonly number[];
  readonly sum: number;
}

/** Length of a distribution in 64-bit floats. */
export function distributionLength(bounds: readonly number[]): number {
  return bounds.length + 2;
}

/**
 * How often values fell between fixed bounds, in memory that other threads read at any time.
 *
 * **Shape**: Float64 [sum, one count a bound, count above all of them].
 */
export class Distribution {
  readonly #bounds: readonly number[];
  readonly #values: Float64Array;

  constructor(
    bounds: readonly number[],
    values: Float64Array = new Float64Array(new SharedArrayBuffer(distributionLength(bounds) * 8)),
  ) {
    this.#bounds = bounds;
    this.#values = values;
  }

  /** Counts a value; one below zero counts as zero. */
  add(value: number): void {
    const bounds = this.#bounds;
    const values = this.#values;
    let step = 0;
    while (step < bounds.length && value > bounds[step]) step += 1;
    if (value > 0) values[0] += value;
    values[step + 1] += 1;
  }

  view(): DistributionView {
    const [sum, ...counts] = this.#values;
    return { bounds: this.#bounds, counts, sum };
  }
}
