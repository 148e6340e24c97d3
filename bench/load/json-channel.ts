import { formatUuid } from "../../protocol/ids.ts";
import type { AnswerSink, Channel } from "./channel.ts";
import type { CommandIds } from "./command-ids.ts";
import { OPCODE } from "./frame-stream.ts";
import { MessageRing } from "./message-ring.ts";
import type { Pairs } from "./pairs.ts";
import { PLACEHOLDER_ID, writeHexId } from "./text-ids.ts";
import { clientFrame, WebSocketLink } from "./websocket-link.ts";
import type { Workload } from "./workload.ts";

/** Request ids of five digits keep every message at the same length; a slot's is this plus the slot. */
const REQUEST_ID_MIN = 10_000;
const REQUEST_ID_DIGITS = 5;
const REQUEST_ID_FIELD = Buffer.from('"requestId":');
const OK_FIELD = Buffer.from('"ok":true');

/** Transfers over `mizan.json.v1`, one in each message. */
export class JsonChannel implements Channel {
  readonly sentAtMs: Float64Array;
  readonly #sink: AnswerSink;
  readonly #ids: CommandIds;
  readonly #ring: MessageRing;
  readonly #requestIdOffset: number;
  readonly #idOffset: number;
  #link: WebSocketLink | undefined;

  private constructor(workload: Workload, messages: number, pairs: Pairs, ids: CommandIds, sink: AnswerSink) {
    this.sentAtMs = new Float64Array(workload.depth);
    this.#sink = sink;
    this.#ids = ids;
    const message = requestMessage(workload.wallets, pairs);
    this.#requestIdOffset = message.indexOf(REQUEST_ID_FIELD) + REQUEST_ID_FIELD.length;
    this.#idOffset = message.indexOf(PLACEHOLDER_ID);
    this.#ring = new MessageRing(message.length, workload.depth, messages);
    for (let at = 0; at < this.#ring.bytes.length; at += message.length) {
      this.#ring.bytes.set(requestMessage(workload.wallets, pairs), at);
    }
  }

  /** Connects, with `messages` prebuilt messages of transfers between the workload's wallets. */
  static async open(
    workload: Workload,
    messages: number,
    pairs: Pairs,
    ids: CommandIds,
    sink: AnswerSink,
  ): Promise<JsonChannel> {
    const channel = new JsonChannel(workload, messages, pairs, ids, sink);
    channel.#link = await WebSocketLink.open(workload.endpoint, "mizan.json.v1", {
      readBegins: () => sink.readBegins(),
      message: (bytes, start, end) => channel.#onMessage(bytes, start, end),
      readEnds: () => sink.readEnds(channel),
      lost: (error) => sink.lost(error),
    });
    return channel;
  }

  stage(slot: number): void {
    const { bytes } = this.#ring;
    const message = this.#ring.take();
    let digits = REQUEST_ID_MIN + slot;
    for (let at = message + this.#requestIdOffset + REQUEST_ID_DIGITS - 1; digits > 0; at -= 1) {
      bytes[at] = 48 + (digits % 10);
      digits = (digits / 10) | 0;
    }
    writeHexId(this.#ids, bytes, message + this.#idOffset);
  }

  flush(): void {
    this.#ring.flush((piece) => this.#link?.write(piece));
  }

  close(): void {
    this.#link?.close();
  }

  #onMessage(bytes: Uint8Array, start: number, end: number): void {
    const field = find(bytes, REQUEST_ID_FIELD, start, end);
    // What the server says unasked has no request id.
    if (field < 0) return;
    let requestId = 0;
    for (let at = field + REQUEST_ID_FIELD.length; bytes[at] >= 48 && bytes[at] <= 57; at += 1) {
      requestId = requestId * 10 + bytes[at] - 48;
    }
    if (requestId < REQUEST_ID_MIN) return;
    const accepted = find(bytes, OK_FIELD, start, end) >= 0;
    const reason = accepted ? "" : Buffer.from(bytes.subarray(start, end)).toString();
    this.#sink.answered(this, requestId - REQUEST_ID_MIN, Number(accepted), Number(!accepted), reason);
  }
}

/** Offset of a field in a message, or -1. Fields that matter stand near its beginning, so a plain search is short. */
function find(bytes: Uint8Array, field: Uint8Array, start: number, end: number): number {
  const last = end - field.length;
  for (let at = start; at <= last; at += 1) {
    let matched = 0;
    while (matched < field.length && bytes[at + matched] === field[matched]) matched += 1;
    if (matched === field.length) return at;
  }
  return -1;
}

function requestMessage(wallets: Uint8Array, pairs: Pairs): Buffer {
  pairs.next();
  const text = JSON.stringify({
    requestId: REQUEST_ID_MIN,
    type: "Transfer",
    id: PLACEHOLDER_ID,
    fromWalletId: formatUuid(wallets, pairs.from * 16),
    toWalletId: formatUuid(wallets, pairs.to * 16),
    amountMinor: pairs.amountMinor,
  });
  return Buffer.from(clientFrame(OPCODE.text, Buffer.from(text)));
}
