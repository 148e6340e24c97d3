import { FrameBuilder, genesisHash } from "../engine/journal/frame.ts";
import { RECORD_KIND, REJECTION_HEADER_BYTES } from "../engine/journal/record.ts";

const RECORD_BYTES = REJECTION_HEADER_BYTES + 64;

/** A chain of frames of rejected commands, each with a command id of its own; a frame's clock is its first sequence + 1,000. */
export class FrameChain {
  readonly genesis = genesisHash("ledger", 0);
  readonly #builder = new FrameBuilder(0);
  #hash: Uint8Array = this.genesis;
  #next = 1;

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
