import { describe, expect, test } from "vitest";
import { OPERATION } from "../../protocol/command-record.ts";
import { EGP, EngineSession, MERCHANT, USD } from "../../test/engine-session.ts";
import { type Answer, extension, type LedgerCommand, NIL_ID } from "../../test/ledger-command.ts";
import { AMOUNT_MAX, accountId } from "../../test/reference-books.ts";

const RATE = { numerator: 205n, denominator: 10_000n };

class Story extends EngineSession {
  readonly pounds: string;
  readonly dollars: string;

  constructor(shardCount = 1) {
    super(shardCount);
    this.pounds = this.openWallet(0, { balanceMinor: 100_000n });
    this.dollars = this.openWallet(shardCount - 1, { currency: USD });
  }

  order(fields: Partial<LedgerCommand> = {}, quote: Parameters<typeof extension>[0] = {}): LedgerCommand {
    return {
      id: this.nextId(),
      operation: OPERATION.ExchangeCurrency,
      walletId: this.pounds,
      counterpartyId: this.dollars,
      amountMinor: 10_000n,
      currency: 0,
      walletType: 0,
      linked: false,
      extension: extension({ rate: RATE, expiresAtMs: BigInt(this.nowMs + 1_000), ...quote }),
      ...fields,
    };
  }

  exchange(fields: Partial<LedgerCommand> = {}, quote: Parameters<typeof extension>[0] = {}): Answer {
    return this.ask(this.order(fields, quote));
  }

  balances(): readonly bigint[] {
    return [this.pounds, this.dollars].map((id) => this.wallet(id).postedMinor);
  }

  liquidity(shard: number, currency: number): bigint {
    return this.wallet(accountId(shard, currency, "liquidity")).postedMinor;
  }
}

