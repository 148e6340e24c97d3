import { SeededRandom } from "./seeded-random.ts";
import type { Pairing } from "./workload.ts";

/** Amounts of three digits keep every message of a text transport at the same length. */
const AMOUNT_MINOR_MIN = 100;
const AMOUNT_MINOR_MAX = 999;

/** The sides and amounts of transfers, in an order that a seed repeats. */
export class Pairs {
  readonly #walletCount: number;
  readonly #pairing: Pairing;
  readonly #random: SeededRandom;
  #hotDebited = false;
  /** Index of the wallet to debit, and of the one to credit. */
  from = 0;
  to = 0;
  amountMinor = 0;

  constructor(walletCount: number, pairing: Pairing, seed: number) {
    if (walletCount < 2) throw new Error("a transfer needs two wallets");
    this.#walletCount = walletCount;
    this.#pairing = pairing;
    this.#random = new SeededRandom(seed);
  }

  /** Draws the next transfer. A hot wallet is credited and debited in turn, so that it runs neither dry nor over; a merchant is credited only. */
  next(): void {
    const a = this.#random.below(this.#walletCount);
    const other = 1 + this.#random.below(this.#walletCount - 1);
    this.amountMinor = AMOUNT_MINOR_MIN + this.#random.below(AMOUNT_MINOR_MAX - AMOUNT_MINOR_MIN + 1);
    if (this.#pairing === "uniform") {
      this.from = a;
      this.to = (a + other) % this.#walletCount;
      return;
    }
    if (this.#pairing === "merchant") {
      this.from = other;
      this.to = 0;
      return;
    }
    this.#hotDebited = !this.#hotDebited;
    this.from = this.#hotDebited ? 0 : other;
    this.to = this.#hotDebited ? other : 0;
  }
}
