/**
 * Rows by the time at which they lapse: a binary heap that knows where each row stands, so that any can be taken out.
 *
 * It is never stored. Rows that lapse in the same millisecond come in no particular order; what follows from a lapse is
 * journaled, so no replay depends on it.
 */
export class ExpiryQueue {
  readonly #expiresAtMs: Float64Array;
  readonly #heap: number[] = [];
  readonly #positions: Uint32Array;

  /** `expiresAtMs` is the column of the rows' times; a row's time does not change while it is queued. */
  constructor(expiresAtMs: Float64Array) {
    this.#expiresAtMs = expiresAtMs;
    this.#positions = new Uint32Array(expiresAtMs.length);
  }

  /** The row that lapses first, or -1. */
  first(): number {
    return this.#heap.length === 0 ? -1 : this.#heap[0];
  }

  add(row: number): void {
    this.#heap.push(row);
    this.#rise(this.#heap.length - 1, row);
  }

  remove(row: number): void {
    const position = this.#positions[row];
    const last = this.#heap.pop() as number;
    if (last === row) return;
    this.#rise(position, last);
    this.#sink(this.#positions[last], last);
  }

  #rise(from: number, row: number): void {
    const time = this.#expiresAtMs[row];
    let position = from;
    while (position > 0) {
      const parent = (position - 1) >>> 1;
      const above = this.#heap[parent];
      if (this.#expiresAtMs[above] <= time) break;
      this.#put(position, above);
      position = parent;
    }
    this.#put(position, row);
  }

  #sink(from: number, row: number): void {
    const time = this.#expiresAtMs[row];
    const { length } = this.#heap;
    let position = from;
    for (;;) {
      let child = 2 * position + 1;
      if (child >= length) break;
      const isRightSooner =
        child + 1 < length && this.#expiresAtMs[this.#heap[child + 1]] < this.#expiresAtMs[this.#heap[child]];
      if (isRightSooner) child += 1;
      if (this.#expiresAtMs[this.#heap[child]] >= time) break;
      this.#put(position, this.#heap[child]);
      position = child;
    }
    this.#put(position, row);
  }

  #put(position: number, row: number): void {
    this.#heap[position] = row;
    this.#positions[row] = position;
  }
}
