import type { Claim } from "./epoch-fold.ts";
import { claimRecord } from "./journal-record.ts";
import { producerName } from "./journal-topic.ts";
import type { KafkaLink, ProducerIdentity } from "./kafka-link.ts";
import { monotonicMs } from "./monotonic-clock.ts";

/** Connections of a node to a partition to which it has appended its claim. */
export interface WriterSession {
  readonly link: KafkaLink;
  readonly producer: ProducerIdentity;
  /** When the claim was sent. **Units**: `monotonicMs`. */
  readonly claimedMs: number;
  /** Of the claim's record. What it comes to is known when it has been read. */
  readonly offset: number;
}

/**
 * Appends a claim to a shard's partition under a new identity. From then on the partition takes nothing more from anybody who
 * claimed it before, requests that are still on their way included.
 */
export async function claimPartition(link: KafkaLink, shard: number, claim: Claim): Promise<WriterSession> {
  const producer = await link.newProducer(producerName(link.topic, shard));
  const claimedMs = monotonicMs();
  const offset = await link.append(shard, [claimRecord(claim, Date.now())], producer);
  return { link, producer, claimedMs, offset };
}
