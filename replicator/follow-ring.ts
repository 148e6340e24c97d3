import { Doorbell } from "../engine/port/doorbell.ts";
import { ENTRY_HEADER_BYTES, REQUEST, REQUEST_KIND } from "../engine/port/entries.ts";
import { RingWriter } from "../engine/port/ring.ts";
import type { ReplicationMemory } from "../engine/replication/replication-memory.ts";

/** A frame for a shard; its bytes may have to be read again. */
interface HandedFrame {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** Hands frames to a shard that follows, through its ring; what finds no room waits in order. */
export class FollowRing {
  readonly #ring: RingWriter;
  readonly #doorbell: Doorbell;
  readonly #waiting: HandedFrame[] = [];

  constructor({ follow, doorbell }: Pick<ReplicationMemory, "follow" | "doorbell">) {
    this.#ring = new RingWriter(follow);
    this.#doorbell = new Doorbell(doorbell);
  }

  add({ offset, bytes }: HandedFrame): void {
    this.#waiting.push({ offset, bytes });
  }

  /** Whether nothing waits. */
  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** Offset of the next frame, where its bytes have to be read again. */
  get missingOffset(): number | undefined {
    const next = this.#waiting[0];
    return next?.bytes.byteLength === 0 ? next.offset : undefined;
  }

  /** Gives frames the bytes that they lack, as far as they are those of some records. */
  fill(records: readonly { readonly offset: number; readonly value: Uint8Array | undefined }[]): void {
    const values = new Map(records.map(({ offset, value }) => [offset, value]));
    for (const [index, { offset, bytes }] of this.#waiting.entries()) {
      const value = values.get(offset);
      if (bytes.byteLength === 0 && value !== undefined) this.#waiting[index] = { offset, bytes: value };
    }
  }

  /** Hands over as much as there is room for; whether that was everything. */
  flush(): boolean {
    let handed = 0;
    while (handed < this.#waiting.length && this.#put(this.#waiting[handed].bytes)) handed += 1;
    if (handed > 0) {
      this.#waiting.splice(0, handed);
      this.#ring.publish();
      this.#doorbell.ring();
    }
    return this.isEmpty;
  }

  #put(frame: Uint8Array): boolean {
    if (frame.byteLength === 0) return false;
    const offset = this.#ring.reserve(ENTRY_HEADER_BYTES + frame.byteLength, REQUEST_KIND.ApplyFrame);
    if (offset < 0) return false;
    const { lanes, bytes } = this.#ring;
    const at = offset >>> 2;
    lanes.fill(0, at + REQUEST.token, at + (ENTRY_HEADER_BYTES >>> 2));
    lanes[at + REQUEST.count] = 1;
    lanes[at + REQUEST.payloadBytes] = frame.byteLength;
    bytes.set(frame, offset + ENTRY_HEADER_BYTES);
    return true;
  }
}
