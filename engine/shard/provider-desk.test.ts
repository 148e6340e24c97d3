import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { OPERATION } from "../../protocol/command-record.ts";
import { untimedId } from "../../test/ledger-command.ts";
import { ADMIN_SENDER, PAYING_SENDER, PaymentSession } from "../../test/payment-session.ts";
import { settings } from "../../test/property-settings.ts";
import { expectSameFacts } from "../../test/same-state.ts";
import type { PayoutState } from "../payout/payout.ts";
import type { TopUpState } from "../topup/topup.ts";
import type { ObjectCommand } from "../views.ts";

const TRANSACTION = { transactionId: "t1", amountMinor: 300, currency: "EGP" };

/** A top-up and a payout on the second of two shards, of a wallet with 1,000 on the first; the provider's account is on the second. */
class ProviderSession extends PaymentSession {
  readonly float: string;
  readonly topUpId: string;
  readonly payoutId: string;
  #commands = 0;

  constructor() {
    super({ idempotencyWindowMs: 86_400_000 });
    this.float = this.nextWalletId(1);
    this.topUpId = this.nextWalletId(1);
    this.payoutId = this.nextWalletId(1);
  }

  override opened(): this {
    super.opened();
    this.openWallet(1, { walletId: this.float, limitMinor: 1_000_000n, ownerId: untimedId(0xb9) });
    return this;
  }

