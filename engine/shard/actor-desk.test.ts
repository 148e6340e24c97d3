import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { OPERATION } from "../../protocol/command-record.ts";
import { MemoryJournal } from "../../test/engine-harness.ts";
import { STRANGER } from "../../test/engine-session.ts";
import { extension } from "../../test/ledger-command.ts";
import { ADMIN_SENDER, MERCHANT_SENDER, PAYING_SENDER, PaymentSession } from "../../test/payment-session.ts";
import { settings } from "../../test/property-settings.ts";
import { expectSameFacts } from "../../test/same-state.ts";
import { statePartsOf } from "../snapshot/state-parts.ts";
import type { ObjectCommand } from "../views.ts";

function started(): PaymentSession {
  return new PaymentSession().opened();
}

function expectRecoverable({ engine }: PaymentSession): void {
  for (const shard of [0, 1]) expectSameFacts(engine.state(shard), engine.rebuilt(shard));
}

describe("a payment between two shards", () => {
  test("is authorised, captured in parts and refunded, and money moves with it", () => {
    const session = started();
    expect(session.pay(session.initiating())).toMatchObject({ code: "ok", state: { status: "INITIATED", version: 1 } });
    expect(session.pay(session.authorizing())).toMatchObject({ code: "ok", state: { status: "AUTHORIZED" } });
    expect(session.money(session.payer)).toEqual([1_000, 600]);
    expect(session.pay(session.command("CapturePayment", { amountMinor: 400 }))).toMatchObject({
      code: "ok",
      state: { status: "PARTIALLY_CAPTURED", capturedMinor: 400 },
    });
    expect([session.money(session.payer), session.money(session.shop)]).toEqual([
      [600, 200],
      [400, 0],
    ]);
    expect(session.pay(session.command("CapturePayment"))).toMatchObject({ state: { status: "CAPTURED" } });
    expect(session.pay(session.command("RefundPayment", { amountMinor: 250 }))).toMatchObject({
      code: "ok",
      state: { status: "CAPTURED", refundedMinor: 250 },
    });
    expect(session.pay(session.command("RefundPayment", {}, ADMIN_SENDER))).toMatchObject({
      state: { status: "REFUNDED", refundedMinor: 600 },
    });
    expect([session.money(session.payer), session.money(session.shop)]).toEqual([
      [1_000, 0],
      [0, 0],
    ]);
    expect(session.sagas()).toEqual([]);
    expectRecoverable(session);
  });

  test("is refunded from a striped wallet, which has to draw from its stripes first", () => {
    const session = started();
    expect(session.ask({ operation: OPERATION.StripeWallet, walletId: session.shop }).code).toBe("ok");
    session.settle();
    for (const command of [session.initiating(), session.authorizing(), session.command("CapturePayment")]) {
      expect(session.pay(command)).toMatchObject({ code: "ok" });
    }
    session.ask({ operation: OPERATION.Debit, walletId: session.shop, amountMinor: 100n });
    session.settle();
    // The wallet itself refuses, once its stripes are empty.
    expect(session.pay(session.command("RefundPayment"))).toMatchObject({ code: "insufficient_funds" });
    expect(session.sagas()).toEqual([]);
    expect(session.pay(session.command("RefundPayment", { amountMinor: 500 }))).toMatchObject({ code: "ok" });
    expect(session.money(session.payer)).toEqual([900, 0]);
    expect(session.sagas()).toEqual([]);
    expectRecoverable(session);
  });

  test("is answered when its wallets have done their part, and again the same", () => {
    const session = started();
    const initiating = session.initiating();
    const authorizing = session.authorizing();
    session.pay(initiating);
    expect(session.begin(authorizing)).toBeUndefined();
    expect(session.begin(authorizing)).toMatchObject({ code: "in_progress", sequence: 0 });
    expect(session.begin(session.command("VoidPayment"))).toMatchObject({ code: "actor_busy", sequence: 0 });
    const first = session.answered();
    expect(first).toMatchObject({ code: "ok", replayed: false, state: { status: "AUTHORIZED" } });
    session.engine.crash();
    expect(session.pay(authorizing)).toEqual({ ...first, replayed: true });
    expect(session.pay(initiating)).toMatchObject({ code: "ok", replayed: true });
    expect(session.pay({ ...authorizing, command: { type: "VoidPayment" } })).toMatchObject({ code: "id_reused" });
    expect(session.pay({ ...authorizing, by: MERCHANT_SENDER })).toMatchObject({ code: "id_reused" });
    expect(session.money(session.payer)).toEqual([1_000, 600]);
  });

  test("is refused by what it refuses itself, and by its wallets, and remembers that", () => {
    const session = started();
    const capture = session.command("CapturePayment");
    expect(session.pay(capture)).toMatchObject({ code: "payment_not_found", replayed: false });
    session.pay(session.initiating({ amountMinor: 2_000 }));
    expect(session.pay(capture)).toMatchObject({ code: "payment_not_found", replayed: true });
    const authorizing = session.authorizing();
    expect(session.pay(authorizing)).toMatchObject({ code: "insufficient_funds", replayed: false, state: null });
    expect(session.pay(authorizing)).toMatchObject({ code: "insufficient_funds", replayed: true });
    expect(session.payment()).toMatchObject({ status: "INITIATED" });
    session.ask({ operation: OPERATION.Credit, walletId: session.payer, amountMinor: 1_000n });
    expect(session.pay(session.command("AuthorizePayment", {}, MERCHANT_SENDER))).toMatchObject({ code: "forbidden" });
    expect(session.pay(session.authorizing())).toMatchObject({ code: "ok" });
    expectRecoverable(session);
  });

  test("is shown to those whom it concerns", () => {
    const session = started();
    session.pay(session.initiating());
    const stranger = { isAdmin: false, ownerId: STRANGER.ownerId };
    expect(session.payment(MERCHANT_SENDER)).toMatchObject({ status: "INITIATED", amountMinor: 600 });
    expect(session.payment(stranger)).toBeNull();
    expect(session.payment(ADMIN_SENDER, session.shop)).toBeNull();
  });

  test("pays its fee out of what is captured, also when the fee's wallet takes it later only", () => {
    const session = started();
    const fee = { walletId: session.fees, fixedMinor: 10, basisPoints: 250 };
    session.pay(session.initiating({ fee, ownerId: MERCHANT_SENDER.ownerId }, ADMIN_SENDER));
    session.pay(session.authorizing());
    session.ask({ operation: OPERATION.FreezeWallet, walletId: session.fees });
    const capture = session.command("CapturePayment");
    expect(session.pay(capture)).toMatchObject({ code: "in_progress" });
    expect(session.money(session.shop)).toEqual([575, 0]);
    expect(session.sagas()).toMatchObject([
      { id: capture.commandId, status: "DEBITED", step: 1, failure: "destination_frozen", isParked: false },
    ]);
    session.engine.crash();
    session.ask({ operation: OPERATION.UnfreezeWallet, walletId: session.fees });
    session.pass(999);
    expect(session.pay(capture)).toMatchObject({ code: "in_progress" });
    session.pass(1);
    expect(session.pay(capture)).toMatchObject({ code: "ok", replayed: true, state: { feesMinor: 25 } });
    expect([session.payer, session.shop, session.fees].map((id) => session.money(id))).toEqual([
      [400, 0],
      [575, 0],
      [25, 0],
    ]);
    expectRecoverable(session);
  });

  test("is still held where the merchant's wallet on another shard refuses a capture of all, and is captured later", () => {
    const session = started();
    session.pay(session.initiating());
    session.pay(session.authorizing());
    session.ask({ operation: OPERATION.FreezeWallet, walletId: session.shop });
    for (const asked of [{}, { amountMinor: 500, final: true }]) {
      const capture = session.command("CapturePayment", asked);
      expect(session.begin(capture)).toBeUndefined();
      session.engine.crash();
      session.settle();
      expect(session.pay(capture)).toMatchObject({ code: "destination_frozen", replayed: true });
      expect(session.payment()).toMatchObject({ status: "AUTHORIZED", capturedMinor: 0 });
      expect(session.money(session.payer)).toEqual([1_000, 600]);
    }
    session.ask({ operation: OPERATION.UnfreezeWallet, walletId: session.shop });
    expect(session.pay(session.command("CapturePayment", { amountMinor: 500, final: true }))).toMatchObject({
      code: "ok",
      state: { status: "CAPTURED", capturedMinor: 500 },
    });
    expect([session.payer, session.shop].map((id) => session.money(id))).toEqual([
      [500, 0],
      [500, 0],
    ]);
    expectRecoverable(session);
  });

  test("pays its fee from the payer's balance where he has voided the hold meanwhile", () => {
    const session = started();
    const fee = { walletId: session.farFees, fixedMinor: 25, basisPoints: 0 };
    session.pay(session.initiating({ fee, ownerId: MERCHANT_SENDER.ownerId }, ADMIN_SENDER));
    session.pay(session.authorizing());
    session.ask({ operation: OPERATION.FreezeWallet, walletId: session.farFees });
    const capture = session.command("CapturePayment");
    expect(session.pay(capture)).toMatchObject({ code: "in_progress" });
    expect(session.money(session.payer)).toEqual([425, 25]);
    const { holdId } = session.payment() as { holdId: string };
    session.ask({ operation: OPERATION.VoidHold, walletId: session.payer, extension: extension({ targetId: holdId }) });
    expect(session.money(session.payer)).toEqual([425, 0]);
    session.pass(1_000);
    expect(session.sagas()).toMatchObject([{ step: 1, failure: "hold_closed", failures: 2 }]);
    session.engine.crash();
    session.pass(2_000);
    expect(session.sagas()).toMatchObject([{ step: 1, failure: "destination_frozen", failures: 3 }]);
    session.ask({ operation: OPERATION.UnfreezeWallet, walletId: session.farFees });
    session.pass(4_000);
    expect(session.pay(capture)).toMatchObject({ code: "ok", replayed: true, state: { feesMinor: 25 } });
    expect([session.payer, session.shop, session.farFees].map((id) => session.money(id))).toEqual([
      [400, 0],
      [575, 0],
      [25, 0],
    ]);
    expectRecoverable(session);
  });

  test("waits for an operator where a fee never arrives", () => {
    const session = started();
    const fee = { walletId: session.fees, fixedMinor: 10, basisPoints: 0 };
    session.pay(session.initiating({ fee, ownerId: MERCHANT_SENDER.ownerId }, ADMIN_SENDER));
    session.pay(session.authorizing());
    session.ask({ operation: OPERATION.FreezeWallet, walletId: session.fees });
    const capture = session.command("CapturePayment");
    const startedAtMs = session.nowMs;
    session.pay(capture);
    for (let minutes = 0; minutes < 12; minutes += 1) session.pass(60_000);
    expect(session.sagas()).toMatchObject([{ isParked: true, failure: "destination_frozen" }]);
    const { actors } = session.engine.state(1);
    expect([actors.openCount, actors.openFacts()]).toEqual([1, { parked: 1, oldestAtMs: startedAtMs }]);
    expect(session.release(session.nextId())).toEqual({ code: "saga_not_found" });
    expect(session.release(capture.commandId, true)).toEqual({ code: "saga_not_reversible" });
    session.ask({ operation: OPERATION.UnfreezeWallet, walletId: session.fees });
    expect(session.release(capture.commandId)).toEqual({ code: "ok" });
    session.settle();
    expect(session.money(session.fees)).toEqual([10, 0]);
    expect(session.payment()).toMatchObject({ status: "CAPTURED", feesMinor: 10 });
    expect([actors.openCount, actors.openFacts()]).toEqual([0, { parked: 0, oldestAtMs: 0 }]);
    expectRecoverable(session);
  });

  test("expires by itself, also where the ledger was down then, and releases what is held", () => {
    const session = started();
    session.pay(session.initiating({ expiresAt: new Date(session.nowMs + 5_000).toISOString() }));
    session.pay(session.authorizing());
    session.pass(4_999);
    expect(session.payment()).toMatchObject({ status: "AUTHORIZED" });
    session.engine.crash();
    session.pass(1);
    expect(session.payment()).toMatchObject({ status: "EXPIRED" });
    expect(session.money(session.payer)).toEqual([1_000, 0]);
    expectRecoverable(session);
  });

  test("is one too many where the shard is full", () => {
    const session = new PaymentSession({ actorsPerShardMax: 1 }).opened();
    expect(session.pay(session.initiating())).toMatchObject({ code: "ok" });
    const another = session.nextWalletId(1);
    expect(session.pay(session.initiating({}, MERCHANT_SENDER, another))).toMatchObject({ code: "actors_full" });
  });

  test("goes on where a standby takes over in the middle of it", () => {
    const frames: Uint8Array[][] = [[], []];
    class ToldJournal extends MemoryJournal {
      readonly #shard: number;

      constructor(shard: number) {
        super();
        this.#shard = shard;
      }

      override append(firstSequence: number, frame: Uint8Array): void {
        super.append(firstSequence, frame);
        frames[this.#shard].push(frame.slice());
      }
    }
    const leader = new PaymentSession({}, [new ToldJournal(0), new ToldJournal(1)]).opened();
    leader.pay(leader.initiating());
    const authorizing = leader.authorizing();
    leader.begin(authorizing);
    const standby = new PaymentSession({ isFollowing: true });
    for (const shard of [0, 1]) {
      for (const frame of frames[shard]) standby.engine.offerFrame(shard, frame);
      standby.engine.follow(shard);
      expectSameFacts(leader.engine.state(shard), standby.engine.state(shard));
    }
    expect(standby.begin(standby.command("VoidPayment"))).toBeNull();
    standby.engine.lead();
    standby.settle();
    expect(standby.pay(authorizing)).toMatchObject({ code: "ok", state: { status: "AUTHORIZED" } });
    expect(standby.money(standby.payer)).toEqual([1_000, 600]);
  });
});

describe("a snapshot", () => {
  test("has the actors as they were when it began, in the same bytes after a replay", () => {
    const session = started();
    const ids = Array.from({ length: 130 }, () => session.nextWalletId(1));
    for (const id of ids) session.pay(session.initiating({}, MERCHANT_SENDER, id));
    const then = session.engine.rebuilt(1);
    const part = statePartsOf(session.engine.state(1)).find(({ name }) => name === "actors");
    const same = statePartsOf(then).find(({ name }) => name === "actors");
    const loaded = session.engine.emptyState(1);
    const into = statePartsOf(loaded).find(({ name }) => name === "actors");
    part?.begin();
    same?.begin();
    for (const [index, id] of ids.entries()) {
      if (index % 40 === 0) {
        const chunk = part?.next();
        expect(chunk).toEqual(same?.next());
        if (chunk !== undefined) into?.load(chunk);
      }
      session.pay(
        session.command("FailPayment", { reason: "abandoned" }, MERCHANT_SENDER, ids[ids.length - 1 - index]),
      );
      expect(id).toBeTypeOf("string");
    }
    part?.end();
    expect(loaded.actors.rows()).toEqual(then.actors.rows());
    expect(loaded.actors.rows()).toHaveLength(130);
    expect(
      session.engine
        .state(1)
        .actors.rows()
        .every(({ version }) => version === 2),
    ).toBe(true);
  });
});

test("whatever comes, and wherever the ledger crashes, the money is what the payments say", () => {
  const kinds = fc.constantFrom("AuthorizePayment", "CapturePayment", "VoidPayment", "RefundPayment");
  const steps = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ send: kinds, amountMinor: fc.integer({ min: 1, max: 300 }), isAll: fc.boolean() }),
    },
    { weight: 2, arbitrary: fc.constant("again" as const) },
    { weight: 4, arbitrary: fc.constant("deliver" as const) },
    {
      weight: 1,
      arbitrary: fc.constantFrom("crash" as const, "pass" as const, "freeze" as const, "unfreeze" as const),
    },
  );
  fc.assert(
    fc.property(fc.array(steps, { minLength: 5, maxLength: 40 }), fc.boolean(), (plan, isFar) => {
      // What waits for a minute is asked again under its old id, which is still remembered then.
      const session = new PaymentSession({ idempotencyWindowMs: 86_400_000 }).opened();
      const feesWallet = isFar ? session.farFees : session.fees;
      const fee = { walletId: feesWallet, fixedMinor: 7, basisPoints: 333 };
      session.pay(session.initiating({ fee, ownerId: MERCHANT_SENDER.ownerId }, ADMIN_SENDER));
      const sent: ObjectCommand[] = [];
      let turn = 0;
      for (const step of plan) {
        turn += 1;
        if (typeof step === "object") {
          const { send, amountMinor, isAll } = step;
          const takesAmount = send === "CapturePayment" || send === "RefundPayment";
          const by = send === "AuthorizePayment" ? PAYING_SENDER : MERCHANT_SENDER;
          sent.push(session.command(send, takesAmount && !isAll ? { amountMinor } : {}, by));
          session.begin(sent[sent.length - 1]);
        } else if (step === "again") {
          if (sent.length > 0) session.begin(sent[turn % sent.length]);
        } else if (step === "deliver") {
          session.deliverSome(turn);
        } else if (step === "crash") {
          session.engine.crash();
        } else if (step === "pass") {
          session.pass(2_000);
        } else {
          const operation = step === "freeze" ? OPERATION.FreezeWallet : OPERATION.UnfreezeWallet;
          session.ask({ operation, walletId: feesWallet });
        }
      }
      session.ask({ operation: OPERATION.UnfreezeWallet, walletId: feesWallet });
      session.engine.crash();
      session.settle();
      for (let tries = 0; tries < 15 && session.sagas().length > 0; tries += 1) session.pass(60_000);
      expect(session.sagas()).toEqual([]);
      const { capturedMinor, refundedMinor, feesMinor, status, amountMinor } = session.payment() as {
        capturedMinor: number;
        refundedMinor: number;
        feesMinor: number;
        status: string;
        amountMinor: number;
      };
      const isHeld = status === "AUTHORIZED" || status === "PARTIALLY_CAPTURED";
      expect(session.money(session.payer)).toEqual([
        1_000 - capturedMinor + refundedMinor,
        isHeld ? amountMinor - capturedMinor : 0,
      ]);
      expect(session.money(session.shop)).toEqual([capturedMinor - feesMinor - refundedMinor, 0]);
      expect(session.money(feesWallet)).toEqual([feesMinor, 0]);
      expectRecoverable(session);
    }),
    settings(60),
  );
});
