import type { SnapshotHeader } from "../../snapshots/snapshot-file.ts";
import type { SnapshotProgress, SnapshotRequest } from "../keeper/keeper-messages.ts";
import { ChunkMemory } from "./chunk-memory.ts";
import type { SnapshotPart } from "./part.ts";

/** Chunks on their way to the disk; the next one is copied only when there are fewer. */
const CHUNKS_UNDERWAY_MAX = 16;

/** When a shard looks at its commands again: after a chunk, or after several small ones. */
const COPY_BUDGET_MS = 0.1;

/** When a shard takes a snapshot by itself; 0 switches a reason off. */
export interface SnapshotPolicy {
  readonly journalBytes: number;
  readonly frames: number;
  readonly intervalMs: number;
}

/** How much a shard has journaled, and when. */
export interface SnapshotPosition {
  readonly sequence: number;
  readonly frames: number;
  readonly journalBytes: number;
}

/** Copies a shard's state, a little at a time, and hands the copies to the keeper. */
export class SnapshotTaker {
  readonly #parts: readonly SnapshotPart[];
  readonly #policy: SnapshotPolicy;
  readonly #progress: SnapshotProgress;
  readonly #send: (request: SnapshotRequest) => void;
  readonly #memory = new ChunkMemory(CHUNKS_UNDERWAY_MAX);
  #last: SnapshotPosition;
  #lastMs: number;
  #runningParts: readonly SnapshotPart[] = [];
  #index = 0;
  /** Chunks since the start, over all snapshots. */
  #sent = 0;
  #isRunning = false;

  /** `last` is where the newest snapshot stands. */
  constructor(
    parts: readonly SnapshotPart[],
    policy: SnapshotPolicy,
    progress: SnapshotProgress,
    last: SnapshotPosition,
    nowMs: number,
    send: (request: SnapshotRequest) => void,
  ) {
    this.#parts = parts;
    this.#policy = policy;
    this.#progress = progress;
    this.#last = last;
    this.#lastMs = nowMs;
    this.#send = send;
  }

  /** Whether a snapshot is being copied. */
  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** Whether there is anything new, and enough of it for a snapshot. */
  isDue(position: SnapshotPosition, nowMs: number): boolean {
    if (this.#isRunning || position.sequence === this.#last.sequence) return false;
    const { journalBytes, frames, intervalMs } = this.#policy;
    return (
      (journalBytes > 0 && position.journalBytes - this.#last.journalBytes >= journalBytes) ||
      (frames > 0 && position.frames - this.#last.frames >= frames) ||
      (intervalMs > 0 && nowMs - this.#lastMs >= intervalMs)
    );
  }

  /** Begins a snapshot of the state as it is now, between two frames. */
  begin(header: SnapshotHeader, position: SnapshotPosition, nowMs: number): void {
    this.#last = position;
    this.#lastMs = nowMs;
    this.#progress.reset();
    this.#send({ type: "beginSnapshot", header });
    for (const part of this.#parts) part.begin();
    this.#runningParts = this.#parts;
    this.#index = 0;
    this.#isRunning = true;
  }

  /** Copies on for a while; returns whether it should be called again soon. */
  copy(): boolean {
    if (!this.#isRunning) return false;
    if (this.#progress.hasFailed) {
      this.#end(false);
      return false;
    }
    const deadlineMs = performance.now() + COPY_BUDGET_MS;
    while (this.#sent - this.#progress.chunksDone < CHUNKS_UNDERWAY_MAX) {
      const [part] = this.#runningParts;
      if (part === undefined) {
        this.#end(true);
        return false;
      }
      const raw = part.next((bytes) => this.#memory.take(this.#sent, bytes));
      if (raw === undefined) {
        this.#runningParts = this.#runningParts.slice(1);
        this.#index = 0;
        continue;
      }
      this.#send({ type: "chunk", part: part.name, index: this.#index, raw });
      this.#index += 1;
      this.#sent += 1;
      if (performance.now() >= deadlineMs) break;
    }
    return true;
  }

  /** Gives a running snapshot up: the shard stops. */
  abandon(): void {
    if (this.#isRunning) this.#end(false);
  }

  #end(isComplete: boolean): void {
    this.#isRunning = false;
    this.#runningParts = [];
    for (const part of this.#parts) part.end();
    this.#send({ type: "endSnapshot", isComplete });
  }
}
