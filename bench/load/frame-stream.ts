/**
 * Cuts what a WebSocket server sends into messages, without copying those that lie whole in one read.
 *
 * Knows only what our servers send: unmasked, unfragmented frames.
 *
 * **Errors**: throws on a masked or fragmented frame and on a length above 2^31.
 * **Source**: RFC 6455, section 5.2.
 */

/** `bytes` holds the payload from `start` to `end`, valid during the call only. */
export type OnFrame = (opcode: number, bytes: Uint8Array, start: number, end: number) => void;

export const OPCODE = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

const FIN = 0x80;
const HEADER_BYTES_MAX = 10;

export class FrameStream {
  readonly #onFrame: OnFrame;
  /** The beginning of a frame whose rest has not arrived; a header that comes in pieces always has room in it. */
  #partial = new Uint8Array(HEADER_BYTES_MAX);
  #partialBytes = 0;

  constructor(onFrame: OnFrame) {
    this.#onFrame = onFrame;
  }

  /** Takes the next `end - start` bytes of the stream. */
  push(chunk: Uint8Array, start: number, end: number): void {
    let at = this.#partialBytes === 0 ? start : this.#complete(chunk, start, end);
    while (at < end) {
      const headerBytes = headerBytesAt(chunk, at, end);
      const frameBytes = headerBytes === 0 ? 0 : headerBytes + payloadBytesAt(chunk, at);
      if (frameBytes === 0 || at + frameBytes > end) {
        this.#keep(chunk, at, end, frameBytes);
        return;
      }
      this.#onFrame(chunk[at] & 0x0f, chunk, at + headerBytes, at + frameBytes);
      at += frameBytes;
    }
  }

  /** Adds to the partial frame and hands it over once it is whole; returns where the next frame begins. */
  #complete(chunk: Uint8Array, start: number, end: number): number {
    let at = start;
    let headerBytes = headerBytesAt(this.#partial, 0, this.#partialBytes);
    while (headerBytes === 0 && at < end) {
      this.#partial[this.#partialBytes] = chunk[at];
      this.#partialBytes += 1;
      at += 1;
      headerBytes = headerBytesAt(this.#partial, 0, this.#partialBytes);
    }
    if (headerBytes === 0) return at;
    const frameBytes = headerBytes + payloadBytesAt(this.#partial, 0);
    const taken = Math.min(frameBytes - this.#partialBytes, end - at);
    this.#keep(chunk, at, at + taken, frameBytes);
    if (this.#partialBytes < frameBytes) return end;
    this.#partialBytes = 0;
    this.#onFrame(this.#partial[0] & 0x0f, this.#partial, headerBytes, frameBytes);
    return at + taken;
  }

  #keep(chunk: Uint8Array, start: number, end: number, frameBytes: number): void {
    const needed = Math.max(frameBytes, this.#partialBytes + end - start);
    if (needed > this.#partial.byteLength) {
      const larger = new Uint8Array(2 * needed);
      larger.set(this.#partial.subarray(0, this.#partialBytes));
      this.#partial = larger;
    }
    this.#partial.set(chunk.subarray(start, end), this.#partialBytes);
    this.#partialBytes += end - start;
  }
}

/** Length of the header at an offset, or 0 where it is not whole yet. */
function headerBytesAt(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < 2) return 0;
  if ((bytes[at] & FIN) === 0 || (bytes[at] & 0x0f) === 0) throw new Error("the server sent a fragmented message");
  const length = bytes[at + 1];
  if (length > 127) throw new Error("the server sent a masked frame");
  const headerBytes = length < 126 ? 2 : length === 126 ? 4 : 10;
  return end - at < headerBytes ? 0 : headerBytes;
}

function payloadBytesAt(bytes: Uint8Array, at: number): number {
  const length = bytes[at + 1];
  if (length < 126) return length;
  if (length === 126) return (bytes[at + 2] << 8) | bytes[at + 3];
  if ((bytes[at + 2] | bytes[at + 3] | bytes[at + 4] | bytes[at + 5]) !== 0 || bytes[at + 6] > 127) {
    throw new Error("the server sent a frame above 2 GiB");
  }
  return (bytes[at + 6] << 24) | (bytes[at + 7] << 16) | (bytes[at + 8] << 8) | bytes[at + 9];
}
