/**
 * UUIDv7 command ids at the price of four stores.
 *
 * The last lane is a bijection of a counter, so no id repeats within a run of four billion; the other random bits are
 * drawn once per process and keep runs apart. All bits vary from one id to the next as in ids of real clients, so that
 * the ledger's hash tables are hit as they would be.
 */
export class CommandIds {
  readonly #random: number;
  readonly #randomHigh: number;
  #counter: number;
  #timeHigh = 0;
  #timeLow = 0;

  constructor() {
    const random = globalThis.crypto.getRandomValues(new Uint32Array(3));
    this.#random = random[0];
    this.#randomHigh = random[1] & 0x0fff;
    this.#counter = random[2];
    this.refresh();
  }

  /** Takes the time that the next ids carry; called once a read or message rather than once an id. */
  refresh(nowMs: number = Date.now()): void {
    this.#timeHigh = Math.floor(nowMs / 65_536) >>> 0;
    this.#timeLow = (((nowMs % 65_536) << 16) | 0x7000 | this.#randomHigh) >>> 0;
  }

  /** Writes the next id, 16 bytes in network order. */
  write(view: DataView, offset: number): void {
    this.#counter = (this.#counter + 1) | 0;
    const mixed = Math.imul(this.#counter, 0x9e3779b1);
    view.setUint32(offset, this.#timeHigh);
    view.setUint32(offset + 4, this.#timeLow);
    view.setUint32(offset + 8, (((mixed >>> 7) ^ this.#random) & 0x3fff_ffff) | 0x8000_0000);
    view.setUint32(offset + 12, mixed);
  }
}
