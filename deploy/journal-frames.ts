import { JournalReader } from "../engine/journal/journal-reader.ts";
import { listSegments, segmentPath } from "../engine/journal/segment-file.ts";
import { SegmentPages } from "../engine/journal/segment-pages.ts";
import { archiveDirectory, shardDirectory } from "./data-directory.ts";

/** A frame as it stands on the disk, not verified yet. */
export interface FoundFrame {
  /** The sequence that it is kept under. */
  readonly key: number;
  readonly value: Uint8Array;
  /** The file that holds it. */
  readonly file: string;
}

/** The frames of a shard's journal, archive included, read beside whoever writes it. */
export class JournalFrames {
  readonly #directory: string;
  readonly #archiveDirectory: string;
  readonly #shard: number;

  constructor(dataDir: string, shard: number) {
    this.#directory = shardDirectory(dataDir, shard);
    this.#archiveDirectory = archiveDirectory(dataDir, shard);
    this.#shard = shard;
  }

  /** The segment files, oldest first; the archive is not among them. */
  files(): string[] {
    return listSegments(this.#directory).map((ordinal) => segmentPath(this.#directory, ordinal));
  }

  /** Sequences of the first and of the last record; undefined while there is none. */
  range(): { readonly first: number; readonly last: number } | undefined {
    const reader = this.#open();
    try {
      return reader.range;
    } finally {
      reader.close();
    }
  }

  /** Sequence of the newest record, or 0. */
  lastSequence(): number {
    return this.range()?.last ?? 0;
  }

  /**
   * Frames from the one with a sequence on, oldest first, as far as they are without a gap.
   *
   * **Errors**: throws where a frame is damaged, with its position and file.
   */
  *frames(fromSequence: number): Generator<FoundFrame> {
    const reader = this.#open();
    try {
      for (const { firstSequence, bytes, file } of reader.frames(fromSequence)) {
        yield { key: firstSequence, value: bytes.slice(), file };
      }
    } finally {
      reader.close();
    }
  }

  /** Frames in the segment files that are kept under a sequence or a later one, damaged or not, whatever lies between them. */
  *segmentFrames(fromSequence: number): Generator<FoundFrame> {
    for (const file of this.files()) {
      const segment = new SegmentPages(file);
      try {
        for (const key of segment.getKeys({ start: fromSequence })) {
          const value = segment.getBinaryFast(key);
          if (value !== undefined) yield { key, value, file };
        }
      } finally {
        void segment.close();
      }
    }
  }

  #open(): JournalReader {
    return new JournalReader({
      directory: this.#directory,
      archiveDirectory: this.#archiveDirectory,
      shard: this.#shard,
      control: undefined,
    });
  }
}
