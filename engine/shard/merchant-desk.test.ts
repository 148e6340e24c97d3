import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { OPERATION } from "../../protocol/command-record.ts";
import { MerchantSession } from "../../test/merchant-session.ts";
import { ADMIN_SENDER, MERCHANT_SENDER, PAYING_SENDER } from "../../test/payment-session.ts";
import { settings } from "../../test/property-settings.ts";
import { expectSameFacts } from "../../test/same-state.ts";
import { sumOf } from "../payment/split.ts";
import type { ObjectCommand } from "../views.ts";

const DAY_MS = 86_400_000;

function started(body: object = {}): MerchantSession {
  return new MerchantSession().opened().withMerchant(body);
}

/** A payment of 600 with parts of others, which has been captured. */
function captured(session: MerchantSession): MerchantSession {
  const authorizing = session.authorizing();
  for (const command of [session.initiating(session.splits(60)), authorizing, session.command("CapturePayment")]) {
    expect(session.pay(command)).toMatchObject({ code: "ok" });
  }
  return session;
}

function expectRecoverable({ engine }: MerchantSession): void {
  for (const shard of [0, 1]) expectSameFacts(engine.state(shard), engine.rebuilt(shard));
}

describe("a payment to a registered merchant", () => {
  test("is divided when it is captured, and comes back from everybody when it is refunded", () => {
    const session = captured(started());
    // Of 600: 25 are the fee, 60 the courier's, 84 the tax office's.
    expect(session.moneys()).toEqual([400, 431, 60, 84, 25, 0]);
    expect(session.pay(session.command("RefundPayment", { amountMinor: 300 }))).toMatchObject({
      code: "ok",
      state: { refundedMinor: 300, splits: [{ refundedMinor: 30 }, { refundedMinor: 42 }] },
    });
    expect(session.moneys()).toEqual([700, 203, 30, 42, 25, 0]);
    expect(session.pay(session.command("RefundPayment"))).toMatchObject({ code: "insufficient_funds" });
    session.ask({ operation: OPERATION.Credit, walletId: session.shop, amountMinor: 25n });
    expect(session.pay(session.command("RefundPayment"))).toMatchObject({ code: "ok", state: { status: "REFUNDED" } });
    expect(session.moneys()).toEqual([1_000, 0, 0, 0, 25, 0]);
    expect([session.sagas(), session.money(session.courier), session.money(session.tax)]).toEqual([[], [0, 0], [0, 0]]);
    expectRecoverable(session);
  });

  test.each(["shop", "courier", "tax", "payer"] as const)(
    "is refunded from all or none where the wallet %s refuses",
    (wallet) => {
      const session = captured(started());
      const before = session.moneys();
      session.ask({ operation: OPERATION.FreezeWallet, walletId: session[wallet] });
      const refund = session.command("RefundPayment", { amountMinor: 300 });
      expect(session.pay(refund)?.code).toMatch(/_frozen$/);
      expect(session.moneys()).toEqual(before);
      session.ask({ operation: OPERATION.UnfreezeWallet, walletId: session[wallet] });
      session.pass(120_000);
      expect(session.sagas()).toEqual([]);
      for (const walletId of [session.shop, session.courier, session.tax]) expect(session.money(walletId)[1]).toBe(0);
      expect(session.pay(session.command("RefundPayment", { amountMinor: 300 }))).toMatchObject({ code: "ok" });
      expect(session.moneys()).toEqual([700, 203, 30, 42, 25, 0]);
      expectRecoverable(session);
    },
  );

  test.each(["courier", "tax"] as const)(
    "is not captured at all where the wallet %s would not take its part",
    (wallet) => {
      const session = started();
      session.pay(session.initiating(session.splits(60)));
      session.pay(session.authorizing());
      session.ask({ operation: OPERATION.FreezeWallet, walletId: session[wallet] });
      expect(session.pay(session.command("CapturePayment"))).toMatchObject({ code: "destination_frozen" });
      expect([session.moneys(), session.money(session.payer)]).toEqual([
        [1_000, 0, 0, 0, 0, 0],
        [1_000, 600],
      ]);
      session.ask({ operation: OPERATION.UnfreezeWallet, walletId: session[wallet] });
      expect(session.pay(session.command("CapturePayment"))).toMatchObject({ code: "ok" });
      expect(session.moneys()).toEqual([400, 431, 60, 84, 25, 0]);
      expectRecoverable(session);
    },
  );

  test("names nobody who has no wallet, or one of another currency", () => {
    const session = started();
    const splits = [{ walletId: session.nextWalletId(0), amountMinor: 60 }];
    session.pay(session.initiating({ splits }));
    session.pay(session.authorizing());
    expect(session.pay(session.command("CapturePayment"))).toMatchObject({ code: "destination_not_found" });
    session.openWallet(0, { walletId: splits[0].walletId, currency: 840 });
    expect(session.pay(session.command("CapturePayment"))).toMatchObject({ code: "currency_mismatch" });
    expect(session.pay(session.command("VoidPayment"))).toMatchObject({ code: "ok" });
    expect(session.sagas()).toEqual([]);
    expectRecoverable(session);
  });

  test("keeps the terms of its beginning, and a second sending of it needs not find them again", () => {
    const session = started();
    const initiating = session.initiating();
    expect(session.pay(initiating)).toMatchObject({ code: "ok", state: { fee: { fixedMinor: 10 } } });
    session.pay(session.merchant("ChangeFeeRule"));
    const found = {
      code: "ok",
      facts: session.look({ aggregate: "Merchant", id: session.merchantId, by: ADMIN_SENDER }),
    };
    const again = { ...initiating, found } as ObjectCommand;
    expect(session.pay(again)).toMatchObject({ code: "ok", replayed: true, state: { fee: { fixedMinor: 10 } } });
    const other = { ...again, command: { ...again.command, amountMinor: 601 } };
    expect(session.pay(other)).toMatchObject({ code: "id_reused" });
    session.pay(session.merchant("SuspendMerchant", { reason: "looked at" }));
    const late = session.initiating({}, MERCHANT_SENDER, session.nextWalletId(1));
    expect(session.pay(late)).toMatchObject({ code: "merchant_status_conflict", replayed: false });
    expect(session.pay(session.authorizing())).toMatchObject({ code: "ok" });
    session.engine.crash();
    expect(session.pay(initiating)).toMatchObject({ code: "ok", replayed: true });
    session.pay(session.merchant("ReactivateMerchant"));
    // What it found then is what counts.
    expect(session.pay(late)).toMatchObject({ code: "merchant_status_conflict", replayed: true });
    expectRecoverable(session);
  });
});

