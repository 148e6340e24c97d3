import { describe, expect, test } from "vitest";
import { codeName } from "../../protocol/codes.ts";
import { OPERATION, WALLET_STATUS, type WalletStatus } from "../../protocol/command-record.ts";
import { AMOUNT_MINOR_MAX } from "../../protocol/limits.ts";
import { availableMinor, decideChange, decideCredit, decideDebit, decideDestination } from "./decide.ts";
import { evolveChange, evolvePosting } from "./evolve.ts";
import { WalletColumns } from "./wallet-columns.ts";

interface Given {
  readonly status?: WalletStatus;
  readonly postedMinor?: number;
  readonly limitMinor?: number;
}

/** Columns with one wallet as given; the accounts of its currency stand before it. */
function given({ status = "active", postedMinor = 0, limitMinor = 0 }: Given): {
  wallets: WalletColumns;
  slot: number;
} {
  const wallets = new WalletColumns(0, 16);
  const slot = wallets.open(new Uint32Array([1, 1, 1, 1, 2, 2, 2, 2]), 0, 4, 818, 1, limitMinor, 1);
  wallets.status[slot] = WALLET_STATUS[status];
  wallets.postedMinor[slot] = postedMinor;
  return { wallets, slot };
}

describe("a movement by status", () => {
  test.each([
    ["pending", "wallet_not_active", "wallet_not_active", "destination_not_active"],
    ["active", "ok", "ok", "ok"],
    ["frozen", "wallet_frozen", "wallet_frozen", "destination_frozen"],
    ["closed", "wallet_closed", "wallet_closed", "destination_closed"],
  ] as const)("%s: debit %s, credit %s, as destination %s", (status, debit, credit, destination) => {
    const { wallets, slot } = given({ status, postedMinor: 10 });
    expect(codeName(decideDebit(wallets, slot, 10))).toBe(debit);
    expect(codeName(decideCredit(wallets, slot, 10))).toBe(credit);
    expect(codeName(decideDestination(wallets, slot, 10))).toBe(destination);
  });
});

describe("a debit", () => {
  test.each([
    { postedMinor: 10, limitMinor: 0, amountMinor: 10, code: "ok" },
    { postedMinor: 10, limitMinor: 0, amountMinor: 11, code: "insufficient_funds" },
    { postedMinor: 10, limitMinor: 5, amountMinor: 15, code: "ok" },
    { postedMinor: 10, limitMinor: 5, amountMinor: 16, code: "insufficient_funds" },
    { postedMinor: -5, limitMinor: 5, amountMinor: 1, code: "insufficient_funds" },
    { postedMinor: 0, limitMinor: AMOUNT_MINOR_MAX, amountMinor: AMOUNT_MINOR_MAX, code: "ok" },
    { postedMinor: -1, limitMinor: AMOUNT_MINOR_MAX, amountMinor: AMOUNT_MINOR_MAX, code: "insufficient_funds" },
    { postedMinor: AMOUNT_MINOR_MAX, limitMinor: 0, amountMinor: AMOUNT_MINOR_MAX, code: "ok" },
  ])("of $amountMinor from $postedMinor with a limit of $limitMinor: $code", ({ amountMinor, code, ...wallet }) => {
    const { wallets, slot } = given(wallet);
    expect(codeName(decideDebit(wallets, slot, amountMinor))).toBe(code);
  });

  test("of an account goes down to the end of the range", () => {
    const { wallets } = given({});
    const funding = wallets.account(818, "funding");
    expect(codeName(decideDebit(wallets, funding, AMOUNT_MINOR_MAX))).toBe("ok");
    wallets.postedMinor[funding] = -1;
    expect(codeName(decideDebit(wallets, funding, AMOUNT_MINOR_MAX))).toBe("balance_overflow");
  });
});

describe("a credit", () => {
  test.each([
    { postedMinor: 0, amountMinor: AMOUNT_MINOR_MAX, code: "ok" },
    { postedMinor: 1, amountMinor: AMOUNT_MINOR_MAX, code: "balance_overflow" },
    { postedMinor: AMOUNT_MINOR_MAX, amountMinor: 1, code: "balance_overflow" },
    { postedMinor: -1, amountMinor: AMOUNT_MINOR_MAX, code: "ok" },
  ])("of $amountMinor to $postedMinor: $code", ({ postedMinor, amountMinor, code }) => {
    const { wallets, slot } = given({ postedMinor });
    expect(codeName(decideCredit(wallets, slot, amountMinor))).toBe(code);
    expect(codeName(decideDestination(wallets, slot, amountMinor))).toBe(code);
  });
});

