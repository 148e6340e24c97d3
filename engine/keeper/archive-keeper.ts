import { JournalArchiver, type JournalArchiverOptions } from "../journal/journal-archiver.ts";

/** What to know about one shard's archive. */
export interface ArchiveState {
  readonly files: number;
  readonly bytes: number;
  /** Segments that no snapshot needs any more, and that are not archived yet. */
  readonly lagSegments: number;
  /** How often archiving has failed since the start. */
  readonly failures: number;
  /** The newest record that was dropped since the start, or 0. */
  readonly droppedThrough: number;
}

export interface ArchiveKeeperOptions extends JournalArchiverOptions {
  readonly onChange: (state: ArchiveState) => void;
  readonly log: (level: "info" | "warn", fact: string, fields: Readonly<Record<string, unknown>>) => void;
}

/**
 * Archives one shard's journal after each snapshot.
 *
 * Where that fails, on a full disk for example, the journal stays as it is and grows, and the next snapshot tries again.
 */
export class ArchiveKeeper {
  readonly #options: ArchiveKeeperOptions;
  readonly #archiver: JournalArchiver;
  #failures = 0;
  #droppedThrough = 0;

  constructor(options: ArchiveKeeperOptions) {
    this.#options = options;
    this.#archiver = new JournalArchiver(options);
    try {
      this.#archiver.prepare();
    } catch (error) {
      // Said at the start already, long before the first segment is due.
      this.#fail(error);
    }
    this.#tell(0);
  }

  /** Archives every segment that holds nothing after a position, which lies before the frame that the oldest kept snapshot ends with. */
  async archiveThrough(sequence: number): Promise<void> {
    const { log } = this.#options;
    const startedMs = performance.now();
    try {
      this.#tell(this.#archiver.lagSegments(sequence));
      const { archived, dropped, recycled, removed } = await this.#archiver.archiveThrough(sequence);
      for (const facts of archived) log("info", "journal segment archived", { ...facts });
      for (const facts of dropped) log("warn", "archived journal dropped, as MIZAN_ARCHIVE_KEEP_MS asks", facts);
      this.#droppedThrough = dropped.at(-1)?.lastSequence ?? this.#droppedThrough;
      if (archived.length > 0) {
        const durationMs = Math.round(performance.now() - startedMs);
        log("info", "journal archived", { segments: archived.length, recycled, removed, durationMs });
      }
      this.#tell(this.#archiver.lagSegments(sequence));
    } catch (error) {
      this.#fail(error);
      this.#tell(this.#archiver.lagSegments(sequence));
    }
  }

  #fail(error: unknown): void {
    this.#failures += 1;
    this.#options.log("warn", "the journal cannot be archived, and stays where it is", { message: String(error) });
  }

  #tell(lagSegments: number): void {
    const [failures, droppedThrough] = [this.#failures, this.#droppedThrough];
    this.#options.onChange({ ...this.#archiver.size(), lagSegments, failures, droppedThrough });
  }
}
