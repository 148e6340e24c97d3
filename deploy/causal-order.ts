import { actorOf } from "../engine/actor/registry.ts";
import type { Frame } from "../engine/journal/frame.ts";
import { isWide, OBJECT, RECORD_KIND, recordBytes, recordKind } from "../engine/journal/record.ts";
import { ASKED, readObjectRecord } from "../engine/object/object-record.ts";
import type { ShardState } from "../engine/shard/shard-state.ts";
import { type ReceiptEvent, receiptAggregate } from "../engine/transfer/receipt.ts";
import { type TransferEvent, transferAggregate } from "../engine/transfer/transfer.ts";
import { FRAME_HEADER_BYTES } from "../protocol/limits.ts";
import { OwedCauses } from "./owed-causes.ts";

/** A transfer that a shard began towards another one. */
interface SentTransfer {
  readonly id: string;
  readonly toShard: number;
  readonly number: number;
}

/** What a frame has to do with the frames of other shards. */
export interface CrossShardFacts {
  readonly sent: readonly SentTransfer[];
  /** Transfers that ended. */
  readonly ended: readonly string[];
  /** Answers to transfers of other shards: what the asking shard must have journaled before. */
  readonly receipts: readonly {
    readonly fromShard: number;
    readonly number: number;
    readonly completedThrough: number;
  }[];
  /** Records of other shards that this frame knows of. */
  readonly knows: readonly { readonly shard: number; readonly sequence: number }[];
}

const NOTHING: CrossShardFacts = { sent: [], ended: [], receipts: [], knows: [] };

/** Reads what a frame has to do with other shards. */
export function crossShardFacts(frame: Frame): CrossShardFacts {
  const sent: SentTransfer[] = [];
  const ended: string[] = [];
  const receipts: CrossShardFacts["receipts"][number][] = [];
  const knows: CrossShardFacts["knows"][number][] = [];
  let isAlone = true;
  let at = FRAME_HEADER_BYTES >>> 2;
  for (let index = 0; index < frame.recordCount; index += 1, at += recordBytes(frame.lanes, at) >>> 2) {
    if (recordKind(frame.lanes, at) !== RECORD_KIND.ObjectChanged) continue;
    const { aggregate, id, events } = readObjectRecord(frame.lanes, frame.bytes, at);
    if (aggregate === transferAggregate.name) {
      isAlone = false;
      for (const event of events as readonly TransferEvent[]) {
        if (event.type === "TransferInitiated") sent.push({ id, toShard: event.toShard, number: event.number });
        else if (event.type === "TransferEnded") ended.push(id);
        else if (event.type === "TransferCredited") knows.push(positionOf(event.creditedPosition));
      }
    } else if (aggregate === receiptAggregate.name) {
      isAlone = false;
      for (const { receipt, completedThrough } of events as readonly ReceiptEvent[]) {
        receipts.push({ fromShard: receipt.fromShard, number: receipt.number, completedThrough });
      }
    } else if (isWide(frame.lanes, at) && (aggregate === ASKED || actorOf(aggregate) !== undefined)) {
      isAlone = false;
      const sequence = frame.floats[(at + OBJECT.causeSequence) >>> 1];
      knows.push({ shard: frame.lanes[at + OBJECT.causeShard], sequence });
    }
  }
  return isAlone ? NOTHING : { sent, ended, receipts, knows };
}

function positionOf(text: string): { readonly shard: number; readonly sequence: number } {
  const [shard, sequence] = text.split(":").map(Number);
  return { shard, sequence };
}

/** The transfers from one shard to another. */
interface Channel {
  sent: number;
  completedThrough: number;
  readonly completed: Set<number>;
}

/** A cut and what it must know of the transfers between shards, to be stored. */
export interface CausalOrderState {
  readonly sequences: readonly number[];
  readonly open: readonly (readonly SentTransfer[])[];
  readonly channels: readonly {
    readonly key: string;
    readonly sent: number;
    readonly completedThrough: number;
    readonly completed: readonly number[];
  }[];
}

/**
 * Tells which frames may come next, so that no effect comes before its cause on another shard.
 *
 * What has been taken at any moment is a consistent cut of the ledger: every credit's debit is in it, every completed
 * transfer's credit, and whatever a shard has told another that it knows. What is open in it can be resumed.
 */
