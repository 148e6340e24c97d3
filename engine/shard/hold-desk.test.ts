import { describe, expect, test } from "vitest";
import { OPERATION, RECORD_OPTION } from "../../protocol/command-record.ts";
import { ADMIN, EngineSession, MERCHANT, STRANGER, USD } from "../../test/engine-session.ts";
import { type Answer, extension, NIL_ID, untimedId } from "../../test/ledger-command.ts";
import { expectSameFacts } from "../../test/same-state.ts";

const { PlaceHold, CaptureHold, VoidHold } = OPERATION;

/** A ledger with a wallet that holds 1,000 and one to pay, on the same shard or on two. */
class Story extends EngineSession {
  readonly payer: string;
  readonly shop: string;

  constructor(shardCount = 1) {
    super(shardCount);
    this.payer = this.openWallet(0, { balanceMinor: 1_000n });
    this.shop = this.openWallet(shardCount - 1);
  }

  /** Places a hold and returns its id. */
  hold(amountMinor: bigint, fields: { readonly expiresInMs?: number; readonly counterpartyId?: string } = {}): string {
    const id = this.nextId();
    const { expiresInMs = 0, counterpartyId = NIL_ID } = fields;
    const expiresAtMs = BigInt(expiresInMs === 0 ? 0 : this.nowMs + expiresInMs);
    const answer = this.ask({
      id,
      operation: PlaceHold,
      walletId: this.payer,
      amountMinor,
      counterpartyId,
      extension: extension({ expiresAtMs }),
    });
    expect(answer.code).toBe("ok");
    return id;
  }

  capture(
    targetId: string,
    amountMinor: bigint,
    fields: { readonly options?: number; readonly to?: string } = {},
  ): Answer {
    const { options = 0, to = this.shop } = fields;
    return this.ask({
      operation: CaptureHold,
      walletId: this.payer,
      counterpartyId: to,
      amountMinor,
      extension: extension({ targetId, options }),
    });
  }

  void(targetId: string, caller = ADMIN): Answer {
    const fields = { operation: VoidHold, walletId: this.payer, extension: extension({ targetId }) };
    return this.ask(fields, { caller });
  }

  /** Posted and available balance of the payer, and what the shop has. */
  books(): readonly bigint[] {
    const touch = this.ask({ operation: OPERATION.SetOverdraftLimit, walletId: this.payer });
    return [touch.wallet?.postedMinor ?? -1n, touch.wallet?.availableMinor ?? -1n, this.wallet(this.shop).postedMinor];
  }
}

