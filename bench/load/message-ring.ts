/**
 * Messages of equal length, built once and sent over and over with fresh ids; staged ones go out in one write.
 *
 * A socket may still hold bytes of the last `depth` messages, since an answer proves that its message and all before
 * it have left. So the ring has room for twice the depth, and no message is rewritten while the socket needs it.
 */
export class MessageRing {
  readonly bytes: Buffer;
  readonly view: DataView;
  readonly messages: number;
  readonly messageBytes: number;
  #next = 0;
  #staged = 0;

  constructor(messageBytes: number, depth: number, messagesWanted: number) {
    this.messages = Math.max(2 * depth, messagesWanted);
    this.messageBytes = messageBytes;
    this.bytes = Buffer.alloc(this.messages * messageBytes);
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength);
  }

  /** Byte offset of the message to rewrite and send next. */
  take(): number {
    const offset = this.#next * this.messageBytes;
    this.#next = this.#next + 1 === this.messages ? 0 : this.#next + 1;
    this.#staged += 1;
    return offset;
  }

  /** Hands over what was taken since the last flush: one piece, or two where it wraps round. */
  flush(write: (piece: Uint8Array) => void): void {
    if (this.#staged === 0) return;
    const first = this.#next - this.#staged;
    this.#staged = 0;
    if (first >= 0) {
      const end = this.#next === 0 ? this.messages : this.#next;
      write(this.bytes.subarray(first * this.messageBytes, end * this.messageBytes));
      return;
    }
    write(this.bytes.subarray((this.messages + first) * this.messageBytes));
    if (this.#next > 0) write(this.bytes.subarray(0, this.#next * this.messageBytes));
  }
}
