import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { UuidV7 } from "../protocol/ids.ts";
import { ADMIN_KEY, LedgerProcess } from "../test/ledger-process.ts";
import { type CommandResult, Mizan } from "./index.ts";

const ids = new UuidV7();
let ledger: LedgerProcess;

beforeAll(async () => {
  ledger = await LedgerProcess.create({ MIZAN_SHARDS: "2" });
  await ledger.start();
});
afterAll(() => ledger.dispose());

function applied(result: CommandResult): Extract<CommandResult, { readonly ok: true }> {
  if (!result.ok) throw new Error(`refused: ${result.code}`);
  return result;
}

describe.each(["binary", "json"] as const)("over %s", (encoding) => {
  let mizan: Mizan;
  beforeAll(async () => {
    mizan = await Mizan.connect({ url: ledger.url, apiKey: ADMIN_KEY, encoding });
  });
  afterAll(() => mizan.close());

  async function open(currency: "EGP" | "USD", amountMinor = 0): Promise<string> {
    const { walletId } = applied(await mizan.createWallet({ ownerId: ids.next(), currency }));
    applied(await mizan.activateWallet({ walletId }));
    if (amountMinor > 0) applied(await mizan.credit({ walletId, amountMinor }));
    return walletId;
  }

  test("a hold is placed, captured in part, finally, and voided", async () => {
    const walletId = await open("EGP", 1_000);
    const toWalletId = await open("EGP");
    const expiresAtMs = Date.now() + 60_000;
    const hold = applied(await mizan.placeHold({ walletId, amountMinor: 300, toWalletId, expiresAtMs }));
    expect(hold).toMatchObject({ postedMinor: 1_000, availableMinor: 700 });
    const holdId = hold.commandId;
    expect(await mizan.getHolds(walletId)).toMatchObject({
      ok: true,
      holds: [{ id: holdId, toWalletId, remainingMinor: 300, expiresAt: new Date(expiresAtMs).toISOString() }],
    });
    const first = applied(await mizan.captureHold({ walletId, holdId, amountMinor: 100 }));
    expect(first).toMatchObject({ postedMinor: 900, availableMinor: 700, counterparty: { postedMinor: 100 } });
    const last = applied(await mizan.captureHold({ walletId, holdId, amountMinor: 50, final: true }));
    expect(last).toMatchObject({ postedMinor: 850, availableMinor: 850, counterparty: { postedMinor: 150 } });
    expect(await mizan.voidHold({ walletId, holdId })).toMatchObject({ ok: false, code: "hold_closed" });
    const found = { ok: true, status: "captured", amountMinor: 300, capturedMinor: 150 };
    expect(await mizan.getHold(holdId)).toMatchObject(found);
    expect(await mizan.getHold(ids.next())).toMatchObject({ ok: false, code: "hold_not_found" });
    const other = applied(await mizan.placeHold({ walletId, amountMinor: 10 }));
    expect(applied(await mizan.voidHold({ walletId, holdId: other.commandId }))).toMatchObject({ availableMinor: 850 });
  });

  test("a transfer is reversed in part, and the rest", async () => {
    const walletId = await open("EGP", 1_000);
    const toWalletId = await open("EGP");
    const paid = applied(await mizan.transfer({ fromWalletId: walletId, toWalletId, amountMinor: 100 }));
    const reversal = { walletId, transferId: paid.commandId };
    const part = applied(await mizan.reverseTransfer({ ...reversal, amountMinor: 30 }));
    expect(part).toMatchObject({ postedMinor: 930, counterparty: { postedMinor: 70 } });
    expect(applied(await mizan.reverseTransfer(reversal))).toMatchObject({ postedMinor: 1_000 });
    expect(await mizan.reverseTransfer(reversal)).toMatchObject({ code: "reversal_amount_exceeded" });
  });

  test("a currency is exchanged", async () => {
    const fromWalletId = await open("EGP", 1_000);
    const toWalletId = await open("USD");
    const exchange = {
      fromWalletId,
      toWalletId,
      amountMinor: 500,
      rate: { numerator: 205, denominator: 10_000 },
      quoteExpiresAtMs: Date.now() + 60_000,
    };
    expect(applied(await mizan.exchange(exchange))).toMatchObject({
      postedMinor: 500,
      counterparty: { postedMinor: 10 },
    });
    expect(await mizan.exchange({ ...exchange, quoteExpiresAtMs: 1 })).toMatchObject({ code: "quote_expired" });
  });

  test("a striped wallet is one wallet to whoever reads it", async () => {
    const shop = await open("EGP");
    applied(await mizan.stripeWallet({ walletId: shop }));
    for (let number = 0; number < 6; number += 1) {
      const fromWalletId = await open("EGP", 10);
      applied(await mizan.transfer({ fromWalletId, toWalletId: shop, amountMinor: 10 }));
    }
    expect(await mizan.getBalance(shop)).toMatchObject({ ok: true, postedMinor: 60 });
    expect(applied(await mizan.debit({ walletId: shop, amountMinor: 60 }))).toMatchObject({ postedMinor: 0 });
  });

  test("what happened is listed, and what was held is told", async () => {
    const walletId = await open("EGP", 1_000);
    const debit = applied(await mizan.debit({ walletId, amountMinor: 1 }));
    applied(await mizan.debit({ walletId, amountMinor: 2 }));
    const page = await mizan.listTransactions(walletId, { limit: 1 });
    if (!page.ok || page.nextCursor === null) throw new Error("no page");
    expect(page.transactions).toMatchObject([{ type: "Debit", amountMinor: 2, postedMinor: 997 }]);
    const next = await mizan.listTransactions(walletId, { limit: 1, cursor: page.nextCursor });
    expect(next).toMatchObject({ transactions: [{ id: debit.commandId, amountMinor: 1 }] });
    expect(await mizan.getBalanceAt(walletId, debit.position)).toMatchObject({ ok: true, postedMinor: 999 });
    expect(await mizan.listTransactions(walletId, { type: "Credit" })).toMatchObject({
      transactions: [{ amountMinor: 1_000 }],
      nextCursor: null,
    });
    const times = { from: "2020-01-01T00:00:00Z", to: "2100-01-01T00:00:00Z" };
    expect(await mizan.getStatement(walletId, { ...times, limit: 200 })).toMatchObject({
      ok: true,
      opening: null,
      closing: { postedMinor: 997, availableMinor: 997 },
      lines: [
        { type: "CreateWallet" },
        { type: "ActivateWallet" },
        { type: "Credit" },
        { amountMinor: 1 },
        { amountMinor: 2 },
      ],
      nextCursor: null,
    });
    for (const [filter, code] of [
      [{ limit: 0 }, "invalid_request"],
      [{ cursor: "nonsense" }, "cursor_invalid"],
      [{ cursor: "x".repeat(5_000_000) }, "message_too_large"],
    ] as const) {
      expect(await mizan.listTransactions(walletId, filter)).toMatchObject({ ok: false, code });
    }
    expect(await mizan.getHolds(ids.next())).toMatchObject({ ok: false, code: "wallet_not_found" });
    expect(await mizan.getBalanceAt(walletId, "yesterday")).toMatchObject({ ok: false, code: "invalid_request" });
    expect(await mizan.listTransactions("me")).toMatchObject({ ok: false, code: "invalid_request" });
    expect(await mizan.listTransactions(ids.next())).toMatchObject({ ok: false, code: "wallet_not_found" });
  });
});
