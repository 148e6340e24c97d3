import { describe, expect, test } from "vitest";
import { OPERATION, RECORD_OPTION } from "../../protocol/command-record.ts";
import { LIMIT, LIMIT_OF_TYPE } from "../../protocol/result-record.ts";
import { USD } from "../../test/engine-session.ts";
import { extension, NIL_ID } from "../../test/ledger-command.ts";
import { LimitStory } from "../../test/limit-story.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** A ledger at noon of 15 January 2026 in Cairo, with a wallet that holds a million and one that holds nothing. */
class Story extends LimitStory {
  readonly payer: string;
  readonly shop: string;

  constructor() {
    super();
    this.nowMs = Date.parse("2026-01-15T10:00:00Z");
    this.payer = this.openWallet(0, { balanceMinor: 1_000_000n });
    this.shop = this.openWallet(0);
  }
}

const DAY_END_MS = BigInt(Date.parse("2026-01-15T22:00:00Z"));
const MONTH_END_MS = BigInt(Date.parse("2026-01-31T22:00:00Z"));

describe("usage", () => {
  test("begins anew with the day and the month, in the ledger's time zone", () => {
    const story = new Story();
    const walletId = story.payer;
    story.setLimits(walletId, { debit: { perDayMinor: 100, perMonthMinor: 250 } });
    expect(story.debit(walletId, 100).code).toBe("ok");
    story.nowMs = Number(DAY_END_MS) - 1;
    expect(story.debit(walletId, 1).limit?.number).toBe(LIMIT.debitPerDay);
    story.nowMs += 1;
    expect(story.debit(walletId, 100).code).toBe("ok");
    story.nowMs += DAY_MS;
    expect(story.debit(walletId, 51).limit).toMatchObject({ number: LIMIT.debitPerMonth, left: 50n });
    expect(story.debit(walletId, 50).code).toBe("ok");
    story.nowMs = Number(MONTH_END_MS) - 1;
    expect(story.debit(walletId, 1).limit?.number).toBe(LIMIT.debitPerMonth);
    story.nowMs += 1;
    expect(story.debit(walletId, 100).code).toBe("ok");
    story.restart();
    expect(story.debit(walletId, 1).limit?.number).toBe(LIMIT.debitPerDay);
  });

  test("counts by the frame's clock where the wall clock goes back over midnight", () => {
    const story = new Story();
    const walletId = story.payer;
    story.setLimits(walletId, { debit: { perDayMinor: 100 } });
    story.nowMs = Number(DAY_END_MS) + 5_000;
    // A frame begins tomorrow and stays empty.
    expect(story.ask({ id: NIL_ID, operation: OPERATION.Debit, walletId, amountMinor: 1n }).code).toBe("id_required");
    story.nowMs = Number(DAY_END_MS) - 5_000;
    expect(story.debit(walletId, 60).code).toBe("ok");
    expect(story.debit(walletId, 41).limit).toMatchObject({ left: 40n, resetsAtMs: DAY_END_MS });
    story.engine.crash();
    expect(story.debit(walletId, 41).limit).toMatchObject({ left: 40n, resetsAtMs: DAY_END_MS });
  });

  test("of a window begins with its first movement and ends a whole length later", () => {
    const story = new Story();
    const walletId = story.payer;
    const startMs = story.nowMs;
    story.setLimits(walletId, { debit: { count: { max: 2, windowMs: HOUR_MS } } });
    story.nowMs = startMs + 1_000;
    expect(story.debit(walletId, 1).code).toBe("ok");
    story.nowMs = startMs + 1_000 + HOUR_MS - 1;
    expect(story.debit(walletId, 1).code).toBe("ok");
    expect(story.debit(walletId, 1).limit?.resetsAtMs).toBe(BigInt(startMs + 1_000 + HOUR_MS));
    story.nowMs += 1;
    expect(story.debit(walletId, 1).code).toBe("ok");
    expect(story.debit(walletId, 1).code).toBe("ok");
    expect(story.debit(walletId, 1).limit?.resetsAtMs).toBe(BigInt(story.nowMs + HOUR_MS));
  });

  test("of a wallet's own window and of its type's are counted apart", () => {
    const story = new Story();
    story.setLimits(story.payer, { debit: { count: { max: 3, windowMs: 10_000 } } });
    story.setTypeLimits({ debit: { count: { max: 4, windowMs: HOUR_MS } } });
    for (let i = 0; i < 3; i += 1) expect(story.debit(story.payer, 1).code).toBe("ok");
    expect(story.debit(story.payer, 1).limit?.number).toBe(LIMIT.debitCount);
    story.nowMs += 10_000;
    expect(story.debit(story.payer, 1).code).toBe("ok");
    expect(story.debit(story.payer, 1).limit?.number).toBe(LIMIT.debitCount | LIMIT_OF_TYPE);
  });

  test("is kept when limits change, and counted on while there are none", () => {
    const story = new Story();
    const walletId = story.payer;
    story.debit(walletId, 500);
    story.setLimits(walletId, { debit: { perTransactionMinor: 1_000 } });
    story.debit(walletId, 60);
    story.setLimits(walletId, {});
    story.debit(walletId, 30);
    story.setLimits(walletId, { debit: { perDayMinor: 100 } });
    expect(story.debit(walletId, 11).limit?.left).toBe(10n);
    story.restart();
    expect(story.debit(walletId, 10).code).toBe("ok");
  });

  test("is not touched by a refusal, a reversal, or by what enters while debits are limited", () => {
    const story = new Story();
    const walletId = story.payer;
    story.setLimits(walletId, { debit: { perDayMinor: 100 }, credit: { perDayMinor: 100 } });
    const targetId = story.nextId();
    expect(story.debit(walletId, 100, targetId).code).toBe("ok");
    expect(story.debit(walletId, 1).code).toBe("limit_exceeded");
    const operation = OPERATION.ReverseTransfer;
    expect(story.ask({ operation, walletId, amountMinor: 100n, extension: extension({ targetId }) }).code).toBe("ok");
    expect(story.debit(walletId, 1).code).toBe("limit_exceeded");
    expect(story.credit(walletId, 100).code).toBe("ok");
    expect(story.credit(walletId, 1).code).toBe("destination_limit_exceeded");
  });

  test("counts what is sold and what is bought, each in its currency", () => {
    const story = new Story();
    const dollars = story.openWallet(0, { currency: USD });
    story.setLimits(story.payer, { debit: { perDayMinor: 500 } });
    story.setLimits(dollars, { credit: { perDayMinor: 9 } });
    const exchange = (amountMinor: bigint) =>
      story.ask({
        operation: OPERATION.ExchangeCurrency,
        walletId: story.payer,
        counterpartyId: dollars,
        amountMinor,
        extension: extension({
          rate: { numerator: 1n, denominator: 50n },
          expiresAtMs: BigInt(story.nowMs + 1_000),
        }),
      });
    expect(exchange(501n).limit?.number).toBe(LIMIT.debitPerDay);
    expect(exchange(500n).limit).toMatchObject({ number: LIMIT.creditPerDay, left: 9n });
    expect(exchange(450n).code).toBe("ok");
    expect(exchange(50n).limit?.number).toBe(LIMIT.creditPerDay);
    story.restart();
  });
});

