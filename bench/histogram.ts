/**
 * Latencies counted in log-linear buckets: exact to 1 µs below 256 µs, and to less than 1 % above.
 *
 * **Shape**: 128 buckets to an octave, up to 35 minutes; anything longer counts in the last bucket.
 * **Source**: the bucket layout of HdrHistogram.
 */

const MICROS_MAX = 2 ** 31 - 1;
const BUCKETS = bucketOf(MICROS_MAX) + 1;

function bucketOf(micros: number): number {
  if (micros < 256) return micros;
  const shift = 24 - Math.clz32(micros);
  return shift * 128 + (micros >>> shift);
}

/** The largest value that counts in a bucket. */
function bucketEnd(bucket: number): number {
  if (bucket < 256) return bucket;
  const shift = (bucket >>> 7) - 1;
  return ((bucket & 127) + 129) * 2 ** shift - 1;
}

/** The percentiles that every row reports. **Units**: milliseconds. */
export interface Percentiles {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
}

/** As a result file has them: null where nothing was recorded. */
export function knownPercentiles({ p50Ms, p99Ms, p999Ms }: Percentiles): {
  readonly [name in keyof Percentiles]: number | null;
} {
  const known = (ms: number): number | null => (Number.isNaN(ms) ? null : ms);
  return { p50Ms: known(p50Ms), p99Ms: known(p99Ms), p999Ms: known(p999Ms) };
}

export class LatencyHistogram {
  readonly #counts = new Uint32Array(BUCKETS);
  #total = 0;

  get total(): number {
    return this.#total;
  }

  record(latencyMs: number): void {
    const micros = latencyMs * 1_000;
    // A clock that steps back by a rounding error must not count as the longest latency.
    const bucket = micros >= MICROS_MAX ? BUCKETS - 1 : bucketOf(micros < 0 ? 0 : micros | 0);
    this.#counts[bucket] += 1;
    this.#total += 1;
  }

  /** The upper end of the bucket that holds the value at a rank from 0 to 1; NaN where nothing was recorded. */
  percentileMs(rank: number): number {
    if (this.#total === 0) return Number.NaN;
    let left = Math.max(1, Math.ceil(rank * this.#total));
    for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
      left -= this.#counts[bucket];
      if (left <= 0) return bucketEnd(bucket) / 1_000;
    }
    throw new Error("the buckets hold fewer values than were recorded");
  }

  percentiles(): Percentiles {
    return { p50Ms: this.percentileMs(0.5), p99Ms: this.percentileMs(0.99), p999Ms: this.percentileMs(0.999) };
  }
}
