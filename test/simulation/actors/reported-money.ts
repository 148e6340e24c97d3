import type { Random } from "../random.ts";
import type { Told } from "./actor-model.ts";

type Cause = "late" | "amount_differs" | "moved_twice" | "wallet_refused";

interface Entry {
  readonly amountMinor: number;
  readonly cause: Cause;
  decision?: string;
}

/** Money that a provider reports of one order, and that waits for an operator, or has waited. */
export class ReportedMoney {
  readonly #entries = new Map<string, Entry>();

  isKnown(transactionId: string): boolean {
    return this.#entries.has(transactionId);
  }

  keep(transactionId: string, amountMinor: number, cause: Cause): void {
    this.#entries.set(transactionId, { amountMinor, cause });
  }

  /** The amount of a transaction that nobody has decided on. */
  waitingMinor(transactionId: string): number | undefined {
    const entry = this.#entries.get(transactionId);
    return entry?.decision === undefined ? entry?.amountMinor : undefined;
  }

  decide({ transactionId, decision }: Told["command"]): void {
    const entry = this.#entries.get(String(transactionId));
    if (entry !== undefined) entry.decision = String(decision);
  }

  all(): readonly object[] {
    return [...this.#entries].map(([transactionId, { amountMinor, cause, decision }]) => ({
      transactionId,
      amountMinor,
      cause,
      ...(decision === undefined ? {} : { decision }),
    }));
  }
}

/** Entries of an actor's state, as `all` has them. */
export function shownOf(attention: readonly Readonly<Record<string, unknown>>[]): readonly object[] {
  return attention.map(({ transactionId, amountMinor, cause, decision }) => ({
    transactionId,
    amountMinor,
    cause,
    ...(decision === undefined ? {} : { decision }),
  }));
}

/** What a provider that cannot be relied on says was moved: mostly what it should say, and often again. */
export function reported(random: Random, id: string, amountMinor: number): object {
  const transactionId = `${random.weighted({ t: 5, u: 1 })}-${id.slice(-4)}`;
  return { transactionId, amountMinor: random.chance(0.8) ? amountMinor : amountMinor + 1, currency: "EGP" };
}

/** What an operator says about money of an order, which may be none that he should say it of. */
export function decided(random: Random, id: string): object {
  const transactionId = `${random.weighted({ t: 1, u: 1 })}-${id.slice(-4)}`;
  return { transactionId, decision: random.weighted({ accept: 3, dismiss: 1 }), reason: "looked at" };
}
