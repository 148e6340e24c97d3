/** A writer of holds that lapse soon, over real sockets, and the check on what became of them. */

import { setTimeout as delay } from "node:timers/promises";
import { expect } from "vitest";
import { OPERATION } from "../protocol/command-record.ts";
import type { UuidV7 } from "../protocol/ids.ts";
import { command, encodeCommands, extension } from "./ledger-command.ts";
import { ADMIN_KEY, type LedgerProcess } from "./ledger-process.ts";
import { WireClient, type WireResult } from "./wire-client.ts";
import { endsWithConnection } from "./writers.ts";

const HOLDS_PER_BATCH = 8;
const LIFE_MS_MAX = 500;
const LAPSE_WITHIN_MS = 10_000;

/** Holds that were sent together, and their answers if they came. */
export interface SentHolds {
  readonly records: Uint8Array;
  results: readonly WireResult[] | undefined;
}

/** Places holds, a few at a time, until the connection breaks. */
export async function placeHolds(
  ledger: LedgerProcess,
  wallets: readonly string[],
  ids: UuidV7,
  random: () => number,
  sent: SentHolds[],
): Promise<void> {
  await endsWithConnection(async () => {
    const client = await WireClient.connect(ledger.port, ADMIN_KEY);
    for (;;) {
      const holds = Array.from({ length: HOLDS_PER_BATCH }, () =>
        command({
          id: ids.next(),
          operation: OPERATION.PlaceHold,
          walletId: wallets[Math.floor(random() * wallets.length)],
          amountMinor: BigInt(1 + Math.floor(random() * 1_000)),
          extension: extension({ expiresAtMs: BigInt(Date.now() + 10 + Math.floor(random() * LIFE_MS_MAX)) }),
        }),
      );
      const batch: SentHolds = { records: encodeCommands(holds), results: undefined };
      sent.push(batch);
      batch.results = await client.records(batch.records, HOLDS_PER_BATCH);
    }
  });
}

/** Sends answered holds again, which must be answered alike, and expects that in the end none holds anything. */
export async function checkHolds(
  ledger: LedgerProcess,
  wallets: readonly string[],
  sent: readonly SentHolds[],
): Promise<void> {
  const client = await WireClient.connect(ledger.port, ADMIN_KEY);
  for (const { records, results } of sent) {
    if (results === undefined) continue;
    const again = await client.records(records, HOLDS_PER_BATCH);
    expect(again).toEqual(results.map((result) => ({ ...result, replayed: true })));
  }
  const deadlineMs = Date.now() + LAPSE_WITHIN_MS;
  const held = async (): Promise<number> =>
    (await client.wallets(wallets)).reduce((sum, { heldMinor }) => sum + heldMinor, 0);
  while ((await held()) > 0 && Date.now() < deadlineMs) await delay(20);
  expect(await held()).toBe(0);
  client.close();
}
