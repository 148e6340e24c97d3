/**
 * The journal frame: everything that one commit makes durable.
 *
 * **Shape** of the header (96 bytes, little-endian), followed by the records:
 * ```
 *   0  hash           32  SHA-256 of everything after it
 *  32  previousHash   32  hash of the frame before, or the genesis hash of the shard
 *  64  magic           4  "MZJ1"
 *  68  formatVersion   2
 *  70  shard           2
 *  72  frameBytes      4  header included
 *  76  recordCount     4
 *  80  firstSequence   8  f64
 *  88  clockMs         8  f64; wall clock of every decision in the frame
 * ```
 */

import { hash } from "node:crypto";
import { FRAME_BYTES_MAX, FRAME_HEADER_BYTES } from "../../protocol/limits.ts";

const MAGIC = 0x314a5a4d;
export const FORMAT_VERSION = 1;
export const HASH_BYTES = 32;

const LANE = { magic: 16, versionAndShard: 17, frameBytes: 18, recordCount: 19 } as const;
const FLOAT = { firstSequence: 10, clockMs: 11 } as const;

/** The hash that the first frame of a shard names as its previous one, so that journals cannot be exchanged. */
export function genesisHash(ledgerId: string, shard: number): Uint8Array {
  return hash("sha256", `mizan\0${ledgerId}\0${shard}`, "buffer");
}

/** The frame being filled: one buffer, reused for every commit. */
export class FrameBuilder {
  readonly bytes = new Uint8Array(FRAME_BYTES_MAX);
  readonly lanes = new Uint32Array(this.bytes.buffer);
  readonly floats = new Float64Array(this.bytes.buffer);
  readonly #shard: number;
  #length = FRAME_HEADER_BYTES;
  #count = 0;
  #firstSequence = 0;
  #clockMs = 0;

  constructor(shard: number) {
    this.#shard = shard;
  }

  /** Empties the frame for the records from `firstSequence` on. */
  begin(firstSequence: number, clockMs: number): void {
    this.#length = FRAME_HEADER_BYTES;
    this.#count = 0;
    this.#firstSequence = firstSequence;
    this.#clockMs = clockMs;
  }

  get clockMs(): number {
    return this.#clockMs;
  }

  get firstSequence(): number {
    return this.#firstSequence;
  }

  /** Sequence of the record that is added next. */
  get nextSequence(): number {
    return this.#firstSequence + this.#count;
  }

  get recordCount(): number {
    return this.#count;
  }

  /** Bytes used so far, the header included. */
  get length(): number {
    return this.#length;
  }

  /** Whether records of this many bytes still fit. */
  fits(recordBytes: number): boolean {
    return this.#length + recordBytes <= FRAME_BYTES_MAX;
  }

  /**
   * Adds a record of a length that fits, and returns its lane offset for the caller to fill.
   *
   * **Errors**: throws where it does not fit: the shard asks for room before it decides.
   */
  add(recordBytes: number): number {
    if (!this.fits(recordBytes)) throw new Error(`a record of ${recordBytes} bytes does not fit its frame`);
    const offset = this.#length;
    this.#length += recordBytes;
    this.#count += 1;
    return offset >>> 2;
  }

  /** Drops everything from a length and count on: how a linked run that fails takes back its records. */
  truncate(length: number, count: number): void {
    this.#length = length;
    this.#count = count;
  }

