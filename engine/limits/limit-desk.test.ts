import { describe, expect, test } from "vitest";
import { OPERATION } from "../../protocol/command-record.ts";
import { LIMIT, LIMIT_OF_TYPE } from "../../protocol/result-record.ts";
import type { WalletLimits } from "../../protocol/wallet-limits.ts";
import { EGP, MERCHANT, USD } from "../../test/engine-session.ts";
import { command, extension } from "../../test/ledger-command.ts";
import { fundingAccountId, LimitStory } from "../../test/limit-story.ts";

const HOUR_MS = 3_600_000;

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

describe("what a limit refuses", () => {
  const count = { max: 2, windowMs: HOUR_MS };
  const windowEndMs = BigInt(Date.parse("2026-01-15T11:00:00Z"));
  // Limits, the movements so far, the one that is refused, and the limit that does it, its value, what is left, its reset.
  test.each([
    [{ debit: { perTransactionMinor: 100 } }, [100], 101, "debitPerTransaction", 100n, 100n, 0n],
    [{ debit: { perTransactionMinor: 0 } }, [], 1, "debitPerTransaction", 0n, 0n, 0n],
    [{ debit: { perDayMinor: 250 } }, [100, 100], 51, "debitPerDay", 250n, 50n, DAY_END_MS],
    [{ debit: { perMonthMinor: 250 } }, [100, 150], 1, "debitPerMonth", 250n, 0n, MONTH_END_MS],
    [{ debit: { count } }, [1, 1], 1, "debitCount", 2n, 0n, windowEndMs],
    [{ credit: { perTransactionMinor: 100 } }, [100], 101, "creditPerTransaction", 100n, 100n, 0n],
    [{ credit: { perDayMinor: 250 } }, [100, 100], 51, "creditPerDay", 250n, 50n, DAY_END_MS],
    [{ credit: { perMonthMinor: 250 } }, [100, 150], 1, "creditPerMonth", 250n, 0n, MONTH_END_MS],
    [{ credit: { count } }, [1, 1], 1, "creditCount", 2n, 0n, windowEndMs],
  ] as const)("%j after %j: %d", (limits, before, amountMinor, name, value, left, resetsAtMs) => {
    for (const isOfType of [false, true]) {
      const story = new Story();
      const isDebit = name.startsWith("debit");
      const walletId = isDebit ? story.payer : story.shop;
      const move = (amount: number) => (isDebit ? story.debit(walletId, amount) : story.credit(walletId, amount));
      const set = isOfType ? story.setTypeLimits(limits) : story.setLimits(walletId, limits);
      expect(set.code).toBe("ok");
      for (const amount of before) expect(move(amount).code).toBe("ok");
      expect(move(amountMinor)).toMatchObject({
        code: isDebit ? "limit_exceeded" : "destination_limit_exceeded",
        limit: { number: LIMIT[name] | (isOfType ? LIMIT_OF_TYPE : 0), value, left, resetsAtMs },
      });
      story.restart();
      expect(move(amountMinor).limit).toMatchObject({ value, left });
    }
  });

  test("is asked in the order of numbers, the wallet's own before its type's", () => {
    const story = new Story();
    const walletId = story.payer;
    const refusal = (limits: WalletLimits, typeLimits: WalletLimits): number | undefined => {
      story.setLimits(walletId, limits);
      story.setTypeLimits(typeLimits);
      return story.debit(walletId, 10).limit?.number;
    };
    const small = { perTransactionMinor: 1, perDayMinor: 1 };
    expect(refusal({ debit: small }, { debit: small })).toBe(LIMIT.debitPerTransaction);
    expect(refusal({ debit: { perDayMinor: 1 } }, { debit: small })).toBe(LIMIT.debitPerTransaction | LIMIT_OF_TYPE);
    expect(refusal({ debit: { perDayMinor: 1 } }, { debit: { perDayMinor: 1 } })).toBe(LIMIT.debitPerDay);
    expect(refusal({}, { debit: { perDayMinor: 1 } })).toBe(LIMIT.debitPerDay | LIMIT_OF_TYPE);
    expect(refusal({}, {})).toBeUndefined();
  });

  test("of a transfer is the payer's before the other's, and what is missing before both", () => {
    const story = new Story();
    story.setLimits(story.payer, { debit: { perTransactionMinor: 10 } });
    story.setLimits(story.shop, { credit: { perTransactionMinor: 5 } });
    expect(story.transfer(story.payer, story.shop, 2_000_000).code).toBe("insufficient_funds");
    expect(story.transfer(story.payer, story.shop, 11).code).toBe("limit_exceeded");
    expect(story.transfer(story.payer, story.shop, 6)).toMatchObject({
      code: "destination_limit_exceeded",
      limit: { number: LIMIT.creditPerTransaction, value: 5n, left: 5n },
    });
    expect(story.transfer(story.payer, story.shop, 5).code).toBe("ok");
  });

  test("tells only an admin what the limits of the far wallet are, the second time as well", () => {
    const story = new Story();
    story.setLimits(story.shop, { credit: { perDayMinor: 5 } });
    const id = story.nextId();
    const asked = {
      id,
      operation: OPERATION.Transfer,
      walletId: story.payer,
      counterpartyId: story.shop,
      amountMinor: 6n,
    };
    for (const replayed of [false, true]) {
      const answer = story.ask(asked, { caller: MERCHANT });
      expect(answer).toMatchObject({ code: "destination_limit_exceeded", replayed });
      expect(answer.limit).toBeUndefined();
    }
    expect(story.ask(asked).limit).toMatchObject({ value: 5n, left: 5n });
  });
});

