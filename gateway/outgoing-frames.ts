import { WIRE_HEADER_BYTES } from "../protocol/limits.ts";
import { writeFrameHeader } from "../protocol/wire-frame.ts";

const CAPACITY_MIN = 1_024;
const CAPACITY_KEPT_MAX = 1_048_576;

/** What a frame header says besides its length. */
export type FrameFacts = Omit<Parameters<typeof writeFrameHeader>[2], "frameBytes">;

/** The frames that a connection gathers during a turn, back to back, to be sent as one WebSocket message. */
export class OutgoingFrames {
  #bytes = new Uint8Array(CAPACITY_MIN);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  get length(): number {
    return this.#length;
  }

  /** Adds a frame; its payload is padded with zeros to a multiple of 8. */
  add(facts: FrameFacts, payload: Uint8Array): void {
    const frameBytes = WIRE_HEADER_BYTES + ((payload.byteLength + 7) & ~7);
    if (this.#length + frameBytes > this.#bytes.byteLength) this.#grow(this.#length + frameBytes);
    writeFrameHeader(this.#view, this.#length, { ...facts, frameBytes });
    const end = this.#length + frameBytes;
    this.#bytes.set(payload, this.#length + WIRE_HEADER_BYTES);
    this.#bytes.fill(0, this.#length + WIRE_HEADER_BYTES + payload.byteLength, end);
    this.#length = end;
  }

  /** Hands over everything gathered, valid until the next `add`. */
  take(): Uint8Array {
    const frames = this.#bytes.subarray(0, this.#length);
    this.#length = 0;
    // A burst must not hold its memory for the life of the connection.
    if (this.#bytes.byteLength > CAPACITY_KEPT_MAX) this.#replace(new Uint8Array(CAPACITY_MIN));
    return frames;
  }

  #grow(neededBytes: number): void {
    let capacity = this.#bytes.byteLength;
    while (capacity < neededBytes) capacity *= 2;
    const grown = new Uint8Array(capacity);
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#replace(grown);
  }

  #replace(bytes: Uint8Array<ArrayBuffer>): void {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
}
