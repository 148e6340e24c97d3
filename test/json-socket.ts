import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import WebSocket from "ws";
import { ADMIN_KEY } from "./ledger-process.ts";

export type JsonMessage = Readonly<Record<string, unknown>> & { readonly requestId?: number };

/** A bare connection of the subprotocol `mizan.json.v1` that keeps what it gets, in order. */
export class JsonSocket {
  readonly messages: JsonMessage[] = [];
  /** 0 while the connection is open. */
  closeCode = 0;
  closeReason = "";
  readonly #socket: WebSocket;
  #lastRequestId = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (data: Buffer) => this.messages.push(JSON.parse(data.toString()) as JsonMessage));
    socket.on("close", (code: number, reason: Buffer) => {
      this.closeCode = code;
      this.closeReason = reason.toString();
    });
    socket.on("error", () => {});
  }

  /** Connects, with a query behind the path, and resolves with the first message, which is the Welcome. */
  static async open(url: string, query = "", key = ADMIN_KEY): Promise<JsonSocket> {
    const socket = new WebSocket(`${url.replace(/^http/, "ws")}/v1/ws${query}`, "mizan.json.v1", {
      headers: { authorization: `Bearer ${key}` },
    });
    const json = new JsonSocket(socket);
    await once(socket, "message");
    return json;
  }

  /** Sends a request and returns its id. */
  send(request: object): number {
    this.#lastRequestId += 1;
    this.#socket.send(JSON.stringify({ ...request, requestId: this.#lastRequestId }));
    return this.#lastRequestId;
  }

  answerTo(requestId: number): JsonMessage | undefined {
    return this.messages.find((message) => message.requestId === requestId);
  }

  /** Resolves with the answer to a request. */
  async answered(requestId: number): Promise<JsonMessage> {
    for (;;) {
      const answer = this.answerTo(requestId);
      if (answer !== undefined) return answer;
      if (this.closeCode !== 0) throw new Error(`closed with ${this.closeCode} before an answer`);
      await delay(2);
    }
  }

  ask(request: object): Promise<JsonMessage> {
    return this.answered(this.send(request));
  }

  /** Resolves when the other side has closed the connection. */
  async closed(): Promise<void> {
    while (this.closeCode === 0) await delay(2);
  }

  /** Versions of all balances that were told. */
  versions(): number[] {
    return this.messages
      .filter(({ type }) => type === "Balances")
      .flatMap(({ deltas }) => (deltas as readonly { readonly version: number }[]).map(({ version }) => version));
  }

  close(): void {
    this.#socket.terminate();
  }
}
