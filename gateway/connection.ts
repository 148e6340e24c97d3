import type { WebSocket } from "uWebSockets.js";
import type { Subscriber } from "./streams/subscriber.ts";

/** The socket as the server hands it to a connection; it must not be touched after `onClose`. */
export type Socket = WebSocket<SocketData>;

/** What a socket carries from its upgrade on. */
export interface SocketData {
  readonly connection: Connection;
  /** When its peer was last heard, and when it was last asked for a heartbeat, on the clock of the rounds. */
  heardAtMs: number;
  beatAtMs: number;
}

/** One open WebSocket, whichever subprotocol it speaks. */
export interface Connection extends Subscriber {
  /** The API key behind it; when that is revoked, the connection is closed. */
  readonly keyId: string;
  onOpen(socket: Socket): void;
  /** `data` is valid during the call only. */
  onMessage(data: ArrayBuffer, isBinary: boolean): void;
  /** The socket has room again. */
  onDrain(): void;
  onClose(): void;
  /** Sends what gathered during a turn, as one message; called only after the connection asked for it. */
  flush(): void;
  /** Asks the peer for a sign of life. */
  ping(): void;
  /** The peer gave none: closes as slow where it has not read what was sent, else as idle. */
  closeSilent(): void;
  /** Called twice per heartbeat interval: sends a heartbeat if nothing was sent since the last call. */
  onHeartbeat(nowMs: number): void;
  /** Tells the peer why, then closes; what was written before is still delivered. */
  close(closeCode: number, reason: string): void;
  /** Tells the peer that another node leads, and closes. */
  dismiss(): void;
}

/** WebSocket close codes, and what they mean here. **Source**: RFC 6455 section 7.4.1 and the registry it founded. */
export const CLOSE = {
  /** The ledger is stopping. */
  goingAway: 1001,
  /** The framing is lost. */
  protocolError: 1002,
  /** Text on a binary connection, or binary on a JSON one. */
  unsupportedData: 1003,
  /** The API key was revoked, or the connection asked for what is not to be had. */
  policyViolation: 1008,
  messageTooBig: 1009,
  /** This node has stepped down: another one leads. */
  notLeader: 1012,
  /** The reader fell too far behind, or gave no sign of life; it may come back. */
  tryAgainLater: 1013,
} as const;
