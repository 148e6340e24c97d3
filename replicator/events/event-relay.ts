import { setTimeout as delay } from "node:timers/promises";
import { Kafka, logLevel } from "kafkajs";
import { sharedClockMs } from "../../engine/meter/shared-clock.ts";
import { kafkaConnection } from "../../protocol/broker-access.ts";
import { eventSource } from "../../protocol/events/cloud-event.ts";
import { EventBatch, EventHeaders } from "./event-batch.ts";
import type { PublishHistory } from "./publish-history.ts";
import type { EventRelayOptions, EventRelaySources, RelayLog } from "./relay-options.ts";
import { RelayProducer } from "./relay-producer.ts";
import { openTopics, type RelayTopics } from "./relay-topics.ts";
import { ShardFeed } from "./shard-feed.ts";

const RETRY = { initialRetryTime: 50, maxRetryTime: 1_000, retries: 5 };
const CONNECT_MS_MAX = 3_000;
const REQUEST_MS_MAX = 10_000;
/** How often an idle relay looks for new records; a look takes some 20 µs a shard. */
const LOOK_EVERY_MS = 3;
/** Records without an event after which progress is written nevertheless. */
const SILENT_RECORDS_MAX = 65_536;
const AGAIN_MS_FIRST = 100;
const AGAIN_MS_MAX = 5_000;

/**
 * Tells what happened in the ledger as CloudEvents on Kafka: everything once, in the order of each shard's journal.
 *
 * The journal is the outbox. A transaction of Kafka takes events and the positions they reach together, so whatever dies,
 * the next relay goes on right behind what a reader of committed records can see.
 */
export class EventRelay {
  readonly #kafka: Kafka;
  readonly #options: EventRelayOptions;
  readonly #log: RelayLog;
  readonly #feeds: readonly ShardFeed[];
  readonly #headers: readonly EventHeaders[];
  readonly #told: Float64Array;
  readonly #history: PublishHistory | undefined;
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();

  /** `told` takes, for each shard, the sequence up to which everything is told; `history` the transactions that told it. */
  constructor(
    options: EventRelayOptions,
    sources: EventRelaySources,
    told: Float64Array,
    log: RelayLog,
    history?: PublishHistory,
  ) {
    this.#kafka = new Kafka({
      ...kafkaConnection(options),
      clientId: "mizan-events",
      logLevel: logLevel.NOTHING,
      connectionTimeout: CONNECT_MS_MAX,
      requestTimeout: REQUEST_MS_MAX,
      retry: RETRY,
    });
    this.#options = options;
    this.#log = log;
    this.#told = told;
    this.#history = history;
    this.#feeds = sources.journals.map(({ shard }) => new ShardFeed(shard, sources));
    this.#headers = sources.journals.map(({ shard }) => new EventHeaders(eventSource(options.ledgerId, shard)));
  }

  /** Begins; what cannot be reached is tried again until `stop`. */
  start(): void {
    this.#running = this.#run();
  }

  /** Ends after the transaction that is under way. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    for (const feed of this.#feeds) feed.close();
  }

  get #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  /** Whatever fails is begun again from what was committed, after a pause. */
  async #run(): Promise<void> {
    let againMs = AGAIN_MS_FIRST;
    while (!this.#isStopping) {
      const before = sum(this.#told);
      try {
        await this.#relay();
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        this.#log("warn", "events are held up, and go on from what was committed", { message, againMs });
        await this.#pause(againMs);
        againMs = sum(this.#told) > before ? AGAIN_MS_FIRST : Math.min(againMs * 2, AGAIN_MS_MAX);
      }
    }
  }

  async #relay(): Promise<void> {
    const topics = await openTopics(this.#kafka, this.#options);
    const transactionalId = `mizan-relay-${this.#options.ledgerId}`;
    const { producer, progress } = await RelayProducer.open(this.#kafka, this.#options, topics, transactionalId);
    try {
      for (const [shard, feed] of this.#feeds.entries()) {
        feed.begin(progress?.[shard] ?? undefined);
        this.#told[shard] = feed.sequence;
      }
      this.#log("info", "telling events", { behind: this.#feeds.map((feed, shard) => `${shard}:${feed.sequence}`) });
      await this.#tell(producer, topics);
    } finally {
      producer.close();
    }
  }

  /** While one batch is being sent, the next one fills. */
  async #tell(producer: RelayProducer, topics: RelayTopics): Promise<void> {
    const partitions = topics.events.map((topic) => topic.partitions);
    const batches = [new EventBatch(this.#headers, partitions), new EventBatch(this.#headers, partitions)];
    let told = this.#sequences();
    let sending = Promise.resolve();
    for (let turn = 0; !this.#isStopping; ) {
      const batch = batches[turn % 2];
      this.#fill(batch, turn);
      await sending;
      this.#fill(batch, turn);
      const reached = this.#sequences();
      // Records without an event need no telling.
      this.#told.set(batch.events === 0 ? reached : told);
      if (batch.events === 0 && sum(reached) - sum(told) < SILENT_RECORDS_MAX) {
        await this.#pause(LOOK_EVERY_MS);
        continue;
      }
      told = reached;
      const beganMs = sharedClockMs();
      const progress = this.#feeds.map((feed) => feed.progress ?? null);
      sending = producer
        .send(batch, progress)
        .then(() => this.#history?.add({ beganMs, committedMs: sharedClockMs() }, reached));
      // Whoever awaits it hears of its failure; until then nobody would.
      sending.catch(() => {});
      turn += 1;
      batches[turn % 2].clear();
    }
    await sending;
    this.#told.set(told);
  }

  /** Fills a batch from all shards, beginning with another one each time, so that none waits for a busy one. */
  #fill(batch: EventBatch, turn: number): void {
    for (let nth = 0; nth < this.#feeds.length; nth += 1) this.#feeds[(turn + nth) % this.#feeds.length].fill(batch);
  }

  #sequences(): Float64Array {
    return Float64Array.from(this.#feeds, (feed) => feed.sequence);
  }

  async #pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#stopping.signal }).catch(() => {});
  }
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0);
}
