import { FRAME_BYTES_MAX, FRAME_HEADER_BYTES } from "../../protocol/limits.ts";
import { type Frame, type FrameBuilder, openFrame } from "../journal/frame.ts";
import { recordBytes } from "../journal/record.ts";
import { ENTRY_HEADER_BYTES, REQUEST, REQUEST_KIND, RING_DELTA_BYTES } from "../port/entries.ts";
import type { RingReader } from "../port/ring.ts";
import type { CommandExecutor } from "./command-executor.ts";
import type { DeltaBuffer } from "./delta-buffer.ts";
import { publishRecord } from "./publish-record.ts";
import type { ReplyWriter } from "./reply-writer.ts";
import type { ShardState } from "./shard-state.ts";

/** Frames that become durable together; readers wait no longer than for that much. */
const BATCH_BYTES = 2 << 20;

/** A frame of the leader, and its first sequence. */
export interface FollowedFrame {
  readonly firstSequence: number;
  readonly bytes: Uint8Array;
}

/** What a shard follows its leader with. */
export interface FollowPorts {
  /** Entries of the kind `ApplyFrame`. */
  readonly ring: RingReader;
  /** Makes frames durable, all in order, together where that is possible. **Errors**: throws when it cannot. */
  readonly append: (frames: readonly FollowedFrame[]) => void;
}

/**
 * Applies the frames of the leader to a shard that follows it, as recovery does, and journals the same bytes.
 *
 * The shard decides nothing meanwhile. Of several frames that wait, as many as have room are made durable together, so that a
 * standby keeps up with a leader that syncs each of them.
 */
export class Follower {
  readonly #state: ShardState;
  readonly #frame: FrameBuilder;
  readonly #deltas: DeltaBuffer;
  readonly #executor: CommandExecutor;
  readonly #replies: ReplyWriter;
  readonly #ports: FollowPorts;
  /** The frames at hand: what lies in the ring belongs to others, and must not change between its check and its use. */
  readonly #room = new Uint8Array(BATCH_BYTES + FRAME_BYTES_MAX);
  readonly #batch: FollowedFrame[] = [];
  #batchBytes = 0;

  constructor(
    state: ShardState,
    frame: FrameBuilder,
    deltas: DeltaBuffer,
    executor: CommandExecutor,
    replies: ReplyWriter,
    ports: FollowPorts,
  ) {
    this.#state = state;
    this.#frame = frame;
    this.#deltas = deltas;
    this.#executor = executor;
    this.#replies = replies;
    this.#ports = ports;
    state.ids.endReplay();
  }

  /** Whether frames wait to be applied. */
  get hasFrames(): boolean {
    return this.#ports.ring.hasNext();
  }

  /**
   * Applies frames that wait, as far as one batch and the reply ring have room, and makes them durable; returns how many, and
   * their length. `flushDeltas` makes room for more deltas.
   *
   * **Errors**: throws where a frame is damaged or does not follow from the state, and when the journal cannot take it. Nothing
   * of the batch was shown or journaled then, and the shard must stop.
   */
  apply(flushDeltas: () => void): { readonly frames: number; readonly bytes: number } {
    this.#batch.length = 0;
    this.#batchBytes = 0;
    const { ring } = this.#ports;
    while (this.#batchBytes < BATCH_BYTES) {
      const offset = ring.next();
      if (offset < 0) break;
      const frame = this.#take(ring, offset);
      if (frame === undefined) break;
      ring.release(offset);
      this.#evolve(frame, flushDeltas);
    }
    if (this.#batch.length > 0) this.#ports.append(this.#batch);
    return { frames: this.#batch.length, bytes: this.#batchBytes };
  }

  /** Copies the frame at an offset, verified; undefined where the reply ring has no room for what it may change. */
  #take({ lanes, bytes }: RingReader, offset: number): Frame | undefined {
    const head = offset >>> 2;
    if (lanes[head + REQUEST.kind] !== REQUEST_KIND.ApplyFrame) {
      throw new Error(`a follow ring holds an entry of kind ${lanes[head + REQUEST.kind]}`);
    }
    const frameBytes = lanes[head + REQUEST.payloadBytes];
    const { shard, sequence, hash } = this.#state;
    const next = `the frame that should follow ${shard}:${sequence}`;
    if (frameBytes > FRAME_BYTES_MAX) throw new Error(`${next} is damaged: it is ${frameBytes} bytes long`);
    const copy = this.#room.subarray(this.#batchBytes, this.#batchBytes + frameBytes);
    copy.set(bytes.subarray(offset + ENTRY_HEADER_BYTES, offset + ENTRY_HEADER_BYTES + frameBytes));
    const frame = openFrame(copy, shard);
    if (typeof frame === "string") throw new Error(`${next} is damaged: ${frame}`);
    if (frame.firstSequence !== sequence + 1) throw new Error(`${next} begins at ${shard}:${frame.firstSequence}`);
    if (Buffer.compare(frame.previousHash, hash) !== 0) {
      throw new Error(`${next} does not: it names another frame before it, so the leader's history is not this node's`);
    }
    // Each record may change two watched wallets; what goes around the end of the ring takes twice the room.
    const deltas = this.#deltas.count + 2 * frame.recordCount;
    if (this.#replies.ring.freeBytes() < 2 * (deltas * RING_DELTA_BYTES + 4 * ENTRY_HEADER_BYTES)) return undefined;
    return frame;
  }

  #evolve(frame: Frame, flushDeltas: () => void): void {
    const { lanes, floats, bytes, firstSequence, recordCount, clockMs } = frame;
    const state = this.#state;
    this.#frame.begin(firstSequence + recordCount, clockMs);
    state.beginFrame(clockMs);
    let at = FRAME_HEADER_BYTES >>> 2;
    let sequence = firstSequence;
    const publish = (slot: number): void => this.#executor.publish(slot, sequence);
    for (; sequence < firstSequence + recordCount; sequence += 1) {
      state.evolveRecord(lanes, floats, bytes, at, sequence);
      if (!this.#deltas.hasRoom()) flushDeltas();
      publishRecord(state.wallets, lanes, at, publish);
      at += recordBytes(lanes, at) >>> 2;
    }
    state.sequence = sequence - 1;
    state.clockMs = clockMs;
    state.hash = frame.hash.slice();
    this.#batch.push({ firstSequence, bytes });
    this.#batchBytes += bytes.byteLength;
  }
}
