import { deepStrictEqual } from "node:assert";
import type { Code } from "../../../protocol/codes.ts";
import { untimedId } from "../../ledger-command.ts";
import type { Random } from "../random.ts";
import type { ActorModel, Meant, Steps, Told } from "./actor-model.ts";
import { PERSON_ID, WALLETS } from "./actor-wallets.ts";
import { decided, ReportedMoney, reported, shownOf } from "./reported-money.ts";

interface TopUp {
  readonly wallet: string;
  readonly provider: string;
  readonly amountMinor: number;
  readonly expiresAtMs: number;
  status: string;
  reference?: string;
  transactionId?: string;
  paidMinor: number;
  refundId?: string;
  /** What the wallet got in all, and what it still has of that. */
  creditedMinor: number;
  keptMinor: number;
  readonly waiting: ReportedMoney;
}

const TOP_UPS_MAX = 4;
const PAYABLE_MS_MAX = 80_000;
/** Word of what was paid in time may come so much later. */
const GRACE_MS = 15 * 60_000;
/** After so long every top-up has ended. */
export const TOP_UP_MS_MAX = PAYABLE_MS_MAX + GRACE_MS;
const ADMIN = { isAdmin: true, ownerId: "" };
const OPEN = ["INITIATED", "PENDING"];
const WEIGHTS = {
  SubmitTopUp: 4,
  ConfirmTopUp: 10,
  FailTopUp: 2,
  RefundTopUp: 2,
  ConfirmTopUpRefund: 2,
  FailTopUpRefund: 1,
  ResolveTopUp: 5,
} as const;

/** Top-ups, thought anew; the provider says what it likes, as often as it likes, in any order. */
export class TopUpModel implements ActorModel {
  readonly type = "TopUp";
  readonly #topUps = new Map<string, TopUp>();
  #planned = 0;

  ids(): Iterable<string> {
    return this.#topUps.keys();
  }

