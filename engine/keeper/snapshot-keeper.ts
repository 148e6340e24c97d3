import type { ChunkPool } from "../../snapshots/chunk-pool.ts";
import type { Rest } from "../../snapshots/rest.ts";
import {
  prepareSnapshotDirectory,
  type RetentionReport,
  retainSnapshots,
  snapshotPath,
} from "../../snapshots/snapshot-directory.ts";
import type { SnapshotHeader } from "../../snapshots/snapshot-file.ts";
import { SnapshotWriter } from "../../snapshots/snapshot-writer.ts";
import type { SnapshotProgress, SnapshotRequest } from "./keeper-messages.ts";

export interface SnapshotKeeperOptions {
  readonly directory: string;
  readonly keep: number;
  /** To where the journal may have to be cut back: a snapshot at or before it has to stay. */
  readonly safeThrough: () => number;
  readonly pool: ChunkPool;
  readonly progress: SnapshotProgress;
  /** Called between the chunks that are read back. */
  readonly rest: Rest;
  readonly log: (level: "info" | "warn" | "error", fact: string, fields: Readonly<Record<string, unknown>>) => void;
  /** Called after each snapshot, when older ones are gone. */
  readonly onRetained: (report: RetentionReport) => Promise<void>;
}

/**
 * Writes the snapshots of one shard, one after the other, and keeps the newest.
 *
 * Requests are taken in their order; chunks are compressed side by side and written in the order in which they came.
 */
export class SnapshotKeeper {
  readonly #options: SnapshotKeeperOptions;
  #writing: Promise<void> = Promise.resolve();
  #writer: SnapshotWriter | undefined;
  #header: SnapshotHeader | undefined;
  #startedMs = 0;

  constructor(options: SnapshotKeeperOptions) {
    this.#options = options;
    prepareSnapshotDirectory(options.directory);
  }

  /** Takes a request of the shard. */
  take(request: SnapshotRequest): void {
    switch (request.type) {
      case "beginSnapshot":
        this.#queue(() => this.#begin(request.header));
        break;
      case "chunk": {
        const compressed = this.#options.pool.compress(request.raw);
        // If it fails, the writer finds out when it is the chunk's turn.
        compressed.catch(() => {});
        this.#queue(async () => {
          try {
            await this.#writer?.add(request.part, request.index, await compressed);
          } finally {
            this.#options.progress.countChunk();
          }
        });
        break;
      }
      case "endSnapshot":
        this.#queue(() => (request.isComplete ? this.#finish() : this.#abandon()));
        break;
    }
  }

  /** Resolves when everything that was taken is done. */
  idle(): Promise<void> {
    return this.#writing;
  }

  #queue(work: () => Promise<void>): void {
    this.#writing = this.#writing.then(work).catch(async (error: unknown) => {
      this.#options.log("error", "a snapshot could not be written", { message: String(error) });
      this.#options.progress.fail();
      await this.#abandon();
    });
  }

  async #begin(header: SnapshotHeader): Promise<void> {
    this.#startedMs = performance.now();
    this.#header = header;
    this.#writer = await SnapshotWriter.begin(snapshotPath(this.#options.directory, header.sequence), header);
  }

  async #finish(): Promise<void> {
    if (this.#writer === undefined || this.#header === undefined) return;
    const { path, bytes, rawBytes, stateHash } = await this.#writer.finish(this.#options.pool, this.#options.rest);
    this.#writer = undefined;
    const durationMs = Math.round(performance.now() - this.#startedMs);
    const { shard, sequence, createdAtMs } = this.#header;
    this.#options.progress.publish(sequence, createdAtMs, bytes, durationMs);
    this.#options.log("info", "snapshot taken", { shard, sequence, path, bytes, rawBytes, stateHash, durationMs });
    const report = retainSnapshots(this.#options.directory, this.#options.keep, this.#options.safeThrough());
    for (const damaged of report.damaged) this.#options.log("warn", "a snapshot is damaged", { shard, path: damaged });
    await this.#options.onRetained(report);
  }

  async #abandon(): Promise<void> {
    const writer = this.#writer;
    this.#writer = undefined;
    await writer?.abandon();
  }
}
