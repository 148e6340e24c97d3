import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { OPERATION } from "../../protocol/command-record.ts";
import { untimedId } from "../../test/ledger-command.ts";
import { ISSUING_SENDER, MedCardSession } from "../../test/medcard-session.ts";
import { ADMIN_SENDER, MERCHANT_SENDER, PAYING_SENDER } from "../../test/payment-session.ts";
import { settings } from "../../test/property-settings.ts";
import { expectSameFacts } from "../../test/same-state.ts";
import type { ObjectCommand } from "../views.ts";

const CLAIM = untimedId(0xe1);

function started(): MedCardSession {
  return new MedCardSession().opened().withCard();
}

function expectRecoverable({ engine }: MedCardSession): void {
  for (const shard of [0, 1]) expectSameFacts(engine.state(shard), engine.rebuilt(shard));
}

describe("a prescription on wallets of two shards", () => {
  test("is covered in part, and its reversal gives everything back once", () => {
    const session = started();
    const claim = session.claiming(CLAIM, 1_000);
    expect(session.pay(claim)).toMatchObject({
      code: "ok",
      state: { prescriptions: [{ claimId: CLAIM, status: "PAID", coveredMinor: 800, copaymentMinor: 200 }] },
    });
    expect([session.moneys(), session.usedMinor()]).toEqual([[4_200, 800, 0, 1_000], 800]);
    const body = { claimId: CLAIM, reason: "returned" };
    expect(session.pay(session.card("ReversePrescription", body))).toMatchObject({ code: "forbidden" });
    const reversal = session.card("ReversePrescription", body, MERCHANT_SENDER);
    expect(session.pay(reversal)).toMatchObject({ code: "ok", state: { prescriptions: [{ status: "REVERSED" }] } });
    expect(session.pay(reversal)).toMatchObject({ code: "ok", replayed: true });
    expect(session.pay(session.card("ReversePrescription", body, MERCHANT_SENDER))).toMatchObject({
      code: "claim_status_conflict",
    });
    expect([session.moneys(), session.usedMinor()]).toEqual([[5_000, 1_000, 0, 0], 0]);
    expect(session.pay(claim)).toMatchObject({ code: "ok", replayed: true });
    expectRecoverable(session);
  });

  test("has its limit reserved while its money is under way, and through a crash", () => {
    const session = started();
    const claim = session.claiming(CLAIM, 1_000);
    expect(session.begin(claim)).toBeUndefined();
    expect([session.usedMinor(), session.state().prescriptions[0]?.status]).toEqual([800, "CLAIMED"]);
    session.engine.crash();
    expect(session.usedMinor()).toBe(800);
    session.settle();
    // Its first transfer was under way between the shards when it was asked for again.
    session.pass(1_000);
    expect([session.moneys(), session.usedMinor()]).toEqual([[4_200, 800, 0, 1_000], 800]);
    expect(session.pay(claim)).toMatchObject({ code: "ok", replayed: true });
    expectRecoverable(session);
  });

  test.each([
    { wallet: "funding", code: "wallet_frozen" },
    { wallet: "payer", code: "wallet_frozen" },
    { wallet: "shop", code: "destination_frozen" },
  ] as const)("moves nothing where the wallet $wallet refuses", ({ wallet, code }) => {
    const session = started();
    session.ask({ operation: OPERATION.FreezeWallet, walletId: session[wallet] });
    const claim = session.claiming(CLAIM, 1_000);
    expect(session.pay(claim)).toMatchObject({ code, replayed: false });
    expect([session.moneys(), session.usedMinor()]).toEqual([[5_000, 1_000, 0, 0], 0]);
    session.ask({ operation: OPERATION.UnfreezeWallet, walletId: session[wallet] });
    expect(session.pay(claim)).toMatchObject({ code, replayed: true });
    expect(session.pay(session.claiming(CLAIM, 1_000))).toMatchObject({ code: "ok" });
    expectRecoverable(session);
  });

  test("needs the holder's word, and his wallet", () => {
    const session = new MedCardSession().opened();
    session.withCard({ holderWalletId: session.fees });
    expect(session.pay(session.claiming(CLAIM, 100, ISSUING_SENDER))).toMatchObject({ code: "forbidden" });
    expect(session.pay(session.claiming(CLAIM, 100))).toMatchObject({ code: "forbidden" });
    expect([session.moneys(), session.usedMinor()]).toEqual([[5_000, 1_000, 0, 0], 0]);
  });

  test("is refused above the month's limit, and taken again in the next month", () => {
    const session = started();
    session.ask({ operation: OPERATION.Credit, walletId: session.payer, amountMinor: 2_000n });
    expect(session.pay(session.claiming(CLAIM, 3_750))).toMatchObject({ code: "ok" });
    const another = untimedId(0xe2);
    expect(session.pay(session.claiming(another, 2))).toMatchObject({ code: "medcard_limit_exceeded" });
    session.pass(32 * 86_400_000);
    expect(session.pay(session.claiming(another, 5))).toMatchObject({ code: "ok" });
    expect(session.usedMinor()).toBe(4);
    expectRecoverable(session);
  });

  test("whose reversal cannot reach the holder waits, and ends when it can", () => {
    const session = started();
    session.pay(session.claiming(CLAIM, 1_000));
    session.ask({ operation: OPERATION.FreezeWallet, walletId: session.payer });
    const reversal = session.card("ReversePrescription", { claimId: CLAIM, reason: "returned" }, ADMIN_SENDER);
    expect(session.pay(reversal)).toMatchObject({ code: "in_progress" });
    expect([session.moneys(), session.usedMinor()]).toEqual([[5_000, 800, 200, 0], 800]);
    session.engine.crash();
    session.ask({ operation: OPERATION.UnfreezeWallet, walletId: session.payer });
    session.pass(1_000);
    expect([session.moneys(), session.usedMinor()]).toEqual([[5_000, 1_000, 0, 0], 0]);
    expect(session.pay(reversal)).toMatchObject({ code: "ok", replayed: true });
    expectRecoverable(session);
  });
});

