import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { Endpoint } from "../load/workload.ts";

/** One buffer serves every socket, since each read is handled before the next one begins. */
const READ_BUFFER = Buffer.alloc(262_144);

/** Who takes what comes back. `bytes` is valid during the call only. */
export interface PeerReader {
  readBegins(): void;
  /** Takes whole replies from `at` on, and returns where the first unfinished one begins. */
  take(bytes: Buffer, at: number, end: number): number;
  readEnds(): void;
  lost(error: Error): void;
}

/** A TCP connection to a server that answers in order. */
export class PeerSocket {
  /** Whoever talks on it now. */
  reader: PeerReader | undefined;
  readonly #socket: Socket;
  /** The beginning of a reply whose rest has not come. */
  #rest: Buffer | undefined;
  #isClosed = false;

  private constructor({ host, port }: Endpoint) {
    const callback = (length: number): boolean => {
      this.#onRead(READ_BUFFER, length);
      return true;
    };
    this.#socket = connect({ host, port, noDelay: true, onread: { buffer: READ_BUFFER, callback } });
    this.#socket.on("error", (error) => this.#lose(error));
    this.#socket.once("end", () => this.#lose(new Error("the server ended the connection")));
  }

  static async open(endpoint: Endpoint): Promise<PeerSocket> {
    const socket = new PeerSocket(endpoint);
    await once(socket.#socket, "connect");
    return socket;
  }

  /** Sends bytes that must not change until the server has answered them. */
  write(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  close(): void {
    this.#isClosed = true;
    this.#socket.destroy();
  }

  #onRead(chunk: Buffer, length: number): void {
    const { reader } = this;
    if (reader === undefined) return;
    try {
      const bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk.subarray(0, length)]);
      const end = this.#rest === undefined ? length : bytes.byteLength;
      reader.readBegins();
      const taken = reader.take(bytes, 0, end);
      this.#rest = taken < end ? Buffer.from(bytes.subarray(taken, end)) : undefined;
      reader.readEnds();
    } catch (error) {
      this.#lose(error as Error);
    }
  }

  #lose(error: Error): void {
    if (this.#isClosed) return;
    this.close();
    this.reader?.lost(error);
  }
}
