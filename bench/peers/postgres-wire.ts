import type { Endpoint } from "../load/workload.ts";
import { type PeerReader, PeerSocket } from "./peer-socket.ts";

/** Who connects, and to what. */
export const POSTGRES_USER = "mizan";
const POSTGRES_DATABASE = "postgres";
const PROTOCOL_VERSION = 196_608;
const HEADER_BYTES = 5;
const AUTHENTICATION_OK = 0;
const AUTHENTICATION_CLEARTEXT = 3;

/** Types of messages from the server. */
export const BACKEND = { authentication: 0x52, dataRow: 0x44, error: 0x45, ready: 0x5a } as const;

/**
 * A message to the server: its type, its length, its fields.
 *
 * **Source**: the PostgreSQL frontend/backend protocol 3.0.
 */
export function postgresMessage(type: string, ...fields: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(fields);
  return Buffer.concat([Buffer.from(type), int32(body.byteLength + 4), body]);
}

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

export function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

export function text(value: string): Buffer {
  return Buffer.from(`${value}\0`);
}

/** Where the message that begins at `at` ends; -1 where its end has not come. */
export function messageEnd(bytes: Buffer, at: number, end: number): number {
  if (at + HEADER_BYTES > end) return -1;
  const messageEnds = at + 1 + bytes.readInt32BE(at + 1);
  return messageEnds > end ? -1 : messageEnds;
}

/** What an error message says. */
export function errorText(bytes: Buffer, at: number, end: number): string {
  const fields = bytes.toString("utf8", at + HEADER_BYTES, end).split("\0");
  return fields.find((field) => field.startsWith("M"))?.slice(1) ?? "an error without a text";
}

/** A connection for what surrounds a measurement, one request at a time. */
export class PostgresSession implements PeerReader {
  readonly socket: PeerSocket;
  readonly #key: string;
  #rows: (string | null)[][] = [];
  #error: Error | undefined;
  #done: (() => void) | undefined;
  #failed: ((error: Error) => void) | undefined;

  private constructor(socket: PeerSocket, key: string) {
    this.socket = socket;
    this.#key = key;
    socket.reader = this;
  }

  static async open(endpoint: Endpoint): Promise<PostgresSession> {
    const session = new PostgresSession(await PeerSocket.open(endpoint), endpoint.key);
    const startup = [
      int32(PROTOCOL_VERSION),
      text("user"),
      text(POSTGRES_USER),
      text("database"),
      text(POSTGRES_DATABASE),
    ];
    const body = Buffer.concat([...startup, text("")]);
    await session.#exchange(Buffer.concat([int32(body.byteLength + 4), body]));
    return session;
  }

  /** Runs statements, and resolves with the rows that they gave as text. **Errors**: rejects with what the server says. */
  query(sql: string): Promise<readonly (readonly (string | null)[])[]> {
    return this.#exchange(postgresMessage("Q", text(sql)));
  }

  /** Prepares a statement under a name. */
  async prepare(name: string, sql: string): Promise<void> {
    await this.#exchange(Buffer.concat([postgresMessage("P", text(name), text(sql), int16(0)), postgresMessage("S")]));
  }

  close(): void {
    this.socket.close();
  }

  readBegins(): void {}

  take(bytes: Buffer, at: number, end: number): number {
    let next = at;
    for (;;) {
      const messageEnds = messageEnd(bytes, next, end);
      if (messageEnds < 0) return next;
      this.#onMessage(bytes, next, messageEnds);
      next = messageEnds;
    }
  }

  readEnds(): void {}

  lost(error: Error): void {
    this.#failed?.(this.#error ?? error);
  }

  async #exchange(message: Uint8Array): Promise<(string | null)[][]> {
    this.#rows = [];
    this.#error = undefined;
    await new Promise<void>((resolve, reject) => {
      this.#done = resolve;
      this.#failed = reject;
      this.socket.write(message);
    });
    if (this.#error !== undefined) throw this.#error;
    return this.#rows;
  }

  #onMessage(bytes: Buffer, at: number, end: number): void {
    const body = at + HEADER_BYTES;
    switch (bytes[at]) {
      case BACKEND.authentication: {
        const wanted = bytes.readInt32BE(body);
        if (wanted === AUTHENTICATION_CLEARTEXT) this.socket.write(postgresMessage("p", text(this.#key)));
        else if (wanted !== AUTHENTICATION_OK) throw new Error(`PostgreSQL wants authentication ${wanted}`);
        return;
      }
      case BACKEND.dataRow:
        this.#rows.push(readRow(bytes, body));
        return;
      case BACKEND.error:
        this.#error = new Error(errorText(bytes, at, end));
        return;
      case BACKEND.ready:
        this.#done?.();
        return;
      default:
    }
  }
}

function readRow(bytes: Buffer, start: number): (string | null)[] {
  const row: (string | null)[] = [];
  let at = start + 2;
  for (let column = 0; column < bytes.readInt16BE(start); column += 1) {
    const length = bytes.readInt32BE(at);
    at += 4;
    row.push(length < 0 ? null : bytes.toString("utf8", at, at + length));
    at += Math.max(0, length);
  }
  return row;
}
