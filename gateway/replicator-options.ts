import type { LedgerFile } from "../engine/ledger-file.ts";
import type { KafkaAccess, ReplicatorOptions } from "../replicator/replicator-messages.ts";
import type { Config } from "./config.ts";
import { readNodeId } from "./node-id.ts";

/** How this node reaches the brokers, and under what name. */
export function kafkaAccess(config: Config): KafkaAccess {
  const { kafkaUsername: username, kafkaPassword: password, kafkaMechanism: mechanism } = config;
  return {
    brokers: config.kafkaBrokers,
    tls: config.kafkaTls === "on",
    ...(username === undefined || password === undefined ? {} : { sasl: { mechanism, username, password } }),
    nodeId: readNodeId(config.dataDir),
    sessionTimeoutMs: config.sessionTimeoutMs,
  };
}

/** Who this node is in the log of a ledger. */
export function replicatorOptions(config: Config, ledger: LedgerFile): ReplicatorOptions {
  return {
    ...kafkaAccess(config),
    journalTopic: config.journalTopic,
    nodeUrl: config.nodeUrl ?? `http://${config.host}:${config.port}`,
    ledger,
    ledgerId: ledger.ledgerId,
    shardCount: ledger.shards,
  };
}