describe("a change by status", () => {
  const STATUSES = ["pending", "active", "frozen", "closed"] as const;
  test.each([
    ["ActivateWallet", ["ok", "status_conflict", "status_conflict", "status_conflict"]],
    ["FreezeWallet", ["status_conflict", "ok", "status_conflict", "status_conflict"]],
    ["UnfreezeWallet", ["status_conflict", "status_conflict", "ok", "status_conflict"]],
    ["CloseWallet", ["ok", "ok", "ok", "status_conflict"]],
    ["SetOverdraftLimit", ["ok", "ok", "ok", "wallet_closed"]],
    ["Transfer", ["unknown_operation", "unknown_operation", "unknown_operation", "unknown_operation"]],
  ] as const)("%s", (operation, codes) => {
    const decided = STATUSES.map((status) => {
      const { wallets, slot } = given({ status });
      return codeName(decideChange(wallets, slot, OPERATION[operation], 0, false));
    });
    expect(decided).toEqual(codes);
  });

  test.each([
    { postedMinor: 1, hasOpenTransfer: false, code: "balance_not_zero" },
    { postedMinor: -1, hasOpenTransfer: true, code: "balance_not_zero" },
    { postedMinor: 0, hasOpenTransfer: true, code: "transfer_open" },
    { postedMinor: 0, hasOpenTransfer: false, code: "ok" },
  ])("closing at $postedMinor, a transfer open: $hasOpenTransfer: $code", ({ postedMinor, hasOpenTransfer, code }) => {
    const { wallets, slot } = given({ postedMinor, limitMinor: 10 });
    expect(codeName(decideChange(wallets, slot, OPERATION.CloseWallet, 0, hasOpenTransfer))).toBe(code);
  });

  test.each([
    { postedMinor: -10, limitMinor: 10, code: "ok" },
    { postedMinor: -10, limitMinor: 9, code: "overdraft_in_use" },
    { postedMinor: 0, limitMinor: 0, code: "ok" },
  ])("a limit of $limitMinor at $postedMinor: $code", ({ postedMinor, limitMinor, code }) => {
    const { wallets, slot } = given({ postedMinor, limitMinor: 50 });
    expect(codeName(decideChange(wallets, slot, OPERATION.SetOverdraftLimit, limitMinor, false))).toBe(code);
  });
});

describe("what is available", () => {
  test.each([
    { postedMinor: 10, limitMinor: 5, available: 15 },
    { postedMinor: -5, limitMinor: 5, available: 0 },
    { postedMinor: AMOUNT_MINOR_MAX, limitMinor: 2, available: AMOUNT_MINOR_MAX },
    { postedMinor: AMOUNT_MINOR_MAX, limitMinor: AMOUNT_MINOR_MAX, available: AMOUNT_MINOR_MAX },
  ])("at $postedMinor with a limit of $limitMinor is $available", ({ available, ...wallet }) => {
    const { wallets, slot } = given(wallet);
    expect(availableMinor(wallets, slot)).toBe(available);
  });

  test("of an account is its balance", () => {
    const { wallets } = given({});
    const payout = wallets.account(818, "payout");
    wallets.postedMinor[payout] = -7;
    expect(availableMinor(wallets, payout)).toBe(-7);
  });
});

describe("what happened", () => {
  test("a posting moves the amount and gives both sides a version and a head", () => {
    const { wallets, slot } = given({ postedMinor: 10 });
    const payout = wallets.account(818, "payout");
    evolvePosting(wallets, slot, payout, 4, 99);
    expect([wallets.postedMinor[slot], wallets.version[slot], wallets.head[slot]]).toEqual([6, 2, 99]);
    expect([wallets.postedMinor[payout], wallets.version[payout], wallets.head[payout]]).toEqual([4, 1, 99]);
  });

  test.each([
    ["ActivateWallet", "pending", "active"],
    ["FreezeWallet", "active", "frozen"],
    ["UnfreezeWallet", "frozen", "active"],
    ["CloseWallet", "active", "closed"],
    ["SetOverdraftLimit", "frozen", "frozen"],
  ] as const)("%s makes a %s wallet %s", (operation, before, after) => {
    const { wallets, slot } = given({ status: before });
    evolveChange(wallets, slot, OPERATION[operation], 33, 99);
    expect(wallets.status[slot]).toBe(WALLET_STATUS[after]);
    expect(wallets.overdraftLimitMinor[slot]).toBe(operation === "SetOverdraftLimit" ? 33 : 0);
    expect([wallets.version[slot], wallets.head[slot]]).toEqual([2, 99]);
  });

  test("a change that is none is a broken journal", () => {
    const { wallets, slot } = given({});
    expect(() => evolveChange(wallets, slot, OPERATION.Transfer, 0, 99)).toThrow("does not know");
  });
});