describe("a merchant's batch", () => {
  test("is closed by its calendar, once, also where the ledger was down then", () => {
    const session = captured(started());
    const dueMs = session.state().nextBatchAtMs;
    session.pass(dueMs - 1 - session.nowMs);
    expect(session.state().batches).toEqual([]);
    session.engine.crash();
    session.pass(1);
    expect(session.moneys()).toEqual([400, 0, 60, 84, 25, 431]);
    expect(session.state().batches).toMatchObject([{ number: 1, payoutMinor: 431, closedAtMs: dueMs }]);
    session.pass(60_000);
    expect(session.state().batches).toHaveLength(1);
    session.engine.crash();
    // One batch for all the days that nobody was there.
    session.pass(3 * DAY_MS);
    expect(session.state().batches).toMatchObject([{ number: 1 }, { number: 2, payoutMinor: 0 }]);
    expect(session.state().nextBatchAtMs).toBeGreaterThan(session.nowMs);
    expectRecoverable(session);
  });

  test("is closed at an admin's word, and the same id closes it once", () => {
    const session = captured(started());
    const closing = session.merchant("CloseBatch");
    expect(session.begin(closing)).toBeUndefined();
    expect(session.begin(session.merchant("SuspendMerchant", { reason: "looked at" }))).toMatchObject({
      code: "actor_busy",
    });
    session.engine.crash();
    session.settle();
    // Its transfer was under way between the shards when it was asked for again.
    session.pass(1_000);
    expect(session.pay(closing)).toMatchObject({
      code: "ok",
      replayed: true,
    });
    expect(session.state().batches).toMatchObject([{ payoutMinor: 431 }]);
    expect(session.moneys()).toEqual([400, 0, 60, 84, 25, 431]);
    expectRecoverable(session);
  });

  test.each(Array.from({ length: 12 }, (_, delivered) => delivered))(
    "pays out once what was free when the wallet was asked, where the ledger crashes after %i messages and more comes in",
    (delivered) => {
      for (const minimumPayoutMinor of [1, 500]) {
        const session = captured(started({ minimumPayoutMinor }));
        session.begin(session.merchant("CloseBatch"));
        for (let turn = 0; turn < delivered; turn += 1) session.deliverSome(turn);
        session.engine.crash();
        session.ask({ operation: OPERATION.Credit, walletId: session.shop, amountMinor: 100n });
        session.settle();
        // What was under way between the shards is asked for again.
        session.pass(2_000);
        expect(session.sagas()).toEqual([]);
        const [batch, ...others] = session.state().batches;
        expect(others).toEqual([]);
        expect(session.money(session.bank)[0]).toBe(batch.payoutMinor);
        expect(session.money(session.shop)[0]).toBe(531 - batch.payoutMinor);
        expectRecoverable(session);
      }
    },
  );

  test("leaves what is held, what is less than the least, and an overdraft alone", () => {
    const session = captured(started({ minimumPayoutMinor: 400 }));
    session.ask({ operation: OPERATION.PlaceHold, walletId: session.shop, amountMinor: 32n });
    session.ask({ operation: OPERATION.SetOverdraftLimit, walletId: session.shop, amountMinor: 1_000n });
    expect(session.pay(session.merchant("CloseBatch"))).toMatchObject({
      code: "ok",
    });
    expect(session.state().batches).toMatchObject([{ payoutMinor: 0 }]);
    expect(session.money(session.shop)).toEqual([431, 32]);
    session.pay(session.merchant("ChangeSettlement", { minimumPayoutMinor: 399 }, MERCHANT_SENDER));
    session.pay(session.merchant("CloseBatch"));
    expect([session.money(session.shop), session.money(session.bank)]).toEqual([
      [32, 32],
      [399, 0],
    ]);
    expectRecoverable(session);
  });

  test("takes what stripes of the merchant's wallet hold", () => {
    const session = captured(started());
    session.ask({ operation: OPERATION.StripeWallet, walletId: session.shop });
    session.settle();
    session.ask({
      operation: OPERATION.Transfer,
      walletId: session.payer,
      counterpartyId: session.shop,
      amountMinor: 9n,
    });
    session.settle();
    session.pay(session.merchant("CloseBatch"));
    expect(session.money(session.bank)).toEqual([440, 0]);
    expectRecoverable(session);
  });

  test("that a wallet refuses stays open, and is closed when it is tried again", () => {
    const session = captured(started());
    session.ask({ operation: OPERATION.FreezeWallet, walletId: session.bank });
    expect(session.pay(session.merchant("CloseBatch"))).toMatchObject({ code: "destination_frozen" });
    expect([session.moneys(), session.state().refusal]).toEqual([[400, 431, 60, 84, 25, 0], "destination_frozen"]);
    session.ask({ operation: OPERATION.UnfreezeWallet, walletId: session.bank });
    session.pass(3_600_000);
    expect(session.state().batches).toMatchObject([{ number: 1, payoutMinor: 431 }]);
    expect(session.state().refusal).toBeUndefined();
    expectRecoverable(session);
  });

  test("is the last one when the merchant is closed, and what comes later is settled by word", () => {
    const session = captured(started());
    expect(session.pay(session.merchant("CloseMerchant", { reason: "moved away" }))).toMatchObject({
      code: "ok",
      state: { status: "CLOSED" },
    });
    expect(session.state().batches).toMatchObject([{ payoutMinor: 431 }]);
    session.ask({ operation: OPERATION.Credit, walletId: session.shop, amountMinor: 5n });
    session.pass(3 * DAY_MS);
    expect(session.money(session.shop)).toEqual([5, 0]);
    session.pay(session.merchant("CloseBatch"));
    expect([session.money(session.shop), session.money(session.bank)]).toEqual([
      [0, 0],
      [436, 0],
    ]);
    expectRecoverable(session);
  });
});

