import { ENTRY_HEADER_BYTES, REPLY, REPLY_KIND } from "../engine/port/entries.ts";
import type { RingReader } from "../engine/port/ring.ts";
import { CODE, CODE_DEFERRED } from "../protocol/codes.ts";
import { readUint64 } from "../protocol/int64.ts";
import { RESULT } from "../protocol/result-record.ts";
import type { Asker } from "./caller.ts";
import type { RequestName, SlowFacts, Waiting } from "./request-table.ts";
import type { RequestTrace } from "./tracing/request-trace.ts";

/** Takes the answer to a message: `count` records back to back, valid during the call only. */
export type TakeRecords = (records: Uint8Array, count: number) => void;

/**
 * The records that answer one message, gathered from the shards that each hold a part of it.
 *
 * A message that lies on one shard and has all its results at once is handed on straight from the ring.
 */
export class RecordBatch {
  readonly count: number;
  readonly recordBytes: number;
  /** Takes the whole answer. */
  done: TakeRecords;
  readonly #onExpired: (() => void) | undefined;
  #partsLeft = 0;
  #lanes: Uint32Array | undefined;
  #isExpired = false;
  /** Takes the times of the request, where it is traced. */
  trace: RequestTrace | undefined;
  #asker: Asker | undefined;
  #name: string | number | RequestName = 0;

  /** `onExpired` answers in place of `done` where the log was too slow; without it each result says so for itself. */
  constructor(count: number, recordBytes: number, done: TakeRecords, onExpired?: () => void) {
    this.count = count;
    this.recordBytes = recordBytes;
    this.done = done;
    this.#onExpired = onExpired;
  }

  /** Notes who asked, what the request is called, and its trace where it is traced. */
  askedBy(asker: Asker, name: string | number | RequestName, trace?: RequestTrace): void {
    this.#asker = asker;
    this.#name = name;
    this.trace = trace;
  }

  about(): SlowFacts {
    const name = typeof this.#name === "object" ? this.#name : { requestId: this.#name };
    const asker = this.#asker;
    const traceId = this.trace?.traceId;
    return { ...name, connectionId: asker?.connectionId, keyId: asker?.keyId, commands: this.count, traceId };
  }

  /** The whole message, on one shard. */
  whole(): Waiting {
    this.#partsLeft = 1;
    return new BatchPart(this, undefined, this.count);
  }

  /** A part of the message on one shard; `order` holds the place in the message of each of its records. */
  part(order: Uint16Array): Waiting {
    this.#partsLeft += 1;
    return new BatchPart(this, order, order.length);
  }

  /** Forgets a part that could not be handed over. */
  dropPart(): void {
    this.#partsLeft -= 1;
  }

  /** The gathered records, in the order of the message. */
  get lanes(): Uint32Array {
    this.#lanes ??= new Uint32Array((this.count * this.recordBytes) >>> 2);
    return this.#lanes;
  }

  /** Ends a part whose records are all gathered. */
  finishPart(): void {
    this.#partsLeft -= 1;
    if (this.#partsLeft === 0) this.finish();
  }

  /** Answers the message with what was gathered. */
  finish(): void {
    this.finishWhole(new Uint8Array(this.lanes.buffer));
  }

  /** Answers the message with the records of its only shard. */
  finishWhole(records: Uint8Array): void {
    if (this.#isExpired) return;
    this.done(records, this.count);
    this.trace?.answered(records, this.recordBytes);
  }

  /** Answers now: what is not there yet is `replication_pending`, and dropped when it comes. */
  expire(): void {
    if (this.#isExpired) return;
    if (this.#onExpired === undefined) this.#markPending();
    else this.#onExpired();
    this.#isExpired = true;
  }

  #markPending(): void {
    const { lanes } = this;
    const stride = this.recordBytes >>> 2;
    for (let at = 0; at < lanes.length; at += stride) {
      const code = lanes[at + (RESULT.code >>> 2)] & 0xffff;
      // What was applied has a place in the journal.
      const isMissing = code === CODE.ok && readUint64(lanes, at + (RESULT.sequence >>> 2)) === 0;
      if (!isMissing && code !== CODE_DEFERRED) continue;
      lanes.fill(0, at, at + stride);
      lanes[at + (RESULT.code >>> 2)] = CODE.replication_pending;
    }
    this.finish();
  }
}

class BatchPart implements Waiting {
  readonly #batch: RecordBatch;
  readonly #order: Uint16Array | undefined;
  readonly #count: number;
  #deferredLeft = 0;

  constructor(batch: RecordBatch, order: Uint16Array | undefined, count: number) {
    this.#batch = batch;
    this.#order = order;
    this.#count = count;
  }

  take(replies: RingReader, offset: number, shard: number): boolean {
    this.#batch.trace?.part(replies, offset, shard);
    const { lanes } = replies;
    const header = offset >>> 2;
    const payloadAt = offset + ENTRY_HEADER_BYTES;
    if (lanes[header + REPLY.kind] === REPLY_KIND.LateResult) {
      this.#place(lanes, payloadAt >>> 2, lanes[header + REPLY.index] as number);
      this.#deferredLeft -= 1;
    } else {
      const payloadBytes = lanes[header + REPLY.payloadBytes] as number;
      const strideBytes = this.#batch.recordBytes;
      if (payloadBytes !== this.#count * strideBytes) {
        throw new Error(`a shard answered ${payloadBytes} bytes for ${this.#count} records of ${strideBytes} bytes`);
      }
      this.#deferredLeft = lanes[header + REPLY.deferred] as number;
      if (this.#order === undefined && this.#deferredLeft === 0) {
        this.#batch.finishWhole(replies.bytes.subarray(payloadAt, payloadAt + payloadBytes));
        return true;
      }
      for (let i = 0; i < this.#count; i += 1) this.#place(lanes, (payloadAt + i * strideBytes) >>> 2, i);
    }
    if (this.#deferredLeft > 0) return false;
    this.#batch.finishPart();
    return true;
  }

  expire(): void {
    this.#batch.expire();
  }

  about(): SlowFacts {
    return this.#batch.about();
  }

  #place(from: Uint32Array, fromAt: number, index: number): void {
    const strideLanes = this.#batch.recordBytes >>> 2;
    const to = this.#batch.lanes;
    const toAt = (this.#order === undefined ? index : (this.#order[index] as number)) * strideLanes;
    for (let lane = 0; lane < strideLanes; lane += 1) to[toAt + lane] = from[fromAt + lane] as number;
  }
}
