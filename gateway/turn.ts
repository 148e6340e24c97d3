/** Something with output that gathers during a turn of the event loop. */
export interface Flushable {
  flush(): void;
}

/** Those with output to send at the end of the turn, so that each sends one message however many answers it got. */
export class Turn {
  #waiting: Flushable[] = [];
  #flushing: Flushable[] = [];
  #scheduled = false;

  /** Asks for a flush at the end of this turn; the caller makes sure to ask once only. */
  add(flushable: Flushable): void {
    this.#waiting.push(flushable);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#onImmediate);
  }

  /** Flushes everybody now; the drain loop calls this after each round. */
  end(): void {
    const flushing = this.#waiting;
    this.#waiting = this.#flushing;
    this.#flushing = flushing;
    for (const flushable of flushing) flushable.flush();
    flushing.length = 0;
  }

  readonly #onImmediate = (): void => {
    this.#scheduled = false;
    this.end();
  };
}
