import { setTimeout as delay } from "node:timers/promises";
import { type LogRecord, ReplicationGapError } from "./epoch-fold.ts";
import type { JournalFold } from "./journal-fold.ts";
import { KafkaLink } from "./kafka-link.ts";
import { DivergedError, JournalUnreadableError } from "./log-frame.ts";
import type { Attempts } from "./outage.ts";
import { readOn } from "./partition-reader.ts";
import type { LogAccess } from "./replicator-messages.ts";

const WAIT_MS = 500;
/** How often a follower looks that waits for another one, or for room in a ring, which has no bell to tell of it. */
const POLL_MS = 1;
/**
 * Frames of a shard that are kept while they wait for other shards. Beyond that the others are read first; where those rest, more
 * frames are folded, and read once more when they count.
 */
const WAITING_BYTES_MAX = 32 << 20;

/** What a follower needs, and whom it tells. */
export interface FollowerContext {
  readonly options: LogAccess;
  readonly shard: number;
  readonly fold: JournalFold;
  /** Passes on what counts, and reads again what of it was not kept; whether that was everything. */
  readonly flush: (link: KafkaLink) => Promise<boolean>;
  /** Whether all frames are kept however many wait, because `flush` reads none again. */
  readonly keepsAll: boolean;
  /** Whether the followers of all other shards rest. */
  readonly othersRest: () => boolean;
  readonly attempts: Attempts;
  /** It has read everything that there is. */
  readonly atEnd: () => void;
  /** It cannot go on. */
  readonly failed: (error: Error) => void;
}

/** Folds one shard's partition as it grows. */
export class PartitionFollower {
  readonly #context: FollowerContext;
  readonly #stopping = new AbortController();
  readonly #waiting: { readonly offset: number; readonly done: () => void }[] = [];
  #link: KafkaLink | undefined;
  #endOffset = Number.POSITIVE_INFINITY;
  #isHeldUp = false;
  #done: Promise<void> = Promise.resolve();

  constructor(context: FollowerContext) {
    this.#context = context;
  }

  /** Records that are in the log and not taken yet; infinite until the log has been reached. */
  get behindRecords(): number {
    return Math.max(0, this.#endOffset - this.#offset);
  }

  /** Whether it has read everything that there is, or waits for another one: then nothing of it will let others go on. */
  get isResting(): boolean {
    return this.#isHeldUp || this.behindRecords === 0;
  }

  start(): void {
    this.#done = this.#run();
  }

  /** Ends it. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#link?.close();
    await this.#done;
  }

  /** Resolves when everything before an offset is folded. Never resolves where it stops or fails before. */
  reached(offset: number): Promise<void> {
    if (this.#offset >= offset) return Promise.resolve();
    return new Promise((done) => this.#waiting.push({ offset, done }));
  }

  get #offset(): number {
    return this.#context.fold.partition(this.#context.shard).offset;
  }

  async #run(): Promise<void> {
    const { options, attempts, failed } = this.#context;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        this.#link ??= await KafkaLink.open(options, options.journalTopic);
        // An error may have come between what was folded last and what that let through.
        await this.#passOn(this.#link);
        while (!signal.aborted) {
          await this.#readOn(this.#link);
          attempts.succeeded();
        }
      } catch (error) {
        this.#link?.close();
        this.#link = undefined;
        if (signal.aborted) break;
        if (isFinal(error)) {
          failed(error);
          break;
        }
        await attempts.failed(error, signal);
      }
    }
    this.#link?.close();
    attempts.end();
  }

  async #readOn(link: KafkaLink): Promise<void> {
    const { shard, fold } = this.#context;
    this.#endOffset = await readOn(link, shard, fold.partition(shard), WAIT_MS, (record) => this.#take(link, record));
    if (this.behindRecords === 0) this.#context.atEnd();
  }

  async #take(link: KafkaLink, record: LogRecord): Promise<void> {
    const { shard, fold, keepsAll, othersRest } = this.#context;
    const isFull = (): boolean => fold.waitingBytes(shard) > WAITING_BYTES_MAX;
    const mustWait = (): boolean => fold.mustWait(shard, record) || (isFull() && !othersRest());
    for (this.#isHeldUp = mustWait(); this.#isHeldUp; this.#isHeldUp = mustWait()) {
      await delay(POLL_MS, undefined, { signal: this.#stopping.signal });
    }
    fold.apply(shard, record, keepsAll || !isFull());
    await this.#passOn(link);
  }

  /** Hands over all that counts, and tells those who wait for it. */
  async #passOn(link: KafkaLink): Promise<void> {
    while (!(await this.#context.flush(link))) await delay(POLL_MS, undefined, { signal: this.#stopping.signal });
    for (let index = this.#waiting.length - 1; index >= 0; index -= 1) {
      if (this.#waiting[index].offset > this.#offset) continue;
      this.#waiting[index].done();
      this.#waiting.splice(index, 1);
    }
  }
}

/** Whether the same would come of the next attempt. */
function isFinal(error: unknown): error is Error {
  return (
    error instanceof ReplicationGapError || error instanceof DivergedError || error instanceof JournalUnreadableError
  );
}
