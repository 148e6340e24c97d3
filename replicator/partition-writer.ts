import { setTimeout as delay } from "node:timers/promises";
import type { Doorbell } from "../engine/port/doorbell.ts";
import { unreachable } from "../protocol/unreachable.ts";
import { claimPartition, type WriterSession } from "./claim-partition.ts";
import { ReplicationGapError } from "./epoch-fold.ts";
import type { OutgoingRecord } from "./journal-record.ts";
import { KafkaLink, type ProducerIdentity } from "./kafka-link.ts";
import { JournalUnreadableError } from "./log-frame.ts";
import { monotonicMs } from "./monotonic-clock.ts";
import type { Attempts } from "./outage.ts";
import { FencedError, type PartitionProgress } from "./partition-progress.ts";
import { readThrough } from "./partition-reader.ts";
import type { ReplicatorOptions } from "./replicator-messages.ts";
import { lookAround, resumeWriting, sendBatch, type WriterStep } from "./writer-steps.ts";

/** An idle writer looks whether it still leads this many times in a session. */
const CHECKS_PER_SESSION = 5;
/** How often a writer looks that expects another node to claim, so that clients are sent there at once. */
const EXPECTING_CHECK_MS = 20;
/** A send of fewer bytes is small. */
const SMALL_SEND_BYTES = 64 << 10;

/** What a writer needs, and whom it tells. */
export interface WriterContext {
  readonly options: ReplicatorOptions;
  readonly shard: number;
  readonly progress: PartitionProgress;
  /** Rings when the shard has journaled a frame. */
  readonly appended: Doorbell;
  readonly attempts: Attempts;
  /** Another node leads; it is over. */
  readonly fenced: () => void;
  /** It cannot go on. */
  readonly failed: (error: Error) => void;
}

/**
 * Brings one shard's frames into its partition, in order and each once: one send at a time, with everything that was
 * journaled while the last was in flight.
 *
 * Nothing is guessed after an error. A new identity appends the claim once more, after which no request of the old one can
 * arrive any more; then what stands in the partition says where to go on.
 */
export class PartitionWriter {
  readonly #context: WriterContext;
  readonly #stopping = new AbortController();
  #session: WriterSession | undefined;
  #checkedMs = 0;
  #expectsUntilMs = 0;
  #done: Promise<void> = Promise.resolve();

  constructor(context: WriterContext) {
    this.#context = context;
  }

  /** When it last asked something of the partition that showed that nobody else writes there. **Units**: `monotonicMs`. */
  get checkedMs(): number {
    return this.#checkedMs;
  }

  start(session: WriterSession): void {
    this.#session = session;
    this.#checkedMs = session.claimedMs;
    this.#done = this.#run();
  }

  /** Another node is about to claim, within some time. */
  expectClaim(withinMs: number): void {
    this.#expectsUntilMs = monotonicMs() + withinMs;
    this.#context.appended.ring();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#session?.link.close();
    this.#context.appended.ring();
    await this.#done;
  }

  async #run(): Promise<void> {
    const { attempts, fenced, failed } = this.#context;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        this.#session ??= await this.#resume();
        while (!signal.aborted) {
          await this.#step(this.#session);
          attempts.succeeded();
        }
      } catch (error) {
        this.#session?.link.close();
        this.#session = undefined;
        if (signal.aborted) break;
        if (error instanceof FencedError) {
          fenced();
          break;
        }
        if (error instanceof ReplicationGapError || error instanceof JournalUnreadableError) {
          failed(error);
          break;
        }
        await attempts.failed(error, signal);
      }
    }
    this.#session?.link.close();
    attempts.end();
  }

  async #resume(): Promise<WriterSession> {
    const { options } = this.#context;
    const link = await KafkaLink.open(options, options.journalTopic);
    try {
      const session = await this.#take(resumeWriting(), link);
      if (session === undefined) throw new Error("a writer goes on without a claim");
      this.#checkedMs = session.claimedMs;
      return session;
    } catch (error) {
      link.close();
      throw error;
    }
  }

  async #step({ link, producer }: WriterSession): Promise<void> {
    const { progress, appended, options } = this.#context;
    const batch = progress.next();
    const sentMs = monotonicMs();
    if (batch.length > 0) {
      await this.#take(sendBatch(progress, batch), link, producer);
      await this.#linger(batch, sentMs);
    } else {
      const checkEveryMs =
        sentMs < this.#expectsUntilMs ? EXPECTING_CHECK_MS : options.sessionTimeoutMs / CHECKS_PER_SESSION;
      const restMs = this.#checkedMs + checkEveryMs - sentMs;
      if (restMs > 0) {
        await appended.sleepAsync(() => progress.hasNext || this.#stopping.signal.aborted, restMs);
        return;
      }
      await this.#take(lookAround(), link);
    }
    this.#checkedMs = sentMs;
  }

  /** Lets frames come together behind a small send. */
  async #linger(batch: readonly OutgoingRecord[], sentMs: number): Promise<void> {
    const { lingerMs = 0 } = this.#context.options;
    const restMs = Math.round(sentMs + lingerMs - monotonicMs());
    if (restMs <= 0 || batch.reduce((sum, { value }) => sum + value.length, 0) > SMALL_SEND_BYTES) return;
    await delay(restMs, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
  }

  /** Takes steps one after the other; returns the session that they led to. */
  async #take(
    steps: Generator<WriterStep, void, number>,
    link: KafkaLink,
    producer?: ProducerIdentity,
  ): Promise<WriterSession | undefined> {
    const { shard, progress } = this.#context;
    let session: WriterSession | undefined;
    let offset = 0;
    for (let next = steps.next(); next.done !== true; next = steps.next(offset)) {
      const step = next.value;
      switch (step.type) {
        case "readToEnd":
          offset = await link.endOffset(shard);
          await readThrough(link, shard, progress, offset, progress.read);
          break;
        case "claim":
          session = await claimPartition(link, shard, progress.claim);
          offset = session.offset;
          break;
        case "append":
          if (producer === undefined) throw new Error("a batch is sent without an identity");
          offset = await link.append(shard, step.batch, producer);
          break;
        case "readThrough":
          await readThrough(link, shard, progress, step.offset, progress.read);
          offset = step.offset;
          break;
        default:
          unreachable(step);
      }
    }
    return session;
  }
}