  plan(random: Random, nowMs: number): Meant {
    if (this.#planned === 0 || (this.#planned < TOP_UPS_MAX && random.chance(0.1))) {
      this.#planned += 1;
      const expiresAt = new Date(nowMs + random.between(5_000, PAYABLE_MS_MAX)).toISOString();
      const command = {
        type: "InitiateTopUp",
        walletId: random.pick(WALLETS.payers),
        providerWalletId: random.pick(WALLETS.providers),
        provider: "fawry",
        method: "PAYATFAWRY",
        amountMinor: random.between(1, 40),
        currency: "EGP",
        ownerId: PERSON_ID,
        expiresAt,
      };
      return { aggregate: this.type, id: untimedId(0xd_6000 + this.#planned), command, by: ADMIN };
    }
    const id = untimedId(0xd_6000 + random.between(1, this.#planned));
    const type = random.weighted(WEIGHTS);
    return { aggregate: this.type, id, command: { type, ...this.#body(type, random, id) }, by: ADMIN };
  }

  #body(type: keyof typeof WEIGHTS, random: Random, id: string): object {
    switch (type) {
      case "SubmitTopUp":
        return { reference: random.weighted({ r: 5, s: 1 }), payment: { code: "1" } };
      case "ConfirmTopUp":
        return reported(random, id, this.#topUps.get(id)?.amountMinor ?? 5);
      case "ConfirmTopUpRefund":
        return { refundId: random.weighted({ v: 5, w: 1 }) };
      case "ResolveTopUp":
        return decided(random, id);
      default:
        return { reason: "so it is" };
    }
  }

  decide({ id, command, nowMs }: Told): Code | "steps" {
    const topUp = this.#topUps.get(id);
    const { type } = command;
    if (type === "InitiateTopUp") {
      if (topUp !== undefined) return "topup_exists";
      return Date.parse(String(command.expiresAt)) <= nowMs ? "expiry_invalid" : "ok";
    }
    if (topUp === undefined) return "topup_not_found";
    const { status, waiting, reference, refundId } = topUp;
    const isRight = (is: boolean, then: Code | "steps" = "ok"): Code | "steps" => (is ? then : "topup_status_conflict");
    switch (type) {
      case "SubmitTopUp":
        return isRight(reference === undefined || reference === command.reference);
      case "ConfirmTopUp":
        return this.#isMoved(topUp, command) ? "steps" : "ok";
      case "RefundTopUp":
        return isRight(status === "COMPLETED", "steps");
      case "ConfirmTopUpRefund":
        return isRight(status === "REFUNDING" || (status === "REFUNDED" && refundId === command.refundId));
      case "FailTopUpRefund":
        return isRight(status === "REFUNDING", "steps");
      case "ResolveTopUp":
        if (waiting.waitingMinor(String(command.transactionId)) === undefined) return "attention_not_found";
        return command.decision === "accept" ? "steps" : "ok";
      default:
        return isRight(OPEN.includes(status));
    }
  }

  /** Money moves for the first word of it, while it is asked for, and where it is as much as was asked for. */
  #isMoved({ status, transactionId, amountMinor, waiting }: TopUp, command: Told["command"]): boolean {
    if (transactionId !== undefined || waiting.isKnown(String(command.transactionId))) return false;
    return OPEN.includes(status) && command.amountMinor === amountMinor;
  }

  begun({ id, command }: Told, steps: Steps): void {
    const topUp = this.#of(id);
    const { wallet, provider, amountMinor, paidMinor, waiting } = topUp;
    const ways: Readonly<Record<string, readonly unknown[]>> = {
      ConfirmTopUp: [provider, wallet, amountMinor],
      RefundTopUp: [wallet, provider, paidMinor],
      FailTopUpRefund: [provider, wallet, paidMinor],
      ResolveTopUp: [provider, wallet, waiting.waitingMinor(String(command.transactionId))],
    };
    deepStrictEqual(
      steps.map(({ ask }) => [ask.walletId, ask.toWalletId, ask.amountMinor]),
      [ways[command.type]],
    );
  }

  ended(told: Told, code: Code): void {
    const { id, command } = told;
    if (command.type === "InitiateTopUp") {
      this.#topUps.set(id, {
        wallet: String(command.walletId),
        provider: String(command.providerWalletId),
        amountMinor: Number(command.amountMinor),
        expiresAtMs: Date.parse(String(command.expiresAt)),
        status: "INITIATED",
        paidMinor: 0,
        creditedMinor: 0,
        keptMinor: 0,
        waiting: new ReportedMoney(),
      });
      return;
    }
    this.#ended(this.#of(id), command, code);
  }

  #ended(topUp: TopUp, command: Told["command"], code: Code): void {
    switch (command.type) {
      case "SubmitTopUp":
        topUp.reference = String(command.reference);
        if (topUp.status === "INITIATED") topUp.status = "PENDING";
        break;
      case "ConfirmTopUp":
        this.#confirmed(topUp, command, code);
        break;
      case "RefundTopUp":
        if (code !== "ok") break;
        topUp.status = "REFUNDING";
        topUp.keptMinor -= topUp.paidMinor;
        break;
      case "ConfirmTopUpRefund":
        topUp.status = "REFUNDED";
        topUp.refundId = String(command.refundId);
        break;
      case "FailTopUpRefund":
        if (code !== "ok") break;
        topUp.status = "COMPLETED";
        topUp.keptMinor += topUp.paidMinor;
        break;
      case "ResolveTopUp": {
        if (code !== "ok") break;
        const transactionId = String(command.transactionId);
        const amountMinor = topUp.waiting.waitingMinor(transactionId) ?? 0;
        if (command.decision === "accept") complete(topUp, transactionId, amountMinor);
        topUp.waiting.decide(command);
        break;
      }
      default:
        topUp.status = command.type === "ExpireTopUp" ? "EXPIRED" : "FAILED";
    }
  }

  #confirmed(topUp: TopUp, command: Told["command"], code: Code): void {
    const transactionId = String(command.transactionId);
    const amountMinor = Number(command.amountMinor);
    if (topUp.transactionId === transactionId || topUp.waiting.isKnown(transactionId)) return;
    if (!this.#isMoved(topUp, command)) {
      const isTwice = topUp.transactionId !== undefined;
      const cause = isTwice ? "moved_twice" : amountMinor === topUp.amountMinor ? "late" : "amount_differs";
      topUp.waiting.keep(transactionId, amountMinor, cause);
    } else if (code === "ok") {
      complete(topUp, transactionId, amountMinor);
    } else {
      topUp.waiting.keep(transactionId, amountMinor, "wallet_refused");
    }
  }

  compare(id: string, state: unknown): void {
    const { status, reference, transactionId, creditedMinor, refundId, waiting } = this.#of(id);
    const shown = state as Readonly<Record<string, unknown>>;
    deepStrictEqual(
      [shown.status, shown.reference, shown.transactionId, shown.creditedMinor, shown.refundId],
      [status, reference, transactionId, creditedMinor, refundId],
    );
    deepStrictEqual(shownOf(shown.attention as readonly Readonly<Record<string, unknown>>[]), waiting.all());
  }

  isOverdue(id: string, nowMs: number): boolean {
    const { status, expiresAtMs } = this.#of(id);
    return OPEN.includes(status) && expiresAtMs + GRACE_MS <= nowMs;
  }

  money(add: (walletId: string, postedMinor: number, heldMinor: number) => void): void {
    for (const { wallet, provider, keptMinor } of this.#topUps.values()) {
      add(wallet, keptMinor, 0);
      add(provider, -keptMinor, 0);
    }
  }

  #of(id: string): TopUp {
    const topUp = this.#topUps.get(id);
    if (topUp === undefined) throw new Error(`there is no top-up ${id}`);
    return topUp;
  }
}

function complete(topUp: TopUp, transactionId: string, amountMinor: number): void {
  if (!["REFUNDING", "REFUNDED"].includes(topUp.status)) topUp.status = "COMPLETED";
  topUp.creditedMinor += amountMinor;
  topUp.keptMinor += amountMinor;
  if (topUp.transactionId !== undefined) return;
  topUp.transactionId = transactionId;
  topUp.paidMinor = amountMinor;
}
