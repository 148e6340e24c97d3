import type { Asker } from "../caller.ts";

/** A reader of balance streams, as the streams see a connection. */
export interface Subscriber {
  readonly principal: Asker;
  /** Bytes that wait in the socket because the peer does not read them. */
  bufferedBytes(): number;
  /** Sends delta records of DELTA_BYTES with their flags set; valid during the call only. */
  sendDeltas(deltas: Uint8Array, count: number): void;
  /** The hard limit is exceeded: tells the peer `slow_consumer`, then closes. */
  closeSlow(): void;
}
