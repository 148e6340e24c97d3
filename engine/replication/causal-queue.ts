import type { Cause } from "../object/cause.ts";

interface Waiting<T> {
  readonly lastSequence: number;
  readonly causes: readonly Cause[];
  readonly item: T;
}

/**
 * Lets frames through in an order in which none comes before one that it follows from.
 *
 * Each shard's frames are added in their own order. Nothing waits for ever: among the first ones that wait there is always one
 * that follows from none of the others, as soon as all that they follow from has been added.
 */
export class CausalQueue<T> {
  readonly #waiting: Waiting<T>[][];
  readonly #throughSequences: number[];
  readonly #release: (shard: number, lastSequence: number, item: T) => void;

  /** `throughSequences` is what counts already, one number a shard; `release` is told of each frame that counts now. */
  constructor(throughSequences: readonly number[], release: (shard: number, lastSequence: number, item: T) => void) {
    this.#throughSequences = [...throughSequences];
    this.#waiting = throughSequences.map(() => []);
    this.#release = release;
  }

  /** The last sequence of a shard that has been let through. */
  throughSequence(shard: number): number {
    return this.#throughSequences[shard];
  }

  /** Frames of a shard that wait. */
  waiting(shard: number): number {
    return this.#waiting[shard].length;
  }

  add(shard: number, lastSequence: number, causes: readonly Cause[], item: T): void {
    this.#waiting[shard].push({ lastSequence, causes, item });
    if (this.#waiting[shard].length === 1) this.#letThrough();
  }

  /** Forgets the frames of a shard that wait: what they follow from is not going to come. */
  drop(shard: number): void {
    this.#waiting[shard].length = 0;
  }

  #letThrough(): void {
    for (let shard = 0; shard < this.#waiting.length; ) {
      shard = this.#letThroughOf(shard) ? 0 : shard + 1;
    }
  }

  /** Whether any frame of a shard could go. */
  #letThroughOf(shard: number): boolean {
    const waiting = this.#waiting[shard];
    let gone = 0;
    for (; gone < waiting.length && this.#mayGo(waiting[gone].causes); gone += 1) {
      const { lastSequence, item } = waiting[gone];
      this.#throughSequences[shard] = lastSequence;
      this.#release(shard, lastSequence, item);
    }
    waiting.splice(0, gone);
    return gone > 0;
  }

  #mayGo(causes: readonly Cause[]): boolean {
    return causes.every(({ shard, sequence }) => this.#throughSequences[shard] >= sequence);
  }
}
