import { OPERATION, RECORD } from "../protocol/command-record.ts";
import { UuidV7 } from "../protocol/ids.ts";
import { RECORD_BYTES } from "../protocol/limits.ts";
import { LedgerClient } from "./ledger-client.ts";
import type { Measurement } from "./row-result.ts";
import { measurementOf, type Run } from "./run.ts";
import { readTotals } from "./wallets.ts";
import { SHAPES } from "./workloads.ts";

/**
 * Every transfer goes from a random wallet on two shards to one merchant, whose wallet is striped over both.
 *
 * The books are held by the sum over all wallets, the merchant's own total among them, which the look-up draws together.
 */
export async function measureStriped(run: Run): Promise<Measurement> {
  const ledger = await run.ledger(2);
  const client = await LedgerClient.open(ledger.endpoint);
  try {
    const merchant = ledger.wallets.subarray(0, 16);
    await client.commands(stripeCommand(merchant));
    const before = await readTotals(client, ledger.wallets);
    const merchantBefore = await readTotals(client, merchant);
    const outcome = await run.load(SHAPES.hundredMerchant, ledger, ledger.wallets);
    const after = await readTotals(client, ledger.wallets);
    const merchantAfter = await readTotals(client, merchant);
    const isKept = before.postedMinor === after.postedMinor && merchantAfter.postedMinor > merchantBefore.postedMinor;
    const rejected = outcome.rejectedTotal > 0 ? `transfers were rejected: ${outcome.firstRejection}` : null;
    const failure = rejected ?? (isKept ? null : "the wallets together hold another sum than before");
    return { ...measurementOf(outcome, failure), notes: ["every transfer credits the same wallet"] };
  } finally {
    client.close();
  }
}

function stripeCommand(walletId: Uint8Array): Uint8Array {
  const record = new Uint8Array(RECORD_BYTES);
  new UuidV7().write(record, RECORD.id);
  record.set(walletId, RECORD.wallet);
  record[RECORD.operation] = OPERATION.StripeWallet;
  return record;
}
