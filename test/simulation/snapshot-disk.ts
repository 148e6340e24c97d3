import { hash } from "node:crypto";
import { SEAL_CONTROL, SEAL_STATE, sealBucket } from "../../engine/idempotency/seal-bucket.ts";
import { type KeeperRequest, SnapshotProgress } from "../../engine/keeper/keeper-messages.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import type { SnapshotHeader } from "../../snapshots/snapshot-file.ts";
import type { SimulatedJournal } from "./journal.ts";
import type { Flaws } from "./plant.ts";
import type { SealedIdDisk } from "./sealed-id-disk.ts";

const KEEP = 2;

interface Chunk {
  readonly part: string;
  readonly raw: Uint8Array;
  readonly hash: string;
}

/** A snapshot as it stands on the disk. */
export interface StoredSnapshot {
  readonly header: SnapshotHeader;
  readonly chunks: Chunk[];
}

/** The snapshots of one shard on a simulated disk, which outlives the process. */
export class SnapshotDisk {
  /** Newest last. */
  readonly stored: StoredSnapshot[] = [];
  readonly #journal: SimulatedJournal;
  readonly #flaws: Flaws;

  constructor(journal: SimulatedJournal, flaws: Flaws) {
    this.#journal = journal;
    this.#flaws = flaws;
  }

  /** Whether a snapshot is as it was written. */
  #isSound({ chunks }: StoredSnapshot): boolean {
    return (
      this.#flaws.loadsDamagedSnapshots === true || chunks.every((chunk) => hash("sha256", chunk.raw) === chunk.hash)
    );
  }

  /** The newest snapshot that a start may begin from. */
  get usable(): StoredSnapshot | undefined {
    return this.stored.findLast((snapshot) => this.#isSound(snapshot));
  }

  /** The newest snapshot decays, where an older one is left to fall back on; returns its sequence. */
  decay(random: { below(end: number): number }): number | undefined {
    const newest = this.stored.at(-1);
    const canFallBack = this.stored.slice(0, -1).some((snapshot) => this.#isSound(snapshot));
    if (newest === undefined || !canFallBack) return undefined;
    for (const { raw } of newest.chunks) raw[random.below(raw.byteLength)] ^= 1 << random.below(8);
    return newest.header.sequence;
  }

  /** A complete and synced snapshot gets its name; older ones go, and the journal before the oldest is archived. */
  keep(snapshot: StoredSnapshot): void {
    this.stored.push(snapshot);
    while (this.stored.length > KEEP) this.stored.shift();
    const [oldest] = this.stored;
    if (this.stored.length === KEEP) this.#journal.archive(oldest.header.sequence);
  }

  archiveEarly(sequence: number): void {
    this.#journal.archive(sequence);
  }
}

/** Where the keepers of a world write. */
interface KeptDisks {
  readonly snapshots: readonly SnapshotDisk[];
  readonly sealedIds: readonly SealedIdDisk[] | undefined;
  readonly plant: { readonly flaws?: Flaws };
}

/** Writes a shard's snapshots, and seals its ids, a request at a time, as the keeper's thread does; it dies with the process. */
export class SimulatedKeeper {
  readonly progress = new SnapshotProgress();
  readonly #disk: SnapshotDisk;
  readonly #sealedIds: SealedIdDisk | undefined;
  readonly #flaws: Flaws;
  readonly #requests: KeeperRequest[] = [];
  #unfinished: StoredSnapshot | undefined;

  constructor({ snapshots, sealedIds, plant }: KeptDisks, shard: number) {
    this.#disk = snapshots[shard];
    this.#sealedIds = sealedIds?.[shard];
    this.#flaws = plant.flaws ?? {};
  }

  get isBusy(): boolean {
    return this.#requests.length > 0;
  }

  /** Takes a request, whose bytes are shared with the shard. */
  send(request: KeeperRequest): void {
    this.#requests.push(request.type === "sealIds" ? request : structuredClone(request));
    if (request.type === "sealIds" && this.#flaws.sealsTooSoon === true) {
      Atomics.store(request.request.control, SEAL_CONTROL.state, SEAL_STATE.durable);
    }
  }

  /** Does the next request; returns what it came to. */
  step(isDiskFull: boolean): string {
    const request = this.#requests.shift();
    if (request === undefined) throw new Error("the keeper has nothing to do");
    switch (request.type) {
      case "beginSnapshot":
        this.#unfinished = { header: request.header, chunks: [] };
        if (this.#flaws.archivesEarly === true) this.#disk.archiveEarly(request.header.sequence);
        return `begins the snapshot at ${request.header.sequence}`;
      case "chunk":
        this.progress.countChunk();
        if (isDiskFull && this.#unfinished !== undefined) {
          this.#unfinished = undefined;
          this.progress.fail();
          return "has no room for the snapshot";
        }
        this.#unfinished?.chunks.push({
          part: request.part,
          raw: request.raw.slice(),
          hash: hash("sha256", request.raw),
        });
        return `writes a chunk of the ${request.part}`;
      case "endSnapshot": {
        const snapshot = this.#unfinished;
        this.#unfinished = undefined;
        if (!request.isComplete || snapshot === undefined) return "gives the snapshot up";
        this.#disk.keep(snapshot);
        const { sequence, createdAtMs } = snapshot.header;
        this.progress.publish(sequence, createdAtMs, 0, 0);
        return `has finished the snapshot at ${sequence}`;
      }
      case "sealIds": {
        if (isDiskFull) {
          this.#requests.push(request);
          return "has no room for sealed ids";
        }
        sealBucket(request.request);
        return `has sealed ids up to record ${request.request.throughSequence}`;
      }
      default:
        return unreachable(request);
    }
  }

  /** The process ends: what is unfinished counts for nothing. */
  crash(): void {
    const sealing = this.#requests.find((request) => request.type === "sealIds");
    this.#sealedIds?.crash(sealing?.request);
    if (this.#flaws.keepsUnfinishedSnapshots === true && this.#unfinished !== undefined)
      this.#disk.keep(this.#unfinished);
  }
}
