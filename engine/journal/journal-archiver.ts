import { rmSync, statSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import type { Rest } from "../../snapshots/rest.ts";
import { ArchiveFile, archivePath, listArchives } from "./archive-file.ts";
import { type ArchiveFacts, archiveSegment, prepareArchiveDirectory } from "./archive-segment.ts";
import { JournalControl } from "./journal-control.ts";
import { LiveSegments } from "./live-segments.ts";
import { giveUpSegment, syncDirectory } from "./segment-file.ts";

const LET_GO_TIMEOUT_MS = 10_000;
const LET_GO_POLL_MS = 10;

export interface JournalArchiverOptions {
  /** The shard's directory with the live segments. */
  readonly directory: string;
  /** The shard's directory of archive files; it is made where it is missing. */
  readonly archiveDirectory: string;
  readonly shard: number;
  readonly ledgerId: string;
  readonly control: SharedArrayBuffer;
  /** How long an archive file is kept after its last record; 0 is for ever. */
  readonly keepMs: number;
  /** Called between two pieces of work; without it, others of the same thread get their turn there. */
  readonly rest?: Rest;
}

/** What the archiver has done, for the log and the metrics. */
export interface ArchiveReport {
  readonly archived: readonly (ArchiveFacts & { readonly ordinal: number })[];
  /** Segments given up, of which the file stays as room for a new one. */
  readonly recycled: number;
  /** Segments given up and removed. */
  readonly removed: number;
  /** Archive files removed because they are older than what is kept. */
  readonly dropped: readonly {
    readonly ordinal: number;
    readonly firstSequence: number;
    readonly lastSequence: number;
  }[];
}

/**
 * Moves one shard's old segments into its archive, from a thread beside the shard's.
 *
 * At every moment each frame is in a live segment or in a complete, verified archive file, or in both.
 */
export class JournalArchiver {
  readonly #options: JournalArchiverOptions;
  readonly #control: JournalControl;

  constructor(options: JournalArchiverOptions) {
    this.#options = options;
    this.#control = new JournalControl(options.control);
  }

  /**
   * Archives every segment that holds nothing after a sequence, and gives it up when the shard and all readers have let
   * go of it. The segment being written always stays.
   *
   * **Errors**: throws where a file cannot be written or does not read back; what is not archived yet stays live.
   */
  async archiveThrough(sequence: number, letGoTimeoutMs = LET_GO_TIMEOUT_MS): Promise<ArchiveReport> {
    this.prepare();
    const ordinals = this.#segmentsThrough(sequence);
    const archived: (ArchiveFacts & { readonly ordinal: number })[] = [];
    for (const ordinal of ordinals) archived.push({ ordinal, ...(await archiveSegment(this.#options, ordinal)) });
    return { archived, ...(await this.#giveUp(ordinals, letGoTimeoutMs)), dropped: this.#dropExpired() };
  }

  /** Makes the archive's directory. **Errors**: throws where it cannot be written. */
  prepare(): void {
    prepareArchiveDirectory(this.#options.archiveDirectory);
  }

  /** How many segments hold nothing after a sequence and are not archived yet. */
  lagSegments(sequence: number): number {
    return this.#segmentsThrough(sequence).length;
  }

  /** Number and length of the archive files. */
  size(): { readonly files: number; readonly bytes: number } {
    const paths = listArchives(this.#options.archiveDirectory).map((ordinal) =>
      archivePath(this.#options.archiveDirectory, ordinal),
    );
    return { files: paths.length, bytes: paths.reduce((sum, path) => sum + statSync(path).size, 0) };
  }

  #segmentsThrough(sequence: number): number[] {
    const live = new LiveSegments(this.#options.directory, this.#control);
    try {
      const segments = live.list();
      return segments
        .filter((_, index) => index + 1 < segments.length && segments[index + 1].firstSequence <= sequence + 1)
        .map(({ ordinal }) => ordinal);
    } finally {
      live.close();
    }
  }

  async #giveUp(
    ordinals: readonly number[],
    letGoTimeoutMs: number,
  ): Promise<{ readonly recycled: number; readonly removed: number }> {
    const last = ordinals.at(-1);
    if (last === undefined) return { recycled: 0, removed: 0 };
    this.#control.retireBelow(last + 1);
    const deadlineMs = performance.now() + letGoTimeoutMs;
    while (!this.#control.isLetGo(last + 1) && performance.now() < deadlineMs) await setTimeout(LET_GO_POLL_MS);
    // Whoever has not let go by now finds the name gone and turns to the archive, but its file must not change under it.
    const isLetGo = this.#control.isLetGo(last + 1);
    let recycled = 0;
    for (const ordinal of ordinals) {
      if (giveUpSegment(this.#options.directory, ordinal, isLetGo)) recycled += 1;
    }
    return { recycled, removed: ordinals.length - recycled };
  }

  #dropExpired(): ArchiveReport["dropped"] {
    const { archiveDirectory, keepMs } = this.#options;
    const dropped: ArchiveReport["dropped"][number][] = [];
    if (keepMs === 0) return dropped;
    for (const ordinal of listArchives(archiveDirectory)) {
      const path = archivePath(archiveDirectory, ordinal);
      const file = new ArchiveFile(path);
      file.close();
      const { firstSequence, lastSequence, lastClockMs } = file.header;
      if (lastClockMs >= Date.now() - keepMs) break;
      rmSync(path);
      syncDirectory(archiveDirectory);
      dropped.push({ ordinal, firstSequence, lastSequence });
    }
    return dropped;
  }
}
