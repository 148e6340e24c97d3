import { epochMs } from "./meter.ts";
import type { Request } from "./request.ts";

/** Answers kept at most, 24 bytes each; later ones are left out. */
const ANSWERS_MAX = 4_000_000;
const COLUMNS_MIN = 4_096;

/** Answers one by one: what happened to those that were due in a window is known only when the window is. */
export interface Answers {
  /** **Units**: milliseconds on the clock of `epochMs`. */
  readonly dueMs: Float64Array;
  readonly sentMs: Float64Array;
  readonly latencyMs: Float64Array;
}

/** Collects when each message was due, when it left, and how long its answer took from when it was due. */
export class AnswerLog {
  #columns = [new Float64Array(COLUMNS_MIN), new Float64Array(COLUMNS_MIN), new Float64Array(COLUMNS_MIN)];
  #count = 0;

  add({ dueMs, sentMs }: Request, latencyMs: number): void {
    if (this.#count >= ANSWERS_MAX) return;
    if (this.#count === this.#columns[0].length) this.#grow();
    for (const [at, value] of [dueMs, sentMs, latencyMs].entries()) this.#columns[at][this.#count] = value;
    this.#count += 1;
  }

  /** What was collected, on the clock that processes share. */
  answers(): Answers {
    const [dueMs, sentMs, latencyMs] = this.#columns.map((column) => column.slice(0, this.#count));
    const offsetMs = epochMs() - performance.now();
    for (const column of [dueMs, sentMs]) for (let at = 0; at < this.#count; at += 1) column[at] += offsetMs;
    return { dueMs, sentMs, latencyMs };
  }

  #grow(): void {
    this.#columns = this.#columns.map((column) => {
      const grown = new Float64Array(2 * column.length);
      grown.set(column);
      return grown;
    });
  }
}
