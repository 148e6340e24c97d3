/**
 * Kills the ledger with SIGKILL at random moments, while writers send transfers over real sockets, and starts it again.
 *
 * What must hold after each restart, whatever the moment:
 * 1. every acknowledged command is there: sent again, it gets the same code and the same journal position;
 * 2. no command is applied twice or by half: the balances equal the sum over the transfers that were answered `ok`, where
 *    commands without an answer are sent again until they have one;
 * 3. the books balance: the sum of each shard is zero, and nothing is left in transit;
 * 4. holds lapse, whether their time comes while the ledger runs or while it is down.
 *
 * Once the kills also hit snapshots being taken, and each start begins from one.
 *
 * The moment is drawn from a seed, printed on failure; MIZAN_CRASH_SEED repeats it as far as timing allows, and
 * MIZAN_CRASH_ROUNDS says how often (`npm run test:crash -- --rounds N`).
 */

import { setTimeout as delay } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { UuidV7 } from "../protocol/ids.ts";
import { checkHolds, placeHolds, type SentHolds } from "./hold-writer.ts";
import { ADMIN_KEY, LedgerProcess } from "./ledger-process.ts";
import {
  applyAnswered,
  checkBooks,
  openingBalances,
  openWallets,
  randomFrom,
  type Sent,
  settle,
  write,
} from "./writers.ts";

const WRITERS = 4;
const KILLS = Number(process.env.MIZAN_CRASH_ROUNDS ?? 8);
const seed = Number(process.env.MIZAN_CRASH_SEED ?? Date.now() % 1_000_000_000);

let ledger: LedgerProcess | undefined;
afterEach(async () => {
  await ledger?.dispose();
});

const SNAPSHOTS = { MIZAN_SNAPSHOT_FRAMES: "8", MIZAN_SNAPSHOT_KEEP: "2" };

describe.each([
  { shards: 1, name: "one shard", env: {} },
  { shards: 2, name: "two shards, with transfers between them", env: {} },
  { shards: 2, name: "two shards that take a snapshot every few frames", env: SNAPSHOTS },
])("kill -9 with $name", ({ shards, env }) => {
  test(`${KILLS} times: nothing acknowledged is lost, nothing is applied twice (seed ${seed})`, {
    timeout: 60_000 + KILLS * 20_000,
  }, async () => {
    const random = randomFrom(seed + shards);
    const ids = new UuidV7();
    ledger = await LedgerProcess.create({ MIZAN_SHARDS: String(shards), ...env });
    await ledger.start();
    const wallets = await openWallets(ledger, ids);
    // So that every start has one to begin from, however slow the machine is at taking more.
    if (env === SNAPSHOTS) await takeSnapshot(ledger);
    const balances = openingBalances(wallets);
    const holds: SentHolds[] = [];
    let interrupted = 0;
    let loaded = 0;
    for (let kill = 0; kill < KILLS; kill += 1) {
      const sent: Sent[] = [];
      const writers = Array.from({ length: WRITERS }, () => write(ledger as LedgerProcess, wallets, ids, random, sent));
      writers.push(placeHolds(ledger, wallets, ids, random, holds));
      await delay(20 + random() * 250);
      await ledger.end("SIGKILL");
      await Promise.all(writers);
      await ledger.start();
      if (ledger.output.includes("snapshot loaded")) loaded += 1;
      interrupted += sent.filter(({ result }) => result === undefined).length;
      await settle(ledger, sent);
      applyAnswered(balances, sent);
      expect(sent.length).toBeGreaterThan(0);
      await checkBooks(ledger, balances);
    }
    // A run in which no kill ever hit a command in flight would show nothing.
    expect(interrupted).toBeGreaterThan(0);
    if (env === SNAPSHOTS) expect(loaded).toBe(KILLS);
    expect(holds.length).toBeGreaterThan(KILLS);
    await checkHolds(ledger, wallets, holds);
  });
});

async function takeSnapshot({ url }: LedgerProcess): Promise<void> {
  const headers = { authorization: `Bearer ${ADMIN_KEY}` };
  const response = await fetch(`${url}/api/v1/snapshots`, { method: "POST", headers });
  expect(response.status).toBe(201);
}
