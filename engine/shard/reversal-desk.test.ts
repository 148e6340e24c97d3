import { describe, expect, test } from "vitest";
import { OPERATION } from "../../protocol/command-record.ts";
import { ADMIN, EGP, EngineSession, MERCHANT, STRANGER } from "../../test/engine-session.ts";
import { type Answer, extension, type LedgerCommand, untimedId } from "../../test/ledger-command.ts";
import { accountId } from "../../test/reference-books.ts";

const { Transfer, Credit, Debit, ReverseTransfer } = OPERATION;

class Story extends EngineSession {
  readonly payer: string;
  readonly shop: string;

  constructor(shardCount = 1) {
    super(shardCount);
    this.payer = this.openWallet(0, { balanceMinor: 1_000n, ownerId: STRANGER.ownerId });
    this.shop = this.openWallet(shardCount - 1);
  }

  /** Moves money and returns the id of the movement. */
  pay(amountMinor: bigint, fields: Partial<LedgerCommand> = {}): string {
    const id = this.nextId();
    this.ask({ id, operation: Transfer, walletId: this.payer, counterpartyId: this.shop, amountMinor, ...fields });
    this.settle();
    return id;
  }

  reverse(targetId: string, amountMinor = 0n, caller = ADMIN, fields: Partial<LedgerCommand> = {}): Answer {
    const command = {
      operation: ReverseTransfer,
      walletId: this.payer,
      amountMinor,
      extension: extension({ targetId }),
    };
    return this.ask({ ...command, ...fields }, { caller });
  }

  balances(): readonly bigint[] {
    return [this.payer, this.shop].map((id) => this.wallet(id).postedMinor);
  }
}

describe("a reversal", () => {
  test("brings part of a transfer back, then the rest, and not a unit more", () => {
    const story = new Story();
    const id = story.pay(100n);
    expect(story.reverse(id, 30n)).toMatchObject({
      code: "ok",
      wallet: { postedMinor: 930n },
      counterparty: { postedMinor: 70n },
    });
    expect(story.reverse(id, 71n).code).toBe("reversal_amount_exceeded");
    expect(story.reverse(id).code).toBe("ok");
    expect(story.reverse(id).code).toBe("reversal_amount_exceeded");
    expect(story.reverse(id, 1n).code).toBe("reversal_amount_exceeded");
    expect(story.balances()).toEqual([1_000n, 0n]);
  });

  test("remembers the sum through a crash", () => {
    const story = new Story();
    const id = story.pay(100n);
    story.reverse(id, 60n);
    story.engine.crash();
    expect(story.reverse(id, 41n).code).toBe("reversal_amount_exceeded");
    expect(story.reverse(id, 40n).code).toBe("ok");
    expect(story.balances()).toEqual([1_000n, 0n]);
  });

  test("is for the one who was credited, or an admin", () => {
    const story = new Story();
    const id = story.pay(100n);
    expect(story.reverse(id, 1n, STRANGER).code).toBe("forbidden");
    expect(story.reverse(id, 1n, MERCHANT)).toMatchObject({
      code: "ok",
      wallet: null,
      counterparty: { postedMinor: 99n },
    });
  });

  test("of money from outside, and of money paid out", () => {
    const story = new Story();
    const credit = story.nextId();
    story.ask({ id: credit, operation: Credit, walletId: story.payer, amountMinor: 50n });
    const debit = story.nextId();
    story.ask({ id: debit, operation: Debit, walletId: story.payer, amountMinor: 20n });
    expect(story.reverse(credit, 0n, STRANGER)).toMatchObject({ code: "ok", wallet: { postedMinor: 980n } });
    expect(story.reverse(debit, 0n, STRANGER).code).toBe("forbidden");
    expect(story.reverse(debit)).toMatchObject({ code: "ok", wallet: { postedMinor: 1_000n }, counterparty: null });
    expect(story.wallet(accountId(0, EGP, "payout")).postedMinor).toBe(0n);
  });

  test("needs the money to be there, and both wallets to be active", () => {
    const story = new Story();
    const id = story.pay(100n);
    story.ask({ operation: Debit, walletId: story.shop, amountMinor: 50n });
    expect(story.reverse(id).code).toBe("insufficient_funds");
    story.ask({ operation: OPERATION.FreezeWallet, walletId: story.payer });
    expect(story.reverse(id, 10n).code).toBe("destination_frozen");
  });

  test("of what is no movement, or of somebody else's", () => {
    const story = new Story();
    const id = story.pay(100n);
    const other = story.openWallet(0);
    expect(story.reverse(untimedId(3)).code).toBe("transfer_not_found");
    expect(story.reverse(id, 0n, ADMIN, { walletId: other }).code).toBe("transfer_not_found");
    expect(story.reverse(id, 0n, ADMIN, { extension: null }).code).toBe("transfer_not_found");
    const rejected = story.pay(10_000n);
    expect(story.reverse(rejected).code).toBe("not_reversible");
    const reversal = story.nextId();
    story.reverse(id, 1n, ADMIN, { id: reversal });
    expect(story.reverse(reversal).code).toBe("not_reversible");
  });

  test("gives the first answer again, and knows another body", () => {
    const story = new Story();
    const target = story.pay(100n);
    const id = story.nextId();
    const first = story.reverse(target, 0n, ADMIN, { id });
    story.pay(5n);
    expect(story.reverse(target, 0n, ADMIN, { id })).toEqual({ ...first, replayed: true });
    expect(story.reverse(target, 100n, ADMIN, { id }).code).toBe("id_reused");
    expect(story.reverse(story.pay(1n), 0n, ADMIN, { id }).code).toBe("id_reused");
  });

  test("in a linked run counts what the run has reversed, and nothing of a run that failed", () => {
    const story = new Story();
    const target = story.pay(100n);
    const reversal = { operation: ReverseTransfer, walletId: story.payer, extension: extension({ targetId: target }) };
    const half = { ...reversal, amountMinor: 50n, linked: true };
    expect(story.run([half, { ...reversal, amountMinor: 51n }])).toEqual(["linked_failed", "reversal_amount_exceeded"]);
    expect(story.run([half, { ...half, linked: false }])).toEqual(["ok", "ok"]);
    expect(story.reverse(target).code).toBe("reversal_amount_exceeded");
    story.engine.crash();
    expect(story.reverse(target).code).toBe("reversal_amount_exceeded");
  });

  test("cannot be faked by an id that looks like the ledger's own key", () => {
    const story = new Story();
    const id = story.pay(100n);
    const key = `${id.slice(0, 19)}c${id.slice(20)}`;
    expect(story.ask({ id: key, operation: Debit, walletId: story.payer, amountMinor: 1n }).code).toBe("id_reserved");
  });
});

