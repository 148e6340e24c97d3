import { describe, expect, test } from "vitest";
import { OPERATION } from "../../protocol/command-record.ts";
import { formatUuid, uuidBytes } from "../../protocol/ids.ts";
import { WALLET, WALLET_BYTES } from "../../protocol/result-record.ts";
import type { Caller } from "../../test/driven-ledger.ts";
import type { HarnessOptions } from "../../test/engine-harness.ts";
import { ADMIN, EGP, EngineSession, MERCHANT, STRANGER } from "../../test/engine-session.ts";
import { type Answer, extension } from "../../test/ledger-command.ts";
import { accountId } from "../../test/reference-books.ts";
import { REQUEST_KIND } from "../port/entries.ts";

const { Transfer, Debit, StripeWallet, FreezeWallet, UnfreezeWallet, PlaceHold } = OPERATION;
const SHARDS = 3;

/** A striped shop whose home is shard 0, and a payer on each shard. */
class Story extends EngineSession {
  readonly shop: string;
  readonly payers: readonly string[];

  constructor(options: Partial<HarnessOptions> = {}) {
    super(SHARDS, options);
    this.shop = this.openWallet(0);
    this.payers = [0, 1, 2].map((shard) => this.openWallet(shard, { balanceMinor: 1_000n }));
    expect(this.ask({ operation: StripeWallet, walletId: this.shop }).code).toBe("ok");
    this.settle();
  }

  pay(shard: number, amountMinor: bigint): Answer {
    return this.ask({ operation: Transfer, walletId: this.payers[shard], counterpartyId: this.shop, amountMinor });
  }

  /** What each shard holds for the shop, its home first. */
  stripes(): readonly bigint[] {
    return [0, 1, 2].map((shard) => this.engine.wallets(shard).find(({ id }) => id === this.shop)?.postedMinor ?? -1n);
  }

  /** The codes of what was answered while messages went between the shards. */
  settled(): readonly string[] {
    return this.settle().map((reply) => (reply.kind === "late" ? reply.answer.code : ""));
  }

  /** The balance that a reader is told. */
  read(): bigint {
    this.engine.others.length = 0;
    this.engine.request(0, REQUEST_KIND.LookupWallets, 77, 1, uuidBytes(this.shop), ADMIN);
    this.engine.flush(0);
    this.settle();
    const found = this.engine.others.find(({ token }) => token === 77);
    if (found === undefined) throw new Error("the look-up was not answered");
    expect(formatUuid(found.payload, WALLET.id)).toBe(this.shop);
    expect(found.payload.byteLength).toBe(WALLET_BYTES);
    return new DataView(found.payload.buffer, found.payload.byteOffset).getBigInt64(WALLET.postedMinor, true);
  }
}