describe("a hold", () => {
  test("lowers what is available and leaves the balance", () => {
    const story = new Story();
    const walletId = story.payer;
    const answer = story.ask({ operation: PlaceHold, walletId, amountMinor: 300n });
    expect(answer).toMatchObject({ code: "ok", wallet: { postedMinor: 1_000n, availableMinor: 700n, version: 4n } });
    const tooMuch = { operation: OPERATION.Debit, walletId, amountMinor: 701n };
    expect(story.ask(tooMuch).code).toBe("insufficient_funds");
    expect(story.ask({ operation: PlaceHold, walletId, amountMinor: 701n }).code).toBe("insufficient_funds");
    expect(story.ask({ ...tooMuch, amountMinor: 700n }).wallet).toMatchObject({
      postedMinor: 300n,
      availableMinor: 0n,
    });
    expect(story.ask({ operation: OPERATION.CloseWallet, walletId }).code).toBe("hold_open");
  });

  test("is captured in parts, to the last one, and not a unit more", () => {
    const story = new Story();
    const hold = story.hold(300n);
    expect(story.capture(hold, 301n).code).toBe("hold_amount_exceeded");
    expect(story.capture(hold, 100n)).toMatchObject({
      code: "ok",
      wallet: { postedMinor: 900n, availableMinor: 700n },
      counterparty: { postedMinor: 100n },
    });
    expect(story.capture(hold, 201n).code).toBe("hold_amount_exceeded");
    expect(story.capture(hold, 0n)).toMatchObject({ code: "ok", wallet: { postedMinor: 700n, availableMinor: 700n } });
    expect(story.capture(hold, 1n).code).toBe("hold_closed");
    expect(story.void(hold).code).toBe("hold_closed");
    expect(story.books()).toEqual([700n, 700n, 300n]);
  });

  test("releases the rest with the final capture", () => {
    const story = new Story();
    const hold = story.hold(300n);
    expect(story.capture(hold, 50n, { options: RECORD_OPTION.final }).code).toBe("ok");
    expect(story.books()).toEqual([950n, 950n, 50n]);
    expect(story.capture(hold, 1n).code).toBe("hold_closed");
  });

  test("is voided once", () => {
    const story = new Story();
    const hold = story.hold(300n);
    story.capture(hold, 100n);
    expect(story.void(hold)).toMatchObject({ code: "ok", wallet: { postedMinor: 900n, availableMinor: 900n } });
    expect(story.void(hold).code).toBe("hold_closed");
    expect(story.capture(hold, 1n).code).toBe("hold_closed");
  });

  test("pays out of the ledger where nobody is named to be credited", () => {
    const story = new Story();
    const answer = story.capture(story.hold(300n), 120n, { to: NIL_ID });
    expect(answer).toMatchObject({
      code: "ok",
      wallet: { postedMinor: 880n, availableMinor: 700n },
      counterparty: null,
    });
  });

  test("that names a wallet is captured to that one only, and voided by an admin only", () => {
    const story = new Story();
    const other = story.openWallet(0);
    const hold = story.hold(300n, { counterpartyId: story.shop });
    expect(story.capture(hold, 1n, { to: other }).code).toBe("hold_beneficiary_mismatch");
    expect(story.void(hold, MERCHANT).code).toBe("forbidden");
    expect(story.capture(hold, 100n, { to: NIL_ID }).code).toBe("ok");
    expect(story.wallet(story.shop).postedMinor).toBe(100n);
    expect(story.void(hold, ADMIN).code).toBe("ok");
    expect(story.void(story.hold(5n), MERCHANT).code).toBe("ok");
  });

  test("lapses by the time of the journal, whoever asks when", () => {
    const story = new Story();
    const hold = story.hold(300n, { expiresInMs: 1_000 });
    story.hold(50n, { expiresInMs: 3_000 });
    story.nowMs += 1_000;
    expect(story.capture(hold, 1n).code).toBe("hold_expired");
    expect(story.void(hold).code).toBe("hold_expired");
    story.engine.expireHolds(0);
    expect(story.capture(hold, 1n).code).toBe("hold_closed");
    expect(story.books()).toEqual([1_000n, 950n, 0n]);
    story.nowMs += 2_000;
    story.engine.expireHolds(0);
    expect(story.books()).toEqual([1_000n, 1_000n, 0n]);
  });

  test.each([
    ["a time that is over", { expiresAtMs: 1n }, "expiry_invalid"],
    ["a time beyond all times", { expiresAtMs: 2n ** 60n }, "expiry_invalid"],
  ] as const)("with %s is refused", (_name, fields, code) => {
    const story = new Story();
    const asked = { operation: PlaceHold, walletId: story.payer, amountMinor: 1n, extension: extension(fields) };
    expect(story.ask(asked).code).toBe(code);
  });

  test("of nothing, of a stranger's wallet, of none", () => {
    const story = new Story();
    const asked = { operation: PlaceHold, walletId: story.payer };
    expect(story.ask({ ...asked, amountMinor: 0n }).code).toBe("amount_invalid");
    expect(story.ask({ ...asked, amountMinor: 1n }, { caller: STRANGER }).code).toBe("forbidden");
    expect(story.ask({ ...asked, walletId: untimedId(1), amountMinor: 1n }).code).toBe("wallet_not_found");
    expect(story.capture(untimedId(5), 1n).code).toBe("hold_not_found");
    expect(story.capture(NIL_ID, 1n).code).toBe("hold_not_found");
    expect(story.ask({ operation: CaptureHold, walletId: story.payer, amountMinor: 1n }).code).toBe("hold_not_found");
    const other = story.openWallet(0, { balanceMinor: 10n });
    const hold = story.hold(10n);
    expect(story.ask({ operation: VoidHold, walletId: other, extension: extension({ targetId: hold }) }).code).toBe(
      "hold_not_found",
    );
    expect(story.capture(hold, 1n, { to: story.payer }).code).toBe("same_wallet");
    expect(story.capture(hold, 1n, { to: story.openWallet(0, { currency: USD }) }).code).toBe("currency_mismatch");
    expect(story.capture(hold, 1n, { to: untimedId(6) }).code).toBe("destination_not_found");
  });

  test("gives the first answer again, and knows another body", () => {
    const story = new Story();
    const hold = story.hold(300n);
    const capture = {
      id: story.nextId(),
      operation: CaptureHold,
      walletId: story.payer,
      counterpartyId: story.shop,
      extension: extension({ targetId: hold, options: RECORD_OPTION.final }),
    };
    const first = story.ask(capture);
    story.ask({ operation: OPERATION.Debit, walletId: story.payer, amountMinor: 5n });
    expect(story.ask(capture)).toEqual({ ...first, replayed: true });
    expect(story.ask({ ...capture, amountMinor: 300n }).code).toBe("id_reused");
    expect(story.ask({ ...capture, counterpartyId: NIL_ID }).code).toBe("id_reused");
    expect(story.ask({ ...capture, extension: extension({ targetId: hold }) }).code).toBe("id_reused");
    expect(story.ask({ ...capture, extension: extension({ targetId: untimedId(9), options: 1 }) }).code).toBe(
      "id_reused",
    );
  });

  test("survives a crash as it was", () => {
    const story = new Story();
    const open = story.hold(100n, { expiresInMs: 500 });
    const partly = story.hold(100n);
    story.capture(partly, 30n);
    story.void(story.hold(100n));
    const before = story.books();
    story.engine.crash();
    expect(story.books()).toEqual(before);
    expect(story.capture(partly, 71n).code).toBe("hold_amount_exceeded");
    expect(story.capture(partly, 70n).code).toBe("ok");
    story.nowMs += 500;
    story.engine.expireHolds(0);
    story.engine.crash();
    expect(story.void(open).code).toBe("hold_closed");
    expect(story.books()).toEqual([900n, 900n, 100n]);
  });
});

