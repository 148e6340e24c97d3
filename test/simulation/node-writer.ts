import { unreachable } from "../../protocol/unreachable.ts";
import { claimRecord, readRecord } from "../../replicator/journal-record.ts";
import { FencedError, type PartitionProgress } from "../../replicator/partition-progress.ts";
import { lookAround, resumeWriting, sendBatch, type WriterStep } from "../../replicator/writer-steps.ts";
import type { SimulatedHost } from "./host.ts";
import { type LogWorld, SESSION_MS } from "./log-world.ts";
import { LogUnreachable, type Producer } from "./simulated-log.ts";

/** An idle writer looks whether it still leads this often. */
const CHECK_MS = SESSION_MS / 5;

/** What a writer needs of its node, and tells it. */
export interface WriterEvents {
  /** **Errors**: throws `LogUnreachable` where the network is cut. */
  reach(): void;
  answered(): void;
  lost(): void;
  /** Nobody else had written when it sent something. */
  checked(sentMs: number): void;
  fenced(): void;
}

/** Brings one shard's frames into its partition as `partition-writer.ts` does, one request at a time, when somebody says so. */
export class NodeWriter {
  readonly #world: LogWorld;
  readonly #shard: number;
  readonly #progress: PartitionProgress;
  readonly #host: SimulatedHost;
  readonly #events: WriterEvents;

  constructor(world: LogWorld, shard: number, progress: PartitionProgress, host: SimulatedHost, events: WriterEvents) {
    this.#world = world;
    this.#shard = shard;
    this.#progress = progress;
    this.#host = host;
    this.#events = events;
  }

  /** Goes on for ever, or until another node leads; it may be left alone wherever it yields. */
  *run(known: Producer | undefined, claimedMs: number): Generator<void, void, void> {
    const { flaws, progress: plant } = this.#world.plant;
    let producer = known;
    let checkedMs = claimedMs;
    let wasLost = false;
    plant?.(this.#progress, () => wasLost);
    for (;;) {
      try {
        producer ??= yield* this.#take(flaws?.resumesBlindly === true ? claimOnly() : resumeWriting());
        const batch = this.#progress.next();
        wasLost = false;
        const sentMs = this.#host.monotonicMs;
        if (batch.length > 0 || checkedMs + CHECK_MS <= sentMs) {
          const steps = batch.length > 0 ? sendBatch(this.#progress, batch) : lookAround();
          yield* this.#take(steps, producer);
          checkedMs = sentMs;
          this.#events.checked(sentMs);
        }
      } catch (error) {
        if (error instanceof FencedError) {
          this.#events.fenced();
          return;
        }
        if (!(error instanceof LogUnreachable)) throw error;
        this.#events.lost();
        wasLost = true;
        producer = undefined;
      }
      yield;
    }
  }

  *#take(steps: Generator<WriterStep, void, number>, known?: Producer): Generator<void, Producer | undefined, void> {
    const { log, random, nowMs } = this.#world;
    const shard = this.#shard;
    let producer = known;
    let answer = 0;
    for (let next = steps.next(); next.done !== true; next = steps.next(answer)) {
      const step = next.value;
      this.#events.reach();
      switch (step.type) {
        case "readToEnd":
          answer = log.endOffset(shard);
          this.#read(answer);
          break;
        case "claim":
          producer = log.newProducer(shard);
          if (random.chance(0.3)) yield;
          answer = log.append(shard, [claimRecord(this.#progress.claim, nowMs)], producer);
          break;
        case "append":
          if (producer === undefined) throw new Error("a batch is sent without an identity");
          answer = log.append(shard, step.batch, producer);
          break;
        case "readThrough":
          this.#read(step.offset);
          answer = step.offset;
          break;
        default:
          unreachable(step);
      }
      this.#events.answered();
      if (random.chance(0.3)) yield;
    }
    return producer;
  }

  #read(offset: number): void {
    const { log, plant } = this.#world;
    for (const incoming of log.read(this.#shard, this.#progress.offset, offset - this.#progress.offset)) {
      const record = readRecord(incoming, this.#shard);
      this.#progress.read(plant.read?.(record, this.#progress.claim.epoch) ?? record);
    }
  }
}

/** What a writer does that does not read what stands there. */
function* claimOnly(): Generator<WriterStep, void, number> {
  yield { type: "claim" };
}
