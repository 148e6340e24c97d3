import { existsSync, statSync } from "node:fs";
import { zstdDecompressSync } from "node:zlib";
import { type ArchiveBlock, ArchiveFile, type ArchiveHeader, archivePath, listArchives } from "./archive-file.ts";
import { firstSequenceOf, framesOf } from "./frame.ts";
import type { FoundFrame } from "./live-segments.ts";

const OPEN_FILES_MAX = 16;
const HEADERS_MAX = 10_000;
const SETTLED_MS = 1_000;
/** Decoded blocks kept for the next read. */
const KEPT_BYTES_MAX = 16 << 20;

/** The archive files of one shard, for reading; any number of threads and processes may do so. */
export class Archive {
  readonly #directory: string;
  #ordinals: readonly number[] = [];
  readonly #headers = new Map<number, ArchiveHeader>();
  /** Least recently used first, like the blocks. */
  readonly #files = new Map<number, ArchiveFile>();
  /** Decoded blocks by their first sequence. */
  readonly #blocks = new Map<number, Uint8Array>();
  #keptBytes = 0;
  /** When the directory had changed last before it was listed. */
  #listedMs = -1;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** First sequence of the oldest frame kept, or undefined where nothing is archived. */
  get firstSequence(): number | undefined {
    const [oldest] = this.#ordinals;
    return oldest === undefined ? undefined : this.#header(oldest)?.firstSequence;
  }

  /** The frame that holds a sequence, in the files known so far. */
  frameAt(sequence: number): FoundFrame | undefined {
    let low = 0;
    let high = this.#ordinals.length - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const ordinal = this.#ordinals[middle];
      const header = this.#header(ordinal);
      if (header === undefined) return undefined;
      if (sequence < header.firstSequence) high = middle - 1;
      else if (sequence > header.lastSequence) low = middle + 1;
      else return this.#frameIn(ordinal, sequence);
    }
    return undefined;
  }

  /** The frames that begin at a sequence or after it, in the files known so far, oldest first. */
  *frames(fromSequence: number): Generator<FoundFrame & { readonly key: number }> {
    for (const ordinal of this.#ordinals) {
      if ((this.#header(ordinal)?.lastSequence ?? 0) < fromSequence) continue;
      const blocks = this.#file(ordinal)?.blocks ?? [];
      for (const [index, block] of blocks.entries()) {
        if ((blocks[index + 1]?.firstSequence ?? Number.POSITIVE_INFINITY) <= fromSequence) continue;
        const file = this.#file(ordinal);
        if (file === undefined) break;
        for (const bytes of framesOf(this.#content(file, block))) {
          const key = firstSequenceOf(bytes);
          if (key >= fromSequence) yield { bytes, file: file.path, key };
        }
      }
    }
  }

  /** Last sequence of the newest frame kept, or undefined where nothing is archived. */
  get lastSequence(): number | undefined {
    const newest = this.#ordinals.at(-1);
    return newest === undefined ? undefined : this.#header(newest)?.lastSequence;
  }

  /** Looks for files that were added or dropped meanwhile. */
  refresh(): void {
    const changedMs = statSync(this.#directory, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (changedMs === this.#listedMs) return;
    this.#ordinals = listArchives(this.#directory);
    const [oldest = Number.POSITIVE_INFINITY] = this.#ordinals;
    for (const ordinal of this.#headers.keys()) if (ordinal < oldest) this.#headers.delete(ordinal);
    // A directory's time is as coarse as the kernel's clock: a second change may follow under the same one.
    this.#listedMs = Date.now() - changedMs > SETTLED_MS ? changedMs : -1;
  }

  close(): void {
    for (const file of this.#files.values()) file.close();
    this.#files.clear();
    this.#blocks.clear();
    this.#keptBytes = 0;
  }

  #header(ordinal: number): ArchiveHeader | undefined {
    const known = this.#headers.get(ordinal);
    if (known !== undefined) return known;
    const header = this.#file(ordinal)?.header;
    if (header === undefined) return undefined;
    if (this.#headers.size >= HEADERS_MAX) this.#headers.clear();
    this.#headers.set(ordinal, header);
    return header;
  }

  /** The file with an ordinal, open; undefined when it was dropped meanwhile. */
  #file(ordinal: number): ArchiveFile | undefined {
    const path = archivePath(this.#directory, ordinal);
    const file = this.#files.get(ordinal) ?? (existsSync(path) ? new ArchiveFile(path) : undefined);
    if (file === undefined) return undefined;
    this.#files.delete(ordinal);
    this.#files.set(ordinal, file);
    const [leastRecent] = this.#files.keys();
    if (this.#files.size > OPEN_FILES_MAX) {
      this.#files.get(leastRecent)?.close();
      this.#files.delete(leastRecent);
    }
    return file;
  }

  #frameIn(ordinal: number, sequence: number): FoundFrame | undefined {
    const file = this.#file(ordinal);
    const block = file?.blocks.findLast(({ firstSequence }) => firstSequence <= sequence);
    if (file === undefined || block === undefined) return undefined;
    let found: Uint8Array | undefined;
    for (const bytes of framesOf(this.#content(file, block))) {
      if (firstSequenceOf(bytes) > sequence) break;
      found = bytes;
    }
    return found && { bytes: found, file: file.path };
  }

  #content(file: ArchiveFile, block: ArchiveBlock): Uint8Array {
    const key = block.firstSequence;
    const content = this.#blocks.get(key) ?? zstdDecompressSync(file.readBlock(block));
    if (this.#blocks.delete(key)) this.#keptBytes -= content.byteLength;
    this.#blocks.set(key, content);
    this.#keptBytes += content.byteLength;
    for (const [leastRecent, { byteLength }] of this.#blocks) {
      if (this.#keptBytes <= KEPT_BYTES_MAX) break;
      this.#blocks.delete(leastRecent);
      this.#keptBytes -= byteLength;
    }
    return content;
  }
}
