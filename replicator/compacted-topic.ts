import { Kafka, logLevel } from "kafkajs";
import { kafkaConnection } from "../protocol/broker-access.ts";
import type { IncomingRecord, OutgoingRecord } from "./journal-record.ts";
import { KafkaLink, type ProducerIdentity } from "./kafka-link.ts";
import { Outage } from "./outage.ts";
import type { KafkaAccess } from "./replicator-messages.ts";
import { createTopics } from "./topics.ts";

const PARTITION = 0;
const FETCH_WAIT_MS = 250;
const FETCH_BYTES_MAX = 2 << 20;
const ADMIN_TIMEOUT_MS = 5_000;
const REPLICAS_MAX = 3;
/** Records of one request. */
const RECORDS_AT_ONCE = 1_000;

export interface CompactedTopicOptions {
  readonly access: KafkaAccess;
  readonly topic: string;
  /** An older record of a key is gone after this long, if the brokers' cleaner runs. */
  readonly compactionLagMs: number;
  /** How long an append is tried. */
  readonly appendWithinMs: number;
  /** Takes each record, in order; the next one waits until it is done. One may come again after an error. */
  readonly take: (record: IncomingRecord) => Promise<void>;
  /** Told when Kafka cannot be reached, and when it can again. */
  readonly onOutage: (isOut: boolean, reason: string) => void;
}

interface Waiting {
  readonly records: readonly OutgoingRecord[];
  readonly deadlineMs: number;
  readonly resolve: () => void;
  readonly reject: (error: NotAppendedError) => void;
}

/** A record that the brokers have not confirmed in time; it may still be appended. */
export class NotAppendedError extends Error {
  constructor(topic: string, cause: unknown) {
    super(`${topic} does not take records`, { cause });
  }
}

/**
 * A topic of one partition whose newest record of each key counts: read from its beginning and followed, and appended to.
 *
 * Records are appended without a producer's number, so one may come twice, or behind a later one where an answer was lost; what they
 * mean must not depend on that. A broker keeps no empty batches of such records, so its end can always be read to.
 */
export class CompactedTopic {
  readonly #options: CompactedTopicOptions;
  readonly #stopping = new AbortController();
  readonly #outage: Outage;
  readonly #following: Promise<void>;
  readonly #caughtUp = new Set<() => void>();
  #offset = 0;
  /** Not confirmed yet, in the order in which they came. */
  #waiting: Waiting[] = [];
  #appending: Promise<void> | undefined;
  #link: KafkaLink | undefined;

  constructor(options: CompactedTopicOptions) {
    this.#options = options;
    this.#outage = new Outage(options.onOutage);
    this.#following = this.#follow();
  }

  /** Resolves when everything is taken that the brokers have confirmed by now. */
  caughtUp(): Promise<void> {
    return new Promise((resolve) => this.#caughtUp.add(resolve));
  }

  /** Appends records, confirmed by all replicas in sync. **Errors**: rejects with a `NotAppendedError`. */
  append(records: readonly OutgoingRecord[]): Promise<void> {
    if (records.length === 0) return Promise.resolve();
    const deadlineMs = performance.now() + this.#options.appendWithinMs;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ records, deadlineMs, resolve, reject });
      this.#appending ??= this.#appendAll().finally(() => {
        this.#appending = undefined;
      });
    });
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#link?.close();
    await this.#following;
    await this.#appending;
  }

  /** Sends what waits, in one request what came while the last one was under way. */
  async #appendAll(): Promise<void> {
    const { signal } = this.#stopping;
    const attempts = this.#outage.attempts();
    while (this.#waiting.length > 0) {
      const taken = [...this.#waiting];
      try {
        await this.#append(taken.flatMap(({ records }) => records));
        attempts.succeeded();
        this.#waiting.splice(0, taken.length);
        for (const { resolve } of taken) resolve();
      } catch (error) {
        this.#link?.close();
        this.#link = undefined;
        await attempts.failed(error, signal);
        this.#giveUp(error);
      }
    }
    attempts.end();
  }

  /** What was tried for long enough is refused; all of it when nothing more is tried. */
  #giveUp(cause: unknown): void {
    const { topic } = this.#options;
    const nowMs = this.#stopping.signal.aborted ? Number.POSITIVE_INFINITY : performance.now();
    const late = this.#waiting.filter(({ deadlineMs }) => deadlineMs <= nowMs);
    this.#waiting = this.#waiting.filter(({ deadlineMs }) => deadlineMs > nowMs);
    for (const { reject } of late) reject(new NotAppendedError(topic, cause));
  }

  async #append(records: readonly OutgoingRecord[]): Promise<void> {
    const { access, topic } = this.#options;
    this.#link ??= await KafkaLink.open(access, topic);
    for (let sent = 0; sent < records.length; sent += RECORDS_AT_ONCE) {
      await this.#link.append(PARTITION, records.slice(sent, sent + RECORDS_AT_ONCE), nobody());
    }
  }

  async #follow(): Promise<void> {
    const { access, topic } = this.#options;
    const { signal } = this.#stopping;
    const attempts = this.#outage.attempts();
    let isMade = false;
    while (!signal.aborted) {
      let link: KafkaLink | undefined;
      const close = (): void => link?.close();
      signal.addEventListener("abort", close);
      try {
        if (!isMade) await this.#make();
        isMade = true;
        link = await KafkaLink.open(access, topic);
        this.#offset = Math.max(this.#offset, await link.firstOffset(PARTITION));
        while (!signal.aborted) await this.#read(link, () => attempts.succeeded());
      } catch (error) {
        if (!signal.aborted) await attempts.failed(error, signal);
      } finally {
        signal.removeEventListener("abort", close);
        link?.close();
      }
    }
    attempts.end();
  }

  async #read(link: KafkaLink, onAnswer: () => void): Promise<void> {
    // Only who asked before this request knows that its end is behind what was confirmed.
    const asked = [...this.#caughtUp];
    const { records, endOffset } = await link.fetch(PARTITION, this.#offset, FETCH_WAIT_MS, FETCH_BYTES_MAX);
    onAnswer();
    for (const record of records) {
      await this.#options.take(record);
      this.#offset = record.offset + 1;
    }
    if (this.#offset < endOffset) return;
    for (const resolve of asked) {
      this.#caughtUp.delete(resolve);
      resolve();
    }
  }

  async #make(): Promise<void> {
    const { access, topic, compactionLagMs } = this.#options;
    const admin = new Kafka({
      ...kafkaConnection(access),
      clientId: access.nodeId,
      logLevel: logLevel.NOTHING,
      requestTimeout: ADMIN_TIMEOUT_MS,
      retry: { retries: 0 },
    }).admin();
    try {
      await admin.connect();
      const { brokers } = await admin.describeCluster();
      const replicas = Math.min(REPLICAS_MAX, brokers.length);
      const config = {
        "cleanup.policy": "compact",
        "min.insync.replicas": String(Math.max(1, replicas - 1)),
        "max.compaction.lag.ms": String(compactionLagMs),
        "segment.ms": String(compactionLagMs),
        "min.cleanable.dirty.ratio": "0.01",
        "file.delete.delay.ms": "1000",
        // A ledger's clock never goes back, so it may be ahead of the brokers'.
        "message.timestamp.after.max.ms": "9223372036854775807",
      };
      await createTopics(admin, [{ topic, partitions: 1, replicas, config }]);
    } finally {
      await admin.disconnect();
    }
  }
}

/** Who appends without being known. */
function nobody(): ProducerIdentity {
  return { producerId: "-1", producerEpoch: -1, nextNumber: -1 };
}
