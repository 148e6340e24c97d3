import { REPLY } from "../../engine/port/entries.ts";
import type { RingMemory } from "../../engine/port/ring.ts";
import type { Reply } from "../driven-ledger.ts";
import { readReply, replyOf } from "../raw-reply.ts";

/** Sees the answers of a shard as soon as they are published, without taking them. */
export class ReplyTap {
  readonly #control: Int32Array;
  readonly #lanes: Uint32Array;
  readonly #bytes: Uint8Array;
  #head = 0;

  constructor({ control, data }: RingMemory) {
    this.#control = new Int32Array(control);
    this.#lanes = new Uint32Array(data);
    this.#bytes = new Uint8Array(data);
  }

  take(shard: number): Reply[] {
    const replies: Reply[] = [];
    while (this.#head !== this.#control[0]) {
      const offset = (this.#head >>> 0) & (this.#bytes.byteLength - 1);
      this.#head = (this.#head + this.#lanes[(offset >>> 2) + REPLY.entryBytes]) | 0;
      if (this.#lanes[(offset >>> 2) + REPLY.kind] === 0) continue;
      const reply = replyOf(shard, readReply({ lanes: this.#lanes, bytes: this.#bytes }, offset));
      if (reply !== undefined) replies.push(reply);
    }
    return replies;
  }
}
