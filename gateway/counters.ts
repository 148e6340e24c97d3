import type { Code } from "../protocol/codes.ts";

/** What the gateway counts while it runs; plain numbers, so that counting costs nothing. */
export class Counters {
  binaryConnections = 0;
  jsonConnections = 0;
  /** Sockets since the start; each is known by its number. */
  connectionsOpened = 0;
  messagesReceived = 0;
  bytesReceived = 0;
  bytesSent = 0;
  slowConsumersClosed = 0;
  silentPeersClosed = 0;
  watchedWallets = 0;
  deltasPublished = 0;
  deltasDelivered = 0;
  deltasConflated = 0;
  replicationPending = 0;
  slowRequests = 0;
  /** Requests over sockets that were refused as a whole, by code. */
  readonly refused = new Map<Code, number>();

  refuse(code: Code): void {
    this.refused.set(code, (this.refused.get(code) ?? 0) + 1);
  }
}
