import { deepStrictEqual } from "node:assert";
import type { Code } from "../../../protocol/codes.ts";
import { untimedId } from "../../ledger-command.ts";
import type { Random } from "../random.ts";
import type { ActorModel, Meant, Steps, Told } from "./actor-model.ts";
import { MERCHANT_ID, PERSON_ID, WALLETS } from "./actor-wallets.ts";
import { divide } from "./divide.ts";
import type { MerchantModel, Terms } from "./merchant-model.ts";
import { shareOf } from "./share-of.ts";

interface Payment {
  readonly payer: string;
  readonly shop: string;
  readonly amountMinor: number;
  readonly fee: { readonly walletId: string; readonly fixedMinor: number; readonly basisPoints: number } | undefined;
  readonly expiresAtMs: number;
  status: string;
  capturedMinor: number;
  refundedMinor: number;
  feesMinor: number;
  /** Whether the payer took the hold back by himself. */
  isHoldVoided: boolean;
  holdId: string;
  /** Parts of others. */
  readonly splits: readonly Split[];
}

interface Split {
  readonly walletId: string;
  readonly amountMinor: number;
  capturedMinor: number;
  refundedMinor: number;
}

interface AskedSplit {
  readonly walletId: string;
  readonly amountMinor?: number;
  readonly basisPoints?: number;
}

const PAYMENTS_MAX = 10;
/** A simulation goes on for longer than that. */
export const EXPIRY_S_MAX = 90;
const MERCHANT = { isAdmin: false, ownerId: MERCHANT_ID };
const PERSON = { isAdmin: false, ownerId: PERSON_ID };
const ADMIN = { isAdmin: true, ownerId: "" };

const OPEN = ["INITIATED", "AUTHORIZED", "PARTIALLY_CAPTURED"];
/** Command → the statuses in which it makes sense. */
const TAKEN: Readonly<Record<string, readonly string[]>> = {
  AuthorizePayment: ["INITIATED"],
  CapturePayment: ["AUTHORIZED", "PARTIALLY_CAPTURED"],
  VoidPayment: OPEN,
  RefundPayment: ["PARTIALLY_CAPTURED", "CAPTURED"],
  FailPayment: ["INITIATED"],
  ExpirePayment: OPEN,
};

const WEIGHTS = { AuthorizePayment: 4, CapturePayment: 9, VoidPayment: 1, RefundPayment: 5, FailPayment: 1 } as const;

/** What makes sense in a status; anything, where it is not known. */
function namesIn(status: string): readonly (keyof typeof WEIGHTS)[] {
  const names = Object.keys(WEIGHTS) as (keyof typeof WEIGHTS)[];
  return status === "" ? names : names.filter((name) => TAKEN[name].includes(status));
}

/** Payments, thought anew. */
export class PaymentModel implements ActorModel {
  readonly type = "Payment";
  readonly #payments = new Map<string, Payment>();
  readonly #merchants: MerchantModel;
  #planned = 0;

  constructor(merchants: MerchantModel) {
    this.#merchants = merchants;
  }

  ids(): Iterable<string> {
    return this.#payments.keys();
  }