describe("a limit that refused", () => {
  test("is told again in the same words under the same id, whatever became of it, after a restart too", () => {
    const story = new Story();
    story.setLimits(story.payer, { debit: { perDayMinor: 100 } });
    story.debit(story.payer, 60);
    const id = story.nextId();
    const first = story.debit(story.payer, 50, id);
    expect(first.limit).toEqual({ number: LIMIT.debitPerDay, value: 100n, left: 40n, resetsAtMs: DAY_END_MS });
    story.setLimits(story.payer, {});
    story.restart();
    expect(story.debit(story.payer, 50, id)).toEqual({ ...first, replayed: true });
    expect(story.debit(story.payer, 51, id).code).toBe("id_reused");
    expect(story.debit(story.payer, 50).code).toBe("ok");
  });

  test("shows its number in the compact form too", () => {
    const story = new Story();
    story.setLimits(story.payer, { debit: { perDayMinor: 100 } });
    const answer = story.ask(
      { operation: OPERATION.Debit, walletId: story.payer, amountMinor: 101n },
      { details: false },
    );
    expect(answer).toMatchObject({ code: "limit_exceeded", limit: { number: LIMIT.debitPerDay } });
  });
});

describe("setting limits", () => {
  test.each([
    ["", "limits_invalid"],
    ["{", "limits_invalid"],
    ["[]", "limits_invalid"],
    ['{"debit":{"perDayMinor":-1}}', "limits_invalid"],
    ['{"debit":{"perDayMinor":1.5}}', "limits_invalid"],
    ['{"debit":{"perDayMinor":9007199254740992}}', "limits_invalid"],
    ['{"debit":{"perYearMinor":1}}', "limits_invalid"],
    ['{"debit":{"count":{"max":0,"windowMs":1000}}}', "limits_invalid"],
    ['{"debit":{"count":{"max":1,"windowMs":999}}}', "limits_invalid"],
    ['{"debit":{"count":{"max":1}}}', "limits_invalid"],
    ['{"debit":null}', "limits_invalid"],
    ["{}", "ok"],
    ['{"debit":{},"credit":{"perDayMinor":9007199254740991}}', "ok"],
    ['{"debit":{"count":{"max":1000000,"windowMs":2678400000}}}', "ok"],
  ])("with %s is %s", (metadata, code) => {
    const story = new Story();
    const fields = extension({ metadata });
    const own = { operation: OPERATION.SetWalletLimits, walletId: story.payer, extension: fields };
    expect(story.ask(own).code).toBe(code);
    const ofType = { operation: OPERATION.SetTypeLimits, walletId: fundingAccountId(0, EGP), walletType: 1 };
    expect(story.ask({ ...ofType, extension: fields }).code).toBe(code);
    story.restart();
  });

  test("changes the wallet: a version, a head, an answer that is given again", () => {
    const story = new Story();
    const { version } = story.wallet(story.payer);
    const id = story.nextId();
    const metadata = JSON.stringify({ debit: { perDayMinor: 7 } });
    const asked = {
      id,
      operation: OPERATION.SetWalletLimits,
      walletId: story.payer,
      extension: extension({ metadata, expectedVersion: version }),
    };
    const answer = story.ask(asked);
    expect(answer).toMatchObject({ code: "ok", wallet: { postedMinor: 1_000_000n, version: version + 1n } });
    expect(story.ask(asked)).toEqual({ ...answer, replayed: true });
    expect(story.ask({ ...asked, id: story.nextId() }).code).toBe("version_conflict");
  });

  test("is for admins, and for wallets that are there and open", () => {
    const story = new Story();
    const limits = { debit: { perDayMinor: 7 } };
    expect(story.setLimits(story.payer, limits, MERCHANT).code).toBe("forbidden");
    expect(story.setTypeLimits(limits, { caller: MERCHANT }).code).toBe("forbidden");
    expect(story.setLimits(story.nextWalletId(0), limits).code).toBe("wallet_not_found");
    expect(story.setLimits(fundingAccountId(0, EGP), limits).code).toBe("system_account_protected");
    expect(story.setTypeLimits(limits, { walletType: 0 }).code).toBe("wallet_type_invalid");
    expect(story.setTypeLimits(limits, { walletType: 4 }).code).toBe("wallet_type_invalid");
    expect(story.setTypeLimits(limits, { currency: 1 }).code).toBe("currency_unknown");
    expect(story.setTypeLimits(limits, { shard: 1 }).code).toBe("wallet_not_found");
    const notFunding = story.ask({
      operation: OPERATION.SetTypeLimits,
      walletId: story.payer,
      walletType: 1,
      extension: extension({ metadata: "{}" }),
    });
    expect(notFunding.code).toBe("wallet_not_found");
    story.ask({ operation: OPERATION.CloseWallet, walletId: story.shop });
    expect(story.setLimits(story.shop, limits).code).toBe("wallet_closed");
  });

  test("of a type reaches wallets there are and wallets to come, of that type and currency only", () => {
    const story = new Story();
    expect(story.setTypeLimits({ debit: { perDayMinor: 7 } }).code).toBe("ok");
    const later = story.openWallet(0, { balanceMinor: 10n });
    const dollars = story.openWallet(0, { balanceMinor: 10n, currency: USD });
    expect(story.debit(story.payer, 8).code).toBe("limit_exceeded");
    expect(story.debit(later, 8).code).toBe("limit_exceeded");
    expect(story.debit(dollars, 8).code).toBe("ok");
    expect(story.setTypeLimits({ debit: { perDayMinor: 1 } }, { walletType: 2 }).code).toBe("ok");
    expect(story.debit(later, 7).code).toBe("ok");
    story.restart();
    expect(story.debit(later, 1).code).toBe("limit_exceeded");
    expect(story.setTypeLimits({}).code).toBe("ok");
    expect(story.debit(later, 1).code).toBe("ok");
    story.restart();
  });

  test("of a type in a currency without wallets opens its accounts", () => {
    const story = new Story();
    const early = extension({ metadata: "{}", expectedVersion: 1n });
    const walletId = fundingAccountId(0, USD);
    const asked = { operation: OPERATION.SetTypeLimits, walletId, walletType: 1, extension: early };
    expect(story.ask(asked).code).toBe("version_conflict");
    story.restart();
    expect(story.setTypeLimits({ debit: { perDayMinor: 5 } }, { currency: USD })).toMatchObject({
      code: "ok",
      wallet: { postedMinor: 0n, version: 1n },
    });
    story.restart();
    const dollars = story.openWallet(0, { balanceMinor: 10n, currency: USD });
    expect(story.debit(dollars, 6).code).toBe("limit_exceeded");
  });
});

