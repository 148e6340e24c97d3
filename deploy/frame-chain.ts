import { type Frame, genesisHash, openFrame } from "../engine/journal/frame.ts";
import type { FoundFrame } from "./journal-frames.ts";

/** Checks that the frames of one shard follow from each other, each whole and in its place. */
export class FrameChain {
  readonly shard: number;
  #hash: Uint8Array;
  #nextSequence: number;

  constructor(ledgerId: string, shard: number) {
    this.shard = shard;
    this.#hash = genesisHash(ledgerId, shard);
    this.#nextSequence = 1;
  }

  /** The chains of all shards of a ledger, from the first frame on. */
  static ofLedger({ ledgerId, shards }: { readonly ledgerId: string; readonly shards: number }): FrameChain[] {
    return Array.from({ length: shards }, (_, shard) => new FrameChain(ledgerId, shard));
  }

  /** Hash of the newest frame, or of none yet the one that the first frame names. */
  get hash(): Uint8Array {
    return this.#hash;
  }

  /** Sequence that the next frame must begin with. */
  get nextSequence(): number {
    return this.#nextSequence;
  }

  /**
   * Goes on from a frame that is known to be right.
   *
   * `hash` is that frame's, and `nextSequence` the one after it.
   */
  resume(hash: Uint8Array, nextSequence: number): void {
    this.#hash = hash;
    this.#nextSequence = nextSequence;
  }

  /** Opens the next frame. **Errors**: returns the sentence that says what is wrong with it. */
  next({ key, value }: FoundFrame): Frame | string {
    const frame = openFrame(value, this.shard);
    if (typeof frame === "string") return frame;
    if (frame.firstSequence !== key) return `it is kept under ${key}, but begins at ${frame.firstSequence}`;
    if (key !== this.#nextSequence) return `it begins at ${key}, but ${this.#nextSequence} comes next`;
    if (Buffer.compare(frame.previousHash, this.#hash) !== 0) return "it does not follow from the frame before it";
    this.#hash = frame.hash.slice();
    this.#nextSequence = frame.firstSequence + frame.recordCount;
    return frame;
  }
}
