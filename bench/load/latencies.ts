import { build, decodeFromCompressedBase64, encodeIntoCompressedBase64, type Histogram } from "hdr-histogram-js";
import type { LatencyPercentiles, LoadResult } from "./result.ts";

/** Longer latencies count as this one. */
const MICROS_MAX = 3_600_000_000;
const DIGITS = 3;
/** Five ticks to each halving of the distance to 100 %, as far as three nines and a bit of a million. */
const TICKS_PER_HALVING = 5;
const HALVINGS = 20;

/**
 * Latencies of a load, exact to three digits.
 *
 * **Units**: milliseconds outside, microseconds inside.
 * **Source**: HdrHistogram.
 */
export class Latencies {
  readonly #histogram: Histogram = build({
    bitBucketSize: 32,
    lowestDiscernibleValue: 1,
    highestTrackableValue: MICROS_MAX,
    numberOfSignificantValueDigits: DIGITS,
    useWebAssembly: false,
  });

  get count(): number {
    return this.#histogram.totalCount;
  }

  /** Records one latency, for as many commands as share it. */
  record(latencyMs: number, times = 1): void {
    const micros = Math.round(latencyMs * 1_000);
    this.#histogram.recordValueWithCount(micros < 0 ? 0 : micros > MICROS_MAX ? MICROS_MAX : micros, times);
  }

  /** Adds what another process recorded and encoded. */
  add(encoded: string): void {
    this.#histogram.add(decodeFromCompressedBase64(encoded));
  }

  reset(): void {
    this.#histogram.reset();
  }

  /** The HDR V2 encoding, compressed, base64. */
  encode(): string {
    return encodeIntoCompressedBase64(this.#histogram);
  }

  /** At a percentile from 0 to 100; NaN where nothing was recorded. */
  atMs(percentile: number): number {
    return this.count === 0 ? Number.NaN : this.#histogram.getValueAtPercentile(percentile) / 1_000;
  }

  percentiles(): LatencyPercentiles | null {
    if (this.count === 0) return null;
    return {
      p50Ms: this.atMs(50),
      p90Ms: this.atMs(90),
      p99Ms: this.atMs(99),
      p999Ms: this.atMs(99.9),
      p9999Ms: this.atMs(99.99),
      maxMs: this.atMs(100),
    };
  }

  /** The HDR curve, as far as there are values to tell its points apart. */
  curve(): LoadResult["curve"] {
    const points: LoadResult["curve"] = [];
    if (this.count === 0) return points;
    for (let halving = 0; halving < HALVINGS && 2 ** halving <= this.count; halving += 1) {
      for (let tick = 0; tick < TICKS_PER_HALVING; tick += 1) {
        const percentile = 100 - (100 / 2 ** halving) * (1 - tick / (2 * TICKS_PER_HALVING));
        points.push({ percentile, ms: this.atMs(percentile) });
      }
    }
    points.push({ percentile: 100, ms: this.atMs(100) });
    return points;
  }
}
