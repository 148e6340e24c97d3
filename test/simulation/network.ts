import type { PeerMessage } from "../../engine/port/peer-message.ts";
import type { PeerMessage as ReferenceMessage } from "../reference-books.ts";
import type { Random } from "./random.ts";

/** A message from one shard to another, as the ledger sent it and as the reference ledger did. */
export interface SentMessage extends PeerMessage {
  readonly fromShard: number;
  readonly toShard: number;
  readonly reference: ReferenceMessage;
}

interface InFlight<Message> {
  readonly number: number;
  readonly message: Message;
}

/** How often a copy arrives, where an original might. */
const COPY_CHANCE = 0.1;

/** What is on its way between the shards; it dies with the process. */
export class Network<Message = SentMessage> {
  readonly #originals: InFlight<Message>[] = [];
  /** Messages that were delivered, and will be once more, some time later. */
  readonly #copies: InFlight<Message>[] = [];
  #count = 0;

  get size(): number {
    return this.#originals.length + this.#copies.length;
  }

  add(message: Message): void {
    this.#count += 1;
    this.#originals.push({ number: this.#count, message });
  }

  clear(): void {
    this.#originals.length = 0;
    this.#copies.length = 0;
  }

  /** The message to be delivered next: the oldest one, or any with `mayOvertake`; with `keeps` it will come once more. */
  next(random: Random, mayOvertake: boolean, keeps: boolean): InFlight<Message> {
    const isCopy = this.#originals.length === 0 || (this.#copies.length > 0 && random.chance(COPY_CHANCE));
    const from = isCopy ? this.#copies : this.#originals;
    const [inFlight] = from.splice(mayOvertake ? random.below(from.length) : 0, 1);
    if (keeps) this.#copies.push(inFlight);
    return inFlight;
  }
}
