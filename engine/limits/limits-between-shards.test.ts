import { describe, expect, test } from "vitest";
import { OPERATION, RECORD_OPTION } from "../../protocol/command-record.ts";
import { LIMIT } from "../../protocol/result-record.ts";
import type { Caller } from "../../test/driven-ledger.ts";
import { ADMIN, MERCHANT, USD } from "../../test/engine-session.ts";
import { type Answer, extension } from "../../test/ledger-command.ts";
import { LimitStory } from "../../test/limit-story.ts";

const DAY_MS = 24 * 3_600_000;

/** Two shards: a wallet with a thousand on one, and one that holds nothing on the other. */
class Story extends LimitStory {
  readonly payer: string;
  readonly shop: string;

  constructor() {
    super(2, { idempotencyWindowMs: 10 * DAY_MS });
    this.nowMs = Date.parse("2026-01-15T10:00:00Z");
    this.payer = this.openWallet(0, { balanceMinor: 1_000n });
    this.shop = this.openWallet(1);
  }

  /** Answers a command that is deferred, once both shards have done their part. */
  late(): Answer {
    const late = this.settle().find((reply) => reply.kind === "late");
    if (late?.kind !== "late") throw new Error("nothing was answered");
    return late.answer;
  }

  pay(amountMinor: number, caller: Caller = ADMIN): Answer {
    const first = this.transfer(this.payer, this.shop, amountMinor, caller);
    return first.code === "deferred" ? this.late() : first;
  }
}

