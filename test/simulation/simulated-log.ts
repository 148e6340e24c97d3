import type { IncomingRecord, OutgoingRecord } from "../../replicator/journal-record.ts";
import type { Random } from "./random.ts";

/** What becomes of a request to append. */
export type LogFate = "done" | "requestLost" | "answerLost" | "late";

/** A request did not come to an answer; whether it was done is not known. */
export class LogUnreachable extends Error {}

/** Under whom a partition is written. */
export interface Producer {
  readonly epoch: number;
  /** Number of the next record. */
  nextNumber: number;
}

interface Request {
  readonly partition: number;
  readonly batch: readonly OutgoingRecord[];
  readonly epoch: number;
  readonly firstNumber: number;
}

/** One partition: its records, and what the broker knows of those who write. */
class Partition {
  readonly records: OutgoingRecord[] = [];
  /** Of the producer that was given out last. */
  givenOut = 0;
  /** Undefined where the broker has forgotten it. */
  producer: { readonly epoch: number; next: number; readonly offsets: Map<number, number> } | undefined;
}

/**
 * The journal topic as its brokers keep it: partitions that only grow, and producers of which the newest that has written
 * fences the ones before it.
 *
 * A producer's records have numbers: what comes twice is answered and not written again, what does not follow is refused. A
 * broker that has forgotten a producer takes whatever comes next.
 */
export class SimulatedLog {
  isDown = false;
  readonly #random: Random;
  readonly #fate: () => LogFate;
  readonly #partitions: readonly Partition[];
  /** Requests whose sender has given up, and which still arrive. */
  readonly #late: Request[] = [];

  constructor(partitions: number, random: Random, fate: () => LogFate) {
    this.#random = random;
    this.#fate = fate;
    this.#partitions = Array.from({ length: partitions }, () => new Partition());
  }

  get lateCount(): number {
    return this.#late.length;
  }

  records(partition: number): readonly OutgoingRecord[] {
    return this.#partitions[partition].records;
  }

  /** Offset of the next record. **Errors**: every request throws `LogUnreachable` where nothing answers. */
  endOffset(partition: number): number {
    this.#reach();
    return this.records(partition).length;
  }

  /** Some records from an offset on. */
  read(partition: number, offset: number, recordsMax: number): IncomingRecord[] {
    this.#reach();
    return this.records(partition)
      .slice(offset, offset + recordsMax)
      .map(({ value, headers }, index) => ({ offset: offset + index, value, header: (name) => headers[name] }));
  }

  newProducer(partition: number): Producer {
    this.#reach();
    this.#partitions[partition].givenOut += 1;
    return { epoch: this.#partitions[partition].givenOut, nextNumber: 0 };
  }

  /** Appends a batch; returns the offset of its first record. */
  append(partition: number, batch: readonly OutgoingRecord[], producer: Producer): number {
    this.#reach();
    const request = { partition, batch, epoch: producer.epoch, firstNumber: producer.nextNumber };
    const fate = this.#fate();
    if (fate === "requestLost") throw new LogUnreachable("the request was lost");
    if (fate === "late") {
      this.#late.push(request);
      throw new LogUnreachable("the request takes too long");
    }
    const offset = this.#take(request);
    if (fate === "answerLost") {
      // What was done may come once more.
      if (this.#random.chance(0.3)) this.#late.push(request);
      throw new LogUnreachable("the answer was lost");
    }
    producer.nextNumber += batch.length;
    return offset;
  }

  /** One of the late requests arrives; nobody hears of its answer. Returns what came of it. */
  arriveLate(): string {
    const [request] = this.#late.splice(this.#random.below(this.#late.length), 1);
    try {
      return `arrives at offset ${this.#take(request)} of partition ${request.partition}`;
    } catch (error) {
      if (!(error instanceof LogUnreachable)) throw error;
      return `is refused by partition ${request.partition}: ${error.message}`;
    }
  }

  /** The broker forgets who wrote a partition, as it does after long; nothing is on its way then. */
  forget(partition: number): boolean {
    if (this.#late.length > 0 || this.#partitions[partition].producer === undefined) return false;
    this.#partitions[partition].producer = undefined;
    return true;
  }

  #reach(): void {
    if (this.isDown) throw new LogUnreachable("no broker answers");
  }

  #take({ partition, batch, epoch, firstNumber }: Request): number {
    const { records, producer } = this.#partitions[partition];
    if (producer !== undefined && epoch < producer.epoch) throw new LogUnreachable("INVALID_PRODUCER_EPOCH");
    if (producer?.epoch === epoch) {
      const before = producer.offsets.get(firstNumber);
      if (before !== undefined) return before;
      if (firstNumber !== producer.next) throw new LogUnreachable("OUT_OF_ORDER_SEQUENCE_NUMBER");
    }
    const offsets = producer?.epoch === epoch ? producer.offsets : new Map<number, number>();
    const offset = records.length;
    records.push(...batch);
    offsets.set(firstNumber, offset);
    this.#partitions[partition].producer = { epoch, next: firstNumber + batch.length, offsets };
    return offset;
  }
}
