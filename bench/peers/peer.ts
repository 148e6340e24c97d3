import type { Ledger } from "../ledger.ts";
import type { LoadOutcome } from "../load/workload.ts";

/** What a server was said to have moved. */
export type Acknowledged = Pick<LoadOutcome, "acceptedTotal" | "rejectedTotal" | "firstRejection">;

/** A running server that keeps the books of wallets, Mizan or another. */
export interface PeerServer extends Pick<Ledger, "endpoint" | "pid" | "wallets"> {
  /** Its name and version. */
  readonly title: string;
  /** Where its data is. */
  readonly directory: string;
  /** Writes what it still owes to the disk, so that what it wrote can be counted. */
  settle(): Promise<void>;
  /** Holds the books against what was acknowledged since the last audit; null where they agree. */
  audit(acknowledged: Acknowledged): Promise<string | null>;
  stop(): Promise<void>;
}
