import { DELTA, DELTA_BYTES, DELTA_FLAG } from "../../protocol/result-record.ts";
import type { Config } from "../config.ts";
import type { Counters } from "../counters.ts";
import type { FlushList, Listed } from "./flush-list.ts";
import type { Subscriber } from "./subscriber.ts";
import type { DeltaReader, Topic } from "./topic.ts";

const DELTA_LANES = DELTA_BYTES >>> 2;
const FLAGS_BYTE = DELTA.flags;
const DELTAS_MIN = 16;

/** Most deltas in one message. */
const DELTAS_PER_MESSAGE_MAX = 4_096;

/** When a reader counts as slow, and when as lost. */
export type OutboxLimits = Pick<
  Config,
  "socketBufferedSoftBytes" | "socketBufferedMaxBytes" | "streamPendingDeltasMax"
>;

/**
 * The deltas that wait for one subscriber: all of them while it reads along, the latest of each wallet once it does not.
 */
export class Outbox implements Listed, DeltaReader {
  readonly subscriber: Subscriber;
  readonly isPatient: boolean;
  /** What the subscriber follows, by topic key. */
  readonly topics = new Map<string, Topic>();
  /** Subscriptions that a shard has yet to confirm; nothing is sent meanwhile, so that states follow the confirmation. */
  asking = 0;
  listed = false;
  closed = false;
  readonly #flushList: FlushList;
  readonly #limits: OutboxLimits;
  readonly #counters: Counters;
  /** Deltas gathered at most before a reader that reads along gets them without waiting for the next flush. */
  readonly #gatherMax: number;
  #capacity = DELTAS_MIN;
  #bytes = new Uint8Array(DELTAS_MIN * DELTA_BYTES);
  #lanes = new Uint32Array(this.#bytes.buffer);
  /** Wallet of each waiting delta, as shard and slot in one number. */
  #keys = new Float64Array(DELTAS_MIN);
  #count = 0;
  /** While conflating: where the one delta of each wallet lies. */
  #placeOf: Map<number, number> | undefined;
  #overflowed = false;
  /** Number of the ring delta that was pushed last: a wallet followed under several topics is told once. */
  #lastStamp = -1;

  constructor(subscriber: Subscriber, limits: OutboxLimits, counters: Counters, flushList: FlushList) {
    this.subscriber = subscriber;
    this.isPatient = subscriber.principal.awaitsLog === true;
    this.#flushList = flushList;
    this.#limits = limits;
    this.#counters = counters;
    this.#gatherMax = Math.min(DELTAS_PER_MESSAGE_MAX, limits.streamPendingDeltasMax);
  }

  /** Adds a delta as it came from a shard; `stamp` numbers the deltas of all shards. */
  pushOnce(lanes: Uint32Array, at: number, key: number, stamp: number): void {
    if (stamp === this.#lastStamp) return;
    this.#lastStamp = stamp;
    this.push(lanes, at, key);
  }

  /** Adds a delta. */
  push(lanes: Uint32Array, at: number, key: number): void {
    if (this.closed || this.#overflowed) return;
    this.#flushList.add(this);
    if (this.#count >= this.#gatherMax && this.#placeOf === undefined && this.asking === 0) {
      if (this.subscriber.bufferedBytes() > this.#limits.socketBufferedSoftBytes) this.#conflate();
      else this.#send();
    }
    if (this.#placeOf !== undefined) {
      const place = this.#placeOf.get(key);
      if (place !== undefined) {
        this.#replace(place, lanes, at);
        return;
      }
      this.#placeOf.set(key, this.#count);
    }
    if (this.#count >= this.#limits.streamPendingDeltasMax) {
      // Closing has to wait for the flush: the readers of a topic are just being gone through.
      this.#overflowed = true;
      return;
    }
    if (this.#count === this.#capacity) this.#resize(this.#capacity * 2);
    const to = this.#count * DELTA_LANES;
    for (let lane = 0; lane < DELTA_LANES; lane += 1) this.#lanes[to + lane] = lanes[at + lane] as number;
    this.#keys[this.#count] = key;
    this.#count += 1;
  }

  /** Sends what waits, if the peer reads along; else keeps the latest of each wallet until it does. */
  flush(): void {
    if (this.#count === 0 || this.closed) return;
    const buffered = this.subscriber.bufferedBytes();
    if (this.#overflowed || buffered > this.#limits.socketBufferedMaxBytes) {
      this.#counters.slowConsumersClosed += 1;
      this.subscriber.closeSlow();
    } else if (this.asking > 0) {
      // The confirmation of the subscription lists the outbox again.
    } else if (buffered > this.#limits.socketBufferedSoftBytes) {
      if (this.#placeOf === undefined) this.#conflate();
    } else {
      this.#send();
    }
  }

  /** Folds what waits into one delta a wallet, in the order in which the wallets first changed. */
  #conflate(): void {
    const placeOf = new Map<number, number>();
    let kept = 0;
    for (let i = 0; i < this.#count; i += 1) {
      const key = this.#keys[i] as number;
      const place = placeOf.get(key);
      if (place !== undefined) {
        this.#replace(place, this.#lanes, i * DELTA_LANES);
        continue;
      }
      placeOf.set(key, kept);
      this.#bytes.copyWithin(kept * DELTA_BYTES, i * DELTA_BYTES, (i + 1) * DELTA_BYTES);
      this.#keys[kept] = key;
      kept += 1;
    }
    this.#count = kept;
    this.#placeOf = placeOf;
  }

  /** A state that was never sent stays a state, with newer values; a delta takes the place of those it makes stale. */
  #replace(place: number, lanes: Uint32Array, at: number): void {
    const to = place * DELTA_LANES;
    const flagsAt = place * DELTA_BYTES + FLAGS_BYTE;
    const stale = this.#bytes[flagsAt] as number;
    for (let lane = 0; lane < DELTA_LANES; lane += 1) this.#lanes[to + lane] = lanes[at + lane] as number;
    const stateFlags = stale & (DELTA_FLAG.state | DELTA_FLAG.reset);
    this.#bytes[flagsAt] = (this.#bytes[flagsAt] as number) | (stateFlags === 0 ? DELTA_FLAG.conflated : stateFlags);
    this.#counters.deltasConflated += 1;
  }

  #send(): void {
    const count = this.#count;
    this.#placeOf = undefined;
    this.#count = 0;
    this.#counters.deltasDelivered += count;
    this.subscriber.sendDeltas(this.#bytes.subarray(0, count * DELTA_BYTES), count);
    if (this.#capacity > DELTAS_PER_MESSAGE_MAX) this.#resize(DELTAS_MIN);
  }

  #resize(capacity: number): void {
    const bytes = new Uint8Array(capacity * DELTA_BYTES);
    const keys = new Float64Array(capacity);
    bytes.set(this.#bytes.subarray(0, this.#count * DELTA_BYTES));
    keys.set(this.#keys.subarray(0, this.#count));
    this.#capacity = capacity;
    this.#bytes = bytes;
    this.#lanes = new Uint32Array(bytes.buffer);
    this.#keys = keys;
  }
}
