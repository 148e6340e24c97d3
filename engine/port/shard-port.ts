import { Distribution, TIME_BOUNDS_SECONDS } from "../meter/distribution.ts";
import { sharedClockMs } from "../meter/shared-clock.ts";
import { Doorbell } from "./doorbell.ts";
import { ENTRY_HEADER_BYTES, REPLY, REQUEST, ROLE, type Role } from "./entries.ts";
import { createRing, type RingDepth, type RingMemory, RingReader, RingWriter, ringDepth } from "./ring.ts";

/** Who a request is made for: the role, and the owner id as four lanes (all zero for an admin). */
export interface Principal {
  readonly role: Role;
  readonly ownerId: Uint32Array;
}

/** Takes the entry at an offset of the reply ring; false leaves it there. */
export type TakeEntry = (replies: RingReader, offset: number, shard: number) => boolean;

/** The shared memory between the gateway's thread and one shard. */
export interface ShardPortMemory {
  readonly requests: RingMemory;
  readonly replies: RingMemory;
  readonly doorbell: SharedArrayBuffer;
  /** Int32 [1 while the gateway's thread waits to be woken by a message]. */
  readonly gatewayAsleep: SharedArrayBuffer;
}

/** Allocates the memory of a port. */
export function createShardPortMemory(requestRingBytes: number, replyRingBytes: number): ShardPortMemory {
  return {
    requests: createRing(requestRingBytes),
    replies: createRing(replyRingBytes),
    doorbell: Doorbell.create(),
    gatewayAsleep: new SharedArrayBuffer(4),
  };
}

/**
 * The gateway's side of one shard: requests go in, answers come out, nothing blocks.
 *
 * Requests are visible to the shard after `flush`, so that a caller can hand over many with one wake-up.
 */
export class ShardPort {
  readonly shard: number;
  /** From when an answer was durable until the gateway took it; whoever waits for the log included. */
  readonly replySeconds = new Distribution(TIME_BOUNDS_SECONDS);
  readonly #memory: ShardPortMemory;
  readonly #requests: RingWriter;
  readonly #replies: RingReader;
  readonly #doorbell: Doorbell;
  readonly #gatewayAsleep: Int32Array;
  #unflushed = false;
  #isHeld = false;
  readonly #isTimed: boolean;
  /** When the requests were begun that are not shown yet. */
  #sentAtMs = 0;
  /** Of the answer that is being taken: when it was shown, and how long before that its frame and its sync began. */
  #publishedAtMs = 0;
  #frameBeganUs = 0;
  #syncBeganUs = 0;

  /** `isTimed`: each request carries when it was begun, and answers are timed. */
  constructor(shard: number, memory: ShardPortMemory, isTimed = false) {
    this.shard = shard;
    this.#isTimed = isTimed;
    this.#memory = memory;
    this.#requests = new RingWriter(memory.requests);
    this.#replies = new RingReader(memory.replies);
    this.#doorbell = new Doorbell(memory.doorbell);
    this.#gatewayAsleep = new Int32Array(memory.gatewayAsleep);
  }

  /** The bytes that `begin` returns offsets into. */
  get requestBytes(): Uint8Array {
    return this.#requests.bytes;
  }

