/** Writers that send transfers over real sockets and remember what was answered, and the checks on what became of them. */

import { expect } from "vitest";
import type { UuidV7 } from "../protocol/ids.ts";
import { ADMIN_KEY, type LedgerProcess } from "./ledger-process.ts";
import { WireClient, type WireCommand, type WireResult } from "./wire-client.ts";

const WALLETS = 24;
export const OPENING_MINOR = 1_000_000;

/** A command that was sent, and its answer if one came. */
export interface Sent {
  readonly command: WireCommand;
  result: WireResult | undefined;
}

/** The balances that wallets have when `openWallets` is done. */
export function openingBalances(wallets: readonly string[]): Map<string, number> {
  return new Map(wallets.map((id) => [id, OPENING_MINOR]));
}

/** Moves the balances by every transfer that was answered `ok`. */
export function applyAnswered(balances: Map<string, number>, sent: readonly Sent[]): void {
  for (const { command, result } of sent) {
    if (result?.code !== "ok") continue;
    const amountMinor = command.amountMinor ?? 0;
    const to = command.counterpartyId ?? "";
    balances.set(command.walletId, (balances.get(command.walletId) ?? 0) - amountMinor);
    balances.set(to, (balances.get(to) ?? 0) + amountMinor);
  }
}

/** Opens, activates and funds wallets of one owner. */
export async function openWallets(ledger: LedgerProcess, ids: UuidV7): Promise<string[]> {
  const client = await WireClient.connect(ledger.port, ADMIN_KEY);
  const wallets = Array.from({ length: WALLETS }, () => ids.next());
  const ownerId = ids.next();
  const steps: ((walletId: string) => WireCommand)[] = [
    (walletId) => ({ operation: "CreateWallet", id: ids.next(), walletId, counterpartyId: ownerId, currency: "EGP" }),
    (walletId) => ({ operation: "ActivateWallet", id: ids.next(), walletId }),
    (walletId) => ({ operation: "Credit", id: ids.next(), walletId, amountMinor: OPENING_MINOR }),
  ];
  for (const step of steps) {
    const results = await client.commands(wallets.map(step));
    expect(results.map(({ code }) => code)).toEqual(wallets.map(() => "ok"));
  }
  client.close();
  return wallets;
}

/** Sends batches of transfers, one after the other, until the connection breaks or it should not go on. */
export async function write(
  ledger: LedgerProcess,
  wallets: readonly string[],
  ids: UuidV7,
  random: () => number,
  sent: Sent[],
  batchMax = 60,
  goesOn: () => boolean = () => true,
): Promise<void> {
  const pick = (): number => Math.floor(random() * wallets.length);
  await endsWithConnection(async () => {
    const client = await WireClient.connect(ledger.port, ADMIN_KEY);
    while (goesOn()) {
      const batch = Array.from({ length: 1 + Math.floor(random() * batchMax) }, (): Sent => {
        const from = pick();
        const to = (from + 1 + Math.floor(random() * (wallets.length - 1))) % wallets.length;
        const amountMinor = 1 + Math.floor(random() * (random() < 0.05 ? 5 * OPENING_MINOR : 1_000));
        const [walletId, counterpartyId] = [wallets[from], wallets[to]];
        return {
          command: { operation: "Transfer", id: ids.next(), walletId, counterpartyId, amountMinor },
          result: undefined,
        };
      });
      sent.push(...batch);
      const results = await client.commands(batch.map(({ command }) => command));
      for (const [index, result] of results.entries()) batch[index].result = result;
    }
    client.close();
  });
}

/** Waits for a writer, which the end of the ledger ends too; anything else that ends it is a failure of the test. */
export async function endsWithConnection(write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    if (
      !(error instanceof Error) ||
      !/closed|ECONN|hang up|EPIPE|not open|shutting_down|not_leader|replication_pending|fetch failed|terminated/.test(
        error.message,
      )
    )
      throw error;
  }
}

/** Sends everything again: what was answered must be answered alike, what was not must come to an answer now. */
export async function settle(ledger: LedgerProcess, sent: readonly Sent[]): Promise<void> {
  const client = await WireClient.connect(ledger.port, ADMIN_KEY);
  for (let first = 0; first < sent.length; first += 500) {
    let open = sent.slice(first, first + 500);
    while (open.length > 0) {
      const results = await client.commands(open.map(({ command }) => command));
      const unsettled: Sent[] = [];
      for (const [index, result] of results.entries()) {
        const entry = open[index];
        if (result.code === "in_progress") {
          // A transfer between shards that was acknowledged has ended; it cannot be running again.
          expect(entry.result).toBeUndefined();
          unsettled.push(entry);
        } else if (entry.result !== undefined) {
          expect(result).toEqual({ ...entry.result, replayed: true });
        } else {
          expect(["ok", "insufficient_funds"]).toContain(result.code);
          entry.result = result;
        }
      }
      open = unsettled;
    }
  }
  client.close();
}

/** Compares every balance with what it must be, and checks that each shard sums up to zero with nothing in transit. */
export async function checkBooks(ledger: LedgerProcess, balances: ReadonlyMap<string, number>): Promise<void> {
  const client = await WireClient.connect(ledger.port, ADMIN_KEY);
  const wallets = await client.wallets([...balances.keys()]);
  client.close();
  expect(Object.fromEntries(wallets.map(({ id, postedMinor }) => [id, postedMinor]))).toEqual(
    Object.fromEntries(balances),
  );
  const headers = { authorization: `Bearer ${ADMIN_KEY}` };
  const response = await fetch(`${ledger.url}/api/v1/trial-balance`, { headers });
  const { lines } = (await response.json()) as { lines: { sumMinor: string; transitMinor: string }[] };
  expect(lines.length).toBeGreaterThan(0);
  expect(lines.map(({ sumMinor }) => sumMinor)).toEqual(lines.map(() => "0"));
  expect(lines.reduce((sum, { transitMinor }) => sum + BigInt(transitMinor), 0n)).toBe(0n);
}

/** A small generator of numbers from 0 to 1. **Source**: mulberry32. */
export function randomFrom(start: number): () => number {
  let state = start | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
