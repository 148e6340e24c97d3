import { codeName } from "../protocol/codes.ts";
import { RECORD_BYTES, WIRE_HEADER_BYTES } from "../protocol/limits.ts";
import { RESULT_BYTES } from "../protocol/result-record.ts";
import { FRAME, FRAME_TYPE, writeFrameHeader } from "../protocol/wire-frame.ts";
import { OPCODE } from "./load/frame-stream.ts";
import { clientFrame, WebSocketLink } from "./load/websocket-link.ts";
import type { Endpoint } from "./load/workload.ts";

const ANSWER_MS_MAX = 30_000;

/** A connection for what surrounds a measurement, one request at a time: opening wallets, reading them back. */
export class LedgerClient {
  #link: WebSocketLink | undefined;
  #requestId = 0;
  #onAnswer: (frame: Uint8Array) => void = () => {};
  #onLost: (error: Error) => void = () => {};

  private constructor() {}

  static async open(endpoint: Endpoint): Promise<LedgerClient> {
    const client = new LedgerClient();
    client.#link = await WebSocketLink.open(endpoint, "mizan.binary.v1", {
      readBegins: () => {},
      // A copy in a buffer of its own: `slice` of a Buffer would be neither.
      message: (bytes, start, end) => client.#onMessage(new Uint8Array(bytes.subarray(start, end))),
      readEnds: () => {},
      lost: (error) => client.#onLost(error),
    });
    return client;
  }

  /** Sends one frame and resolves with the records of its answer. */
  async request(type: number, count: number, records: Uint8Array): Promise<Uint8Array> {
    return (await this.#ask(type, count, records, 0)).subarray(WIRE_HEADER_BYTES);
  }

  /** Asks a query and resolves with the JSON of its result. */
  async query(query: object): Promise<string> {
    const text = Buffer.from(JSON.stringify(query));
    const payload = new Uint8Array(Math.ceil(text.byteLength / 8) * 8);
    payload.set(text);
    const answer = await this.#ask(FRAME_TYPE.Query, 1, payload, text.byteLength);
    const bytes = Buffer.from(answer.buffer, answer.byteOffset, answer.byteLength);
    return bytes.toString("utf8", WIRE_HEADER_BYTES, WIRE_HEADER_BYTES + bytes.readUInt32LE(FRAME.argument));
  }

  /** Sends plain command records, every one of which must succeed. */
  async commands(records: Uint8Array): Promise<void> {
    const count = records.byteLength / RECORD_BYTES;
    const results = await this.request(FRAME_TYPE.Commands, count, records);
    for (let i = 0; i < count; i += 1) {
      const code = results[i * RESULT_BYTES] | (results[i * RESULT_BYTES + 1] << 8);
      if (code !== 0) throw new Error(`command ${i} of ${count} was refused: ${codeName(code)}`);
    }
  }

  close(): void {
    this.#link?.close();
  }

  /** Sends one frame and resolves with the whole frame that answers it. */
  async #ask(type: number, count: number, payload: Uint8Array, argument: number): Promise<Uint8Array> {
    this.#requestId += 1;
    const frame = new Uint8Array(WIRE_HEADER_BYTES + payload.byteLength);
    const requestId = this.#requestId;
    const facts = { frameBytes: frame.byteLength, type, requestId, count, argument };
    writeFrameHeader(new DataView(frame.buffer), 0, facts);
    frame.set(payload, WIRE_HEADER_BYTES);
    const answer = await this.#exchange(frame);
    const code = new DataView(answer.buffer, answer.byteOffset).getUint16(FRAME.code, true);
    if (code !== 0) throw new Error(`request ${type} was refused: ${codeName(code)}`);
    return answer;
  }

  #exchange(frame: Uint8Array): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error("the ledger did not answer")), ANSWER_MS_MAX);
      this.#onLost = (error) => {
        clearTimeout(timer);
        reject(error);
      };
      this.#onAnswer = (answer) => {
        clearTimeout(timer);
        resolve(answer);
      };
      this.#link?.write(clientFrame(OPCODE.binary, frame));
    });
  }

  #onMessage(message: Uint8Array): void {
    const view = new DataView(message.buffer);
    for (let at = 0; at < message.byteLength; ) {
      const frameBytes = view.getUint32(at + FRAME.frameBytes, true);
      if (frameBytes < WIRE_HEADER_BYTES) throw new Error(`a frame of ${frameBytes} bytes`);
      const requestId = view.getUint32(at + FRAME.requestId, true);
      // Unasked frames (Welcome, Heartbeat) have the id zero; an Error with it ends the connection and says why.
      if (requestId === this.#requestId || message[at + FRAME.type] === FRAME_TYPE.Error) {
        this.#onAnswer(message.subarray(at, at + frameBytes));
      }
      at += frameBytes;
    }
  }
}