  /**
   * Takes room for a request and writes its header; the caller writes the payload at the returned offset of
   * `requestBytes`.
   *
   * **Units**: returns a byte offset, a multiple of 64, or -1 where the shard's queue is full (answer `overloaded`).
   */
  begin(kind: number, token: number, count: number, flags: number, principal: Principal, payloadBytes: number): number {
    const offset = this.#requests.reserve(ENTRY_HEADER_BYTES + payloadBytes, kind);
    if (offset < 0) return -1;
    const { lanes, floats } = this.#requests;
    const at = offset >>> 2;
    // One look at the clock for all that are shown together.
    if (this.#isTimed && !this.#unflushed) this.#sentAtMs = sharedClockMs();
    floats[(at + REQUEST.sentAtMs) >>> 1] = this.#sentAtMs;
    lanes[at + REQUEST.token] = token;
    lanes[at + REQUEST.count] = count;
    lanes[at + REQUEST.flags] = flags;
    lanes[at + REQUEST.role] = ROLE[principal.role];
    lanes[at + REQUEST.payloadBytes] = payloadBytes;
    lanes.set(principal.ownerId, at + REQUEST.ownerId);
    this.#unflushed = true;
    return offset + ENTRY_HEADER_BYTES;
  }

  /** Hands over a request with its payload; false where the shard's queue is full. */
  send(kind: number, token: number, count: number, flags: number, principal: Principal, payload: Uint8Array): boolean {
    const at = this.begin(kind, token, count, flags, principal, payload.byteLength);
    if (at < 0) return false;
    this.#requests.bytes.set(payload, at);
    return true;
  }

  /** Shows the shard everything begun so far, and wakes it if it sleeps. */
  flush(): void {
    if (!this.#unflushed) return;
    this.#unflushed = false;
    this.#requests.publish();
    this.#doorbell.ring();
  }

  /**
   * Hands up to `entriesMax` answers to `take`, each valid during the call only; returns how many were taken. One that is
   * not taken stays, with everything behind it, and comes first the next time.
   */
  drain(take: TakeEntry, entriesMax: number): number {
    let drained = 0;
    const nowMs = this.#isTimed ? sharedClockMs() : 0;
    this.#isHeld = false;
    while (drained < entriesMax) {
      const offset = this.#replies.next();
      if (offset < 0) break;
      if (this.#isTimed) this.#noteTimes(offset);
      if (!take(this.#replies, offset, this.shard)) {
        this.#isHeld = true;
        break;
      }
      if (this.#isTimed) this.replySeconds.add((nowMs - this.#publishedAtMs) / 1_000);
      this.#replies.release(offset);
      drained += 1;
    }
    return drained;
  }

  /** Requests that the shard has not taken yet. */
  get requestsWaiting(): RingDepth {
    return ringDepth(this.#memory.requests);
  }

  /** Answers and deltas that were not taken yet. */
  get repliesWaiting(): RingDepth {
    return ringDepth(this.#memory.replies);
  }

  /** When the answer that is being taken was shown; 0 where nothing is timed. The clock is the one that all threads share. */
  get publishedAtMs(): number {
    return this.#publishedAtMs;
  }

  /** When the frame of that answer was begun, or 0 where it needed none. */
  get frameBeganMs(): number {
    return this.#frameBeganUs === 0 ? 0 : this.#publishedAtMs - this.#frameBeganUs / 1_000;
  }

  /** When the sync of that frame began, or 0. */
  get syncBeganMs(): number {
    return this.#syncBeganUs === 0 ? 0 : this.#publishedAtMs - this.#syncBeganUs / 1_000;
  }

  /** Whether an answer is read from the shard's own ring and not from a copy. */
  isTaking(replies: RingReader): boolean {
    return replies === this.#replies;
  }

  #noteTimes(offset: number): void {
    const at = offset >>> 2;
    const publishedAtMs = this.#replies.floats[(at + REPLY.publishedAtMs) >>> 1];
    if (publishedAtMs === 0) return;
    this.#publishedAtMs = publishedAtMs;
    this.#frameBeganUs = this.#replies.lanes[at + REPLY.frameBeganUs];
    this.#syncBeganUs = this.#replies.lanes[at + REPLY.syncBeganUs];
  }

  /**
   * Declares that the gateway's thread is about to return to its event loop; false if answers have arrived meanwhile,
   * in which case it goes on draining. Behind an answer that was not taken nothing new matters: whoever held it wakes up.
   */
  sleep(): boolean {
    if (this.#isHeld) return true;
    Atomics.store(this.#gatewayAsleep, 0, 1);
    if (!this.#replies.hasNext()) return true;
    Atomics.store(this.#gatewayAsleep, 0, 0);
    return false;
  }
}