test("whatever comes, and wherever the ledger crashes, books, payments and batches agree", () => {
  const wallets = fc.constantFrom("payer", "shop", "courier", "tax", "fees", "bank");
  const amountMinor = fc.integer({ min: 1, max: 250 });
  const payment = fc.nat(3);
  const steps = fc.oneof(
    { weight: 4, arbitrary: fc.record({ initiate: payment, splitMinor: fc.integer({ min: 1, max: 80 }) }) },
    { weight: 4, arbitrary: fc.record({ capture: payment, amountMinor }) },
    { weight: 3, arbitrary: fc.record({ refund: payment, amountMinor }) },
    { weight: 2, arbitrary: fc.constantFrom("settle" as const, "fee" as const) },
    { weight: 2, arbitrary: fc.constant("again" as const) },
    { weight: 10, arbitrary: fc.constant("deliver" as const) },
    { weight: 2, arbitrary: fc.constantFrom("crash" as const, "pass" as const, "night" as const) },
    { weight: 2, arbitrary: fc.record({ wallet: wallets, isFrozen: fc.boolean() }) },
  );
  fc.assert(
    fc.property(fc.array(steps, { minLength: 10, maxLength: 80 }), (plan) => {
      const session = started();
      const ids = Array.from({ length: 4 }, () => session.nextWalletId(1));
      const sent: ObjectCommand[] = [];
      const send = (command: ObjectCommand): void => {
        sent.push(command);
        session.begin(command);
      };
      for (const [turn, step] of plan.entries()) {
        if (step === "again") {
          if (sent.length > 0) session.begin(sent[turn % sent.length]);
        } else if (step === "deliver") {
          session.deliverSome(turn);
        } else if (step === "crash") {
          session.engine.crash();
        } else if (step === "pass") {
          session.pass(2_000);
        } else if (step === "night") {
          session.pass(session.state().nextBatchAtMs - session.nowMs);
        } else if (step === "settle") {
          send(session.merchant("CloseBatch"));
        } else if (step === "fee") {
          const fee = { walletId: session.fees, fixedMinor: turn % 7, basisPoints: turn % 500 };
          send(session.merchant("ChangeFeeRule", { fee }));
        } else if ("initiate" in step) {
          send(
            session.initiating(
              { ...session.splits(step.splitMinor), amountMinor: 300 },
              MERCHANT_SENDER,
              ids[step.initiate],
            ),
          );
          send(session.command("AuthorizePayment", {}, PAYING_SENDER, ids[step.initiate]));
        } else if ("capture" in step) {
          send(
            session.command("CapturePayment", { amountMinor: step.amountMinor }, MERCHANT_SENDER, ids[step.capture]),
          );
        } else if ("refund" in step) {
          send(session.command("RefundPayment", { amountMinor: step.amountMinor }, ADMIN_SENDER, ids[step.refund]));
        } else {
          const operation = step.isFrozen ? OPERATION.FreezeWallet : OPERATION.UnfreezeWallet;
          session.ask({ operation, walletId: session[step.wallet] });
        }
      }
      for (const wallet of ["payer", "shop", "courier", "tax", "fees", "bank"] as const) {
        session.ask({ operation: OPERATION.UnfreezeWallet, walletId: session[wallet] });
      }
      session.engine.crash();
      session.settle();
      for (let tries = 0; tries < 15 && session.sagas().length > 0; tries += 1) {
        for (const { id, isParked } of session.sagas()) if (isParked) session.release(id);
        session.pass(60_000);
      }
      expect(session.sagas()).toEqual([]);
      const payments = ids.map((id) => session.paymentState(id)).filter((state) => state !== undefined);
      const total = (amountOf: (state: (typeof payments)[number]) => number): number => sumOf(payments.map(amountOf));
      const split = (index: number): number =>
        total(({ splits = [] }) => (splits[index]?.capturedMinor ?? 0) - (splits[index]?.refundedMinor ?? 0));
      const kept = total(({ capturedMinor, refundedMinor }) => capturedMinor - refundedMinor);
      const fees = total(({ feesMinor }) => feesMinor);
      const paidOut = sumOf(session.state().batches.map(({ payoutMinor }) => payoutMinor));
      expect(session.moneys()).toEqual([
        1_000 - kept,
        kept - fees - split(0) - split(1) - paidOut,
        split(0),
        split(1),
        fees,
        paidOut,
      ]);
      for (const walletId of [session.shop, session.courier, session.tax]) expect(session.money(walletId)[1]).toBe(0);
      expect(session.state().batches.map(({ number }) => number)).toEqual(
        session.state().batches.map((_, index) => index + 1),
      );
      expectRecoverable(session);
    }),
    settings(80),
  );
});
