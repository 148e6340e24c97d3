import type { JournalReaderOptions } from "../../engine/journal/journal-reader.ts";
import type { ReplicationMemory } from "../../engine/replication/replication-memory.ts";
import type { SharedColumns } from "../../engine/wallet/wallet-columns.ts";
import type { BrokerAccess } from "../../protocol/broker-access.ts";
import type { EventAggregate } from "../../protocol/events/event-types.ts";
import type { LogReport } from "../replicator-messages.ts";

/** Which ledger is told about, and where. */
export interface EventRelayOptions extends BrokerAccess {
  readonly ledgerId: string;
  readonly topics: Readonly<Record<EventAggregate, string>>;
  /** Where the relay keeps, in the transactions of its events, how far it has come; for this ledger alone. */
  readonly progressTopic: string;
  /** Partitions of a topic of events that the relay has to create. */
  readonly topicPartitions: number;
}

/** What the relay reads of each shard, one an element. */
export interface EventRelaySources {
  readonly journals: readonly JournalReaderOptions[];
  readonly columns: readonly SharedColumns[];
  /** Without it every record that is durable may be told. */
  readonly replication: readonly Pick<ReplicationMemory, "lanes">[] | undefined;
}

/** What the relay's thread is started with. */
export interface EventRelayThreadData {
  readonly options: EventRelayOptions;
  readonly sources: EventRelaySources;
  /** Float64, one a shard: the sequence up to which everything is told. */
  readonly told: SharedArrayBuffer;
  /** Of a `PublishHistory`. */
  readonly history: SharedArrayBuffer;
}

/** What the relay's thread tells its owner. */
export type EventRelayReport = LogReport | { readonly type: "stopped" };

export type RelayLog = (level: LogReport["level"], fact: LogReport["fact"], fields: LogReport["fields"]) => void;
