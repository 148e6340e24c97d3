import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { WALLET_STATUS } from "../../protocol/command-record.ts";
import { formatUuid, SYSTEM_ACCOUNT_KINDS } from "../../protocol/ids.ts";
import { NO_SLOT } from "./owners.ts";
import { WALLET_FLAG, WalletColumns } from "./wallet-columns.ts";

const CURRENCIES = [818, 840, 978];

function open(wallets: WalletColumns, wallet: number, owner: number, currency: number): number {
  return wallets.open(new Uint32Array([1, 2, 3, wallet, 9, 9, 9, owner]), 0, 4, currency, 1, wallet, wallet + 100);
}

function find(wallets: WalletColumns, wallet: number): number {
  return wallets.find(new Uint32Array([1, 2, 3, wallet]), 0);
}

/** Wallets of an owner, newest first, as the list through the columns gives them. */
function slotsOf(wallets: WalletColumns, owner: number): number[] {
  const index = wallets.owners.find(new Uint32Array([9, 9, 9, owner]), 0);
  const slots: number[] = [];
  let slot = index < 0 ? NO_SLOT : wallets.owners.newestWallet[index];
  for (; slot !== NO_SLOT; slot = wallets.nextOfOwner[slot]) slots.push(slot);
  return slots;
}

function factsOf(wallets: WalletColumns): unknown {
  const { count, owners } = wallets;
  return {
    count,
    ids: wallets.ids.slice(0, count * 4),
    postedMinor: wallets.postedMinor.slice(0, count),
    overdraftLimitMinor: wallets.overdraftLimitMinor.slice(0, count),
    version: wallets.version.slice(0, count),
    head: wallets.head.slice(0, count),
    owner: wallets.owner.slice(0, count),
    nextOfOwner: wallets.nextOfOwner.slice(0, count),
    currency: wallets.currency.slice(0, count),
    status: wallets.status.slice(0, count),
    flags: wallets.flags.slice(0, count),
    owners: owners.count,
    newestWallet: owners.newestWallet.slice(0, owners.count),
    currencies: wallets.currencies(),
    found: Array.from({ length: 60 }, (_, wallet) => find(wallets, wallet)),
    ofOwners: Array.from({ length: 6 }, (_, owner) => slotsOf(wallets, owner)),
  };
}

describe("opening wallets", () => {
  test("opens the accounts of a currency before its first wallet", () => {
    const wallets = new WalletColumns(3, 100);
    expect(open(wallets, 0, 0, 818)).toBe(4);
    expect(open(wallets, 1, 0, 818)).toBe(5);
    expect(open(wallets, 2, 0, 840)).toBe(10);
    expect(wallets.currencies()).toEqual([818, 840]);
    const ids = new Uint8Array(wallets.ids.buffer);
    expect(SYSTEM_ACCOUNT_KINDS.map((kind) => formatUuid(ids, wallets.account(818, kind) * 16))).toEqual([
      "6d697a61-6e00-8000-8003-000003320000",
      "6d697a61-6e00-8000-8003-000003320001",
      "6d697a61-6e00-8000-8003-000003320002",
      "6d697a61-6e00-8000-8003-000003320003",
    ]);
    for (let slot = 0; slot < 4; slot += 1) {
      expect([wallets.flags[slot], wallets.status[slot], wallets.version[slot]]).toEqual([
        WALLET_FLAG.account,
        WALLET_STATUS.active,
        0,
      ]);
    }
  });

  test("has room for one more while it would fit with the accounts that it may bring", () => {
    const wallets = new WalletColumns(0, 12);
    for (let wallet = 0; wallets.hasRoom(); wallet += 1) open(wallets, wallet, wallet, 818);
    expect(wallets.count).toBe(8);
  });

  test("a watched owner's new wallet is watched", () => {
    const wallets = new WalletColumns(0, 100);
    const first = open(wallets, 0, 0, 818);
    expect(wallets.flags[first] & WALLET_FLAG.watched).toBe(0);
    wallets.owners.watched[wallets.owner[first]] = 1;
    expect(wallets.flags[open(wallets, 1, 0, 818)] & WALLET_FLAG.watched).toBe(WALLET_FLAG.watched);
    expect(wallets.flags[open(wallets, 2, 1, 818)] & WALLET_FLAG.watched).toBe(0);
  });
});

test("truncating undoes exactly what was opened since", () => {
  const wallet = fc.record({ owner: fc.nat(5), currency: fc.constantFrom(...CURRENCIES) });
  fc.assert(
    fc.property(fc.array(wallet, { maxLength: 20 }), fc.array(wallet, { maxLength: 20 }), (kept, undone) => {
      const wallets = new WalletColumns(0, 100);
      for (const [index, { owner, currency }] of kept.entries()) open(wallets, index, owner, currency);
      const before = factsOf(wallets);
      const { count } = wallets;
      const again = undone.map(({ owner, currency }, index) => open(wallets, kept.length + index, owner, currency));
      const after = factsOf(wallets);
      wallets.truncate(count);
      expect(factsOf(wallets)).toEqual(before);
      expect(undone.map(({ owner, currency }, index) => open(wallets, kept.length + index, owner, currency))).toEqual(
        again,
      );
      expect(factsOf(wallets)).toEqual(after);
    }),
    { numRuns: 200 },
  );
});
