import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import type { Subprotocol } from "../../protocol/wire-frame.ts";
import { openSocket } from "./endpoint-socket.ts";
import { FrameStream, OPCODE } from "./frame-stream.ts";
import type { Endpoint } from "./workload.ts";

/** What the owner of a link is told; `bytes` is valid during the call only. */
export interface LinkEvents {
  readBegins(): void;
  message(bytes: Uint8Array, start: number, end: number): void;
  readEnds(): void;
  lost(error: Error): void;
}

/** How a link differs from one of a well-behaved client that any address may have. */
export interface LinkOptions {
  /** False for a peer that reads and never answers. */
  readonly answersPings?: boolean;
  /** Address to come from, where one has not enough ports. */
  readonly localAddress?: string | undefined;
}

/** One buffer serves every socket, since each read is handled before the next one begins. */
const READ_BUFFER = Buffer.alloc(262_144);
const HEAD_BYTES_MAX = 16_384;
const HEAD_END = "\r\n\r\n";

/**
 * A WebSocket connection for load: no copies, no events, no masking to compute.
 *
 * Frames from a client must be masked. A mask of zeros leaves the payload as it is, so a prebuilt message needs no pass
 * over its bytes; the server unmasks it all the same.
 */
export class WebSocketLink {
  readonly #socket: Socket;
  #onLost: (error: Error) => void = () => {};
  #closed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Connects and upgrades; resolves when the server has accepted the subprotocol. */
  static open(
    endpoint: Endpoint,
    subprotocol: Subprotocol,
    events: LinkEvents,
    { answersPings = true, localAddress }: LinkOptions = {},
  ): Promise<WebSocketLink> {
    return new Promise((resolve, reject) => {
      let head = "";
      let upgraded = false;
      const frames = new FrameStream((opcode, bytes, start, end) => {
        if (opcode === OPCODE.binary || opcode === OPCODE.text) events.message(bytes, start, end);
        else if (opcode === OPCODE.ping && answersPings)
          link.write(clientFrame(OPCODE.pong, bytes.subarray(start, end)));
        else if (opcode === OPCODE.close) link.#lose(new Error(`the server closed: ${closeReason(bytes, start, end)}`));
      });
      const onRead = (length: number, chunk: Uint8Array): boolean => {
        try {
          let start = 0;
          if (!upgraded) {
            const before = head.length;
            head += Buffer.from(chunk.buffer, chunk.byteOffset, length).toString("latin1");
            const end = head.indexOf(HEAD_END);
            if (end < 0 && head.length < HEAD_BYTES_MAX) return true;
            assertUpgraded(head, subprotocol);
            head = "";
            upgraded = true;
            start = end + HEAD_END.length - before;
            resolve(link);
          }
          events.readBegins();
          frames.push(chunk, start, length);
          events.readEnds();
        } catch (error) {
          link.#lose(error as Error);
        }
        return true;
      };
      const onOpen = (): void => void socket.write(upgradeRequest(endpoint, subprotocol));
      const socket = openSocket(endpoint, onOpen, {
        localAddress,
        onread: { buffer: READ_BUFFER, callback: onRead },
      });
      const link: WebSocketLink = new WebSocketLink(socket);
      link.#onLost = (error) => (upgraded ? events.lost(error) : reject(error));
      socket.once("error", (error) => link.#lose(error));
      socket.once("end", () => link.#lose(new Error("the server ended the connection")));
    });
  }

  #lose(error: Error): void {
    if (this.#closed) return;
    this.close();
    this.#onLost(error);
  }

  /** Sends bytes that are whole client frames; they must not change until the server has answered them. */
  write(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** Reads nothing more, until `readOn`: what the server sends fills the buffers of both sides. */
  stopReading(): void {
    this.#socket.pause();
  }

  readOn(): void {
    this.#socket.resume();
  }

  close(): void {
    this.#closed = true;
    this.#socket.destroy();
  }
}

function upgradeRequest(endpoint: Endpoint, subprotocol: Subprotocol): string {
  const lines = [
    "GET /v1/ws HTTP/1.1",
    `Host: ${endpoint.host}:${endpoint.port}`,
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}`,
    "Sec-WebSocket-Version: 13",
    `Sec-WebSocket-Protocol: ${subprotocol}`,
    `Authorization: Bearer ${endpoint.key}`,
  ];
  return lines.join("\r\n") + HEAD_END;
}

function assertUpgraded(head: string, subprotocol: Subprotocol): void {
  const accepted = /^sec-websocket-protocol: *(\S+)/im.exec(head)?.[1];
  if (!head.startsWith("HTTP/1.1 101") || accepted !== subprotocol) {
    throw new Error(`the server did not upgrade to ${subprotocol}: ${head.slice(0, 500)}`);
  }
}

function closeReason(bytes: Uint8Array, start: number, end: number): string {
  if (end - start < 2) return "no reason given";
  return `${(bytes[start] << 8) | bytes[start + 1]} ${Buffer.from(bytes.slice(start + 2, end)).toString()}`;
}

/** Header of a client frame whose mask is zero. */
export function clientFrameHeader(opcode: number, payloadBytes: number): Uint8Array {
  const length =
    payloadBytes < 126
      ? [0x80 | payloadBytes]
      : payloadBytes < 65_536
        ? [0x80 | 126, payloadBytes >>> 8, payloadBytes & 0xff]
        : [0x80 | 127, 0, 0, 0, 0, payloadBytes >>> 24, payloadBytes >>> 16, payloadBytes >>> 8, payloadBytes];
  return Uint8Array.from([0x80 | opcode, ...length, 0, 0, 0, 0]);
}

/** A whole client frame around a payload. */
export function clientFrame(opcode: number, payload: Uint8Array): Uint8Array {
  return Buffer.concat([clientFrameHeader(opcode, payload.byteLength), payload]);
}
