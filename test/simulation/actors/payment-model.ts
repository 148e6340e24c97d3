import { deepStrictEqual } from "node:assert";
import type { Code } from "../../../protocol/codes.ts";
import { untimedId } from "../../ledger-command.ts";
import type { Random } from "../random.ts";
import type { ActorModel, Meant, Steps, Told } from "./actor-model.ts";
import { MERCHANT_ID, PERSON_ID, WALLETS } from "./actor-wallets.ts";
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
}

const PAYMENTS_MAX = 6;
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

/** Payments, thought anew. */
export class PaymentModel implements ActorModel {
  readonly type = "Payment";
  readonly #payments = new Map<string, Payment>();
  #planned = 0;

  ids(): Iterable<string> {
    return this.#payments.keys();
  }

  plan(random: Random, nowMs: number): Meant {
    const isNew = this.#planned === 0 || (this.#planned < PAYMENTS_MAX && random.chance(0.2));
    if (isNew) {
      this.#planned += 1;
      return this.#initiating(random, untimedId(0xd_1000 + this.#planned), nowMs);
    }
    const id = untimedId(0xd_1000 + random.between(1, this.#planned));
    const status = this.#payments.get(id)?.status;
    const wished = random.weighted(WEIGHTS);
    // Mostly what may come next, now and then anything.
    const sensible = (Object.keys(WEIGHTS) as (keyof typeof WEIGHTS)[]).filter((one) =>
      TAKEN[one].includes(status ?? ""),
    );
    const type =
      sensible.includes(wished) || sensible.length === 0 || random.chance(0.1) ? wished : random.pick(sensible);
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
    const command = {
      type: "InitiatePayment",
      payerWalletId: random.pick(WALLETS.payers),
      merchantWalletId: random.pick(WALLETS.shops),
      amountMinor: random.between(1, 120),
      currency: "EGP",
      ownerId: MERCHANT_ID,
      ...(random.chance(0.6) ? { fee } : {}),
      ...(random.chance(0.5)
        ? { expiresAt: new Date(nowMs + random.between(2, EXPIRY_S_MAX) * 1_000).toISOString() }
        : {}),
    };
    return { aggregate: this.type, id, command, by: ADMIN };
  }

  decide({ id, command, nowMs }: Told): Code | "steps" {
    const payment = this.#payments.get(id);
    if (command.type === "InitiatePayment") {
      if (payment !== undefined) return "payment_exists";
      return expiryOf(command) <= nowMs ? "expiry_invalid" : "ok";
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
    if (told.command.type !== "CapturePayment") return;
    const amountMinor = asked(told.command, payment);
    const sumMinor = steps.reduce((sum, { ask }) => sum + Number(ask.amountMinor), 0);
    deepStrictEqual(sumMinor, amountMinor, "the parts of a capture are not the whole");
  }

  ended({ id, command }: Told, code: Code): void {
    if (command.type === "InitiatePayment") {
      this.#payments.set(id, {
        payer: String(command.payerWalletId),
        shop: String(command.merchantWalletId),
        amountMinor: Number(command.amountMinor),
        fee: command.fee as Payment["fee"],
        expiresAtMs: expiryOf(command),
        status: "INITIATED",
        capturedMinor: 0,
        refundedMinor: 0,
        feesMinor: 0,
        isHoldVoided: false,
        holdId: "",
      });
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
        payment.capturedMinor += amountMinor;
        const { fee } = payment;
        const feesMinor = fee === undefined ? 0 : fee.fixedMinor + shareOf(payment.capturedMinor, fee.basisPoints);
        payment.feesMinor += Math.min(amountMinor, feesMinor - payment.feesMinor);
        const isAll = command.final === true || payment.capturedMinor === payment.amountMinor;
        payment.status = isAll ? "CAPTURED" : "PARTIALLY_CAPTURED";
        break;
      }
      case "RefundPayment":
        payment.refundedMinor += asked(command, payment);
        if (payment.status === "CAPTURED" && payment.refundedMinor === payment.capturedMinor)
          payment.status = "REFUNDED";
        break;
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
    const { status, capturedMinor, refundedMinor, feesMinor, holdId } = state as Payment;
    const payment = this.#of(id);
    payment.holdId = holdId ?? "";
    const { status: wasStatus, capturedMinor: wasCaptured, refundedMinor: wasRefunded, feesMinor: wasFees } = payment;
    deepStrictEqual([status, capturedMinor, refundedMinor, feesMinor], [wasStatus, wasCaptured, wasRefunded, wasFees]);
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
      const { payer, shop, fee, status, capturedMinor, refundedMinor, feesMinor, isHoldVoided } = payment;
      const isHeld = !isHoldVoided && (status === "AUTHORIZED" || status === "PARTIALLY_CAPTURED");
      add(payer, refundedMinor - capturedMinor, isHeld ? uncapturedOf(payment) : 0);
      add(shop, capturedMinor - feesMinor - refundedMinor, 0);
      if (fee !== undefined) add(fee.walletId, feesMinor, 0);
    }
  }

  #of(id: string): Payment {
    const payment = this.#payments.get(id);
    if (payment === undefined) throw new Error(`there is no payment ${id}`);
    return payment;
  }
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
