import { readFileSync } from "node:fs";
import type { LedgerFile } from "../engine/ledger-file.ts";
import type { BrokerAccess } from "../protocol/broker-access.ts";
import type { KafkaAccess, ReplicatorOptions } from "../replicator/replicator-messages.ts";
import type { Config } from "./config.ts";
import { readNodeId } from "./node-id.ts";
import { StartError } from "./start-error.ts";

/** What the log is behind by this long costs nobody anything, where answers do not wait for it. */
const LOCAL_LINGER_MS = 5;

/** How the brokers are reached. **Errors**: throws a `StartError` of the code `kafka_ca_unreadable`. */
export function brokerAccess(config: Config): BrokerAccess {
  const { kafkaUsername: username, kafkaPassword: password, kafkaMechanism: mechanism } = config;
  return {
    brokers: config.kafkaBrokers,
    tls: config.kafkaTls === "on" && (config.kafkaCaFile === undefined || { ca: readAuthority(config.kafkaCaFile) }),
    ...(username === undefined || password === undefined ? {} : { sasl: { mechanism, username, password } }),
  };
}

function readAuthority(path: string): string {
  let problem = "there is no certificate in it";
  try {
    const pem = readFileSync(path, "utf8");
    if (pem.includes("-----BEGIN CERTIFICATE-----")) return pem;
  } catch (error) {
    problem = error instanceof Error ? error.message : String(error);
  }
  throw new StartError("kafka_ca_unreadable", `the certificates of MIZAN_KAFKA_CA_FILE=${path}: ${problem}`);
}

/**
 * How the brokers are reached, and under what name: without one, that of the node in the data directory.
 *
 * **Errors**: those of `brokerAccess`.
 */
export function kafkaAccess(config: Config, nodeId = readNodeId(config.dataDir)): KafkaAccess {
  return {
    ...brokerAccess(config),
    nodeId,
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
    lingerMs: config.acks === "local" ? LOCAL_LINGER_MS : 0,
  };
}
