/**
 * Flips a bit in a file of a stopped ledger, of each kind and anywhere, and looks at what `mizan verify` and the start make
 * of it: nothing that was acknowledged may be gone or changed without a word.
 *
 * Either the bit meant nothing, and everything is as it was; or `verify` finds it, and the start is refused with a message
 * that names the file, or heals it from elsewhere, or tells those who ask for what cannot be read any more.
 *
 * MIZAN_DECAY_ROUNDS says how often, MIZAN_CRASH_SEED repeats the choices.
 */

import {
  closeSync,
  cpSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { UuidV7 } from "../protocol/ids.ts";
import { ADMIN_KEY, LedgerProcess } from "./ledger-process.ts";
import { askMizan } from "./mizan-command.ts";
import { creditOften } from "./sealed-load.ts";
import { WireClient, type WireWallet } from "./wire-client.ts";
import { openWallets, randomFrom, type Sent } from "./writers.ts";

const PROGRAM = fileURLToPath(new URL("./short-segments-process.ts", import.meta.url));
const PAGE_BYTES = 4_096;
/** Where the header of a file ends, and its trailer begins, as far as it has them. */
const EDGE_BYTES = 160;
const CREDITS = 48_000;
const ENV = {
  MIZAN_SHARDS: "1",
  MIZAN_SNAPSHOT_JOURNAL_BYTES: String(1 << 20),
  MIZAN_SNAPSHOT_KEEP: "2",
  MIZAN_IDEMPOTENCY_IDS_MAX: "65536",
};

type Place = "anywhere" | "edge" | "newest";
const KINDS: readonly { readonly name: string; readonly files: RegExp; readonly places: readonly Place[] }[] = [
  { name: "a journal segment", files: /segment-\d+\.mdb$/, places: ["anywhere", "edge", "newest"] },
  { name: "a snapshot", files: /\.mzs$/, places: ["anywhere", "edge"] },
  { name: "an archive file", files: /\.mza$/, places: ["anywhere", "edge"] },
  { name: "a file of sealed ids", files: /\.mzi$/, places: ["anywhere", "edge"] },
  { name: "mizan.json", files: /mizan\.json$/, places: ["anywhere"] },
];

const rounds = Number(process.env.MIZAN_DECAY_ROUNDS ?? 1);
const seed = Number(process.env.MIZAN_CRASH_SEED ?? Date.now() % 1_000_000_000);
const sound = join(mkdtempSync(join(tmpdir(), "mizan-decay-")), "sound");
let wallets: string[] = [];
let views: WireWallet[] = [];
let answered: Sent[] = [];

beforeAll(async () => {
  const ledger = await LedgerProcess.create(ENV);
  await ledger.start([process.execPath, PROGRAM]);
  const ids = new UuidV7();
  wallets = await openWallets(ledger, ids);
  answered = await creditOften(ledger, wallets, ids, CREDITS);
  // Sealing goes by seconds, and needs commands that come after it.
  const random = randomFrom(seed);
  const deadlineMs = Date.now() + 20_000;
  const client = await WireClient.connect(ledger.port, ADMIN_KEY);
  while (!hasEveryKind(ledger.dataDir) && Date.now() < deadlineMs) {
    const transfers = Array.from({ length: 200 }, (_, index) => ({
      operation: "Transfer" as const,
      id: ids.next(),
      walletId: wallets[index % wallets.length],
      counterpartyId: wallets[(index + 1) % wallets.length],
      amountMinor: 1 + Math.floor(random() * 9),
    }));
    const results = await client.commands(transfers);
    // What finds no room for its id is not decided, and may come again.
    if (results[0].code !== "overloaded") answered.push({ command: transfers[0], result: results[0] });
  }
  views = await client.wallets(wallets);
  client.close();
  await ledger.end("SIGKILL");
  expect(hasEveryKind(ledger.dataDir)).toBe(true);
  cpSync(ledger.dataDir, sound, { recursive: true });
  await ledger.dispose();
}, 90_000);

afterAll(() => rmSync(join(sound, ".."), { recursive: true, force: true }));

function filesOf(dataDir: string, names: RegExp): string[] {
  return readdirSync(dataDir, { recursive: true, encoding: "utf8" })
    .filter((name) => names.test(name))
    .sort()
    .map((name) => join(dataDir, name));
}

/** Whether there is a file of each kind, and the first part of the journal in the archive alone. */
function hasEveryKind(dataDir: string): boolean {
  return (
    KINDS.every(({ files }) => filesOf(dataDir, files).length > 0) && filesOf(dataDir, /segment-0*1\.mdb$/).length === 0
  );
}

/** Flips a bit, and says where. */
function flip(dataDir: string, { files, places }: (typeof KINDS)[number], random: () => number): string {
  const pick = (count: number): number => Math.floor(random() * count);
  const place = places[pick(places.length)];
  const paths = filesOf(dataDir, files);
  const inUse = place === "newest" ? paths.filter((path) => commitOf(path) > 0).slice(-1) : paths;
  const path = inUse[pick(inUse.length)];
  const { size } = statSync(path);
  const edges = files.test("segment-1.mdb") ? [0, PAGE_BYTES] : [0, Math.max(0, size - EDGE_BYTES)];
  const at = place === "anywhere" ? pick(size) : edges[pick(2)] + pick(Math.min(EDGE_BYTES, size));
  const bit = pick(8);
  flipAt(path, at, bit);
  return `${path.slice(dataDir.length + 1)}, bit ${bit} of byte ${at}`;
}

function flipAt(path: string, at: number, bit: number): void {
  const file = openSync(path, "r+");
  const byte = new Uint8Array(1);
  readSync(file, byte, 0, 1, at);
  byte[0] ^= 1 << bit;
  writeSync(file, byte, 0, 1, at);
  closeSync(file);
}

/** The number of the newest commit to a segment. */
function commitOf(path: string): bigint {
  const metas = readFileSync(path).subarray(0, 2 * PAGE_BYTES);
  const [first, second] = [0, PAGE_BYTES].map((page) => metas.readBigUInt64LE(page + 152));
  return first > second ? first : second;
}

/** What a started ledger says of what was acknowledged: which answers cannot be read any more, and whether all else is as it was. */
async function ask(
  ledger: LedgerProcess,
): Promise<{ readonly unreadable: readonly string[]; readonly isSame: boolean }> {
  const client = await WireClient.connect(ledger.port, ADMIN_KEY);
  const again = await client.commands(answered.map(({ command }) => command));
  const now = await client.wallets(wallets);
  client.close();
  const isUnreadable = again.map(({ code }) => code === "internal_error");
  const differs = again.some(
    (result, index) =>
      !isUnreadable[index] && JSON.stringify(result) !== JSON.stringify({ ...answered[index].result, replayed: true }),
  );
  return {
    unreadable: answered.filter((_, index) => isUnreadable[index]).map(({ command }) => command.id),
    isSame: !differs && JSON.stringify(now) === JSON.stringify(views),
  };
}

/** What became of a start: how it was refused, or what it told and whether everything is there. */
async function outcomeOf(ledger: LedgerProcess): Promise<"as it was" | "told"> {
  for (let attempt = 0; attempt < 2; attempt += 1) {
    try {
      await ledger.start([process.execPath, PROGRAM]);
    } catch (error) {
      // Refused in words, not ended by a signal: the message names what is damaged.
      expect(String(error)).toMatch(/ended while starting, by itself/);
      expect(String(error)).toMatch(/is damaged|is no LMDB file|belongs to|format version|no snapshot can be used/);
      return "told";
    }
    // Bits of the newest frame itself: it is cut off and kept aside, and the log says so.
    if (ledger.output.includes("cut an incomplete frame off the end of the journal")) return "told";
    const isTold = /cannot be used|are damaged|"level":[45]0/.test(ledger.output);
    let asked: Awaited<ReturnType<typeof ask>>;
    try {
      asked = await ask(ledger);
    } catch (error) {
      // A damaged page of sealed ids stops the shard rather than let an id pass for new, and is healed by the next start.
      if ((await ledger.exited()) === null || !ledger.output.includes("They were set aside; start again")) {
        throw new Error(`the ledger ended when it was asked:\n${ledger.output}`, { cause: error });
      }
      continue;
    }
    expect(asked.isSame).toBe(true);
    const hasUnreadable = asked.unreadable.length > 0;
    if (hasUnreadable) expect(ledger.output).toContain("a record cannot be read");
    return isTold || hasUnreadable ? "told" : "as it was";
  }
  throw new Error(`the ledger stopped twice:\n${ledger.output}`);
}

test.each(KINDS)(
  `a flipped bit in $name is found, healed, or means nothing (seed ${seed})`,
  {
    timeout: 30_000 + rounds * 20_000,
  },
  async (kind) => {
    const random = randomFrom(seed + KINDS.indexOf(kind));
    for (let round = 0; round < rounds; round += 1) {
      const ledger = await LedgerProcess.create(ENV);
      try {
        cpSync(sound, ledger.dataDir, { recursive: true });
        const where = flip(ledger.dataDir, kind, random);
        const { exitCode } = await askMizan(["verify", ledger.dataDir]);
        const outcome = await outcomeOf(ledger);
        expect([0, 1], where).toContain(exitCode);
        if (outcome === "told") expect(exitCode, `${where}: the start tells what verify does not`).toBe(1);
      } finally {
        await ledger.dispose();
      }
    }
  },
);

test("sealed ids that a snapshot lacks are read from the journal and its archive where their file has decayed", {
  timeout: 60_000,
}, async () => {
  const ledger = await LedgerProcess.create(ENV);
  try {
    cpSync(sound, ledger.dataDir, { recursive: true });
    for (const path of filesOf(ledger.dataDir, /\.mzi$/)) {
      for (let at = PAGE_BYTES; at < statSync(path).size - PAGE_BYTES; at += PAGE_BYTES) flipAt(path, at + 50, 3);
    }
    // Fences and filters are damaged too, so that the files are set aside before anybody asks.
    await ledger.start([process.execPath, PROGRAM]);
    expect(ledger.output).toContain("sealed ids are damaged, and are read from the journal");
    expect(ledger.output).toContain("snapshot loaded");
    expect(await ask(ledger)).toEqual({ unreadable: [], isSame: true });
  } finally {
    await ledger.dispose();
  }
});

test("a decayed archive costs the answers that stand in it, and the ledger serves on", {
  timeout: 60_000,
}, async () => {
  const ledger = await LedgerProcess.create(ENV);
  try {
    cpSync(sound, ledger.dataDir, { recursive: true });
    for (const path of filesOf(ledger.dataDir, /\.mza$/)) flipAt(path, Math.floor(statSync(path).size / 2), 3);
    await ledger.start([process.execPath, PROGRAM]);
    const { unreadable, isSame } = await ask(ledger);
    expect(isSame).toBe(true);
    expect(unreadable.length).toBeGreaterThan(0);
    expect(await ask(ledger)).toEqual({ unreadable, isSame: true });
    for (const path of filesOf(ledger.dataDir, /\.mza$/)) flipAt(path, Math.floor(statSync(path).size / 2), 3);
    expect(await ask(ledger)).toEqual({ unreadable: [], isSame: true });
  } finally {
    await ledger.dispose();
  }
});
