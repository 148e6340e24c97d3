import { connect, type Socket } from "node:net";
import { formatUuid } from "../../protocol/ids.ts";
import type { AnswerSink, Channel } from "./channel.ts";
import type { CommandIds } from "./command-ids.ts";
import { MessageRing } from "./message-ring.ts";
import type { Pairs } from "./pairs.ts";
import { ResponseStream } from "./response-stream.ts";
import { PLACEHOLDER_ID, writeHexId } from "./text-ids.ts";
import type { Workload } from "./workload.ts";

const READ_BUFFER = Buffer.alloc(65_536);

/** Transfers as `POST /api/v1/transfers` over one kept-alive connection, one at a time as browsers and pools do. */
export class RestChannel implements Channel {
  readonly sentAtMs = new Float64Array(1);
  readonly #sink: AnswerSink;
  readonly #ids: CommandIds;
  readonly #ring: MessageRing;
  readonly #idOffset: number;
  readonly #socket: Socket;
  #closed = false;

  private constructor(workload: Workload, messages: number, pairs: Pairs, ids: CommandIds, sink: AnswerSink) {
    this.#sink = sink;
    this.#ids = ids;
    const request = requestText(workload, pairs);
    this.#idOffset = request.indexOf(PLACEHOLDER_ID);
    this.#ring = new MessageRing(request.length, 1, messages);
    for (let message = 0; message < this.#ring.messages; message += 1) {
      this.#ring.bytes.write(requestText(workload, pairs), message * request.length, "latin1");
    }
    const responses = new ResponseStream((status) =>
      sink.answered(this, 0, Number(status === 201), Number(status !== 201), `HTTP ${status}`),
    );
    const onRead = (length: number, chunk: Uint8Array): boolean => {
      try {
        sink.readBegins();
        responses.push(chunk, 0, length);
        sink.readEnds(this);
      } catch (error) {
        this.#lose(error as Error);
      }
      return true;
    };
    const { host, port } = workload.endpoint;
    this.#socket = connect({ host, port, noDelay: true, onread: { buffer: READ_BUFFER, callback: onRead } });
    this.#socket.once("error", (error) => this.#lose(error));
    this.#socket.once("end", () => this.#lose(new Error("the server ended the connection")));
  }

  /** Connects, with `messages` prebuilt requests for transfers between the workload's wallets. */
  static open(
    workload: Workload,
    messages: number,
    pairs: Pairs,
    ids: CommandIds,
    sink: AnswerSink,
  ): Promise<RestChannel> {
    return new Promise((resolve, reject) => {
      const channel = new RestChannel(workload, messages, pairs, ids, sink);
      channel.#socket.once("connect", () => resolve(channel));
      channel.#socket.once("error", reject);
    });
  }

  stage(slot: number): void {
    if (slot !== 0) throw new Error("a REST channel has one request in flight");
    writeHexId(this.#ids, this.#ring.bytes, this.#ring.take() + this.#idOffset);
  }

  flush(): void {
    this.#ring.flush((piece) => this.#socket.write(piece));
  }

  close(): void {
    this.#closed = true;
    this.#socket.destroy();
  }

  #lose(error: Error): void {
    if (this.#closed) return;
    this.close();
    this.#sink.lost(error);
  }
}

function requestText({ endpoint, wallets }: Workload, pairs: Pairs): string {
  pairs.next();
  const body = JSON.stringify({
    fromWalletId: formatUuid(wallets, pairs.from * 16),
    toWalletId: formatUuid(wallets, pairs.to * 16),
    amountMinor: pairs.amountMinor,
  });
  const lines = [
    "POST /api/v1/transfers HTTP/1.1",
    `Host: ${endpoint.host}:${endpoint.port}`,
    `Authorization: Bearer ${endpoint.key}`,
    "Content-Type: application/json",
    `Idempotency-Key: ${PLACEHOLDER_ID}`,
    `Content-Length: ${body.length}`,
    "",
    body,
  ];
  return lines.join("\r\n");
}
