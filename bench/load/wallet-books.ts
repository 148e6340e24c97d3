import { unreachable } from "../../protocol/unreachable.ts";
import type { Request } from "./request.ts";

/** What acknowledged commands did to each wallet, by its index. */
export class WalletBooks {
  /** Change of the balance, and of what is held. **Units**: minor units. */
  readonly postedMinor: Float64Array;
  readonly heldMinor: Float64Array;
  /** How often the wallet changed. */
  readonly changes: Float64Array;

  constructor(walletCount: number) {
    this.postedMinor = new Float64Array(walletCount);
    this.heldMinor = new Float64Array(walletCount);
    this.changes = new Float64Array(walletCount);
  }

  /** Notes that one command of a request was applied. */
  applied({ kind, from, to, amountMinor }: Pick<Request, "kind" | "from" | "to" | "amountMinor">, at: number): void {
    switch (kind) {
      case "transfers":
        this.#move(from[at], to[at], amountMinor[at]);
        return;
      case "captures":
        this.heldMinor[from[at]] -= amountMinor[at];
        this.#move(from[at], to[at], amountMinor[at]);
        return;
      case "holds":
        this.heldMinor[from[at]] += amountMinor[at];
        this.changes[from[at]] += 1;
        return;
      case "voids":
        this.heldMinor[from[at]] -= amountMinor[at];
        this.changes[from[at]] += 1;
        return;
      case "reads":
        return;
      default:
        unreachable(kind);
    }
  }

  /** Adds the books of another generator. */
  add(other: Pick<WalletBooks, "postedMinor" | "heldMinor" | "changes">): void {
    for (let wallet = 0; wallet < this.changes.length; wallet += 1) {
      this.postedMinor[wallet] += other.postedMinor[wallet];
      this.heldMinor[wallet] += other.heldMinor[wallet];
      this.changes[wallet] += other.changes[wallet];
    }
  }

  #move(from: number, to: number, amountMinor: number): void {
    this.postedMinor[from] -= amountMinor;
    this.postedMinor[to] += amountMinor;
    this.changes[from] += 1;
    this.changes[to] += 1;
  }
}
