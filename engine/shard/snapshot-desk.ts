import type { MessagePort } from "node:worker_threads";
import { FORMAT_VERSION } from "../../snapshots/snapshot-file.ts";
import type { EngineOptions } from "../engine.ts";
import { SnapshotProgress } from "../keeper/keeper-messages.ts";
import { hasteLagBytes } from "../keeper/keeper-pace.ts";
import { type SnapshotPosition, SnapshotTaker } from "../snapshot/snapshot-taker.ts";
import { statePartsOf } from "../snapshot/state-parts.ts";
import type { ShardCore } from "./shard-core.ts";
import type { ShardState } from "./shard-state.ts";
import { STAT } from "./shard-stats.ts";

/**
 * How much of its time a shard copies while commands come, and where the keeper is far behind. What is copied is compressed
 * and written by others at the same pace, which takes them five times as long: this bounds the processor and the disk that a
 * snapshot takes from everybody.
 */
const COPY_SHARE = 0.03;
const HASTY_COPY_SHARE = 0.1;

export interface SnapshotDeskOptions {
  readonly shardCount: number;
  readonly ledgerId: string;
  readonly options: EngineOptions;
  readonly keeper: MessagePort;
  readonly snapshotProgress: SharedArrayBuffer;
}

/** Decides when a shard takes a snapshot, and tells those who asked for one. */
export class SnapshotDesk {
  readonly #state: ShardState;
  readonly #core: ShardCore;
  readonly #stats: Float64Array;
  readonly #options: SnapshotDeskOptions;
  readonly #progress: SnapshotProgress;
  readonly #taker: SnapshotTaker;
  #takenSequence: number;
  /** Bytes journaled when the snapshot was begun that is not durable yet; undefined where there is none. */
  #pendingSinceBytes: number | undefined;
  #isBusy = false;
  #restUntilMs = 0;

  constructor(
    state: ShardState,
    core: ShardCore,
    stats: Float64Array,
    loadedSequence: number,
    options: SnapshotDeskOptions,
  ) {
    this.#state = state;
    this.#core = core;
    this.#stats = stats;
    this.#options = options;
    this.#progress = new SnapshotProgress(options.snapshotProgress);
    this.#takenSequence = loadedSequence;
    const { snapshotJournalBytes, snapshotFrames, snapshotIntervalMs } = options.options;
    this.#taker = new SnapshotTaker(
      statePartsOf(state),
      { journalBytes: snapshotJournalBytes, frames: snapshotFrames, intervalMs: snapshotIntervalMs },
      this.#progress,
      { sequence: loadedSequence, frames: 0, journalBytes: 0 },
      Date.now(),
      (request) => options.keeper.postMessage(request),
    );
  }

  /**
   * Called between two frames, with how much was handled since the last call: begins a snapshot where one is due, and
   * copies on. Returns whether there is more to copy.
   */
  work(handled: number): boolean {
    this.#answer();
    this.#stats[STAT.keeperLagBytes] = this.#keeperLagBytes();
    this.#isBusy ||= handled > 0;
    const startedMs = performance.now();
    const wasCopying = this.#taker.isRunning;
    if (wasCopying && this.#isBusy && startedMs < this.#restUntilMs) return true;
    this.#isBusy = false;
    const due = this.#due();
    if (!wasCopying && due === undefined) return false;
    const usedBefore = process.threadCpuUsage();
    if (due !== undefined) this.#begin(due, Date.now());
    const isCopying = this.#taker.copy();
    const pauseMs = performance.now() - startedMs;
    const { user, system } = process.threadCpuUsage(usedBefore);
    this.#stats[STAT.snapshotPauseMs] = Math.max(this.#stats[STAT.snapshotPauseMs], pauseMs);
    this.#stats[STAT.snapshotPauseCpuMs] = Math.max(this.#stats[STAT.snapshotPauseCpuMs], (user + system) / 1_000);
    const isInHaste = this.#stats[STAT.keeperLagBytes] > hasteLagBytes(this.#options.options.keeperLagBytes);
    this.#restUntilMs = startedMs + pauseMs / (isInHaste ? HASTY_COPY_SHARE : COPY_SHARE);
    return isCopying;
  }

  /** Gives a running snapshot up: the shard ends. */
  abandon(): void {
    this.#taker.abandon();
  }

  #keeperLagBytes(): number {
    const snapshotBytes = this.#stats[STAT.journalBytes] - (this.#pendingSinceBytes ?? this.#stats[STAT.journalBytes]);
    return snapshotBytes + this.#stats[STAT.archiveLagSegments] * this.#options.options.journalSegmentBytes;
  }

  /** Where a snapshot would stand that is due now. */
  #due(): SnapshotPosition | undefined {
    if (this.#pendingSinceBytes !== undefined) return undefined;
    const position: SnapshotPosition = {
      sequence: this.#state.sequence,
      frames: this.#stats[STAT.frames],
      journalBytes: this.#stats[STAT.journalBytes],
    };
    const isWanted = (this.#core.snapshotAskedFor ?? 0) > this.#takenSequence;
    return isWanted || this.#taker.isDue(position, Date.now()) ? position : undefined;
  }

  #begin(position: SnapshotPosition, nowMs: number): void {
    const { shard, sequence, clockMs, hash } = this.#state;
    const { ledgerId, shardCount } = this.#options;
    this.#taker.begin(
      {
        formatVersion: FORMAT_VERSION,
        ledgerId,
        shard,
        shardCount,
        sequence,
        clockMs,
        frameHash: Buffer.from(hash).toString("hex"),
        createdAtMs: nowMs,
      },
      position,
      nowMs,
    );
    this.#takenSequence = sequence;
    this.#pendingSinceBytes = position.journalBytes;
  }

  /** Tells those who wait once the snapshot begun last is durable, or has failed. */
  #answer(): void {
    const progress = this.#progress;
    this.#stats[STAT.snapshotsFailed] = progress.failures;
    if (progress.sequence !== 0 && progress.sequence !== this.#stats[STAT.snapshotSequence]) {
      this.#stats[STAT.snapshotSequence] = progress.sequence;
      this.#stats[STAT.snapshotTakenAtMs] = progress.takenAtMs;
      this.#stats[STAT.snapshotBytes] = progress.bytes;
      this.#stats[STAT.snapshotDurationMs] = progress.durationMs;
    }
    const isOver = progress.sequence === this.#takenSequence || (progress.hasFailed && !this.#taker.isRunning);
    if (isOver) this.#pendingSinceBytes = undefined;
    if (this.#core.snapshotAskedFor === undefined) return;
    if (progress.hasFailed && !this.#taker.isRunning) {
      this.#core.answerSnapshots(null);
      return;
    }
    const { shard } = this.#state;
    const sequence = this.#stats[STAT.snapshotSequence];
    this.#core.answerSnapshots({ shard, sequence, bytes: progress.bytes, durationMs: progress.durationMs });
  }
}
