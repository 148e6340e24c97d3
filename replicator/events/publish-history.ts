/** When a transaction was begun and committed, on the clock that all threads share. */
export interface PublishTimes {
  readonly beganMs: number;
  readonly committedMs: number;
}

/** Transactions that are remembered; at a hundred a second, the last ten seconds. */
const TRANSACTIONS = 1_024;
const TIMES = 2;

/**
 * The latest transactions of a relay and how far each brought every shard, for whoever wants to know when a record was told.
 *
 * **Shape**: Float64 [transactions so far, then for each remembered one: began, committed, sequence reached by shard].
 */
export class PublishHistory {
  readonly #values: Float64Array;
  readonly #stride: number;

  constructor(shardCount: number, memory: SharedArrayBuffer) {
    this.#values = new Float64Array(memory);
    this.#stride = TIMES + shardCount;
  }

  static memory(shardCount: number): SharedArrayBuffer {
    return new SharedArrayBuffer((1 + TRANSACTIONS * (TIMES + shardCount)) * Float64Array.BYTES_PER_ELEMENT);
  }

  /** Notes a transaction that was committed. Its count is written last, so that no reader sees half of it as the newest. */
  add({ beganMs, committedMs }: PublishTimes, reached: Float64Array): void {
    const at = this.#at(this.#values[0]);
    this.#values[at] = beganMs;
    this.#values[at + 1] = committedMs;
    this.#values.set(reached, at + TIMES);
    this.#values[0] += 1;
  }

  /** The transaction that told a record; `later` where none has come so far, undefined where it is forgotten. */
  find(shard: number, sequence: number): PublishTimes | "later" | undefined {
    const count = this.#values[0];
    const reached = (transaction: number): number => this.#values[this.#at(transaction) + TIMES + shard];
    if (count === 0 || reached(count - 1) < sequence) return "later";
    const oldest = Math.max(0, count - TRANSACTIONS + 1);
    let transaction = count - 1;
    while (transaction > oldest && reached(transaction - 1) >= sequence) transaction -= 1;
    // What the oldest one told, or one before it, cannot be known any more.
    if (transaction === oldest && oldest > 0) return undefined;
    const at = this.#at(transaction);
    return { beganMs: this.#values[at], committedMs: this.#values[at + 1] };
  }

  #at(transaction: number): number {
    return 1 + (transaction % TRANSACTIONS) * this.#stride;
  }
}