describe("a striped wallet", () => {
  test("takes credits on every shard without a message between them", () => {
    const story = new Story();
    for (const shard of [0, 1, 2]) expect(story.pay(shard, 10n).code).toBe("ok");
    expect(story.stripes()).toEqual([10n, 10n, 10n]);
  });

  test("is told to a reader as one exact total", () => {
    const story = new Story();
    for (const shard of [0, 1, 2]) story.pay(shard, 10n);
    expect(story.read()).toBe(30n);
    story.pay(2, 5n);
    expect(story.read()).toBe(35n);
    expect(story.stripes()).toEqual([35n, 0n, 0n]);
  });

  test("a debit draws from the stripes, and never goes below the floor", () => {
    const story = new Story();
    for (const shard of [0, 1, 2]) story.pay(shard, 10n);
    const debit = { operation: Debit, walletId: story.shop };
    expect(story.ask({ ...debit, amountMinor: 10n }).code).toBe("ok");
    expect(story.ask({ ...debit, amountMinor: 20n }).code).toBe("deferred");
    expect(story.settled()).toEqual(["ok"]);
    story.pay(1, 3n);
    expect(story.ask({ ...debit, amountMinor: 4n }).code).toBe("deferred");
    expect(story.settled()).toEqual(["insufficient_funds"]);
    expect(story.stripes()).toEqual([3n, 0n, 0n]);
    expect(story.ask({ operation: PlaceHold, walletId: story.shop, amountMinor: 3n }).code).toBe("ok");
  });

  test("answers a debit that waited again as it did first", () => {
    const story = new Story();
    story.pay(1, 10n);
    const debit = { id: story.nextId(), operation: Debit, walletId: story.shop, amountMinor: 10n };
    story.ask(debit);
    story.settle();
    expect(story.ask(debit)).toMatchObject({ code: "ok", replayed: true, wallet: { postedMinor: 0n } });
  });

  test("several who wait at once are answered in their order", () => {
    const story = new Story();
    story.pay(1, 10n);
    story.pay(2, 10n);
    const debit = { operation: Debit, walletId: story.shop, amountMinor: 15n };
    story.ask(debit);
    story.ask(debit);
    expect(story.settled()).toEqual(["ok", "insufficient_funds"]);
  });

  test("gives back what it was paid on another shard", () => {
    const story = new Story();
    const id = story.nextId();
    story.ask({ id, operation: Transfer, walletId: story.payers[1], counterpartyId: story.shop, amountMinor: 10n });
    const reversal = {
      operation: OPERATION.ReverseTransfer,
      walletId: story.payers[1],
      extension: extension({ targetId: id }),
    };
    expect(story.ask(reversal).code).toBe("deferred");
    expect(story.settled()).toEqual(["ok"]);
    expect(story.stripes()).toEqual([0n, 0n, 0n]);
  });

  test("gives back what was paid on another shard and has come home since, to its owner too", () => {
    const story = new Story();
    const paid = [story.nextId(), story.nextId()];
    const payment = { operation: Transfer, walletId: story.payers[1], counterpartyId: story.shop, amountMinor: 10n };
    for (const id of paid) expect(story.ask({ ...payment, id }).code).toBe("ok");
    expect(story.read()).toBe(20n);
    const reverse = (targetId: string, caller: Caller): readonly string[] => {
      const fields = { operation: OPERATION.ReverseTransfer, walletId: story.payers[1] };
      const { code } = story.ask({ ...fields, extension: extension({ targetId }) }, { caller });
      return [code, ...story.settled()];
    };
    expect(reverse(paid[0], ADMIN)).toEqual(["deferred", "ok"]);
    expect(reverse(paid[1], STRANGER)).toEqual(["deferred", "forbidden"]);
    expect(reverse(paid[1], MERCHANT)).toEqual(["deferred", "ok"]);
    expect(reverse(paid[1], ADMIN)).toEqual(["reversal_amount_exceeded"]);
    expect(story.stripes()).toEqual([0n, 0n, 0n]);
    expect(story.wallet(story.payers[1]).postedMinor).toBe(1_000n);
  });

  test("is told exactly where a shard has no room for more transfers between shards", () => {
    const story = new Story({ openTransfersMax: 1 });
    story.pay(1, 10n);
    const far = { operation: Transfer, walletId: story.payers[1], counterpartyId: story.payers[2], amountMinor: 1n };
    expect(story.ask(far).code).toBe("deferred");
    expect(story.ask(far).code).toBe("overloaded");
    expect(story.read()).toBe(10n);
  });

  test("follows for a watcher also where the wall clock goes back", () => {
    const story = new Story();
    story.engine.request(0, REQUEST_KIND.WatchWallets, 78, 1, uuidBytes(story.shop), ADMIN);
    story.settle();
    story.nowMs -= 20_000;
    story.pay(2, 10n);
    // A shard looks after its watched wallets in each of its turns.
    for (let turn = 0; turn < 3; turn += 1) story.settle();
    expect(story.stripes()).toEqual([10n, 0n, 0n]);
  });

  test("frozen, it takes no credits anywhere, and money on its way home arrives", () => {
    const story = new Story();
    story.pay(1, 10n);
    story.ask({ operation: FreezeWallet, walletId: story.shop });
    story.settle();
    expect(story.pay(1, 1n).code).toBe("destination_frozen");
    expect(story.read()).toBe(10n);
    story.ask({ operation: UnfreezeWallet, walletId: story.shop });
    story.settle();
    expect(story.pay(1, 1n).code).toBe("ok");
  });

  test("is for admins to declare, once, and stays", () => {
    const story = new Story();
    const fields = { operation: StripeWallet, walletId: story.shop };
    expect(story.ask(fields).code).toBe("wallet_striped");
    expect(story.ask({ ...fields, walletId: story.payers[0] }, { caller: MERCHANT }).code).toBe("forbidden");
    expect(story.ask({ operation: OPERATION.CloseWallet, walletId: story.shop }).code).toBe("wallet_striped");
  });

  test("survives a crash at any moment, with every unit of money", () => {
    const story = new Story();
    for (const shard of [0, 1, 2]) story.pay(shard, 10n);
    story.engine.crash();
    expect(story.stripes()).toEqual([10n, 10n, 10n]);
    story.settle();
    story.ask({ operation: Debit, walletId: story.shop, amountMinor: 30n });
    story.engine.deliver(0, 1);
    story.engine.flush(1);
    story.engine.crash();
    story.settle();
    expect(story.read()).toBe(30n);
    const transit = [0, 1, 2].map((shard) => story.wallet(accountId(shard, EGP, "transit")).postedMinor);
    expect(transit.reduce((sum, balance) => sum + balance, 0n)).toBe(0n);
  });

  test("hears of its stripes again after a crash that lost the first word", () => {
    const story = new EngineSession(2);
    const shop = story.openWallet(0);
    story.ask({ operation: StripeWallet, walletId: shop });
    story.engine.crash();
    story.settle();
    const payer = story.openWallet(1, { balanceMinor: 10n });
    expect(story.ask({ operation: Transfer, walletId: payer, counterpartyId: shop, amountMinor: 1n }).code).toBe("ok");
  });
});
