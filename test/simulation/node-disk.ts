import { type Frame, openFrame, viewFrame } from "../../engine/journal/frame.ts";
import type { Journal, StoredFrame } from "../../engine/journal/journal.ts";
import type { FollowedFrame } from "../../engine/shard/follower.ts";
import type { RecoverableJournal } from "../../engine/shard/recover.ts";
import type { FoldState } from "../../replicator/epoch-fold.ts";

/** The journal of one shard of one node: what it takes is durable. */
export class NodeJournal implements Journal, RecoverableJournal {
  readonly shard: number;
  #frames: Frame[] = [];

  constructor(shard: number) {
    this.shard = shard;
  }

  /** The last record; 0 where there is none. */
  get throughSequence(): number {
    const last = this.#frames.at(-1);
    return last === undefined ? 0 : last.firstSequence + last.recordCount - 1;
  }

  get range(): { readonly first: number; readonly last: number } | undefined {
    const last = this.#frames.at(-1);
    return last === undefined ? undefined : { first: this.#frames[0].firstSequence, last: last.firstSequence };
  }

  append(_firstSequence: number, frame: Uint8Array): void {
    const opened = openFrame(frame.slice(), this.shard);
    if (typeof opened === "string") throw new Error(`a shard writes a frame that cannot be read: ${opened}`);
    this.#frames.push(opened);
  }

  appendAll(frames: readonly FollowedFrame[]): void {
    for (const { firstSequence, bytes } of frames) this.append(firstSequence, bytes);
  }

  frameAt(sequence: number): Uint8Array | undefined {
    return this.find(sequence)?.bytes;
  }

  /** The frame that holds a sequence. */
  find(sequence: number): Frame | undefined {
    const frame = this.#frames.findLast(({ firstSequence }) => firstSequence <= sequence);
    return frame === undefined || sequence >= frame.firstSequence + frame.recordCount ? undefined : frame;
  }

  /** The hash of the frame that holds a sequence. */
  hashAt(sequence: number): string | undefined {
    const frame = this.find(sequence);
    return frame && hex(frame.hash);
  }

  *frames(fromSequence = 0): Generator<StoredFrame> {
    for (const { firstSequence, bytes } of this.#frames) {
      if (firstSequence < fromSequence) continue;
      yield { key: firstSequence, value: bytes, segment: "the simulated disk", isLast: false };
    }
  }

  removeLast(): void {
    throw new Error("no frame of a simulated node is ever torn");
  }

  /** Removes what lies behind a record; returns how many frames that was. */
  cut(throughSequence: number): number {
    const kept = this.#frames.filter(({ firstSequence }) => firstSequence <= throughSequence);
    const cut = this.#frames.length - kept.length;
    this.#frames = kept;
    return cut;
  }

  /** First sequence and hash of every frame, oldest first. */
  *chain(): Generator<{ readonly firstSequence: number; readonly hash: string }> {
    for (const { firstSequence, hash } of this.#frames) yield { firstSequence, hash: hex(hash) };
  }
}

/** What outlives the process of a node. */
export class NodeDisk {
  readonly journals: readonly NodeJournal[];
  checkpoint: FoldState[] | undefined;

  constructor(shards: number) {
    this.journals = Array.from({ length: shards }, (_, shard) => new NodeJournal(shard));
  }
}

export function hex(hash: Uint8Array): string {
  return Buffer.from(hash).toString("hex");
}

/** The frame in some bytes that are known to be one. */
export function frameIn(bytes: Uint8Array, shard: number): Frame {
  const frame = viewFrame(bytes, shard);
  if (typeof frame === "string") throw new Error(frame);
  return frame;
}
