/**
 * Cuts what an HTTP/1.1 server sends over a kept-alive connection into responses.
 *
 * **Errors**: throws on a response that does not state its length.
 * **Source**: RFC 9112; bodies by `Content-Length` only, which is all that our servers send.
 */

/** `bytes` holds the body from `start` to `end`, valid during the call only. */
export type OnResponse = (status: number, bytes: Uint8Array, start: number, end: number) => void;

const CONTENT_LENGTH = Buffer.from("content-length:");
const CR = 13;
const LF = 10;
const SPACE = 32;
const STATUS_OFFSET = "HTTP/1.1 ".length;

export class ResponseStream {
  readonly #onResponse: OnResponse;
  #partial: Uint8Array = new Uint8Array(0);

  constructor(onResponse: OnResponse) {
    this.#onResponse = onResponse;
  }

  /** Takes the next `end - start` bytes of the stream. */
  push(chunk: Uint8Array, start: number, end: number): void {
    if (this.#partial.length === 0) {
      const rest = this.#consume(chunk, start, end);
      // `slice` would not copy a Buffer.
      if (rest < end) this.#partial = new Uint8Array(chunk.subarray(rest, end));
      return;
    }
    const joined = Buffer.concat([this.#partial, chunk.subarray(start, end)]);
    this.#partial = joined.subarray(this.#consume(joined, 0, joined.length));
  }

  /** Hands over every whole response, and returns where the first one that is not whole begins. */
  #consume(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    for (;;) {
      const bodyStart = headEnd(bytes, at, end);
      if (bodyStart < 0) return at;
      const bodyEnd = bodyStart + contentLength(bytes, at, bodyStart);
      if (bodyEnd > end) return at;
      this.#onResponse(statusAt(bytes, at), bytes, bodyStart, bodyEnd);
      at = bodyEnd;
    }
  }
}

/** The offset after the empty line that ends the head, or -1 where it has not arrived. */
function headEnd(bytes: Uint8Array, start: number, end: number): number {
  for (let at = start + 3; at < end; at += 1) {
    if (bytes[at] === LF && bytes[at - 1] === CR && bytes[at - 2] === LF && bytes[at - 3] === CR) return at + 1;
  }
  return -1;
}

function statusAt(bytes: Uint8Array, start: number): number {
  const at = start + STATUS_OFFSET;
  return (bytes[at] - 48) * 100 + (bytes[at + 1] - 48) * 10 + (bytes[at + 2] - 48);
}

function contentLength(bytes: Uint8Array, start: number, end: number): number {
  for (let at = start; at < end; at += 1) {
    if (bytes[at] !== LF || !isContentLength(bytes, at + 1)) continue;
    let length = 0;
    for (let digit = at + 1 + CONTENT_LENGTH.length; bytes[digit] !== CR; digit += 1) {
      if (bytes[digit] !== SPACE) length = length * 10 + bytes[digit] - 48;
    }
    return length;
  }
  throw new Error("the server sent a response without Content-Length");
}

function isContentLength(bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < CONTENT_LENGTH.length; i += 1) {
    // Setting bit 5 lowers a letter and leaves "-" and ":" as they are.
    if ((bytes[at + i] | 32) !== CONTENT_LENGTH[i]) return false;
  }
  return true;
}