export class CausalOrder {
  readonly #channels = new Map<string, Channel>();
  readonly #owed = new OwedCauses();
  readonly #open: Map<string, SentTransfer>[];
  readonly #sequences: number[];

  constructor(shards: number) {
    this.#open = Array.from({ length: shards }, () => new Map());
    this.#sequences = Array.from({ length: shards }, () => 0);
  }

  /** Goes on from what `toJSON` gave. */
  static from({ channels, open, sequences }: CausalOrderState): CausalOrder {
    const order = new CausalOrder(sequences.length);
    for (const { key, sent, completedThrough, completed } of channels) {
      order.#channels.set(key, { sent, completedThrough, completed: new Set(completed) });
    }
    for (const [shard, transfers] of open.entries()) {
      for (const transfer of transfers) order.#open[shard].set(transfer.id, transfer);
    }
    for (const [shard, sequence] of sequences.entries()) order.#sequences[shard] = sequence;
    return order;
  }

  /**
   * Begins with states that belong to different moments, as snapshots do: what some of them know of others may come after
   * those. Until that has been taken as well, what has been taken is no consistent cut.
   */
  static after(states: readonly ShardState[]): CausalOrder {
    const order = new CausalOrder(states.length);
    for (const [shard, { sequence, channels, transfers }] of states.entries()) {
      order.#sequences[shard] = sequence;
      for (const [toShard, { sent, completedThrough, completed }] of channels) {
        Object.assign(order.#channel(shard, toShard), { sent, completedThrough });
        for (const number of completed) order.#channel(shard, toShard).completed.add(number);
      }
      for (const { id, toShard, number } of transfers.states()) order.#open[shard].set(id, { id, toShard, number });
    }
    order.#owed.note(states);
    return order;
  }

  /** Whether what has been taken is a consistent cut. */
  get isConsistent(): boolean {
    return this.#owed.isPaid((from, to) => this.#channel(from, to), this.#sequences);
  }

  /** What is needed to go on later. */
  toJSON(): CausalOrderState {
    return {
      sequences: [...this.#sequences],
      open: this.#open.map((transfers) => [...transfers.values()]),
      channels: [...this.#channels].map(([key, { sent, completedThrough, completed }]) => ({
        key,
        sent,
        completedThrough,
        completed: [...completed],
      })),
    };
  }

  /** Newest sequence taken of each shard. */
  get sequences(): readonly number[] {
    return this.#sequences;
  }

  /** Transfers between shards that are open. */
  get openTransfers(): number {
    return this.#open.reduce((count, open) => count + open.size, 0);
  }

  /** Whether everything that the frame knows of other shards has been taken. */
  mayTake(shard: number, { receipts, knows }: CrossShardFacts): boolean {
    return (
      knows.every((position) => position.shard === shard || this.#sequences[position.shard] >= position.sequence) &&
      receipts.every(({ fromShard, number, completedThrough }) => {
        if (fromShard === shard) return true;
        const channel = this.#channel(fromShard, shard);
        return channel.sent >= number && channel.completedThrough >= completedThrough;
      })
    );
  }

  take(shard: number, frame: Frame, { sent, ended, receipts }: CrossShardFacts): void {
    this.#sequences[shard] = frame.firstSequence + frame.recordCount - 1;
    for (const { fromShard, number } of receipts) this.#owed.answered(fromShard, shard, number);
    for (const transfer of sent) {
      this.#channel(shard, transfer.toShard).sent = transfer.number;
      this.#open[shard].set(transfer.id, transfer);
    }
    for (const id of ended) {
      const transfer = this.#open[shard].get(id);
      if (transfer === undefined) continue;
      this.#open[shard].delete(id);
      const channel = this.#channel(shard, transfer.toShard);
      channel.completed.add(transfer.number);
      while (channel.completed.delete(channel.completedThrough + 1)) channel.completedThrough += 1;
    }
  }

  #channel(from: number, to: number): Channel {
    const key = `${from}:${to}`;
    let channel = this.#channels.get(key);
    if (channel === undefined) {
      channel = { sent: 0, completedThrough: 0, completed: new Set() };
      this.#channels.set(key, channel);
    }
    return channel;
  }
}
