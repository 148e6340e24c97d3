import { Histogram, type MetricType, type MetricValueWithName, type Registry } from "prom-client";
import type { DistributionView } from "../../engine/meter/distribution.ts";
import type { Sample } from "./family.ts";

interface SharedHistogramOptions {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  readonly registry: Registry;
  readonly read: () => Iterable<Sample<DistributionView>>;
}

/** The library has and wants the word, where its types say a number. */
const HISTOGRAM = "histogram" as unknown as MetricType;

/** A histogram that is counted elsewhere, and only shown here. */
export class SharedHistogram extends Histogram {
  readonly #options: SharedHistogramOptions;

  constructor(options: SharedHistogramOptions) {
    const { name, help, labels, registry } = options;
    super({ name, help, labelNames: [...labels], registers: [registry] });
    this.#options = options;
  }

  override async get() {
    const { name, help, read } = this.#options;
    const values: MetricValueWithName<string>[] = [];
    for (const { labels, value } of read()) values.push(...valuesOf(name, labels, value));
    return { name, help, type: HISTOGRAM, values, aggregator: "sum" as const, collect: () => {} };
  }

  /** What the registry asks in place of `get`. */
  getForPromString(): ReturnType<SharedHistogram["get"]> {
    return this.get();
  }
}

function valuesOf(
  name: string,
  labels: Readonly<Record<string, string>>,
  { bounds, counts, sum }: DistributionView,
): MetricValueWithName<string>[] {
  let through = 0;
  const buckets = counts.map((count, step) => {
    through += count;
    const le = step < bounds.length ? bounds[step] : "+Inf";
    return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: through };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: through },
  ];
}