describe("a transfer between shards", () => {
  test("asks the payer's limits here and the other wallet's there, and counts on both", () => {
    const story = new Story();
    story.setLimits(story.payer, { debit: { perDayMinor: 100 } });
    story.setLimits(story.shop, { credit: { perDayMinor: 60 } });
    expect(story.pay(101)).toMatchObject({ code: "limit_exceeded", limit: { number: LIMIT.debitPerDay, left: 100n } });
    expect(story.pay(60).code).toBe("ok");
    expect(story.pay(1)).toMatchObject({
      code: "destination_limit_exceeded",
      limit: { number: LIMIT.creditPerDay, value: 60n, left: 0n },
    });
    expect(story.pay(41).code).toBe("limit_exceeded");
    story.restart();
  });

  test("that is refunded gives back what it counted", () => {
    const story = new Story();
    story.setLimits(story.payer, { debit: { perDayMinor: 100, count: { max: 2, windowMs: DAY_MS } } });
    story.setLimits(story.shop, { credit: { perTransactionMinor: 10 } });
    expect(story.pay(70).code).toBe("destination_limit_exceeded");
    story.restart();
    expect(story.debit(story.payer, 101).limit?.left).toBe(100n);
    expect(story.debit(story.payer, 1).code).toBe("ok");
    expect(story.debit(story.payer, 1).code).toBe("ok");
    expect(story.debit(story.payer, 1).limit?.number).toBe(LIMIT.debitCount);
  });

  test("that is refunded on a later day gives back to the month alone", () => {
    const story = new Story();
    story.setLimits(story.payer, { debit: { perDayMinor: 100, perMonthMinor: 150 } });
    story.setLimits(story.shop, { credit: { perTransactionMinor: 10 } });
    expect(story.transfer(story.payer, story.shop, 70).code).toBe("deferred");
    story.nowMs += DAY_MS;
    expect(story.debit(story.payer, 80).code).toBe("ok");
    expect(story.late().code).toBe("destination_limit_exceeded");
    story.restart();
    expect(story.debit(story.payer, 21).limit).toMatchObject({ number: LIMIT.debitPerDay, left: 20n });
    story.nowMs += DAY_MS;
    expect(story.debit(story.payer, 71).limit).toMatchObject({ number: LIMIT.debitPerMonth, left: 70n });
  });

  test("sent before there were limits gives nothing back", () => {
    const story = new Story();
    story.setLimits(story.shop, { credit: { perTransactionMinor: 10 } });
    expect(story.transfer(story.payer, story.shop, 70).code).toBe("deferred");
    story.setLimits(story.payer, { debit: { perDayMinor: 100 } });
    story.debit(story.payer, 50);
    expect(story.late().code).toBe("destination_limit_exceeded");
    expect(story.debit(story.payer, 51).limit?.left).toBe(50n);
    story.restart();
  });

  test("tells an admin which limit of the far wallet it was, again under the same id, and nobody else", () => {
    const story = new Story();
    story.setLimits(story.shop, { credit: { perDayMinor: 10 } });
    const id = story.nextId();
    const fields = { id, operation: OPERATION.Transfer, walletId: story.payer, counterpartyId: story.shop };
    const asked = { ...fields, amountMinor: 11n };
    expect(story.ask(asked, { caller: MERCHANT }).code).toBe("deferred");
    const late = story.late();
    expect(late.code).toBe("destination_limit_exceeded");
    expect(late.limit).toBeUndefined();
    story.restart();
    expect(story.ask(asked, { caller: MERCHANT }).limit).toBeUndefined();
    expect(story.ask(asked)).toMatchObject({
      code: "destination_limit_exceeded",
      replayed: true,
      limit: { number: LIMIT.creditPerDay, value: 10n, left: 10n },
    });
  });

  test("that is reversed counts on neither side", () => {
    const story = new Story();
    story.setLimits(story.payer, { debit: { perDayMinor: 100 }, credit: { perDayMinor: 5 } });
    story.setLimits(story.shop, { debit: { perDayMinor: 5 }, credit: { perDayMinor: 100 } });
    const targetId = story.nextId();
    const { payer, shop } = story;
    story.ask({ id: targetId, operation: OPERATION.Transfer, walletId: payer, counterpartyId: shop, amountMinor: 50n });
    expect(story.late().code).toBe("ok");
    story.ask({ operation: OPERATION.ReverseTransfer, walletId: payer, extension: extension({ targetId }) });
    expect(story.late().code).toBe("ok");
    story.restart();
    expect(story.wallet(shop).postedMinor).toBe(0n);
    expect(story.credit(payer, 6).limit?.left).toBe(5n);
    expect(story.debit(payer, 51).limit?.left).toBe(50n);
    expect(story.credit(shop, 51).limit?.left).toBe(50n);
  });

  test("of a capture counts there only, and goes back into the hold, or to the limits where that has ended", () => {
    const story = new Story();
    story.setLimits(story.payer, { debit: { perDayMinor: 100 } });
    story.setLimits(story.shop, { credit: { perTransactionMinor: 20 } });
    const { id } = story.hold(story.payer, 80);
    expect(story.capture(story.payer, id, 30, story.shop).code).toBe("deferred");
    expect(story.late().code).toBe("destination_limit_exceeded");
    expect(story.debit(story.payer, 21).limit?.left).toBe(20n);
    expect(story.capture(story.payer, id, 20, story.shop).code).toBe("deferred");
    expect(story.late().code).toBe("ok");
    expect(story.debit(story.payer, 21).limit?.left).toBe(20n);
    expect(story.capture(story.payer, id, 50, story.shop, RECORD_OPTION.final).code).toBe("deferred");
    expect(story.debit(story.payer, 31).limit?.left).toBe(30n);
    expect(story.late().code).toBe("destination_limit_exceeded");
    expect(story.debit(story.payer, 31).limit?.left).toBe(30n);
    expect(story.capture(story.payer, id, 50, story.shop).code).toBe("deferred");
    story.ask({ operation: OPERATION.VoidHold, walletId: story.payer, extension: extension({ targetId: id }) });
    expect(story.late().code).toBe("destination_limit_exceeded");
    story.restart();
    expect(story.debit(story.payer, 81).limit?.left).toBe(80n);
  });

  test("of an exchange counts what is sold here and what is bought there", () => {
    const story = new Story();
    const dollars = story.openWallet(1, { currency: USD });
    story.setLimits(story.payer, { debit: { perDayMinor: 500 } });
    story.setLimits(dollars, { credit: { perDayMinor: 9 } });
    const exchange = (amountMinor: bigint): Answer => {
      const rate = { numerator: 1n, denominator: 50n };
      const first = story.ask({
        operation: OPERATION.ExchangeCurrency,
        walletId: story.payer,
        counterpartyId: dollars,
        amountMinor,
        extension: extension({ rate, expiresAtMs: BigInt(story.nowMs + 1_000) }),
      });
      return first.code === "deferred" ? story.late() : first;
    };
    expect(exchange(501n).limit?.number).toBe(LIMIT.debitPerDay);
    expect(exchange(500n).limit?.number).toBe(LIMIT.creditPerDay);
    expect(exchange(450n).code).toBe("ok");
    expect(exchange(51n).limit).toMatchObject({ number: LIMIT.debitPerDay, left: 50n });
    story.restart();
  });
});