  of(aggregate: "TopUp" | "Payout", type: string, body: object = {}): ObjectCommand {
    this.#commands += 1;
    const id = aggregate === "TopUp" ? this.topUpId : this.payoutId;
    const commandId = untimedId(0xe_0000 + this.#commands);
    return { aggregate, id, commandId, command: { type, ...body }, by: ADMIN_SENDER };
  }

  initiatingTopUp(): ObjectCommand {
    return this.of("TopUp", "InitiateTopUp", {
      ...this.#facts(),
      expiresAt: new Date(this.nowMs + 3_600_000).toISOString(),
    });
  }

  payingOut(amountMinor = 300): ObjectCommand {
    return this.of("Payout", "InitiatePayout", { ...this.#facts(), amountMinor });
  }

  #facts(): object {
    return {
      walletId: this.payer,
      providerWalletId: this.float,
      provider: "fawry",
      method: "PAYATFAWRY",
      amountMinor: 300,
      currency: "EGP",
      ownerId: PAYING_SENDER.ownerId,
    };
  }

  topUp(): TopUpState | undefined {
    return this.engine.state(1).actors.get("TopUp", this.topUpId)?.state as TopUpState | undefined;
  }

  payout(): PayoutState | undefined {
    return this.engine.state(1).actors.get("Payout", this.payoutId)?.state as PayoutState | undefined;
  }

  moneys(): readonly number[] {
    return [this.money(this.payer)[0], this.money(this.float)[0]];
  }
}

function started(): ProviderSession {
  return new ProviderSession().opened();
}

function expectRecoverable({ engine }: ProviderSession): void {
  for (const shard of [0, 1]) expectSameFacts(engine.state(shard), engine.rebuilt(shard));
}

describe("a top-up of a wallet on another shard", () => {
  test("moves the money once, however often and whenever word of it comes", () => {
    const session = started();
    expect(session.pay(session.initiatingTopUp())).toMatchObject({ code: "ok", state: { status: "INITIATED" } });
    const confirming = session.of("TopUp", "ConfirmTopUp", TRANSACTION);
    expect(session.begin(confirming)).toBeUndefined();
    session.engine.crash();
    session.settle();
    session.pass(1_000);
    expect(session.moneys()).toEqual([1_300, -300]);
    expect(session.pay(confirming)).toMatchObject({ code: "ok", replayed: true });
    expect(session.pay(session.of("TopUp", "ConfirmTopUp", TRANSACTION))).toMatchObject({ code: "ok" });
    expect(session.pay(session.of("TopUp", "SubmitTopUp", { reference: "r1", payment: {} }))).toMatchObject({
      code: "ok",
      state: { status: "COMPLETED", reference: "r1", creditedMinor: 300 },
    });
    expect(session.moneys()).toEqual([1_300, -300]);
    expectRecoverable(session);
  });

  test("whose wallet refuses keeps the money for an operator", () => {
    const session = started();
    session.pay(session.initiatingTopUp());
    session.ask({ operation: OPERATION.FreezeWallet, walletId: session.payer });
    const confirming = session.of("TopUp", "ConfirmTopUp", TRANSACTION);
    expect(session.pay(confirming)).toMatchObject({ code: "destination_frozen" });
    expect(session.topUp()).toMatchObject({ status: "INITIATED", attention: [{ cause: "wallet_refused" }] });
    expect(session.moneys()).toEqual([1_000, 0]);
    session.ask({ operation: OPERATION.UnfreezeWallet, walletId: session.payer });
    const body = { transactionId: "t1", decision: "accept", reason: "unfrozen" };
    expect(session.pay(session.of("TopUp", "ResolveTopUp", body))).toMatchObject({ code: "ok" });
    expect(session.topUp()).toMatchObject({ status: "COMPLETED", attention: [{ decision: "accept" }] });
    expect(session.moneys()).toEqual([1_300, -300]);
    expectRecoverable(session);
  });

  test("is given back in the ledger before the provider is asked, and again where it refuses", () => {
    const session = started();
    session.pay(session.initiatingTopUp());
    session.pay(session.of("TopUp", "ConfirmTopUp", TRANSACTION));
    expect(session.pay(session.of("TopUp", "RefundTopUp", { reason: "asked" }))).toMatchObject({ code: "ok" });
    expect(session.moneys()).toEqual([1_000, 0]);
    expect(session.pay(session.of("TopUp", "FailTopUpRefund", { reason: "no" }))).toMatchObject({ code: "ok" });
    expect([session.moneys(), session.topUp()?.status]).toEqual([[1_300, -300], "COMPLETED"]);
    session.pay(session.of("TopUp", "RefundTopUp", { reason: "asked" }));
    expect(session.pay(session.of("TopUp", "ConfirmTopUpRefund", { refundId: "f1" }))).toMatchObject({ code: "ok" });
    expect([session.moneys(), session.topUp()?.status]).toEqual([[1_000, 0], "REFUNDED"]);
    expectRecoverable(session);
  });

  test("expires by itself, and late money waits for an operator", () => {
    const session = started();
    session.pay(session.initiatingTopUp());
    session.pass(3_600_000 + 899_999);
    expect(session.topUp()?.status).toBe("INITIATED");
    session.pass(1);
    expect(session.topUp()?.status).toBe("EXPIRED");
    expect(session.pay(session.of("TopUp", "ConfirmTopUp", TRANSACTION))).toMatchObject({ code: "ok" });
    expect(session.topUp()).toMatchObject({ status: "EXPIRED", attention: [{ cause: "late" }] });
    expect(session.moneys()).toEqual([1_000, 0]);
    expectRecoverable(session);
  });
});

describe("a payout of a wallet on another shard", () => {
  test("takes the money first, and gives it back once where it fails", () => {
    const session = started();
    expect(session.pay(session.payingOut())).toMatchObject({ code: "ok", state: { status: "RESERVED" } });
    expect(session.moneys()).toEqual([700, 300]);
    const failing = session.of("Payout", "FailPayout", { reason: "no such account" });
    expect(session.begin(failing)).toBeUndefined();
    session.engine.crash();
    session.settle();
    session.pass(1_000);
    expect([session.moneys(), session.payout()?.status]).toEqual([[1_000, 0], "FAILED"]);
    expect(session.pay(failing)).toMatchObject({ code: "ok", replayed: true });
    expect(session.pay(session.of("Payout", "FailPayout", { reason: "again" }))).toMatchObject({
      code: "payout_status_conflict",
    });
    expect(session.pay(session.of("Payout", "ConfirmPayout", TRANSACTION))).toMatchObject({ code: "ok" });
    expect([session.moneys(), session.payout()?.attention.length]).toEqual([[1_000, 0], 1]);
    expectRecoverable(session);
  });

  test("of more than there is has failed, and nothing has moved", () => {
    const session = started();
    expect(session.pay(session.payingOut(1_001))).toMatchObject({ code: "insufficient_funds" });
    expect([session.moneys(), session.payout()]).toMatchObject([
      [1_000, 0],
      { status: "FAILED", reason: "insufficient_funds" },
    ]);
    expectRecoverable(session);
  });
});

test("whatever a provider says, and wherever the ledger crashes, its account has what top-ups and payouts say", () => {
  const amount = fc.constantFrom(300, 300, 300, 299);
  const steps = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom("initiate" as const, "payout" as const, "expire" as const) },
    { weight: 5, arbitrary: fc.record({ paid: fc.nat(2), amountMinor: amount, isTopUp: fc.boolean() }) },
    { weight: 2, arbitrary: fc.record({ resolved: fc.nat(2), isAccepted: fc.boolean(), isTopUp: fc.boolean() }) },
    {
      weight: 3,
      arbitrary: fc.constantFrom("fail" as const, "failPayout" as const, "submit" as const, "submitPayout" as const),
    },
    { weight: 3, arbitrary: fc.constantFrom("refund" as const, "refunded" as const, "notRefunded" as const) },
    { weight: 2, arbitrary: fc.constant("again" as const) },
    { weight: 8, arbitrary: fc.constant("deliver" as const) },
    { weight: 2, arbitrary: fc.constantFrom("crash" as const, "pass" as const) },
    { weight: 1, arbitrary: fc.record({ isFrozen: fc.boolean() }) },
  );
  fc.assert(
    fc.property(fc.array(steps, { minLength: 5, maxLength: 60 }), (plan) => {
      const session = started();
      const sent: ObjectCommand[] = [];
      const send = (command: ObjectCommand): void => {
        sent.push(command);
        session.begin(command);
      };
      send(session.initiatingTopUp());
      send(session.payingOut());
      const simple = {
        initiate: () => session.initiatingTopUp(),
        payout: () => session.payingOut(),
        fail: () => session.of("TopUp", "FailTopUp", { reason: "no" }),
        failPayout: () => session.of("Payout", "FailPayout", { reason: "no" }),
        submit: () => session.of("TopUp", "SubmitTopUp", { reference: "r", payment: {} }),
        submitPayout: () => session.of("Payout", "SubmitPayout", { reference: "r" }),
        refund: () => session.of("TopUp", "RefundTopUp", { reason: "asked" }),
        refunded: () => session.of("TopUp", "ConfirmTopUpRefund", { refundId: "f1" }),
        notRefunded: () => session.of("TopUp", "FailTopUpRefund", { reason: "no" }),
      } as const;
      for (const [turn, step] of plan.entries()) {
        if (step === "again") session.begin(sent[turn % sent.length]);
        else if (step === "deliver") session.deliverSome(turn);
        else if (step === "crash") session.engine.crash();
        else if (step === "pass") session.pass(2_000);
        else if (step === "expire") session.pass(4_600_000);
        else if (typeof step === "string") send(simple[step]());
        else if ("paid" in step) {
          const body = { transactionId: `t${step.paid}`, amountMinor: step.amountMinor, currency: "EGP" };
          send(step.isTopUp ? session.of("TopUp", "ConfirmTopUp", body) : session.of("Payout", "ConfirmPayout", body));
        } else if ("resolved" in step) {
          const decision = step.isAccepted ? "accept" : "dismiss";
          const body = { transactionId: `t${step.resolved}`, decision, reason: "seen" };
          send(step.isTopUp ? session.of("TopUp", "ResolveTopUp", body) : session.of("Payout", "ResolvePayout", body));
        } else {
          const operation = step.isFrozen ? OPERATION.FreezeWallet : OPERATION.UnfreezeWallet;
          session.ask({ operation, walletId: session.payer });
        }
      }
      session.ask({ operation: OPERATION.UnfreezeWallet, walletId: session.payer });
      session.engine.crash();
      session.settle();
      for (let tries = 0; tries < 15 && session.sagas().length > 0; tries += 1) session.pass(60_000);
      expect(session.sagas()).toEqual([]);
      const { creditedMinor = 0, paidMinor = 0, status } = session.topUp() ?? {};
      const isGivenBack = status === "REFUNDING" || status === "REFUNDED";
      const cameInMinor = creditedMinor - (isGivenBack ? paidMinor : 0);
      const payout = session.payout();
      const accepted = payout?.attention.filter(({ decision }) => decision === "accept") ?? [];
      const isOut = payout !== undefined && payout.status !== "FAILED" && payout.status !== "INITIATED";
      // What was accepted after the payout had ended was taken as well, or instead where it had failed.
      const wentOutMinor = session.money(session.float)[0] + cameInMinor;
      if (accepted.length === 0) expect(wentOutMinor).toBe(isOut ? 300 : 0);
      else expect(wentOutMinor).toBeGreaterThan(0);
      expect(session.money(session.payer)[0]).toBe(1_000 + cameInMinor - wentOutMinor);
      expectRecoverable(session);
    }),
    settings(80),
  );
});
