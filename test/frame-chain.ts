import { FrameBuilder, genesisHash, openFrame } from "../engine/journal/frame.ts";
import type { JournalReader } from "../engine/journal/journal-reader.ts";
import { RECORD_KIND, REJECTION_HEADER_BYTES } from "../engine/journal/record.ts";

const RECORD_BYTES = REJECTION_HEADER_BYTES + 64;

/** A chain of frames of rejected commands, each with a command id of its own; a frame's clock is its first sequence + 1,000. */
export class FrameChain {
  readonly genesis = genesisHash("ledger", 0);
  readonly #builder = new FrameBuilder(0);
  #hash: Uint8Array;
  #next: number;

  /** Goes on after a frame with a hash, where a chain ended before. */
  constructor(hash?: Uint8Array, next = 1) {
    this.#hash = hash?.slice() ?? this.genesis;
    this.#next = next;
  }

  next(records: number): { readonly firstSequence: number; readonly bytes: Uint8Array } {
    const firstSequence = this.#next;
    this.#builder.begin(firstSequence, 1_000 + firstSequence);
    for (let index = 0; index < records; index += 1) {
      const at = this.#builder.add(RECORD_BYTES);
      this.#builder.lanes.fill(0, at, at + (RECORD_BYTES >>> 2));
      this.#builder.lanes[at] = (RECORD_KIND.CommandRejected << 24) | RECORD_BYTES;
      this.#builder.lanes[at + 2] = this.#next;
      this.#next += 1;
    }
    const bytes = this.#builder.seal(this.#hash).slice();
    this.#hash = bytes.slice(0, 32);
    return { firstSequence, bytes };
  }
}

/** Reads a journal from its first record on, and gives back the last one. **Errors**: throws where a hash or the chain is wrong. */
export function verifyChain(reader: JournalReader, genesis: Uint8Array, shard = 0): number {
  let last = 0;
  let previous = genesis;
  for (const { bytes, file } of reader.frames(1)) {
    const frame = openFrame(bytes, shard);
    if (typeof frame === "string") throw new Error(`${last + 1} in ${file}: ${frame}`);
    if (frame.firstSequence !== last + 1) throw new Error(`${frame.firstSequence} follows ${last} in ${file}`);
    if (Buffer.compare(frame.previousHash, previous) !== 0)
      throw new Error(`the chain breaks at ${last + 1} in ${file}`);
    previous = frame.hash.slice();
    last += frame.recordCount;
  }
  return last;
}
