/**
 * Kills the ledger with SIGKILL while it does what it does seldom: takes a snapshot, archives, seals ids, prepares a
 * segment, lets holds lapse, reads history, recovers. Writers send transfers, captures and voids all along.
 *
 * After each kill: `mizan verify` finds nothing; every answered command is there once and is answered alike; no hold gave
 * more than it held, or anything after its end; balances follow from the answers, and the books balance.
 *
 * MIZAN_CRASH_ROUNDS says how often (`npm run test:crash -- --rounds N`), MIZAN_CRASH_SEED repeats the choices.
 */

import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { UuidV7 } from "../protocol/ids.ts";
import { CaptureStory } from "./capture-writer.ts";
import { killWhileWriting, type UnfinishedName } from "./kill-aim.ts";
import { ADMIN_KEY, LedgerProcess } from "./ledger-process.ts";
import { askMizan } from "./mizan-command.ts";
import { creditOften } from "./sealed-load.ts";
import {
  applyAnswered,
  checkBooks,
  endsWithConnection,
  OPENING_MINOR,
  openingBalances,
  openWallets,
  randomFrom,
  type Sent,
  settle,
  write,
} from "./writers.ts";

const PROGRAM = fileURLToPath(new URL("./short-segments-process.ts", import.meta.url));
const SHARDS = 2;
const WRITERS = 3;
/** Enough that half of the ids that memory takes are there, so that ids are sealed all the time. */
const CREDITS = 80_000;
const WRITING_WITHIN_MS = 6_000;
const AIMS = ["snapshot", "archive", "ids", "segment", "expiry", "history", "recovery", "any"] as const;
type Aim = (typeof AIMS)[number];

const rounds = Number(process.env.MIZAN_CRASH_ROUNDS ?? AIMS.length);
const seed = Number(process.env.MIZAN_CRASH_SEED ?? Date.now() % 1_000_000_000);
const ENV = {
  MIZAN_SHARDS: String(SHARDS),
  MIZAN_SNAPSHOT_JOURNAL_BYTES: String(512 << 10),
  MIZAN_SNAPSHOT_KEEP: "2",
  MIZAN_IDEMPOTENCY_IDS_MAX: "65536",
};

let ledger: LedgerProcess | undefined;
afterEach(async () => {
  await ledger?.dispose();
});

test(`kill -9 in the middle of everything, ${rounds} times (seed ${seed})`, {
  timeout: 60_000 + rounds * 30_000,
}, async () => {
  const random = randomFrom(seed);
  const ids = new UuidV7();
  ledger = await LedgerProcess.create(ENV);
  const running = ledger;
  const start = (): Promise<void> => running.start([process.execPath, PROGRAM]);
  await start();
  const wallets = await openWallets(running, ids);
  const holders = await openWallets(running, ids);
  const crowd = await openWallets(running, ids);
  const credits = await creditOften(running, crowd, ids, CREDITS);
  const story = new CaptureStory(holders, ids, random);
  const balances = openingBalances(wallets);
  const hits = new Map<Aim, string>();
  let interrupted = 0;
  for (let round = 0; round < rounds; round += 1) {
    const aim = AIMS[round % AIMS.length];
    const sent: Sent[] = [];
    const lapseAtMs = Date.now() + 150 + Math.floor(random() * 200);
    const writing = Array.from({ length: WRITERS }, () => write(running, wallets, ids, random, sent, 300));
    writing.push(story.write(running, lapseAtMs), readHistory(running, wallets));
    const isHit = await killAt(running, aim, lapseAtMs, random);
    const [hit, times] = (hits.get(aim) ?? "0 of 0").split(" of ").map(Number);
    hits.set(aim, `${hit + Number(isHit)} of ${times + 1}`);
    await Promise.all(writing);
    if (aim === "recovery") {
      running.spawn([process.execPath, PROGRAM]);
      await delay(200 + random() * 500);
      await running.end("SIGKILL");
    }
    expect(await askMizan(["verify", running.dataDir])).toMatchObject({ ok: true, problems: [], exitCode: 0 });
    await start();
    interrupted += sent.filter(({ result }) => result === undefined).length;
    await settle(running, sent);
    applyAnswered(balances, sent);
    await checkBooks(running, balances);
    await settle(running, credits);
    await story.settle(running);
    await checkBooks(running, await story.check(running, OPENING_MINOR));
  }
  console.log(`kills that struck while it was written: ${[...hits].map((entry) => entry.join(" ")).join(", ")}`);
  expect(interrupted).toBeGreaterThan(0);
  expect(story.holds).toBeGreaterThan(rounds);
});

/** Ends the ledger at a moment of a kind, and says whether it is known to have struck. */
async function killAt(ledger: LedgerProcess, aim: Aim, lapseAtMs: number, random: () => number): Promise<boolean> {
  switch (aim) {
    case "snapshot":
    case "archive":
    case "ids":
    case "segment":
      return killWhileWriting(ledger, SHARDS, aim satisfies UnfinishedName, random() * 4, WRITING_WITHIN_MS);
    case "expiry":
      await delay(lapseAtMs - Date.now() + random() * 10);
      break;
    case "history":
    case "recovery":
    case "any":
      await delay(20 + random() * 400);
      break;
  }
  await ledger.end("SIGKILL");
  return true;
}

/** Reads pages and statements, over and over, until the connection breaks. */
async function readHistory({ url }: LedgerProcess, wallets: readonly string[]): Promise<void> {
  const headers = { authorization: `Bearer ${ADMIN_KEY}` };
  const to = "to=2100-01-01T00:00:00Z";
  await endsWithConnection(async () => {
    for (let index = 0; ; index += 1) {
      const path = `${url}/api/v1/wallets/${wallets[index % wallets.length]}`;
      const page = await fetch(`${path}/transactions?limit=200`, { headers });
      expect(page.status).toBe(200);
      await page.text();
      const statement = await fetch(`${path}/statement?from=2020-01-01T00:00:00Z&${to}`, { headers });
      expect(statement.status).toBe(200);
      await statement.text();
    }
  });
}
