const LINES_PER_SECOND_MAX = 10;
const SECOND_MS = 1_000;

/** Lets through a few lines a second of what may come in floods; the next line says how many were left out before it. */
export class LimitedLines {
  readonly #write: (fields: Readonly<Record<string, unknown>>) => void;
  #secondMs = Number.NEGATIVE_INFINITY;
  #written = 0;
  #leftOut = 0;

  constructor(write: (fields: Readonly<Record<string, unknown>>) => void) {
    this.#write = write;
  }

  /** `nowMs` is of a clock that does not go back. */
  add(fields: Readonly<Record<string, unknown>>, nowMs: number = performance.now()): void {
    if (nowMs - this.#secondMs >= SECOND_MS) {
      this.#secondMs = nowMs;
      this.#written = 0;
    }
    if (this.#written >= LINES_PER_SECOND_MAX) {
      this.#leftOut += 1;
      return;
    }
    this.#written += 1;
    this.#write(this.#leftOut === 0 ? fields : { ...fields, leftOut: this.#leftOut });
    this.#leftOut = 0;
  }
}
