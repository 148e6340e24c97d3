import { statSync } from "node:fs";
import { open, type RootDatabase } from "lmdb";
import { listSegments, segmentPath } from "../engine/journal/segment-file.ts";

/** A frame as it stands on the disk, not verified yet. */
export interface FoundFrame {
  /** The sequence that it is kept under. */
  readonly key: number;
  readonly value: Uint8Array;
  /** The file that holds it. */
  readonly file: string;
}

/**
 * The frames of a shard's journal, read beside whoever writes it: no read transaction outlives one frame, and a frame
 * that is being written is not there yet.
 */
export class JournalFrames {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** The segment files, oldest first. */
  files(): string[] {
    return listSegments(this.#directory).map((ordinal) => segmentPath(this.#directory, ordinal));
  }

  /** Frames from a sequence on, oldest first. `onFile` is told of each file before it is opened. */
  *frames(fromSequence: number, onFile?: (file: string) => void): Generator<FoundFrame> {
    for (const file of this.files()) {
      onFile?.(file);
      const segment = openForReading(file);
      try {
        let key = keyFrom(segment, fromSequence);
        while (key !== undefined) {
          const value = segment.getBinary(key);
          segment.resetReadTxn();
          if (value === undefined) break;
          yield { key, value, file };
          key = keyFrom(segment, key + 1);
        }
      } finally {
        void segment.close();
      }
    }
  }

  /** Sequence of the newest frame, or 0. */
  lastKey(): number {
    for (const file of this.files().reverse()) {
      const segment = openForReading(file);
      try {
        for (const key of segment.getKeys({ reverse: true, limit: 1 })) return key;
      } finally {
        void segment.close();
      }
    }
    return 0;
  }
}

function keyFrom(segment: RootDatabase<Uint8Array, number>, sequence: number): number | undefined {
  segment.resetReadTxn();
  for (const key of segment.getKeys({ start: sequence, limit: 1 })) return key;
  return undefined;
}

/** Opens a segment that somebody else may be writing; the map has room for what is added meanwhile. */
function openForReading(path: string): RootDatabase<Uint8Array, number> {
  return open<Uint8Array, number>({
    path,
    noSubdir: true,
    encoding: "binary",
    readOnly: true,
    mapSize: 2 * statSync(path).size,
    maxDbs: 1,
  });
}
