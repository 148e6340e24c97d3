import type { DistributionView } from "../../engine/meter/distribution.ts";

/** One value under its labels. */
export interface Sample<Value> {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: Value;
}

interface FamilyFacts {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
}

/** Metrics of one name: what they mean, and how to read them now, which asks nobody and waits for nothing. */
export type Family =
  | (FamilyFacts & { readonly type: "counter" | "gauge"; readonly read: () => Iterable<Sample<number>> })
  | (FamilyFacts & { readonly type: "histogram"; readonly read: () => Iterable<Sample<DistributionView>> });

/** A family with one value and no labels. */
export function single(type: "counter" | "gauge", name: string, help: string, read: () => number): Family {
  return { type, name, help, labels: [], read: () => [{ labels: {}, value: read() }] };
}

/** A family with one value a shard. */
export function perShard(
  type: "counter" | "gauge",
  name: string,
  help: string,
  shards: readonly number[],
  read: (shard: number) => number,
): Family {
  return {
    type,
    name,
    help,
    labels: ["shard"],
    read: () => shards.map((shard) => ({ labels: { shard: String(shard) }, value: read(shard) })),
  };
}
