import { createWriteStream, existsSync, mkdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { checkBucket } from "../../engine/idempotency/bucket-check.ts";
import { syncDirectory } from "../../engine/journal/segment-file.ts";
import type { ChunkPool } from "../../snapshots/chunk-pool.ts";
import { requireSnapshotOf } from "../../snapshots/snapshot-file.ts";
import { SnapshotReader } from "../../snapshots/snapshot-reader.ts";
import { ReceivedFrames } from "./received-frames.ts";
import { fileKey, filesOf, framesKey, type SeedFile, type SeedManifest, type ShardSeed } from "./seed-manifest.ts";
import type { SeedProgress } from "./seed-progress.ts";
import type { SeedSource } from "./seed-source.ts";

/** Where an offer is put together, and with what. */
export interface ReceiverParts {
  readonly manifest: SeedManifest;
  readonly directory: string;
  readonly journalSegmentBytes: number;
  readonly pool: ChunkPool;
  readonly told: (progress: SeedProgress) => void;
}

/**
 * Takes in what one offer has. Where a transfer breaks, the next try goes on behind what is there.
 *
 * Nothing is believed: each chunk of a snapshot, each page of sealed ids and each frame has a checksum of its own, and all are
 * checked before any of it is used. What is not sound is removed, and has to come again.
 */
export class SeedReceiver {
  readonly manifest: SeedManifest;
  readonly #parts: ReceiverParts;
  readonly #checked = new Set<string>();
  readonly #journals: readonly ReceivedFrames[];
  readonly #bytesTotal: number;
  readonly #recordsTotal: number;
  #bytes = 0;

  constructor(parts: ReceiverParts) {
    const { manifest, journalSegmentBytes: segmentBytes } = parts;
    const { shards, ledger } = manifest;
    this.manifest = manifest;
    this.#parts = parts;
    this.#journals = shards.map(({ firstSequence }, shard) => {
      const directory = this.#shardPath(shard);
      return new ReceivedFrames({ directory, shard, ledgerId: ledger.ledgerId, segmentBytes, firstSequence });
    });
    this.#bytesTotal = shards.flatMap(filesOf).reduce((sum, { bytes }) => sum + bytes, 0);
    this.#recordsTotal = shards.reduce((sum, { sequence, firstSequence }) => sum + sequence + 1 - firstSequence, 0);
  }

  /** How much is here, by any measure that grows. */
  get amount(): number {
    return this.#bytes + this.#records;
  }

  /** **Errors**: rejects where something is cut off or not sound; what came before stays. */
  async receive(source: SeedSource): Promise<void> {
    for (const [shard, seed] of this.manifest.shards.entries()) {
      if (seed.snapshot === null) continue;
      mkdirSync(join(this.#shardPath(shard), "snapshots"), { recursive: true });
      for (const file of filesOf(seed)) await this.#receiveFile(source, shard, file);
      await this.#receiveFrames(source, shard, seed);
      this.#checkEnd(shard, seed, seed.snapshot);
      syncDirectory(join(this.#shardPath(shard), "snapshots"));
      syncDirectory(this.#shardPath(shard));
    }
  }

  /** Everything that was received is on the disk, and nobody has it open. */
  async close(): Promise<void> {
    for (const journal of this.#journals) await journal.close();
  }

  async #receiveFile(source: SeedSource, shard: number, file: SeedFile): Promise<void> {
    const key = fileKey(shard, file.name);
    if (this.#checked.has(key)) return;
    const path = this.#filePath(shard, file);
    const from = existsSync(path) ? statSync(path).size : 0;
    if (from < file.bytes) {
      const bytes = this.#counted(source, source.part(this.manifest, key, from));
      await pipeline(bytes, createWriteStream(path, { flags: "a", flush: true }));
    }
    const problem = await this.#problemOf(shard, file, path);
    if (problem !== undefined) {
      this.#bytes -= statSync(path).size;
      rmSync(path);
      throw new Error(`${file.name} of shard ${shard} is not sound: ${problem}`);
    }
    this.#checked.add(key);
  }

  async *#counted(source: SeedSource, parts: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const bytes of parts) {
      this.#bytes += bytes.byteLength;
      this.#tell(source);
      yield bytes;
    }
  }

  async #problemOf(shard: number, { name, bytes }: SeedFile, path: string): Promise<string | undefined> {
    const { size } = statSync(path);
    if (size !== bytes) return `it has ${size} bytes, and ${bytes} were offered`;
    if (this.#isSnapshot(shard, name)) return this.#snapshotProblem(shard, path);
    const bucket = checkBucket(path, shard, 1);
    return typeof bucket === "string" ? bucket : undefined;
  }

  async #snapshotProblem(shard: number, path: string): Promise<string | undefined> {
    const { ledger, shards } = this.manifest;
    let reader: SnapshotReader | undefined;
    try {
      reader = SnapshotReader.open(path);
      requireSnapshotOf(reader.header, ledger.ledgerId, shard, shards.length);
      await reader.verify(this.#parts.pool);
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    } finally {
      reader?.close();
    }
  }

  async #receiveFrames(source: SeedSource, shard: number, { sequence }: ShardSeed): Promise<void> {
    const journal = this.#journals[shard];
    if (journal.nextSequence > sequence) return;
    try {
      for await (const bytes of source.part(this.manifest, framesKey(shard), journal.nextSequence)) {
        await journal.add(bytes);
        this.#tell(source);
      }
    } finally {
      journal.endPart();
    }
  }

  /** The snapshot must be of the frame with which the journal ends. */
  #checkEnd(shard: number, { sequence }: ShardSeed, snapshot: SeedFile): void {
    const { nextSequence, hash } = this.#journals[shard];
    const reader = SnapshotReader.open(this.#filePath(shard, snapshot));
    const { header } = reader;
    reader.close();
    if (nextSequence === sequence + 1 && header.sequence === sequence && header.frameHash === hash) return;
    throw new Error(
      `the journal of shard ${shard} came to ${shard}:${nextSequence - 1}, and its snapshot is of ${shard}:${header.sequence}`,
    );
  }

  #isSnapshot(shard: number, name: string): boolean {
    return name === this.manifest.shards[shard].snapshot?.name;
  }

  #shardPath(shard: number): string {
    return join(this.#parts.directory, `shard-${shard}`);
  }

  #filePath(shard: number, { name }: SeedFile): string {
    return join(this.#shardPath(shard), this.#isSnapshot(shard, name) ? "snapshots" : "", name);
  }

  get #records(): number {
    return this.#journals.reduce((sum, { records }) => sum + records, 0);
  }

  #tell({ url: from }: SeedSource): void {
    const [bytesTotal, recordsTotal] = [this.#bytesTotal, this.#recordsTotal];
    this.#parts.told({ from, bytes: this.#bytes, bytesTotal, records: this.#records, recordsTotal });
  }
}
