import { genesisHash } from "../../engine/journal/frame.ts";
import { causesOf } from "../../engine/replication/frame-causes.ts";
import type { Claim, FrameRecord } from "../../replicator/epoch-fold.ts";
import { readRecord } from "../../replicator/journal-record.ts";
import { Auditor } from "./auditor.ts";
import { frameIn } from "./node-disk.ts";
import { LEDGER_ID } from "./recovery.ts";
import { require } from "./rules.ts";
import type { SimulatedLog } from "./simulated-log.ts";

/** What one partition says, read from its beginning. */
class PartitionReading {
  readonly claims: Claim[] = [];
  /** By epoch: the frames of it before a later claim. */
  readonly frames = new Map<number, FrameRecord[]>();
  offset = 0;

  get epoch(): number {
    return this.claims.at(-1)?.epoch ?? 0;
  }
}

interface Counted {
  readonly firstSequence: number;
  readonly hash: string;
  readonly bytes: Uint8Array;
}

/**
 * Says what counts in the log, by reading all of it again with a rule written down anew: epoch by epoch, the most frames that
 * each follow the one before and have all their causes. The ledger's own readers must come to the same one record at a time.
 */
export class LogJudge {
  readonly #auditor: Auditor;
  readonly #log: SimulatedLog;
  readonly #shardCount: number;
  readonly #partitions: readonly PartitionReading[];
  #counted: readonly (readonly Counted[])[];

  constructor(log: SimulatedLog, shardCount: number) {
    this.#log = log;
    this.#shardCount = shardCount;
    this.#auditor = new Auditor(shardCount);
    this.#partitions = Array.from({ length: shardCount }, () => new PartitionReading());
    this.#counted = this.#partitions.map(() => []);
  }

  /** Of the last claim that the first partition has. */
  get newestEpoch(): number {
    this.#update();
    return this.#partitions[0].epoch;
  }

  /** The claim that stands everywhere, or a later one does. */
  get standingEpoch(): number {
    this.#update();
    return Math.min(...this.#partitions.map(({ epoch }) => epoch));
  }

  /** Frames of a shard that count. */
  frames(shard: number): readonly Counted[] {
    this.#update();
    return this.#counted[shard];
  }

  /** The last record of a shard that counts. */
  through(shard: number): number {
    this.#update();
    return this.#auditor.sequence(shard);
  }

  /** Hash of the frame that counts and holds a record; undefined where none does. */
  hashAt(shard: number, sequence: number): string | undefined {
    return sequence > this.through(shard)
      ? undefined
      : this.#counted[shard].findLast(({ firstSequence }) => firstSequence <= sequence)?.hash;
  }

  /** Whether a wallet had a balance at a version, as far as that counts. */
  showsRightly(shard: number, walletId: string, version: number, postedMinor: number): boolean {
    this.#update();
    return this.#auditor.postedAt(shard, walletId, version) === postedMinor;
  }

  #update(): void {
    if (!this.#readOn()) return;
    const counted = this.#count();
    for (const [shard, frames] of counted.entries()) {
      const before = this.#counted[shard];
      const isKept = before.every(({ hash }, index) => frames[index]?.hash === hash);
      require("oneHistory", isKept, () => `frames of shard ${shard} that counted do not count any more`);
      for (const { bytes } of frames.slice(before.length)) this.#auditor.take(shard, bytes);
    }
    this.#counted = counted;
  }

  #readOn(): boolean {
    let isNew = false;
    for (const [shard, reading] of this.#partitions.entries()) {
      const records = this.#log.records(shard);
      for (; reading.offset < records.length; reading.offset += 1) {
        isNew = true;
        const { value, headers } = records[reading.offset];
        const record = readRecord({ offset: reading.offset, value, header: (name) => headers[name] }, shard);
        if (record.type === "claim" && record.claim.epoch > reading.epoch) reading.claims.push(record.claim);
        if (record.type !== "frame" || record.epoch !== reading.epoch) continue;
        const ofEpoch = reading.frames.get(record.epoch) ?? [];
        ofEpoch.push(record);
        reading.frames.set(record.epoch, ofEpoch);
      }
    }
    return isNew;
  }

  #count(): readonly (readonly Counted[])[] {
    const counted = this.#partitions.map((): Counted[] => []);
    const through = this.#partitions.map(() => 0);
    const epochs = [...new Set(this.#partitions.flatMap(({ frames }) => [...frames.keys()]))].sort((a, b) => a - b);
    for (const epoch of epochs) {
      // Before a claim stands everywhere, frames of the epochs before may still come.
      if (this.#partitions.some((partition) => partition.epoch < epoch)) break;
      const left = this.#partitions.map(({ frames }) => [...(frames.get(epoch) ?? [])]);
      for (let isMoving = true; isMoving; ) {
        isMoving = false;
        for (const [shard, frames] of left.entries()) {
          while (frames.length > 0 && this.#mayCount(frames[0], shard, through)) {
            const [{ firstSequence, recordCount, hash, previousHash, bytes }] = frames.splice(0, 1);
            const last = counted[shard].at(-1)?.hash ?? genesis(shard);
            require("oneHistory", firstSequence === through[shard] + 1 && previousHash === last, () =>
              `the frame of epoch ${epoch} with record ${shard}:${firstSequence} comes after record ${through[shard]}`);
            counted[shard].push({ firstSequence, hash, bytes });
            through[shard] = firstSequence + recordCount - 1;
            isMoving = true;
          }
        }
      }
    }
    return counted;
  }

  #mayCount({ bytes }: FrameRecord, shard: number, through: readonly number[]): boolean {
    const causes = this.#shardCount === 1 ? [] : causesOf(frameIn(bytes, shard), shard);
    return causes.every((cause) => through[cause.shard] >= cause.sequence);
  }
}

function genesis(shard: number): string {
  return Buffer.from(genesisHash(LEDGER_ID, shard)).toString("hex");
}
