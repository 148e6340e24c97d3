import type { SnapshotHeader } from "../../snapshots/snapshot-file.ts";
import type { SealRequest } from "../idempotency/seal-bucket.ts";

/** What a shard sends to the keeper through its own port. */
export type KeeperRequest = SnapshotRequest | { readonly type: "sealIds"; readonly request: SealRequest };

export type SnapshotRequest =
  | { readonly type: "beginSnapshot"; readonly header: SnapshotHeader }
  | {
      readonly type: "chunk";
      readonly part: string;
      readonly index: number;
      /** Shared with the shard, which uses it again once the chunk is counted. */
      readonly raw: Uint8Array;
    }
  /** All chunks were sent, or none more will be: then the snapshot is given up. */
  | { readonly type: "endSnapshot"; readonly isComplete: boolean };

/** What the keeper tells the engine, for the log. */
export type KeeperReport =
  | {
      readonly type: "log";
      readonly level: "info" | "warn" | "error";
      readonly fact: string;
      readonly fields: Readonly<Record<string, unknown>>;
    }
  | { readonly type: "stopped" };

const LANE = { chunksDone: 0, failed: 1 } as const;
const FLOAT = { sequence: 1, takenAtMs: 2, bytes: 3, durationMs: 4, failures: 5 } as const;
const BYTES = 6 * 8;

/**
 * How far the keeper has come with the snapshots of one shard, in shared memory: the shard never waits for a message.
 *
 * Written by the keeper alone, except for `reset`, which the shard calls between two snapshots.
 */
export class SnapshotProgress {
  readonly memory: SharedArrayBuffer;
  readonly #lanes: Int32Array;
  readonly #floats: Float64Array;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(BYTES)) {
    this.memory = memory;
    this.#lanes = new Int32Array(memory, 0, 2);
    this.#floats = new Float64Array(memory);
  }

  /** Chunks since the start, over all snapshots, whose memory the keeper needs no more: written, or given up. */
  get chunksDone(): number {
    return Atomics.load(this.#lanes, LANE.chunksDone);
  }

  /** Whether the running snapshot cannot be written. */
  get hasFailed(): boolean {
    return Atomics.load(this.#lanes, LANE.failed) === 1;
  }

  /** Snapshots that could not be written so far. */
  get failures(): number {
    return this.#floats[FLOAT.failures];
  }

  /** Sequence of the newest snapshot that is durable, or 0. */
  get sequence(): number {
    return this.#floats[FLOAT.sequence];
  }

  get takenAtMs(): number {
    return this.#floats[FLOAT.takenAtMs];
  }

  get bytes(): number {
    return this.#floats[FLOAT.bytes];
  }

  get durationMs(): number {
    return this.#floats[FLOAT.durationMs];
  }

  reset(): void {
    Atomics.store(this.#lanes, LANE.failed, 0);
  }

  countChunk(): void {
    Atomics.add(this.#lanes, LANE.chunksDone, 1);
  }

  fail(): void {
    this.#floats[FLOAT.failures] += 1;
    Atomics.store(this.#lanes, LANE.failed, 1);
  }

  /** Makes known that a snapshot is durable. */
  publish(sequence: number, takenAtMs: number, bytes: number, durationMs: number): void {
    this.#floats[FLOAT.takenAtMs] = takenAtMs;
    this.#floats[FLOAT.bytes] = bytes;
    this.#floats[FLOAT.durationMs] = durationMs;
    this.#floats[FLOAT.sequence] = sequence;
  }
}