describe("a hold in a linked run", () => {
  test("is placed and captured together, or not at all", () => {
    const story = new Story();
    const kept = story.hold(10n);
    const hold = story.nextId();
    const place = { id: hold, operation: PlaceHold, walletId: story.payer, amountMinor: 100n, linked: true };
    const capture = {
      operation: CaptureHold,
      walletId: story.payer,
      counterpartyId: story.shop,
      amountMinor: 40n,
      extension: extension({ targetId: hold }),
    };
    const release = {
      operation: VoidHold,
      walletId: story.payer,
      linked: true,
      extension: extension({ targetId: kept }),
    };
    const before = story.books();
    expect(story.run([place, release, { ...capture, amountMinor: 101n }])).toEqual([
      "linked_failed",
      "linked_failed",
      "hold_amount_exceeded",
    ]);
    expect(story.books()).toEqual(before);
    expect(story.capture(hold, 1n).code).toBe("hold_not_found");
    const id = story.nextId();
    expect(
      story.run([
        { ...place, id },
        { ...capture, extension: extension({ targetId: id }) },
      ]),
    ).toEqual(["ok", "ok"]);
    expect(story.capture(kept, 10n).code).toBe("ok");
    const after = story.books();
    story.engine.crash();
    expect(story.books()).toEqual(after);
  });
});

