import type { Doorbell } from "../engine/port/doorbell.ts";
import { claimPartition, type WriterSession } from "./claim-partition.ts";
import { ReplicationGapError } from "./epoch-fold.ts";
import { KafkaLink } from "./kafka-link.ts";
import { JournalUnreadableError } from "./log-frame.ts";
import { monotonicMs } from "./monotonic-clock.ts";
import type { Attempts } from "./outage.ts";
import { FencedError, type PartitionProgress } from "./partition-progress.ts";
import { readOn, readThrough } from "./partition-reader.ts";
import type { ReplicatorOptions } from "./replicator-messages.ts";

/** An idle writer looks whether it still leads this many times in a session. */
const CHECKS_PER_SESSION = 5;

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
    const { options, shard, progress } = this.#context;
    const link = await KafkaLink.open(options, options.journalTopic);
    try {
      // Whoever has been succeeded must not disturb the successor.
      const endOffset = await readOn(link, shard, progress, 0, progress.read);
      await readThrough(link, shard, progress, endOffset, progress.read);
      const session = await claimPartition(link, shard, progress.claim);
      await readThrough(link, shard, progress, session.offset + 1, progress.read);
      this.#checkedMs = session.claimedMs;
      return session;
    } catch (error) {
      link.close();
      throw error;
    }
  }

  async #step({ link, producer }: WriterSession): Promise<void> {
    const { shard, progress, appended, options } = this.#context;
    const batch = progress.next();
    const sentMs = monotonicMs();
    if (batch.length > 0) {
      const firstOffset = await link.append(shard, batch, producer);
      if (!progress.appended(batch, firstOffset)) {
        await readThrough(link, shard, progress, firstOffset + batch.length, progress.read);
      }
    } else {
      const restMs = this.#checkedMs + options.sessionTimeoutMs / CHECKS_PER_SESSION - sentMs;
      if (restMs > 0) {
        await appended.sleepAsync(() => progress.hasNext || this.#stopping.signal.aborted, restMs);
        return;
      }
      // What another node has written has to be read, whatever it comes to.
      await readThrough(link, shard, progress, await link.endOffset(shard), progress.read);
    }
    this.#checkedMs = sentMs;
  }
}
