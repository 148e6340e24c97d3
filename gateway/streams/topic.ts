import type { DeltaHistory } from "./delta-history.ts";

/** Takes the deltas of the topics that it reads. */
export interface DeltaReader {
  pushOnce(lanes: Uint32Array, at: number, key: number, stamp: number): void;
}

/** The readers of something that shards were asked to report on. */
export class Topic {
  readonly key: string;
  readonly readers: DeltaReader[] = [];
  /** Subscriptions that a shard has yet to confirm; the topic stays watched meanwhile. */
  asking = 0;

  constructor(key: string) {
    this.key = key;
  }

  get isUnused(): boolean {
    return this.readers.length === 0 && this.asking === 0;
  }

  add(reader: DeltaReader): void {
    if (!this.readers.includes(reader)) this.readers.push(reader);
  }

  remove(reader: DeltaReader): void {
    const place = this.readers.indexOf(reader);
    if (place < 0) return;
    const last = this.readers.pop() as DeltaReader;
    if (last !== reader) this.readers[place] = last;
  }

  /** Hands every reader a delta. */
  publish(lanes: Uint32Array, at: number, key: number, stamp: number): void {
    for (const reader of this.readers) reader.pushOnce(lanes, at, key, stamp);
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
