import type { RingReader } from "../engine/port/ring.ts";
import type { Waiting } from "./request-table.ts";

/** A request with one answer from each shard that it was sent to; without it in time, it is refused. */
export class SingleAnswer implements Waiting {
  readonly #take: (replies: RingReader, offset: number, shard: number) => void;
  readonly #refuse: () => void;
  #isExpired = false;

  constructor(take: (replies: RingReader, offset: number, shard: number) => void, refuse: () => void) {
    this.#take = take;
    this.#refuse = refuse;
  }

  take(replies: RingReader, offset: number, shard: number): boolean {
    if (!this.#isExpired) this.#take(replies, offset, shard);
    return true;
  }

  expire(): void {
    if (this.#isExpired) return;
    this.#isExpired = true;
    this.#refuse();
  }
}
