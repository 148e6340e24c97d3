import { Archive } from "./archive.ts";
import type { JournalControl } from "./journal-control.ts";
import { type FoundFrame, LiveSegments } from "./live-segments.ts";

/** A record is asked for that was journaled, but whose archive file has been dropped since. */
export class HistoryExpiredError extends Error {
  /** The oldest record that can still be read. */
  readonly firstSequence: number;

  constructor(sequence: number, firstSequence: number) {
    super(`record ${sequence} is no longer kept; the oldest one that is has sequence ${firstSequence}`);
    this.firstSequence = firstSequence;
  }
}

/** The frames of a shard's journal, wherever they are kept: in live segments, or in the archive. */
export class JournalFiles {
  readonly #live: LiveSegments;
  readonly #archive: Archive;

  constructor(directory: string, archiveDirectory: string, control: JournalControl | undefined, isShard = false) {
    this.#live = new LiveSegments(directory, control, isShard);
    this.#archive = new Archive(archiveDirectory);
  }

  /** Those that are not archived. */
  get live(): LiveSegments {
    return this.#live;
  }

  /** First sequence of the oldest frame that can be read, or undefined while there is none. */
  get firstSequence(): number | undefined {
    // In this order, a segment that moves between the two steps is seen at least once.
    const live = this.#live.firstSequence;
    this.#archive.refresh();
    return this.#archive.firstSequence ?? live;
  }

  /** A sequence in the newest frame, or undefined while there is none. */
  get lastSequence(): number | undefined {
    return this.#live.lastKey ?? this.#archive.lastSequence;
  }

  /**
   * All frames that begin at a sequence or after it, oldest first: those of the archive, then those that are live.
   *
   * **Errors**: throws where the archive is there and the segments that follow it are not.
   */
  *frames(fromSequence: number): Generator<FoundFrame & { readonly key: number }> {
    const firstLive = this.#live.firstSequence;
    this.#archive.refresh();
    const lastArchived = this.#archive.lastSequence;
    if (firstLive === undefined && lastArchived !== undefined) {
      throw new Error(
        `the archive ends with record ${lastArchived}, and the segments that follow it are gone. ` +
          "Nothing was changed. Restore the journal's files from a backup.",
      );
    }
    for (const frame of this.#archive.frames(fromSequence)) {
      if (firstLive !== undefined && frame.key >= firstLive) break;
      yield frame;
    }
    yield* this.#live.frames(fromSequence);
  }

  /**
   * The last frame that begins at a sequence or before it.
   *
   * **Errors**: throws `HistoryExpiredError` for a sequence before the oldest that is kept.
   */
  frameAtOrBefore(sequence: number): FoundFrame | undefined {
    const known = this.#live.frameAtOrBefore(sequence) ?? this.#archive.frameAt(sequence);
    if (known !== undefined || sequence < 1) return known;
    this.refresh();
    const found = this.#live.frameAtOrBefore(sequence) ?? this.#archive.frameAt(sequence);
    if (found !== undefined) return found;
    const oldest = this.firstSequence;
    if (oldest !== undefined && sequence < oldest) throw new HistoryExpiredError(sequence, oldest);
    return undefined;
  }

  /** Looks for what was begun, archived or dropped meanwhile: segments move to the archive, and never back. */
  refresh(): void {
    this.#live.refresh();
    this.#archive.refresh();
  }

  /** Closes the segments that everybody is asked to let go of. */
  letGo(): void {
    this.#live.letGo();
  }

  close(): void {
    this.#live.close();
    this.#archive.close();
  }
}