describe("an exchange", () => {
  test("moves both currencies through their liquidity accounts", () => {
    const story = new Story();
    expect(story.exchange()).toMatchObject({
      code: "ok",
      wallet: { postedMinor: 90_000n, availableMinor: 90_000n },
      counterparty: { postedMinor: 205n, availableMinor: 205n },
    });
    expect([story.liquidity(0, EGP), story.liquidity(0, USD)]).toEqual([10_000n, -205n]);
  });

  test.each([
    { amountMinor: 99n, bought: 2n },
    { amountMinor: 97n, bought: 1n },
    { amountMinor: 49n, bought: 1n },
  ])("of $amountMinor at 205 to 10,000 buys $bought: rounded down", ({ amountMinor, bought }) => {
    const story = new Story();
    expect(story.exchange({ amountMinor }).counterparty?.postedMinor).toBe(bought);
  });

  test.each([
    ["nothing", { amountMinor: 0n }, {}, "amount_invalid"],
    ["what buys nothing", { amountMinor: 48n }, {}, "exchanged_amount_invalid"],
    ["what buys too much", {}, { rate: { numerator: AMOUNT_MAX, denominator: 1n } }, "exchanged_amount_invalid"],
    ["no numerator", {}, { rate: { numerator: 0n, denominator: 1n } }, "rate_invalid"],
    ["no denominator", {}, { rate: { numerator: 1n, denominator: 0n } }, "rate_invalid"],
    ["a rate beyond the range", {}, { rate: { numerator: 1n, denominator: 2n ** 53n } }, "rate_invalid"],
    ["no extension", { extension: null }, {}, "rate_invalid"],
    ["no time", {}, { expiresAtMs: 0n }, "quote_expired"],
    ["a quote of the past", {}, { expiresAtMs: 1_700_000_000_000n }, "quote_expired"],
    ["an account", { counterpartyId: accountId(0, USD, "funding") }, {}, "system_account_protected"],
    ["another currency than it says", { currency: USD }, {}, "currency_mismatch"],
    ["more than there is", { amountMinor: 100_001n }, {}, "insufficient_funds"],
    ["no wallet to credit", { counterpartyId: NIL_ID }, {}, "destination_not_found"],
  ] as const)("with %s is refused", (_name, fields, quote, code) => {
    const story = new Story();
    expect(story.exchange(fields, quote).code).toBe(code);
    expect(story.balances()).toEqual([100_000n, 0n]);
  });

  test("needs two currencies, two wallets and an admin", () => {
    const story = new Story();
    expect(story.exchange({ counterpartyId: story.openWallet(0) }).code).toBe("same_currency");
    expect(story.exchange({ counterpartyId: story.pounds }).code).toBe("same_wallet");
    expect(story.ask(story.order(), { caller: MERCHANT }).code).toBe("forbidden");
  });

  test("gives the first answer again, and knows another body", () => {
    const story = new Story();
    const order = story.order();
    const first = story.ask(order);
    story.exchange();
    expect(story.ask(order)).toEqual({ ...first, replayed: true });
    const other = (quote: Parameters<typeof extension>[0]): LedgerCommand => ({
      ...order,
      extension: { ...extension({}), ...order.extension, ...quote },
    });
    expect(story.ask(other({ rate: { ...RATE, numerator: 206n } })).code).toBe("id_reused");
    expect(story.ask(other({ expiresAtMs: BigInt(story.nowMs + 1_001) })).code).toBe("id_reused");
    expect(story.ask({ ...order, counterpartyId: story.openWallet(0, { currency: USD }) }).code).toBe("id_reused");
    expect(story.balances()).toEqual([80_000n, 410n]);
  });

  test("survives a crash, with the accounts that it opened", () => {
    const story = new Story();
    const order = story.order();
    const first = story.ask(order);
    story.engine.crash();
    expect(story.balances()).toEqual([90_000n, 205n]);
    expect(story.ask(order)).toEqual({ ...first, replayed: true });
    expect(story.exchange().code).toBe("ok");
  });

  test("in a linked run that fails leaves no account behind", () => {
    const story = new Story();
    const failing = { operation: OPERATION.Debit, walletId: story.dollars, amountMinor: 206n };
    expect(story.run([{ ...story.order(), linked: true }, failing])).toEqual(["linked_failed", "insufficient_funds"]);
    expect(() => story.liquidity(0, EGP)).toThrow("no wallet");
    expect(
      story.run([
        { ...story.order(), linked: true },
        { ...failing, amountMinor: 205n },
      ]),
    ).toEqual(["ok", "ok"]);
    story.engine.crash();
    expect(story.balances()).toEqual([90_000n, 0n]);
  });
});

describe("an exchange between shards", () => {
  test("sells here and buys there", () => {
    const story = new Story(2);
    expect(story.exchange().code).toBe("deferred");
    expect(story.balances()).toEqual([90_000n, 0n]);
    expect(story.settle()).toMatchObject([{ answer: { code: "ok", counterparty: { postedMinor: 205n } } }]);
    expect([story.liquidity(0, EGP), story.liquidity(1, USD)]).toEqual([10_000n, -205n]);
  });

  test("is refunded where the other side refuses", () => {
    const story = new Story(2);
    const frozen = { operation: OPERATION.FreezeWallet, walletId: story.dollars };
    story.ask(frozen);
    story.exchange();
    expect(story.settle()).toMatchObject([{ answer: { code: "destination_frozen" } }]);
    expect([...story.balances(), story.liquidity(0, EGP)]).toEqual([100_000n, 0n, 0n]);
    const pounds = story.openWallet(1);
    story.exchange({ counterpartyId: pounds });
    expect(story.settle()).toMatchObject([{ answer: { code: "same_currency" } }]);
    story.exchange({ counterpartyId: story.dollars, amountMinor: 1n });
    expect(story.balances()).toEqual([100_000n, 0n]);
  });

  test("resumes after a crash, and is applied once", () => {
    const story = new Story(2);
    const order = story.order();
    story.ask(order);
    story.engine.crash();
    story.settle();
    expect(story.ask(order)).toMatchObject({ code: "ok", replayed: true, counterparty: { postedMinor: 205n } });
    expect(story.balances()).toEqual([90_000n, 205n]);
  });
});