  plan(random: Random, nowMs: number): Meant {
    const isNew = this.#planned === 0 || (this.#planned < PAYMENTS_MAX && random.chance(0.2));
    if (isNew) {
      this.#planned += 1;
      return this.#initiating(random, untimedId(0xd_1000 + this.#planned), nowMs);
    }
    // Mostly what may come next, now and then anything.
    const live = [...this.#payments].filter(([, { status }]) => namesIn(status).length > 0);
    const isSensible = live.length > 0 && random.chance(0.85);
    const [id, { status }] = isSensible
      ? random.pick(live)
      : [untimedId(0xd_1000 + random.between(1, this.#planned)), { status: "" }];
    const names = namesIn(status);
    const type = random.weighted(Object.fromEntries(names.map((name) => [name, WEIGHTS[name]])) as typeof WEIGHTS);
    // Small ones, so that most payments are captured and refunded in several parts.
    const amount = random.chance(0.8) ? { amountMinor: random.between(1, 30) } : {};
    const isFinal = type === "CapturePayment" && random.chance(0.1) ? { final: true } : {};
    const body =
      type === "CapturePayment" || type === "RefundPayment"
        ? { ...amount, ...isFinal }
        : type === "FailPayment"
          ? { reason: "no" }
          : {};
    return {
      aggregate: this.type,
      id,
      command: { type, ...body },
      by: type === "AuthorizePayment" ? PERSON : MERCHANT,
    };
  }

  #initiating(random: Random, id: string, nowMs: number): Meant {
    const fee = {
      walletId: random.pick(WALLETS.fees),
      fixedMinor: random.between(0, 4),
      basisPoints: random.pick([0, 250, 333, 5_000]),
    };
    const payee = { merchantWalletId: random.pick(WALLETS.shops), ownerId: MERCHANT_ID };
    const command = {
      type: "InitiatePayment",
      payerWalletId: random.pick(WALLETS.payers),
      amountMinor: random.between(1, 120),
      currency: "EGP",
      ...(random.chance(0.5)
        ? { merchantId: this.#merchants.pick(random) }
        : { ...payee, ...(random.chance(0.6) ? { fee } : {}) }),
      ...(random.chance(0.5) ? { splits: WALLETS.partners.map((walletId) => aSplit(random, walletId)) } : {}),
      ...(random.chance(0.5)
        ? { expiresAt: new Date(nowMs + random.between(2, EXPIRY_S_MAX) * 1_000).toISOString() }
        : {}),
    };
    return { aggregate: this.type, id, command, by: ADMIN };
  }

  decide(told: Told): Code | "steps" {
    const { id, command, nowMs } = told;
    const payment = this.#payments.get(id);
    if (command.type === "InitiatePayment") {
      const refusal = this.#merchantSays(told);
      if (refusal !== undefined) return refusal;
      if (payment !== undefined) return "payment_exists";
      if (expiryOf(command) <= nowMs) return "expiry_invalid";
      const fresh = freshOf(told);
      const othersMinor = fresh.splits.reduce((sum, { amountMinor }) => sum + amountMinor, 0);
      return feeOf(fresh, fresh.amountMinor) + othersMinor > fresh.amountMinor ? "splits_exceeded" : "ok";
    }
    if (payment === undefined) return "payment_not_found";
    if (!TAKEN[command.type].includes(payment.status)) return "payment_status_conflict";
    const { type } = command;
    if ((type === "AuthorizePayment" || type === "CapturePayment") && payment.expiresAtMs <= nowMs)
      return "payment_expired";
    if (type === "FailPayment") return "ok";
    if (type === "VoidPayment" || type === "ExpirePayment") return payment.status === "INITIATED" ? "ok" : "steps";
    if (type === "CapturePayment" && asked(command, payment) > uncapturedOf(payment)) return "payment_amount_exceeded";
    const unrefundedMinor = payment.capturedMinor - payment.refundedMinor;
    if (type === "RefundPayment" && (unrefundedMinor === 0 || asked(command, payment) > unrefundedMinor)) {
      return "payment_amount_exceeded";
    }
    return "steps";
  }

  begun(told: Told, steps: Steps): void {
    const payment = this.#of(told.id);
    const { payer, shop, fee, splits } = payment;
    const amountMinor = asked(told.command, payment);
    const moved = steps
      .map(({ ask }) => ask)
      .filter(({ operation }) => operation === "CaptureHold" || operation === "Transfer");
    if (told.command.type === "CapturePayment") {
      const { feeMinor, shopMinor, splitsMinor } = captured(payment, amountMinor);
      const parts = [[shop, shopMinor], ...splits.map(({ walletId }, at) => [walletId, splitsMinor[at]])];
      deepStrictEqual(
        moved.map((ask) => [ask.walletId, ask.toWalletId, ask.amountMinor]),
        [...parts, [fee?.walletId, feeMinor]].filter(([, minor]) => minor !== 0).map((part) => [payer, ...part]),
      );
    } else if (told.command.type === "RefundPayment") {
      const [shopMinor, ...splitsMinor] = refunded(payment, amountMinor);
      const parts = [[shop, shopMinor], ...splits.map(({ walletId }, at) => [walletId, splitsMinor[at]])];
      deepStrictEqual(
        moved.map((ask) => [ask.walletId, ask.amountMinor, ask.toWalletId]),
        parts.filter(([, minor]) => minor !== 0).map((part) => [...part, payer]),
      );
    }
  }

  ended(told: Told, code: Code): void {
    const { id, command } = told;
    if (command.type === "InitiatePayment") {
      this.#payments.set(id, freshOf(told));
      return;
    }
    const payment = this.#of(id);
    if (code !== "ok") return;
    switch (command.type) {
      case "AuthorizePayment":
        payment.status = "AUTHORIZED";
        break;
      case "CapturePayment": {
        const amountMinor = asked(command, payment);
        const { feeMinor, splitsMinor } = captured(payment, amountMinor);
        payment.capturedMinor += amountMinor;
        payment.feesMinor += feeMinor;
        for (const [at, split] of payment.splits.entries()) split.capturedMinor += splitsMinor[at];
        const isAll = command.final === true || payment.capturedMinor === payment.amountMinor;
        payment.status = isAll ? "CAPTURED" : "PARTIALLY_CAPTURED";
        break;
      }
      case "RefundPayment": {
        const amountMinor = asked(command, payment);
        const [, ...splitsMinor] = refunded(payment, amountMinor);
        payment.refundedMinor += amountMinor;
        for (const [at, split] of payment.splits.entries()) split.refundedMinor += splitsMinor[at];
        if (payment.status === "CAPTURED" && payment.refundedMinor === payment.capturedMinor)
          payment.status = "REFUNDED";
        break;
      }
      case "FailPayment":
        payment.status = "FAILED";
        break;
      default: {
        const ended = command.type === "VoidPayment" ? "VOIDED" : "EXPIRED";
        payment.status = payment.capturedMinor > 0 ? "CAPTURED" : ended;
      }
    }
  }

  compare(id: string, state: unknown): void {
    const payment = this.#of(id);
    payment.holdId = (state as Payment).holdId ?? "";
    deepStrictEqual(known(state as Payment), known(payment));
  }

  isOverdue(id: string, nowMs: number): boolean {
    const { status, expiresAtMs } = this.#of(id);
    return OPEN.includes(status) && expiresAtMs <= nowMs;
  }

  /** Holds that somebody may still take back at his own wallet. */
  openHolds(): readonly { readonly walletId: string; readonly holdId: string }[] {
    return [...this.#payments.values()]
      .filter(({ holdId, isHoldVoided }) => holdId !== "" && !isHoldVoided)
      .map(({ payer: walletId, holdId }) => ({ walletId, holdId }));
  }

  holdVoided(holdId: string): void {
    for (const payment of this.#payments.values()) if (payment.holdId === holdId) payment.isHoldVoided = true;
  }

  money(add: (walletId: string, postedMinor: number, heldMinor: number) => void): void {
    for (const payment of this.#payments.values()) {
      const { payer, shop, fee, status, capturedMinor, refundedMinor, feesMinor, isHoldVoided, splits } = payment;
      const isHeld = !isHoldVoided && (status === "AUTHORIZED" || status === "PARTIALLY_CAPTURED");
      add(payer, refundedMinor - capturedMinor, isHeld ? uncapturedOf(payment) : 0);
      const others = splits.map((split) => [split.walletId, split.capturedMinor - split.refundedMinor] as const);
      const othersMinor = others.reduce((sum, [, minor]) => sum + minor, 0);
      add(shop, capturedMinor - feesMinor - refundedMinor - othersMinor, 0);
      for (const [walletId, minor] of others) add(walletId, minor, 0);
      if (fee !== undefined) add(fee.walletId, feesMinor, 0);
    }
  }

  /** What was found of the merchant must have been true, and says whether it may be paid. */
  #merchantSays({ command, found }: Told): Code | undefined {
    if (command.merchantId === undefined) return undefined;
    if (found === undefined) throw new Error("its merchant was not looked up");
    if (found.code !== "ok") return found.code;
    const terms = found.facts as unknown as Terms;
    if (!this.#merchants.hasBeen(String(command.merchantId), terms)) throw new Error("its merchant was never so");
    return terms.status === "ACTIVE" ? undefined : "merchant_status_conflict";
  }

  #of(id: string): Payment {
    const payment = this.#payments.get(id);
    if (payment === undefined) throw new Error(`there is no payment ${id}`);
    return payment;
  }
}

function aSplit(random: Random, walletId: string): AskedSplit {
  return random.chance(0.7)
    ? { walletId, basisPoints: random.pick([333, 1_000, 2_500]) }
    : { walletId, amountMinor: random.between(1, 10) };
}

/** A payment to whom its command, or its merchant, says. */
function freshOf({ command, found }: Told): Payment {
  const terms = found?.code === "ok" ? (found.facts as unknown as Terms) : undefined;
  const amountMinor = Number(command.amountMinor);
  const parts = ((command.splits ?? []) as readonly AskedSplit[]).map((split) => ({
    walletId: split.walletId,
    amountMinor: split.amountMinor ?? shareOf(amountMinor, split.basisPoints ?? 0),
    capturedMinor: 0,
    refundedMinor: 0,
  }));
  return {
    payer: String(command.payerWalletId),
    shop: terms?.walletId ?? String(command.merchantWalletId),
    amountMinor,
    fee: terms === undefined ? (command.fee as Payment["fee"]) : terms.fee,
    expiresAtMs: expiryOf(command),
    status: "INITIATED",
    capturedMinor: 0,
    refundedMinor: 0,
    feesMinor: 0,
    isHoldVoided: false,
    holdId: "",
    splits: parts.filter((part) => part.amountMinor > 0),
  };
}

/** The fee of a capture: what all of them cost, less what was taken. */
function feeOf({ fee, capturedMinor, feesMinor }: Payment, amountMinor: number): number {
  if (fee === undefined) return 0;
  const allMinor = fee.fixedMinor + shareOf(capturedMinor + amountMinor, fee.basisPoints);
  return Math.min(amountMinor, allMinor - feesMinor);
}

/** Who gets what of a capture: after the fee, in proportion to what each is still to get. */
function captured(
  payment: Payment,
  amountMinor: number,
): { readonly feeMinor: number; readonly shopMinor: number; readonly splitsMinor: readonly number[] } {
  const feeMinor = feeOf(payment, amountMinor);
  const leftMinor = uncapturedOf(payment);
  const others = payment.splits.map((split) => split.amountMinor - split.capturedMinor);
  const othersMinor = others.reduce((sum, minor) => sum + minor, 0);
  const ownMinor = leftMinor - feeOf(payment, leftMinor) - othersMinor;
  const [shopMinor, ...splitsMinor] = divide(amountMinor - feeMinor, [ownMinor, ...others]);
  return { feeMinor, shopMinor, splitsMinor };
}

/** Who gives what of a refund, the shop first: in proportion to what each still has. */
function refunded({ capturedMinor, refundedMinor, splits }: Payment, amountMinor: number): readonly number[] {
  const others = splits.map((split) => split.capturedMinor - split.refundedMinor);
  const ownMinor = others.reduce((sum, minor) => sum - minor, capturedMinor - refundedMinor);
  return divide(amountMinor, [ownMinor, ...others]);
}

/** What the ledger and the model must both know of a payment. */
function known({ status, capturedMinor, refundedMinor, feesMinor, fee, splits }: Partial<Payment>): unknown {
  return {
    ...{ status, capturedMinor, refundedMinor, feesMinor, fee },
    splits: (splits ?? []).map((split) => ({ ...split })),
  };
}

function uncapturedOf({ amountMinor, capturedMinor }: Payment): number {
  return amountMinor - capturedMinor;
}

/** The amount in a command, or all that is left. */
function asked({ type, amountMinor }: Told["command"], payment: Payment): number {
  if (typeof amountMinor === "number") return amountMinor;
  return type === "RefundPayment" ? payment.capturedMinor - payment.refundedMinor : uncapturedOf(payment);
}

function expiryOf({ expiresAt }: Told["command"]): number {
  return expiresAt === undefined ? Number.POSITIVE_INFINITY : Date.parse(String(expiresAt));
}
