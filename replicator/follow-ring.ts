import { Doorbell } from "../engine/port/doorbell.ts";
import { ENTRY_HEADER_BYTES, REQUEST, REQUEST_KIND } from "../engine/port/entries.ts";
import { RingWriter } from "../engine/port/ring.ts";
import type { ReplicationMemory } from "../engine/replication/replication-memory.ts";

/** Hands frames to a shard that follows, through its ring; what finds no room waits in order. */
export class FollowRing {
  readonly #ring: RingWriter;
  readonly #doorbell: Doorbell;
  readonly #waiting: Uint8Array[] = [];

  constructor({ follow, doorbell }: Pick<ReplicationMemory, "follow" | "doorbell">) {
    this.#ring = new RingWriter(follow);
    this.#doorbell = new Doorbell(doorbell);
  }

  add(frame: Uint8Array): void {
    this.#waiting.push(frame);
  }

  /** Hands over as much as there is room for; whether that was everything. */
  flush(): boolean {
    let handed = 0;
    while (handed < this.#waiting.length && this.#put(this.#waiting[handed])) handed += 1;
    if (handed > 0) {
      this.#waiting.splice(0, handed);
      this.#ring.publish();
      this.#doorbell.ring();
    }
    return this.#waiting.length === 0;
  }

  #put(frame: Uint8Array): boolean {
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
