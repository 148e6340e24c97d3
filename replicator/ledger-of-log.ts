import { type Claim, ReplicationGapError } from "./epoch-fold.ts";
import { readRecord } from "./journal-record.ts";
import { KafkaLink, kafkaErrorType } from "./kafka-link.ts";
import type { KafkaAccess } from "./replicator-messages.ts";

const FETCH_BYTES = 1 << 20;

/**
 * The first claim in a log, which says of which ledger it is; undefined where nobody has claimed yet.
 *
 * **Errors**: rejects with `ReplicationGapError` where the beginning of the log is not kept, and where Kafka cannot be reached.
 */
export async function ledgerOfLog(access: KafkaAccess, topic: string): Promise<Claim | undefined> {
  let link: KafkaLink;
  try {
    link = await KafkaLink.open(access, topic);
  } catch (error) {
    if (kafkaErrorType(error) === "UNKNOWN_TOPIC_OR_PARTITION") return undefined;
    throw error;
  }
  try {
    const { records, endOffset } = await link.fetch(0, await link.firstOffset(0), 0, FETCH_BYTES);
    if (endOffset === 0) return undefined;
    const [first] = records.map((record) => readRecord(record, 0));
    if (first?.type === "claim" && first.offset === 0) return first.claim;
    throw new ReplicationGapError(
      `the log ${topic} does not have its beginning any more: start this node with a copy of the leader's data, or with a backup`,
    );
  } finally {
    link.close();
  }
}
