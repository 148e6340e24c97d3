import type { ShardState } from "../engine/shard/shard-state.ts";
import type { FrameRecord } from "../replicator/epoch-fold.ts";
import { CommandError } from "./command-error.ts";
import { EXIT } from "./exit-code.ts";
import type { FrameChain } from "./frame-chain.ts";
import type { JournalWriter } from "./journal-writer.ts";

/** What is there of a shard before its log is read. */
interface ShardBase {
  readonly chain: FrameChain;
  readonly state: ShardState;
  readonly journal: JournalWriter;
}

/** Puts the frames of a log behind those that a shard has: each is checked, applied and journaled as it stands. */
export class LoggedFrames {
  /** Records taken from the log. */
  records = 0;
  /** Last record that the shard had before. */
  readonly baseThrough: number;
  readonly #shard: number;
  readonly #topic: string;
  readonly #base: ShardBase;

  constructor(shard: number, topic: string, base: ShardBase) {
    this.#shard = shard;
    this.#topic = topic;
    this.#base = base;
    this.baseThrough = base.chain.nextSequence - 1;
  }

  /** Hash of the newest frame, in hexadecimal. */
  get hash(): string {
    return hex(this.#base.chain.hash);
  }

  /**
   * Takes the next frame of the log that counts, or passes over it where the shard has it.
   *
   * **Errors**: `history_differs`, `journal_damaged`.
   */
  take({ firstSequence, recordCount, hash, previousHash, bytes, offset }: FrameRecord): void {
    const { chain, state, journal } = this.#base;
    const lastSequence = firstSequence + recordCount - 1;
    const lastKept = chain.nextSequence - 1;
    if (lastSequence < lastKept) return;
    // Each frame names the one before it, so where one is the same, all before it are.
    if (lastSequence === lastKept) {
      if (hash !== this.hash) throw historyDiffers(this.#shard, lastKept);
      return;
    }
    if (firstSequence !== chain.nextSequence || previousHash !== this.hash) {
      throw historyDiffers(this.#shard, lastKept);
    }
    const frame = chain.next({ key: firstSequence, value: bytes, file: this.#topic });
    if (typeof frame === "string") throw this.#damaged(offset, firstSequence, frame);
    try {
      state.evolveFrame(frame);
    } catch (error) {
      throw this.#damaged(offset, firstSequence, error instanceof Error ? error.message : String(error));
    }
    journal.append(firstSequence, frame.bytes);
    this.records += recordCount;
  }

  #damaged(offset: number, sequence: number, problem: string): CommandError {
    return new CommandError(
      EXIT.problems,
      "journal_damaged",
      `the frame ${this.#shard}:${sequence} at offset ${offset} of ${this.#topic} is damaged: ${problem}`,
    );
  }
}

/** A backup has frames that the log does not. */
export function historyDiffers(shard: number, sequence: number): CommandError {
  return new CommandError(
    EXIT.problems,
    "history_differs",
    `the backup goes to ${shard}:${sequence} with other frames than the log: its ledger led no more when it was taken. ` +
      "Use an older backup, or none.",
  );
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}
