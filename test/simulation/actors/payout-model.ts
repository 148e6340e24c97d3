import { deepStrictEqual } from "node:assert";
import type { Code } from "../../../protocol/codes.ts";
import { untimedId } from "../../ledger-command.ts";
import type { Random } from "../random.ts";
import type { ActorModel, Meant, Steps, Told } from "./actor-model.ts";
import { PERSON_ID, WALLETS } from "./actor-wallets.ts";
import { decided, ReportedMoney, reported, shownOf } from "./reported-money.ts";

interface Payout {
  readonly wallet: string;
  readonly provider: string;
  readonly amountMinor: number;
  status: string;
  reference?: string;
  transactionId?: string;
  /** What the provider's account has of the wallet's. */
  givenMinor: number;
  readonly waiting: ReportedMoney;
}

const PAYOUTS_MAX = 4;
const ADMIN = { isAdmin: true, ownerId: "" };
const OPEN = ["RESERVED", "PENDING"];
const WEIGHTS = { SubmitPayout: 4, ConfirmPayout: 6, FailPayout: 4, ResolvePayout: 6 } as const;

/** Payouts, thought anew; the provider says what it likes, as often as it likes, in any order. */
export class PayoutModel implements ActorModel {
  readonly type = "Payout";
  readonly #payouts = new Map<string, Payout>();
  #planned = 0;

  ids(): Iterable<string> {
    return this.#payouts.keys();
  }

  plan(random: Random): Meant {
    if (this.#planned === 0 || (this.#planned < PAYOUTS_MAX && random.chance(0.1))) {
      this.#planned += 1;
      const command = {
        type: "InitiatePayout",
        walletId: random.pick(WALLETS.payers),
        providerWalletId: random.pick(WALLETS.providers),
        provider: "paymob",
        method: "vodafone",
        amountMinor: random.between(1, 40),
        currency: "EGP",
        ownerId: PERSON_ID,
      };
      return { aggregate: this.type, id: untimedId(0xd_7000 + this.#planned), command, by: ADMIN };
    }
    const id = untimedId(0xd_7000 + random.between(1, this.#planned));
    const type = random.weighted(WEIGHTS);
    return { aggregate: this.type, id, command: { type, ...this.#body(type, random, id) }, by: ADMIN };
  }

  #body(type: keyof typeof WEIGHTS, random: Random, id: string): object {
    switch (type) {
      case "SubmitPayout":
        return { reference: random.weighted({ r: 5, s: 1 }) };
      case "ConfirmPayout":
        return reported(random, id, this.#payouts.get(id)?.amountMinor ?? 5);
      case "ResolvePayout":
        return decided(random, id);
      default:
        return { reason: "so it is" };
    }
  }

  decide({ id, command }: Told): Code | "steps" {
    const payout = this.#payouts.get(id);
    const { type } = command;
    if (type === "InitiatePayout") return payout === undefined ? "steps" : "payout_exists";
    if (payout === undefined) return "payout_not_found";
    const { status, reference, waiting } = payout;
    switch (type) {
      case "SubmitPayout":
        return reference === undefined || reference === command.reference ? "ok" : "payout_status_conflict";
      case "FailPayout":
        return OPEN.includes(status) ? "steps" : "payout_status_conflict";
      case "ResolvePayout":
        if (waiting.waitingMinor(String(command.transactionId)) === undefined) return "attention_not_found";
        return command.decision === "accept" && !OPEN.includes(status) ? "steps" : "ok";
      default:
        return "ok";
    }
  }

  begun({ id, command }: Told, steps: Steps): void {
    if (command.type === "InitiatePayout") {
      this.#payouts.set(id, {
        wallet: String(command.walletId),
        provider: String(command.providerWalletId),
        amountMinor: Number(command.amountMinor),
        status: "INITIATED",
        givenMinor: 0,
        waiting: new ReportedMoney(),
      });
    }
    const { wallet, provider, amountMinor, waiting } = this.#of(id);
    const ways: Readonly<Record<string, readonly unknown[]>> = {
      InitiatePayout: [wallet, provider, amountMinor],
      FailPayout: [provider, wallet, amountMinor],
      ResolvePayout: [wallet, provider, waiting.waitingMinor(String(command.transactionId))],
    };
    deepStrictEqual(
      steps.map(({ ask }) => [ask.walletId, ask.toWalletId, ask.amountMinor]),
      [ways[command.type]],
    );
  }

  ended({ id, command }: Told, code: Code): void {
    const payout = this.#of(id);
    switch (command.type) {
      case "InitiatePayout":
        payout.status = code === "ok" ? "RESERVED" : "FAILED";
        if (code === "ok") payout.givenMinor += payout.amountMinor;
        break;
      case "SubmitPayout":
        payout.reference = String(command.reference);
        if (payout.status === "RESERVED") payout.status = "PENDING";
        break;
      case "FailPayout":
        if (code !== "ok") break;
        payout.status = "FAILED";
        payout.givenMinor -= payout.amountMinor;
        break;
      case "ConfirmPayout":
        confirmed(payout, String(command.transactionId), Number(command.amountMinor));
        break;
      default:
        if (code === "ok") resolved(payout, command);
    }
  }

  compare(id: string, state: unknown): void {
    const { status, reference, transactionId, waiting } = this.#of(id);
    const shown = state as Readonly<Record<string, unknown>>;
    deepStrictEqual([shown.status, shown.reference, shown.transactionId], [status, reference, transactionId]);
    deepStrictEqual(shownOf(shown.attention as readonly Readonly<Record<string, unknown>>[]), waiting.all());
  }

  isOverdue(): boolean {
    return false;
  }

  money(add: (walletId: string, postedMinor: number, heldMinor: number) => void): void {
    for (const { wallet, provider, givenMinor } of this.#payouts.values()) {
      add(wallet, -givenMinor, 0);
      add(provider, givenMinor, 0);
    }
  }

  #of(id: string): Payout {
    const payout = this.#payouts.get(id);
    if (payout === undefined) throw new Error(`there is no payout ${id}`);
    return payout;
  }
}

function confirmed(payout: Payout, transactionId: string, amountMinor: number): void {
  if (payout.transactionId === transactionId || payout.waiting.isKnown(transactionId)) return;
  const isAsAsked = amountMinor === payout.amountMinor;
  if (isAsAsked && OPEN.includes(payout.status)) {
    payout.status = "PAID";
    payout.transactionId = transactionId;
    return;
  }
  const cause = payout.status === "PAID" ? "moved_twice" : isAsAsked ? "late" : "amount_differs";
  payout.waiting.keep(transactionId, amountMinor, cause);
}

/** What is reserved pays for it while it is; else the wallet gives the amount once more. */
function resolved(payout: Payout, command: Told["command"]): void {
  const transactionId = String(command.transactionId);
  const amountMinor = payout.waiting.waitingMinor(transactionId) ?? 0;
  payout.waiting.decide(command);
  if (command.decision !== "accept") return;
  if (!OPEN.includes(payout.status)) payout.givenMinor += amountMinor;
  if (payout.status === "PAID") return;
  payout.status = "PAID";
  payout.transactionId = transactionId;
}
