import { REPLY, REPLY_KIND } from "../engine/port/entries.ts";
import { createRing, RingReader, RingWriter } from "../engine/port/ring.ts";

/** Room for the entries of one shard that wait for the log although others need not. */
const HELD_BYTES = 8 << 20;

/** Length and kind of an entry are written by the ring that takes the copy. */
const COPIED_FROM_BYTES = 8;

/** Reads the last sequence that an entry depends on. */
export function dependsOn(replies: RingReader, offset: number): number {
  return replies.floats[((offset >>> 2) + REPLY.dependsOnSequence) >>> 1] as number;
}

/** Whether an entry tells of changes to those who follow something, and answers nobody's request. */
export function isUnasked(replies: RingReader, offset: number): boolean {
  const kind = replies.lanes[(offset >>> 2) + REPLY.kind];
  return kind === REPLY_KIND.Deltas || kind === REPLY_KIND.ActorChanged;
}

/** Copies of a shard's entries that wait for the log, in their order. */
export class HeldEntries {
  readonly #writer: RingWriter;
  readonly #reader: RingReader;

  constructor() {
    const memory = createRing(HELD_BYTES);
    this.#writer = new RingWriter(memory);
    this.#reader = new RingReader(memory);
  }

  get isEmpty(): boolean {
    return !this.#reader.hasNext();
  }

  /** Keeps a copy of an entry; false where there is no room for it. */
  add(replies: RingReader, offset: number): boolean {
    const { lanes, bytes } = replies;
    const lengthBytes = lanes[offset >>> 2] as number;
    const to = this.#writer.reserve(lengthBytes, lanes[(offset >>> 2) + REPLY.kind] as number);
    if (to < 0) return false;
    this.#writer.bytes.set(bytes.subarray(offset + COPIED_FROM_BYTES, offset + lengthBytes), to + COPIED_FROM_BYTES);
    this.#writer.publish();
    return true;
  }

  /** Hands over what depends on nothing after a sequence; returns how many entries that were. */
  release(throughSequence: number, show: (replies: RingReader, offset: number) => void): number {
    let released = 0;
    for (let offset = this.#reader.next(); offset >= 0; offset = this.#reader.next()) {
      if (dependsOn(this.#reader, offset) > throughSequence) break;
      show(this.#reader, offset);
      this.#reader.release(offset);
      released += 1;
    }
    return released;
  }
}