describe("a hold", () => {
  const limits = { debit: { perDayMinor: 100, perMonthMinor: 150, count: { max: 2, windowMs: 10 * DAY_MS } } };

  test("counts when it is placed, and not again when it is captured", () => {
    const story = new Story();
    story.setLimits(story.payer, limits);
    story.setLimits(story.shop, { credit: { perDayMinor: 90 } });
    const { id } = story.hold(story.payer, 100);
    expect(story.hold(story.payer, 1).answer.limit?.number).toBe(LIMIT.debitPerDay);
    expect(story.capture(story.payer, id, 91, story.shop).limit?.number).toBe(LIMIT.creditPerDay);
    expect(story.capture(story.payer, id, 90, story.shop).code).toBe("ok");
    expect(story.debit(story.payer, 1).limit?.number).toBe(LIMIT.debitPerDay);
    story.restart();
  });

  test.each([
    ["voided", (story: Story, id: string) => story.void(story.payer, id)],
    [
      "lapsed",
      (story: Story) => {
        story.nowMs += 1_000;
        story.engine.expireHolds(0);
      },
    ],
  ] as const)("%s gives back its amount and that it was a movement", (_, end) => {
    const story = new Story();
    story.setLimits(story.payer, limits);
    story.debit(story.payer, 20);
    const { id } = story.hold(story.payer, 80, story.nowMs + 1_000);
    expect(story.debit(story.payer, 1).limit?.number).toBe(LIMIT.debitPerDay);
    end(story, id);
    story.restart();
    expect(story.debit(story.payer, 81).limit?.left).toBe(80n);
    expect(story.debit(story.payer, 80).code).toBe("ok");
  });

  test("gives back what a final capture leaves, and stays a movement", () => {
    const story = new Story();
    story.setLimits(story.payer, limits);
    const { id } = story.hold(story.payer, 100);
    expect(story.capture(story.payer, id, 30, story.shop, RECORD_OPTION.final).code).toBe("ok");
    story.restart();
    expect(story.debit(story.payer, 71).limit?.left).toBe(70n);
    expect(story.debit(story.payer, 70).code).toBe("ok");
    story.nowMs += DAY_MS;
    expect(story.debit(story.payer, 1).limit?.number).toBe(LIMIT.debitCount);
  });

  test("placed in a window before gives nothing back to the running one", () => {
    const story = new Story();
    story.setLimits(story.payer, { debit: { count: { max: 2, windowMs: HOUR_MS } } });
    const { id } = story.hold(story.payer, 10);
    story.nowMs += HOUR_MS;
    story.debit(story.payer, 1);
    story.debit(story.payer, 1);
    story.void(story.payer, id);
    expect(story.debit(story.payer, 1).limit?.number).toBe(LIMIT.debitCount);
  });

  test("of an earlier day gives back to the month alone", () => {
    const story = new Story();
    story.setLimits(story.payer, limits);
    const { id } = story.hold(story.payer, 60);
    story.nowMs += DAY_MS;
    expect(story.debit(story.payer, 90).code).toBe("ok");
    story.void(story.payer, id);
    story.restart();
    expect(story.debit(story.payer, 11).limit).toMatchObject({ number: LIMIT.debitPerDay, left: 10n });
    story.nowMs += DAY_MS;
    expect(story.debit(story.payer, 61).limit).toMatchObject({ number: LIMIT.debitPerMonth, left: 60n });
  });

  test("placed before there were limits gives nothing back", () => {
    const story = new Story();
    const { id } = story.hold(story.payer, 50);
    story.setLimits(story.payer, limits);
    story.debit(story.payer, 60);
    story.void(story.payer, id);
    expect(story.debit(story.payer, 41).limit?.left).toBe(40n);
  });
});
