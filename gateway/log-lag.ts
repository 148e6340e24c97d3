/** What the lag is reckoned from; `LogPositions` and the engine's statistics have it. */
export interface LagSource {
  readonly shardCount: number;
  /** The newest durable record of a shard, and the bytes journaled so far. */
  journal(shard: number): { readonly sequence: number; readonly bytes: number };
  /** Every record of a shard up to this one is in the log. */
  throughSequence(shard: number): number;
}

interface Mark {
  readonly atMs: number;
  readonly sequence: number;
  readonly bytes: number;
}

/** Marks a shard; when they are used up every second one is dropped and fewer are set, so that a long outage costs precision and no memory. */
const MARKS_MAX = 1_024;

/**
 * How far the log is behind in time and bytes, reckoned from marks that are set as time passes: nothing is noted for a record.
 */
export class LogLag {
  readonly #source: LagSource;
  /** By shard, oldest first; the first one is the last that is in the log. */
  readonly #marks: Mark[][];
  /** By shard, how far marks are apart at least. **Units**: milliseconds. */
  readonly #spacingMs: number[];

  constructor(source: LagSource) {
    this.#source = source;
    this.#marks = Array.from({ length: source.shardCount }, () => []);
    this.#spacingMs = this.#marks.map(() => 0);
  }

  /** Notes how far every shard is. **Units**: milliseconds of any clock that does not go back. */
  mark(nowMs: number): void {
    for (const [shard, marks] of this.#marks.entries()) {
      const { sequence, bytes } = this.#source.journal(shard);
      this.#forget(shard);
      const last = marks.at(-1);
      if (last?.sequence === sequence || (last !== undefined && nowMs - last.atMs < this.#spacingMs[shard])) continue;
      if (marks.length >= MARKS_MAX) this.#thin(shard, marks);
      marks.push({ atMs: nowMs, sequence, bytes });
    }
  }

  /** Age of the oldest record that is not in the log, as far as the marks tell it apart. */
  seconds(shard: number, nowMs: number = performance.now()): number {
    const through = this.#source.throughSequence(shard);
    if (this.#source.journal(shard).sequence <= through) return 0;
    const oldest = this.#marks[shard].find(({ sequence }) => sequence > through);
    return oldest === undefined ? 0 : Math.max(0, nowMs - oldest.atMs) / 1_000;
  }

  /** Bytes of journal that are not in the log; between two marks every record counts the same. */
  bytes(shard: number): number {
    const through = this.#source.throughSequence(shard);
    const newest = this.#source.journal(shard);
    if (newest.sequence <= through) return 0;
    const marks = this.#marks[shard];
    const behind = marks.findLast(({ sequence }) => sequence <= through);
    const ahead = marks.find(({ sequence }) => sequence > through) ?? newest;
    if (behind === undefined) return newest.bytes;
    const share = (through - behind.sequence) / (ahead.sequence - behind.sequence);
    return Math.round(newest.bytes - behind.bytes - share * (ahead.bytes - behind.bytes));
  }

  /** Drops the marks that are in the log, but for the newest of them. */
  #forget(shard: number): void {
    const marks = this.#marks[shard];
    const through = this.#source.throughSequence(shard);
    const firstAhead = marks.findIndex(({ sequence }) => sequence > through);
    const past = firstAhead < 0 ? marks.length : firstAhead;
    if (past > 1) marks.splice(0, past - 1);
    if (marks.length <= 1) this.#spacingMs[shard] = 0;
  }

  /** The first two stay: between them lies the oldest record that is not in the log. */
  #thin(shard: number, marks: Mark[]): void {
    this.#spacingMs[shard] = (2 * (marks[marks.length - 1].atMs - marks[1].atMs)) / marks.length;
    const kept = marks.filter((_, index) => index === 0 || index % 2 === 1);
    marks.splice(0, marks.length, ...kept);
  }
}
