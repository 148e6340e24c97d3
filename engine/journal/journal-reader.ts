import { type Frame, viewFrame } from "./frame.ts";
import { JournalControl } from "./journal-control.ts";
import { JournalFiles } from "./journal-files.ts";
import type { FoundFrame } from "./live-segments.ts";

const LET_GO_EVERY_MS = 1_000;

export interface JournalReaderOptions {
  /** The shard's directory inside the data directory. */
  readonly directory: string;
  /** The shard's directory of archive files, which need not exist. */
  readonly archiveDirectory: string;
  readonly shard: number;
  /** The shard's control lanes, where the shard runs in this process; without them it may run in another, or not at all. */
  readonly control: SharedArrayBuffer | undefined;
}

/** A frame and the file that it stands in. */
export interface ReadFrame extends Frame {
  readonly file: string;
}

/**
 * Reads one shard's journal from any thread or process, while the shard goes on writing it.
 *
 * The content of a frame is valid until the thread's next read of any journal, and is checked for its header only:
 * `openFrame` verifies its hash. A reader never holds a transaction between two calls, so it never holds up the shard.
 *
 * **Errors**: every read throws where a frame is damaged, with its position and file, and `HistoryExpiredError` where it
 * was dropped from the archive.
 */
export class JournalReader {
  readonly #shard: number;
  readonly #files: JournalFiles;
  /** A reader that is seldom asked must let go of archived segments too, or their room is not used again. */
  readonly #letGo: NodeJS.Timeout | undefined;

  constructor({ directory, archiveDirectory, shard, control }: JournalReaderOptions) {
    this.#shard = shard;
    this.#files = new JournalFiles(directory, archiveDirectory, control && new JournalControl(control));
    this.#letGo = control && setInterval(() => this.#files.letGo(), LET_GO_EVERY_MS).unref();
  }

  /** Sequences of the first and of the last record; undefined while the journal is empty. */
  get range(): { readonly first: number; readonly last: number } | undefined {
    const { firstSequence: first, lastSequence } = this.#files;
    const last = lastSequence === undefined ? undefined : this.frameAt(lastSequence);
    return first === undefined || last === undefined
      ? undefined
      : { first, last: last.firstSequence + last.recordCount - 1 };
  }

  /** The frame that holds a sequence, or undefined where there is none. */
  frameAt(sequence: number): ReadFrame | undefined {
    const found = this.#find(sequence);
    if (found !== undefined) return found;
    this.#files.refresh();
    return this.#find(sequence);
  }

  /** Every frame from the one that holds a sequence on, in order, up to the newest at the time of each step. */
  *frames(fromSequence: number): Generator<ReadFrame> {
    for (let frame = this.frameAt(fromSequence); frame !== undefined; ) {
      const next = frame.firstSequence + frame.recordCount;
      yield frame;
      frame = this.frameAt(next);
    }
  }

  /** The last frame that was decided at a time or before it; frames of equal time count as one. */
  frameAtTime(clockMs: number): ReadFrame | undefined {
    const range = this.range;
    if (range === undefined) return undefined;
    let { first: low, last: high } = range;
    let found = 0;
    while (low <= high) {
      const middle = low + Math.floor((high - low) / 2);
      const frame = this.frameAt(middle);
      if (frame === undefined) return undefined;
      if (frame.clockMs <= clockMs) {
        found = frame.firstSequence;
        low = frame.firstSequence + frame.recordCount;
      } else {
        high = frame.firstSequence - 1;
      }
    }
    return found === 0 ? undefined : this.frameAt(found);
  }

  close(): void {
    clearInterval(this.#letGo);
    this.#files.close();
  }

  #find(sequence: number): ReadFrame | undefined {
    const found = this.#files.frameAtOrBefore(sequence);
    if (found === undefined) return undefined;
    const frame = this.#view(found, sequence);
    return sequence < frame.firstSequence + frame.recordCount ? frame : undefined;
  }

  #view({ bytes, file }: FoundFrame, sequence: number): ReadFrame {
    const frame = viewFrame(bytes, this.#shard);
    if (typeof frame === "string") {
      throw new Error(`the journal frame with record ${this.#shard}:${sequence} in ${file} is damaged: ${frame}`);
    }
    return { ...frame, file };
  }
}