describe("a linked run that fails", () => {
  test("takes back what it counted and what limits it set, and says which limit it failed at", () => {
    const story = new Story();
    story.setLimits(story.payer, { debit: { perDayMinor: 100 } });
    story.debit(story.payer, 10);
    const { id: hold } = story.hold(story.payer, 10);
    const before = story.engine.state(0);
    const rows = before.wallets.limits.count;
    const run = [
      { operation: OPERATION.Debit, walletId: story.payer, amountMinor: 20n },
      { operation: OPERATION.VoidHold, walletId: story.payer, extension: extension({ targetId: hold }) },
      {
        operation: OPERATION.SetTypeLimits,
        walletId: fundingAccountId(0, USD),
        walletType: 1,
        extension: extension({ metadata: '{"debit":{"perDayMinor":1}}' }),
      },
      {
        operation: OPERATION.SetWalletLimits,
        walletId: story.shop,
        extension: extension({ metadata: '{"debit":{"perDayMinor":1}}' }),
      },
      {
        operation: OPERATION.SetWalletLimits,
        walletId: story.payer,
        extension: extension({ metadata: '{"debit":{"perDayMinor":50}}' }),
      },
      { operation: OPERATION.Debit, walletId: story.payer, amountMinor: 21n },
    ];
    const last = run.length - 1;
    const answers = story.send(
      0,
      run.map((one, index) => command({ id: story.nextId(), ...one, linked: index < last })),
    );
    expect(answers.map(({ code }) => code)).toEqual([...Array(last).fill("linked_failed"), "limit_exceeded"]);
    expect(answers[last].limit).toMatchObject({ number: LIMIT.debitPerDay, value: 50n, left: 20n });
    expect(before.wallets.limits.count).toBe(rows);
    expect(before.wallets.limits.hasTypeLimits).toBe(false);
    story.restart();
    expect(story.debit(story.payer, 81).limit).toMatchObject({ value: 100n, left: 80n });
    expect(story.credit(story.shop, 5).code).toBe("ok");
    expect(story.debit(story.shop, 2).code).toBe("ok");
  });
});
