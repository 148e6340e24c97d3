import { CLOSE, type Connection } from "./connection.ts";
import type { Counters } from "./counters.ts";

/** Closes a connection whose peer gave no sign of life: as slow where it has not read what was sent, else as idle. */
export function closeSilentPeer(
  connection: Pick<Connection, "bufferedBytes" | "closeSlow" | "close">,
  counters: Counters,
): void {
  if (connection.bufferedBytes() > 0) {
    counters.slowConsumersClosed += 1;
    connection.closeSlow();
  } else {
    counters.silentPeersClosed += 1;
    connection.close(CLOSE.tryAgainLater, "idle_timeout");
  }
}
