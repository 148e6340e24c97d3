const LINES_MAX = 50;
const LINE_CHARACTERS_MAX = 2_000;

/** A line of the log, as the status page shows it. */
export interface RecentLine {
  readonly atMs: number;
  readonly level: number;
  readonly fact: string;
  /** What else it said, as JSON. */
  readonly fields: string;
}

/** The latest warnings and errors, as they were written: with every secret hidden. */
export class RecentLines {
  readonly #lines: RecentLine[] = [];

  /** Newest first. */
  get lines(): readonly RecentLine[] {
    return this.#lines.toReversed();
  }

  /** Takes a line that was written, if it is as severe as this. */
  take(line: string, levelMin: number): void {
    const { level, time, msg, ...fields } = JSON.parse(line) as Readonly<Record<string, unknown>>;
    if (typeof level !== "number" || level < levelMin) return;
    this.#lines.push({
      atMs: Number(time),
      level,
      fact: String(msg ?? ""),
      fields: JSON.stringify(fields).slice(0, LINE_CHARACTERS_MAX),
    });
    if (this.#lines.length > LINES_MAX) this.#lines.shift();
  }
}
