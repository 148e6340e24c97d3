import type { ShardState } from "../shard/shard-state.ts";
import { ownMemory, type TakeMemory } from "./chunk-memory.ts";
import type { SnapshotPart } from "./part.ts";

const PAIR_VALUES = 2;

/**
 * How far a shard knows of the other shards. It is needed where snapshots of several moments are put together, and no part of
 * the state's hash: older snapshots do without.
 *
 * **Shape** of its one chunk: f64 each, shard and sequence, in the order of shards.
 */
export class CausePart implements SnapshotPart {
  readonly name = "-causes";
  readonly #knownThrough: ShardState["knownThrough"];
  #pairs: readonly (readonly [number, number])[] = [];

  constructor({ knownThrough }: Pick<ShardState, "knownThrough">) {
    this.#knownThrough = knownThrough;
  }

  begin(): void {
    this.#pairs = [...this.#knownThrough].sort(([a], [b]) => a - b);
  }

  next(memory: TakeMemory = ownMemory): Uint8Array | undefined {
    if (this.#pairs.length === 0) return undefined;
    const bytes = memory(this.#pairs.length * PAIR_VALUES * 8);
    new Float64Array(bytes.buffer, bytes.byteOffset, this.#pairs.length * PAIR_VALUES).set(this.#pairs.flat());
    this.#pairs = [];
    return bytes;
  }

  end(): void {
    this.#pairs = [];
  }

  load(chunk: Uint8Array): void {
    const values = new Float64Array(chunk.buffer, chunk.byteOffset, chunk.byteLength >>> 3);
    for (let at = 0; at < values.length; at += PAIR_VALUES) this.#knownThrough.set(values[at], values[at + 1]);
  }
}