describe("a medical card", () => {
  test("pays insurance claims that its issuer approves", () => {
    const session = started();
    const facts = { claimId: CLAIM, beneficiaryId: PAYING_SENDER.ownerId, category: "CONSULTATION", amountMinor: 700 };
    session.pay(session.card("FileInsuranceClaim", facts, PAYING_SENDER));
    expect(session.pay(session.card("PayInsuranceClaim", { claimId: CLAIM }))).toMatchObject({
      code: "claim_status_conflict",
    });
    session.pay(session.card("ApproveInsuranceClaim", { claimId: CLAIM, approvedMinor: 600 }));
    expect(session.pay(session.card("PayInsuranceClaim", { claimId: CLAIM }))).toMatchObject({
      code: "ok",
      state: { insuranceClaims: [{ status: "PAID", approvedMinor: 600 }] },
    });
    expect([session.moneys(), session.usedMinor()]).toEqual([[4_400, 1_600, 0, 0], 0]);
    expectRecoverable(session);
  });

  test("expires by itself, also where the ledger was down then", () => {
    const session = new MedCardSession().opened();
    session.withCard({ expiresAt: new Date(session.nowMs + 5_000).toISOString() });
    session.pass(4_999);
    expect(session.state().status).toBe("ACTIVE");
    session.engine.crash();
    session.pass(1);
    expect(session.state().status).toBe("EXPIRED");
    expectRecoverable(session);
  });
});

test("whatever comes, and wherever the ledger crashes, nothing is half paid and the limit is what stands", () => {
  const wallets = fc.constantFrom("funding", "payer", "shop", "clearing");
  const steps = fc.oneof(
    { weight: 5, arbitrary: fc.record({ claim: fc.nat(3), totalMinor: fc.integer({ min: 1, max: 1_500 }) }) },
    { weight: 2, arbitrary: fc.record({ reverse: fc.nat(3) }) },
    { weight: 2, arbitrary: fc.constant("again" as const) },
    { weight: 6, arbitrary: fc.constant("deliver" as const) },
    { weight: 2, arbitrary: fc.constantFrom("crash" as const, "pass" as const) },
    { weight: 2, arbitrary: fc.record({ wallet: wallets, isFrozen: fc.boolean() }) },
  );
  fc.assert(
    fc.property(fc.array(steps, { minLength: 5, maxLength: 60 }), (plan) => {
      const session = started();
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
        } else if ("claim" in step) {
          send(session.claiming(untimedId(0xe0 + step.claim), step.totalMinor));
        } else if ("reverse" in step) {
          const body = { claimId: untimedId(0xe0 + step.reverse), reason: "returned" };
          send(session.card("ReversePrescription", body, MERCHANT_SENDER));
        } else {
          const operation = step.isFrozen ? OPERATION.FreezeWallet : OPERATION.UnfreezeWallet;
          session.ask({ operation, walletId: session[step.wallet] });
        }
      }
      for (const walletId of [session.funding, session.payer, session.shop, session.clearing]) {
        session.ask({ operation: OPERATION.UnfreezeWallet, walletId });
      }
      session.engine.crash();
      session.settle();
      for (let tries = 0; tries < 15 && session.sagas().length > 0; tries += 1) session.pass(60_000);
      expect(session.sagas()).toEqual([]);
      const { prescriptions, monthlyLimitMinor } = session.state();
      expect(prescriptions.every(({ status }) => status !== "CLAIMED")).toBe(true);
      const standing = prescriptions.filter(({ status }) => status === "PAID");
      const sum = (part: "totalMinor" | "coveredMinor" | "copaymentMinor"): number =>
        standing.reduce((total, claim) => total + claim[part], 0);
      expect(session.moneys()).toEqual([
        5_000 - sum("coveredMinor"),
        1_000 - sum("copaymentMinor"),
        0,
        sum("totalMinor"),
      ]);
      expect(session.usedMinor()).toBe(sum("coveredMinor"));
      expect(session.usedMinor()).toBeLessThanOrEqual(monthlyLimitMinor);
      expectRecoverable(session);
    }),
    settings(80),
  );
});
