/**
 * Kills the ledger with SIGKILL while transfers, payments and claims of medical cards run on the same wallets, and starts it again.
 *
 * After each kill: `mizan verify` finds nothing; every answered command is answered alike, and every other one comes to one
 * answer; captures, refunds and fees are what the answers say; what payers hold is what open payments have not captured; what of cards'
 * limits is used is what was claimed and not taken back; balances follow from all of it together, and the books balance.
 *
 * MIZAN_CRASH_ROUNDS says how often (`npm run test:crash -- --rounds N`), MIZAN_CRASH_SEED repeats the choices.
 */

import { setTimeout as delay } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { UuidV7 } from "../protocol/ids.ts";
import { ClaimStory } from "./claim-writer.ts";
import { LedgerProcess } from "./ledger-process.ts";
import { askMizan } from "./mizan-command.ts";
import { PaymentStory } from "./payment-writer.ts";
import {
  applyAnswered,
  checkBooks,
  OPENING_MINOR,
  openingBalances,
  openWallets,
  randomFrom,
  type Sent,
  settle,
  write,
} from "./writers.ts";

const SHARDS = 2;
const PAYING = 4;
const CLAIMING = 2;
const ANSWERS_PER_ROUND = 40;
const ANSWERED_WITHIN_MS = 120_000;
const KILLS = Number(process.env.MIZAN_CRASH_ROUNDS ?? 6);
const seed = Number(process.env.MIZAN_CRASH_SEED ?? Date.now() % 1_000_000_000);

let ledger: LedgerProcess | undefined;
afterEach(async () => {
  await ledger?.dispose();
});

describe.each([
  { name: "from the journal", env: {} },
  { name: "from snapshots", env: { MIZAN_SNAPSHOT_FRAMES: "8", MIZAN_SNAPSHOT_KEEP: "2" } },
])("payments that are killed, and start $name", ({ env }) => {
  test(`${KILLS} times: money, holds, payments and cards agree (seed ${seed})`, {
    timeout: 120_000 + KILLS * 60_000,
  }, async () => {
    const random = randomFrom(seed);
    const ids = new UuidV7();
    ledger = await LedgerProcess.create({ MIZAN_SHARDS: String(SHARDS), MIZAN_ACTORS_IN_MEMORY_MAX: "64", ...env });
    const running = ledger;
    await running.start();
    const wallets = await openWallets(running, ids);
    const [feesWallet] = await openWallets(running, ids);
    const story = new PaymentStory(wallets, feesWallet, ids, random);
    const claims = new ClaimStory(wallets, await openWallets(running, ids), ids, random);
    await claims.issue(running);
    const transferred = openingBalances(wallets);
    let paid = 0;
    let statuses: ReadonlyMap<string, number> = new Map();
    for (let kill = 0; kill < KILLS; kill += 1) {
      const sent: Sent[] = [];
      const enough = story.answered + ANSWERS_PER_ROUND;
      const writers = [write(running, wallets, ids, random, sent, 30)];
      for (let index = 0; index < PAYING; index += 1) writers.push(story.write(running));
      for (let index = 0; index < CLAIMING; index += 1) writers.push(claims.write(running));
      const deadlineMs = Date.now() + ANSWERED_WITHIN_MS;
      while (story.answered < enough && Date.now() < deadlineMs) await delay(10);
      await delay(random() * 200);
      await running.end("SIGKILL");
      await Promise.all(writers);
      expect(await askMizan(["verify", running.dataDir])).toMatchObject({ ok: true, problems: [], exitCode: 0 });
      await running.start();
      await settle(running, sent);
      await story.settle(running);
      await claims.settle(running);
      applyAnswered(transferred, sent);
      const balances = new Map([...transferred, [feesWallet, OPENING_MINOR]]);
      statuses = await story.check(running, balances);
      paid = await claims.check(running, balances);
      await checkBooks(running, balances);
    }
    // Kills that hit no payment would show nothing.
    expect(story.interrupted).toBeGreaterThan(0);
    expect(claims.interrupted).toBeGreaterThan(0);
    expect(paid).toBeGreaterThan(0);
    for (const status of ["CAPTURED", "VOIDED"]) expect(statuses.get(status)).toBeGreaterThan(0);
    console.log(`payments: ${[...statuses].map((entry) => entry.join(" ")).join(", ")}; claims paid ${paid}`);
  });
});