describe("a capture to another shard", () => {
  test("takes the amount out of the hold at once, and credits when the message arrives", () => {
    const story = new Story(2);
    const hold = story.hold(300n);
    expect(story.capture(hold, 100n).code).toBe("deferred");
    expect(story.books()).toEqual([900n, 700n, 0n]);
    expect(story.settle()).toMatchObject([{ answer: { code: "ok", counterparty: { postedMinor: 100n } } }]);
    expect(story.books()).toEqual([900n, 700n, 100n]);
  });

  test("that is refused goes back into the hold while that is open", () => {
    const story = new Story(2);
    const hold = story.hold(300n);
    story.ask({ operation: OPERATION.FreezeWallet, walletId: story.shop });
    story.capture(hold, 100n);
    expect(story.settle()).toMatchObject([{ answer: { code: "destination_frozen" } }]);
    expect(story.books()).toEqual([1_000n, 700n, 0n]);
    expect(story.capture(hold, 300n, { to: NIL_ID }).code).toBe("ok");
  });

  test("that is refused after the hold was voided becomes available", () => {
    const story = new Story(2);
    const hold = story.hold(300n);
    story.ask({ operation: OPERATION.FreezeWallet, walletId: story.shop });
    story.capture(hold, 100n);
    story.void(hold);
    story.settle();
    expect(story.books()).toEqual([1_000n, 1_000n, 0n]);
    story.engine.crash();
    expect(story.books()).toEqual([1_000n, 1_000n, 0n]);
  });

  test("leaves the hold open until it has arrived, also one of all that is left", () => {
    const story = new Story(2);
    const hold = story.hold(300n);
    story.ask({ operation: OPERATION.FreezeWallet, walletId: story.shop });
    story.capture(hold, 0n);
    expect(story.capture(hold, 1n).code).toBe("hold_busy");
    expect(story.books()).toEqual([700n, 700n, 0n]);
    story.engine.crash();
    expect(story.settle()).toEqual([]);
    expect(story.books()).toEqual([1_000n, 700n, 0n]);
    story.ask({ operation: OPERATION.UnfreezeWallet, walletId: story.shop });
    story.capture(hold, 300n);
    expect(story.settle()).toMatchObject([{ answer: { code: "ok" } }]);
    expect(story.capture(hold, 0n).code).toBe("hold_closed");
    expect(story.books()).toEqual([700n, 700n, 300n]);
    expect(story.engine.state(0).holds.count).toBe(0);
    expectSameFacts(story.engine.state(0), story.engine.rebuilt(0));
  });

  test("that is the final one releases the rest at once, and brings back its own amount only", () => {
    const story = new Story(2);
    const hold = story.hold(300n);
    story.ask({ operation: OPERATION.FreezeWallet, walletId: story.shop });
    story.capture(hold, 50n);
    story.capture(hold, 200n, { options: RECORD_OPTION.final });
    expect(story.books()).toEqual([750n, 750n, 0n]);
    story.settle();
    expect(story.books()).toEqual([1_000n, 800n, 0n]);
    expect(story.capture(hold, 201n).code).toBe("hold_amount_exceeded");
    story.ask({ operation: OPERATION.UnfreezeWallet, walletId: story.shop });
    story.capture(hold, 10n, { options: RECORD_OPTION.final });
    story.settle();
    expect(story.books()).toEqual([990n, 990n, 10n]);
    expect(story.void(hold).code).toBe("hold_closed");
    expectSameFacts(story.engine.state(0), story.engine.rebuilt(0));
  });

  test.each([
    ["voided", (story: Story, hold: string) => story.void(hold)],
    [
      "lapsed",
      (story: Story) => {
        story.nowMs += 1_000;
        story.engine.expireHolds(0);
      },
    ],
    [
      "ended with a final one here",
      (story: Story, hold: string) => story.capture(hold, 1n, { to: NIL_ID, options: 1 }),
    ],
  ])("that is refused when the hold was %s meanwhile becomes available", (_name, end) => {
    const story = new Story(2);
    const hold = story.hold(300n, { expiresInMs: 1_000 });
    story.ask({ operation: OPERATION.FreezeWallet, walletId: story.shop });
    story.capture(hold, 200n);
    end(story, hold);
    story.settle();
    const [postedMinor, availableMinor] = story.books();
    expect([postedMinor, story.engine.state(0).holds.count]).toEqual([availableMinor, 0]);
    expectSameFacts(story.engine.state(0), story.engine.rebuilt(0));
  });

  test("of all that is left may be voided while it is under way: what is refused then is available", () => {
    const story = new Story(2);
    const hold = story.hold(300n);
    story.ask({ operation: OPERATION.FreezeWallet, walletId: story.shop });
    story.capture(hold, 0n);
    expect(story.void(hold).code).toBe("ok");
    story.settle();
    expect(story.books()).toEqual([1_000n, 1_000n, 0n]);
    expectSameFacts(story.engine.state(0), story.engine.rebuilt(0));
  });

  test("is known to the hold of a snapshot as well", () => {
    const story = new Story(2);
    const hold = story.hold(300n);
    story.ask({ operation: OPERATION.FreezeWallet, walletId: story.shop });
    story.capture(hold, 100n);
    story.capture(hold, 200n);
    const { holds } = story.engine.loaded(0);
    expect([holds.count, holds.capturing[0], holds.isEnding[0]]).toEqual([1, 2, 0]);
    story.capture(hold, 0n);
    story.settle();
    story.ask({ operation: OPERATION.UnfreezeWallet, walletId: story.shop });
    story.capture(hold, 0n, { options: RECORD_OPTION.final });
    expect(story.engine.loaded(0).holds.isEnding[0]).toBe(1);
  });

  test("resumes after a crash, and is applied once", () => {
    const story = new Story(2);
    const hold = story.hold(300n);
    const fields = { operation: CaptureHold, walletId: story.payer, counterpartyId: story.shop };
    const capture = {
      ...fields,
      id: story.nextId(),
      extension: extension({ targetId: hold, options: RECORD_OPTION.final }),
    };
    expect(story.ask(capture).code).toBe("deferred");
    story.engine.crash();
    expect(story.ask(capture).code).toBe("in_progress");
    story.settle();
    expect(story.ask(capture)).toMatchObject({ code: "ok", replayed: true });
    expect(story.books()).toEqual([700n, 700n, 300n]);
  });
});