describe("a reversal of a transfer between shards", () => {
  test("takes the money from the other shard first", () => {
    const story = new Story(2);
    const id = story.pay(100n);
    expect(story.reverse(id, 30n).code).toBe("deferred");
    expect(story.balances()).toEqual([900n, 100n]);
    expect(story.settle()).toMatchObject([
      { answer: { code: "ok", wallet: { postedMinor: 930n }, counterparty: { postedMinor: 70n } } },
    ]);
    expect(story.reverse(id, 71n).code).toBe("reversal_amount_exceeded");
    story.reverse(id);
    story.settle();
    expect(story.balances()).toEqual([1_000n, 0n]);
  });

  test("counts reversals that are still running, and gives back what was refused", () => {
    const story = new Story(2);
    const id = story.pay(100n);
    story.ask({ operation: Debit, walletId: story.shop, amountMinor: 60n });
    story.reverse(id, 50n);
    expect(story.reverse(id, 51n).code).toBe("reversal_amount_exceeded");
    story.reverse(id, 30n);
    const codes = story.settle().map((reply) => (reply.kind === "late" ? reply.answer.code : ""));
    expect(codes).toEqual(["insufficient_funds", "ok"]);
    expect(story.balances()).toEqual([930n, 10n]);
    story.ask({ operation: Credit, walletId: story.shop, amountMinor: 100n });
    expect(story.reverse(id, 71n).code).toBe("reversal_amount_exceeded");
    story.reverse(id, 70n);
    story.settle();
    expect(story.balances()).toEqual([1_000n, 40n]);
  });

  test("is for the one who was credited, or an admin", () => {
    const story = new Story(2);
    const id = story.pay(100n);
    story.reverse(id, 1n, STRANGER);
    expect(story.settle()).toMatchObject([{ answer: { code: "forbidden" } }]);
    const reversal = story.nextId();
    story.reverse(id, 1n, MERCHANT, { id: reversal });
    const [late] = story.settle();
    expect(late).toMatchObject({ answer: { code: "ok", wallet: null, counterparty: { postedMinor: 99n } } });
    expect(story.reverse(id, 1n, MERCHANT, { id: reversal })).toMatchObject({
      code: "ok",
      replayed: true,
      wallet: null,
    });
    expect(story.reverse(id, 1n, STRANGER, { id: reversal }).code).toBe("forbidden");
  });

  test("resumes after a crash, and is applied once", () => {
    const story = new Story(2);
    const target = story.pay(100n);
    const id = story.nextId();
    story.reverse(target, 0n, ADMIN, { id });
    story.engine.crash();
    expect(story.reverse(target, 0n, ADMIN, { id }).code).toBe("in_progress");
    story.settle();
    expect(story.reverse(target, 0n, ADMIN, { id })).toMatchObject({ code: "ok", replayed: true });
    expect(story.balances()).toEqual([1_000n, 0n]);
    expect(story.reverse(target).code).toBe("reversal_amount_exceeded");
  });
});
