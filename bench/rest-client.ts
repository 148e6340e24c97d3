import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { ResponseStream } from "./load/response-stream.ts";
import type { Endpoint } from "./load/workload.ts";

/**
 * One kept-alive connection that asks for one thing at a time.
 *
 * `fetch` takes several times as long over a response of 15 KB as the ledger does, which is then what would be measured.
 */
export class RestClient {
  readonly #endpoint: Endpoint;
  readonly #socket: Socket;
  #onAnswer: (status: number, body: string) => void = () => {};
  #onLost: (error: Error) => void = () => {};

  private constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
    const responses = new ResponseStream((status, bytes, start, end) =>
      this.#onAnswer(status, Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString()),
    );
    this.#socket = connect({ host: endpoint.host, port: endpoint.port, noDelay: true });
    this.#socket.on("data", (chunk: Buffer) => {
      try {
        responses.push(chunk, 0, chunk.byteLength);
      } catch (error) {
        this.#onLost(error as Error);
      }
    });
    this.#socket.on("error", (error) => this.#onLost(error));
    this.#socket.on("end", () => this.#onLost(new Error("the server ended the connection")));
  }

  static async open(endpoint: Endpoint): Promise<RestClient> {
    const client = new RestClient(endpoint);
    await once(client.#socket, "connect");
    return client;
  }

  /** Resolves with the body of a successful answer. */
  get(path: string): Promise<string> {
    const { host, port, key } = this.#endpoint;
    return new Promise((resolve, reject) => {
      this.#onLost = reject;
      this.#onAnswer = (status, body) =>
        status === 200 ? resolve(body) : reject(new Error(`${path} was answered with ${status}: ${body}`));
      this.#socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}:${port}\r\nAuthorization: Bearer ${key}\r\n\r\n`);
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}
