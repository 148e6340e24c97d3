import { OPERATION, RECORD, WALLET_TYPE } from "../protocol/command-record.ts";
import { currencyNumber } from "../protocol/currencies.ts";
import { UuidV7 } from "../protocol/ids.ts";
import { COMMANDS_PER_MESSAGE_MAX, LOOKUPS_PER_MESSAGE_MAX, RECORD_BYTES } from "../protocol/limits.ts";
import { WALLET, WALLET_BYTES } from "../protocol/result-record.ts";
import { FRAME_TYPE } from "../protocol/wire-frame.ts";
import type { LedgerClient } from "./ledger-client.ts";

/** Enough that no transfer of any run is refused. */
const FUNDS_MINOR = 100_000_000_000;
/** All wallets together stay below what one account may owe. */
const FUNDS_SUM_MINOR_MAX = 2 ** 52;
const CURRENCY = currencyNumber("EUR");

/** Opens, activates and funds wallets with the commands that `send` takes, and returns their ids, 16 bytes each. */
export async function openWallets(
  send: (records: Uint8Array) => Promise<void> | void,
  count: number,
  fundsMinorWanted = FUNDS_MINOR,
): Promise<Uint8Array> {
  const fundsMinor = Math.min(fundsMinorWanted, Math.floor(FUNDS_SUM_MINOR_MAX / count));
  const newId = new UuidV7();
  const wallets = new Uint8Array(count * 16);
  for (let i = 0; i < count; i += 1) newId.write(wallets, i * 16);
  const owner = new Uint8Array(16);
  newId.write(owner, 0);
  const forEach = async (write: (record: Uint8Array, view: DataView) => void): Promise<void> => {
    for (let first = 0; first < count; first += COMMANDS_PER_MESSAGE_MAX) {
      const records = new Uint8Array(Math.min(COMMANDS_PER_MESSAGE_MAX, count - first) * RECORD_BYTES);
      for (let at = 0; at < records.byteLength; at += RECORD_BYTES) {
        const record = records.subarray(at, at + RECORD_BYTES);
        const wallet = (first + at / RECORD_BYTES) * 16;
        newId.write(record, RECORD.id);
        record.set(wallets.subarray(wallet, wallet + 16), RECORD.wallet);
        write(record, new DataView(records.buffer, at, RECORD_BYTES));
      }
      await send(records);
    }
  };
  await forEach((record, view) => {
    record.set(owner, RECORD.counterparty);
    record[RECORD.operation] = OPERATION.CreateWallet;
    record[RECORD.walletType] = WALLET_TYPE.customer;
    view.setUint16(RECORD.currency, CURRENCY, true);
  });
  await forEach((record) => {
    record[RECORD.operation] = OPERATION.ActivateWallet;
  });
  await forEach((record, view) => {
    record[RECORD.operation] = OPERATION.Credit;
    view.setBigUint64(RECORD.amountMinor, BigInt(fundsMinor), true);
  });
  return wallets;
}

/** What the wallets hold and how often they changed, summed up. */
export interface WalletTotals {
  readonly postedMinor: number;
  readonly versions: number;
}

/** Reads wallets back over the wire. */
export async function readTotals(client: LedgerClient, wallets: Uint8Array): Promise<WalletTotals> {
  let postedMinor = 0;
  let versions = 0;
  for (let first = 0; first < wallets.byteLength; first += LOOKUPS_PER_MESSAGE_MAX * 16) {
    const ids = wallets.subarray(first, first + LOOKUPS_PER_MESSAGE_MAX * 16);
    const answer = await client.request(FRAME_TYPE.LookupWallets, ids.byteLength / 16, ids);
    const view = new DataView(answer.buffer, answer.byteOffset, answer.byteLength);
    for (let at = 0; at < (ids.byteLength / 16) * WALLET_BYTES; at += WALLET_BYTES) {
      if (view.getUint16(at + WALLET.code, true) !== 0) throw new Error("a wallet is gone");
      postedMinor += Number(view.getBigInt64(at + WALLET.postedMinor, true));
      versions += Number(view.getBigUint64(at + WALLET.version, true));
    }
  }
  return { postedMinor, versions };
}