  /** Completes the header and returns the frame's bytes, valid until the next `begin`. */
  seal(previousHash: Uint8Array): Uint8Array {
    this.bytes.set(previousHash, HASH_BYTES);
    this.lanes[LANE.magic] = MAGIC;
    this.lanes[LANE.versionAndShard] = FORMAT_VERSION | (this.#shard << 16);
    this.lanes[LANE.frameBytes] = this.#length;
    this.lanes[LANE.recordCount] = this.#count;
    this.floats[FLOAT.firstSequence] = this.#firstSequence;
    this.floats[FLOAT.clockMs] = this.#clockMs;
    const frame = this.bytes.subarray(0, this.#length);
    this.bytes.set(hash("sha256", frame.subarray(HASH_BYTES), "buffer"), 0);
    return frame;
  }
}

/** A frame read back, with views over its bytes. */
export interface Frame {
  readonly lanes: Uint32Array;
  readonly floats: Float64Array;
  readonly bytes: Uint8Array;
  readonly recordCount: number;
  readonly firstSequence: number;
  readonly clockMs: number;
  readonly hash: Uint8Array;
  readonly previousHash: Uint8Array;
}

/**
 * Opens the bytes of a frame, verifying length, header and hash.
 *
 * **Errors**: returns the sentence that says what is wrong with it.
 */
export function openFrame(value: Uint8Array, shard: number): Frame | string {
  const frame = viewFrame(value, shard);
  if (typeof frame === "string") return frame;
  const computed = hash("sha256", frame.bytes.subarray(HASH_BYTES), "buffer");
  return computed.compare(frame.bytes, 0, HASH_BYTES) === 0 ? frame : "its hash does not match its content";
}

/**
 * Opens the bytes of a frame, verifying length and header only: hashing 512 KiB takes far longer than finding a record in it.
 *
 * **Errors**: returns the sentence that says what is wrong with it.
 */
export function viewFrame(value: Uint8Array, shard: number): Frame | string {
  if (value.byteLength < FRAME_HEADER_BYTES || value.byteLength % 8 !== 0)
    return `it is ${value.byteLength} bytes long`;
  // The slice of a Buffer would be the same memory.
  const bytes = value.byteOffset % 8 === 0 ? value : Uint8Array.from(value);
  const lanes = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >>> 2);
  const floats = new Float64Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >>> 3);
  if (lanes[LANE.magic] !== MAGIC) return "it does not begin like a frame";
  if (lanes[LANE.frameBytes] !== bytes.byteLength)
    return `its header says ${lanes[LANE.frameBytes]} bytes, it has ${bytes.byteLength}`;
  const version = lanes[LANE.versionAndShard] & 0xffff;
  if (version !== FORMAT_VERSION) return `its format version is ${version}, this program reads ${FORMAT_VERSION}`;
  const frameShard = lanes[LANE.versionAndShard] >>> 16;
  if (frameShard !== shard) return `it belongs to shard ${frameShard}`;
  return {
    lanes,
    floats,
    bytes,
    recordCount: lanes[LANE.recordCount],
    firstSequence: floats[FLOAT.firstSequence],
    clockMs: floats[FLOAT.clockMs],
    hash: bytes.subarray(0, HASH_BYTES),
    previousHash: bytes.subarray(HASH_BYTES, 2 * HASH_BYTES),
  };
}

/** The bytes of each frame where several lie one after the other; what is no frame ends them as one more. */
export function* framesOf(content: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < content.byteLength; ) {
    const isWhole = at + FRAME_HEADER_BYTES <= content.byteLength;
    const frameBytes = isWhole ? frameBytesOf(content.subarray(at)) : 0;
    const end = frameBytes < FRAME_HEADER_BYTES ? content.byteLength : at + frameBytes;
    yield content.subarray(at, end);
    at = end;
  }
}

/** How long the frame in some bytes says that it is, which are not checked. **Units**: bytes. */
export function frameBytesOf(frame: Uint8Array): number {
  return new DataView(frame.buffer, frame.byteOffset, frame.byteLength).getUint32(LANE.frameBytes * 4, true);
}

/** Shard of the frame in some bytes, which are not checked. */
export function shardOfFrame(frame: Uint8Array): number {
  return new DataView(frame.buffer, frame.byteOffset, frame.byteLength).getUint16(LANE.versionAndShard * 4 + 2, true);
}

/** How many records the frame in some bytes has, which are not checked. */
export function recordCountOf(frame: Uint8Array): number {
  return new DataView(frame.buffer, frame.byteOffset, frame.byteLength).getUint32(LANE.recordCount * 4, true);
}

/** First sequence of the frame in some bytes, which are not checked. */
export function firstSequenceOf(frame: Uint8Array): number {
  return new DataView(frame.buffer, frame.byteOffset, frame.byteLength).getFloat64(FLOAT.firstSequence * 8, true);
}
