import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Endpoint } from "../load/workload.ts";
import { type PeerReader, PeerSocket } from "./peer-socket.ts";

/** What Redis answers, as far as the comparison asks. */
export type RedisReply = string | number | null | readonly RedisReply[] | Error;

const COLON = 0x3a;
const DOLLAR = 0x24;
const MINUS = 0x2d;
const STAR = 0x2a;
const PLUS = 0x2b;
const CARRIAGE_RETURN = 0x0d;

/** The end of the line that begins at `at`, its line break included; -1 where it has not come. */
function lineEnd(bytes: Buffer, at: number, end: number): number {
  const found = bytes.indexOf(CARRIAGE_RETURN, at);
  return found < 0 || found + 2 > end ? -1 : found + 2;
}

/** A command as an array of binary strings. */
export function redisCommand(words: readonly (string | Uint8Array)[]): Buffer {
  const parts: Uint8Array[] = [Buffer.from(`*${words.length}\r\n`)];
  for (const word of words) {
    const bytes = Buffer.from(word);
    parts.push(Buffer.from(`$${bytes.byteLength}\r\n`), bytes, Buffer.from("\r\n"));
  }
  return Buffer.concat(parts);
}

/**
 * Reads one reply: it, and where it ends; null where its end has not come.
 *
 * **Source**: RESP2.
 */
export function readRedisReply(bytes: Buffer, at: number, end: number): { reply: RedisReply; end: number } | null {
  const next = lineEnd(bytes, at, end);
  if (next < 0) return null;
  const text = bytes.toString("latin1", at + 1, next - 2);
  switch (bytes[at]) {
    case PLUS:
      return { reply: text, end: next };
    case MINUS:
      return { reply: new Error(text), end: next };
    case COLON:
      return { reply: Number(text), end: next };
    case DOLLAR: {
      const length = Number(text);
      if (length < 0) return { reply: null, end: next };
      if (next + length + 2 > end) return null;
      return { reply: bytes.toString("latin1", next, next + length), end: next + length + 2 };
    }
    case STAR: {
      const items: RedisReply[] = [];
      let itemAt = next;
      for (let item = 0; item < Number(text); item += 1) {
        const read = readRedisReply(bytes, itemAt, end);
        if (read === null) return null;
        items.push(read.reply);
        itemAt = read.end;
      }
      return { reply: items, end: itemAt };
    }
    default:
      throw new Error(`Redis sent a reply that begins with byte ${bytes[at]}`);
  }
}

/** A connection for what surrounds a measurement, one command at a time. */
export class RedisSession implements PeerReader {
  readonly socket: PeerSocket;
  #done: ((reply: RedisReply) => void) | undefined;
  #failed: ((error: Error) => void) | undefined;

  private constructor(socket: PeerSocket) {
    this.socket = socket;
    socket.reader = this;
  }

  static async open(endpoint: Endpoint): Promise<RedisSession> {
    const session = new RedisSession(await PeerSocket.open(endpoint));
    await session.call("AUTH", endpoint.key);
    return session;
  }

  /** **Errors**: rejects with what Redis says against it. */
  async call(...words: readonly (string | Uint8Array)[]): Promise<RedisReply> {
    const reply = await new Promise<RedisReply>((resolve, reject) => {
      this.#done = resolve;
      this.#failed = reject;
      this.socket.write(redisCommand(words));
    });
    if (reply instanceof Error) throw reply;
    return reply;
  }

  close(): void {
    this.socket.close();
  }

  readBegins(): void {}

  take(bytes: Buffer, at: number, end: number): number {
    const read = readRedisReply(bytes, at, end);
    if (read === null) return at;
    this.#done?.(read.reply);
    return read.end;
  }

  readEnds(): void {}

  lost(error: Error): void {
    this.#failed?.(error);
  }
}

/** Loads one of the scripts of this folder; resolves with the hash that it is called by. */
export async function loadRedisScript(session: RedisSession, name: string): Promise<string> {
  return String(await session.call("SCRIPT", "LOAD", readFileSync(join(import.meta.dirname, name))));
}
