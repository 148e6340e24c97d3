import type { PeerMessage } from "../reference-books.ts";
import type { Random } from "./random.ts";

/** A message from one shard to another, as the ledger sent it and as the reference ledger did. */
export interface SentMessage {
  readonly fromShard: number;
  readonly toShard: number;
  readonly kind: number;
  readonly payload: Uint8Array;
  readonly reference: PeerMessage;
}

interface InFlight {
  readonly number: number;
  readonly message: SentMessage;
}

/** What is on its way between the shards; it dies with the process. */
export class Network {
  readonly #inFlight: InFlight[] = [];
  #count = 0;

  get size(): number {
    return this.#inFlight.length;
  }

  add(message: SentMessage): void {
    this.#count += 1;
    this.#inFlight.push({ number: this.#count, message });
  }

  clear(): void {
    this.#inFlight.length = 0;
  }

  /**
   * The message to be delivered next: the oldest one, or any with `mayOvertake`.
   *
   * With `keeps` it stays in flight, and is delivered again some time.
   */
  next(random: Random, mayOvertake: boolean, keeps: boolean): InFlight {
    const index = mayOvertake ? random.below(this.#inFlight.length) : 0;
    const inFlight = this.#inFlight[index];
    if (!keeps) this.#inFlight.splice(index, 1);
    return inFlight;
  }
}
