import type { AnswerSink, Channel } from "../load/channel.ts";
import type { CommandIds } from "../load/command-ids.ts";
import { MessageRing } from "../load/message-ring.ts";
import type { Pairs } from "../load/pairs.ts";
import type { Workload } from "../load/workload.ts";
import type { PeerReader, PeerSocket } from "./peer-socket.ts";

/** How a peer is told of transfers, and how its answers are read; every message has the same length. */
export interface PeerSpeech {
  readonly messageBytes: number;
  /** Writes all of a message but the ids of its transfers. */
  write(bytes: Buffer, start: number, wallets: Uint8Array, pairs: Pairs): void;
  /** Gives each of its transfers a fresh id. */
  renewIds(view: DataView, start: number, ids: CommandIds): void;
  /** Reads one reply: where it ends, or -1 where its end has not come. */
  readReply(bytes: Buffer, at: number, end: number): number;
  /** Of the reply read last: how many transfers were not applied afresh, and why the first of them was not. */
  readonly rejected: number;
  readonly reason: string;
}

/** Transfers sent to a peer that answers in order. */
export class PeerChannel implements Channel, PeerReader {
  readonly sentAtMs: Float64Array;
  readonly #commands: number;
  readonly #speech: PeerSpeech;
  readonly #ids: CommandIds;
  readonly #sink: AnswerSink;
  readonly #socket: PeerSocket;
  readonly #ring: MessageRing;
  /** Slots in the order in which their messages were sent. */
  readonly #order: Int32Array;
  #sent = 0;
  #answered = 0;

  constructor(
    { depth, commandsPerMessage, wallets }: Workload,
    speech: PeerSpeech,
    socket: PeerSocket,
    messages: number,
    pairs: Pairs,
    ids: CommandIds,
    sink: AnswerSink,
  ) {
    this.sentAtMs = new Float64Array(depth);
    this.#commands = commandsPerMessage;
    this.#speech = speech;
    this.#ids = ids;
    this.#sink = sink;
    this.#socket = socket;
    this.#order = new Int32Array(depth);
    this.#ring = new MessageRing(speech.messageBytes, depth, messages);
    for (let message = 0; message < this.#ring.messages; message += 1) {
      speech.write(this.#ring.bytes, message * speech.messageBytes, wallets, pairs);
    }
    socket.reader = this;
  }

  stage(slot: number): void {
    this.#speech.renewIds(this.#ring.view, this.#ring.take(), this.#ids);
    this.#order[this.#sent % this.#order.length] = slot;
    this.#sent += 1;
  }

  flush(): void {
    this.#ring.flush((piece) => this.#socket.write(piece));
  }

  close(): void {
    this.#socket.close();
  }

  readBegins(): void {
    this.#sink.readBegins();
  }

  take(bytes: Buffer, at: number, end: number): number {
    let next = at;
    while (next < end) {
      const replyEnd = this.#speech.readReply(bytes, next, end);
      if (replyEnd < 0) break;
      next = replyEnd;
      if (this.#answered === this.#sent) throw new Error("an answer that nobody asked for");
      const slot = this.#order[this.#answered % this.#order.length];
      this.#answered += 1;
      const { rejected, reason } = this.#speech;
      this.#sink.answered(this, slot, this.#commands - rejected, rejected, reason);
    }
    return next;
  }

  readEnds(): void {
    this.#sink.readEnds(this);
  }

  lost(error: Error): void {
    this.#sink.lost(error);
  }
}
