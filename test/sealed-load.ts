import { expect } from "vitest";
import type { UuidV7 } from "../protocol/ids.ts";
import { ADMIN_KEY, type LedgerProcess } from "./ledger-process.ts";
import { WireClient, type WireCommand } from "./wire-client.ts";
import type { Sent } from "./writers.ts";

const COMMANDS_PER_BATCH = 4_000;
const KEPT_EVERY = 400;

/**
 * Credits wallets by one minor unit so often that half of the ids that memory takes are there, and ids are sealed; gives
 * some of the commands back, to be sent again.
 */
export async function creditOften(
  ledger: LedgerProcess,
  wallets: readonly string[],
  ids: UuidV7,
  count: number,
): Promise<Sent[]> {
  const client = await WireClient.connect(ledger.port, ADMIN_KEY);
  const kept: Sent[] = [];
  for (let sent = 0; sent < count; sent += COMMANDS_PER_BATCH) {
    const batch = Array.from({ length: COMMANDS_PER_BATCH }, (_, index): WireCommand => {
      return { operation: "Credit", id: ids.next(), walletId: wallets[index % wallets.length], amountMinor: 1 };
    });
    const results = await client.commands(batch);
    for (const [index, result] of results.entries()) {
      expect(result.code).toBe("ok");
      if (index % KEPT_EVERY === 0) kept.push({ command: batch[index], result });
    }
  }
  client.close();
  return kept;
}
