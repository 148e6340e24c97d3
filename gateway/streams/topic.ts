import { AUDIENCE, type Audience } from "./audience.ts";
import type { DeltaHistory } from "./delta-history.ts";

/** Takes the deltas of the topics that it reads. */
export interface DeltaReader {
  /** Whether it is told a change only when the log has confirmed it. */
  readonly isPatient: boolean;
  pushOnce(lanes: Uint32Array, at: number, key: number, stamp: number): void;
}

/** The readers of something that shards were asked to report on. */
export class Topic {
  readonly key: string;
  readonly #prompt: DeltaReader[] = [];
  readonly #patient: DeltaReader[] = [];
  /** Subscriptions that a shard has yet to confirm; the topic stays watched meanwhile. */
  asking = 0;

  constructor(key: string) {
    this.key = key;
  }

  get isUnused(): boolean {
    return this.#prompt.length + this.#patient.length === 0 && this.asking === 0;
  }

  add(reader: DeltaReader): void {
    const readers = this.#readersLike(reader);
    if (!readers.includes(reader)) readers.push(reader);
  }

  remove(reader: DeltaReader): void {
    const readers = this.#readersLike(reader);
    const place = readers.indexOf(reader);
    if (place < 0) return;
    const last = readers.pop() as DeltaReader;
    if (last !== reader) readers[place] = last;
  }

  /** Hands the readers whom it concerns a delta. */
  publish(lanes: Uint32Array, at: number, key: number, stamp: number, audience: Audience): void {
    if ((audience & AUDIENCE.prompt) !== 0) for (const reader of this.#prompt) reader.pushOnce(lanes, at, key, stamp);
    if ((audience & AUDIENCE.patient) !== 0) for (const reader of this.#patient) reader.pushOnce(lanes, at, key, stamp);
  }

  #readersLike({ isPatient }: DeltaReader): DeltaReader[] {
    return isPatient ? this.#patient : this.#prompt;
  }
}

/** One wallet, with the steps it has made while it was watched. */
export class WalletTopic extends Topic {
  readonly id: Uint8Array;
  readonly shard: number;
  readonly history: DeltaHistory;
  /** Place of the wallet in its shard; -1 until the shard has first confirmed a subscription. */
  slot = -1;

  constructor(key: string, id: Uint8Array, shard: number, history: DeltaHistory) {
    super(key);
    this.id = id;
    this.shard = shard;
    this.history = history;
  }
}

/** All wallets of one owner. */
export class OwnerTopic extends Topic {
  readonly id: Uint8Array;
  /** Number of the owner in each shard that has told it. */
  readonly indexOfShard: (number | undefined)[] = [];

  constructor(key: string, id: Uint8Array) {
    super(key);
    this.id = id;
  }
}
