/**
 * Lets a limited amount of work begin in each turn of the event loop and keeps the rest, in order, for the next ones: however
 * many clients come back at once, a command waits for one turn's share of them and not for all.
 */
export class Pace {
  readonly #perTurn: number;
  readonly #waitingMax: number;
  #waiting: (() => void)[] = [];
  #next = 0;
  #left: number;
  #isScheduled = false;

  constructor(perTurn: number, waitingMax: number) {
    this.#perTurn = perTurn;
    this.#waitingMax = waitingMax;
    this.#left = perTurn;
  }

  /** Tasks that were taken and have not begun. */
  get waiting(): number {
    return this.#waiting.length - this.#next;
  }

  /** Begins a task now or in a later turn, after all that were given before; false where too many wait. */
  run(task: () => void): boolean {
    if (this.waiting >= this.#waitingMax) return false;
    if (this.#left > 0 && this.waiting === 0) {
      this.#left -= 1;
      task();
    } else {
      this.#waiting.push(task);
    }
    this.#schedule();
    return true;
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(this.#onTurn);
  }

  readonly #onTurn = (): void => {
    this.#isScheduled = false;
    const until = Math.min(this.#waiting.length, this.#next + this.#perTurn);
    this.#left = this.#perTurn - (until - this.#next);
    while (this.#next < until) {
      const task = this.#waiting[this.#next] as () => void;
      this.#next += 1;
      task();
    }
    if (this.#next * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#next);
      this.#next = 0;
    }
    if (this.waiting > 0) this.#schedule();
  };
}
