/**
 * A town that lives on a ledger, so that somebody new to it has something to look at: `npm run demo`.
 *
 * `--rate` happenings a second, `--seed`, `--people`, `--minutes`, `--port`; `--data DIR` keeps what happens, `--url` and
 * `MIZAN_ADMIN_KEY` aim at a ledger that runs already. It ends by itself, or with Ctrl-C, and checks the books.
 */

import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Mizan } from "../../client/index.ts";
import { Day } from "./day.ts";
import { type FoundedTown, found } from "./founding.ts";
import { Ledger } from "./ledger.ts";
import { NodeProcess } from "./node-process.ts";
import { SandboxProcess } from "./sandbox-process.ts";
import type { Shops } from "./shops.ts";
import { happenings, townOf } from "./town.ts";

const TICK_MS = 100;
const TELL_TICKS = 10;
/** Merchants are paid out every ten seconds, and in the end. */
const SETTLE_TICKS = 100;
const PEOPLE_MAX = 100_000;
const RATE_MAX = 20_000;

const { values } = parseArgs({
  options: {
    rate: { type: "string", default: "50" },
    seed: { type: "string", default: "1" },
    people: { type: "string", default: "200" },
    minutes: { type: "string", default: "5" },
    port: { type: "string", default: "7070" },
    data: { type: "string" },
    url: { type: "string" },
  },
});

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** A number of the command line. **Errors**: throws a sentence for the user. */
function numberOf(name: "rate" | "seed" | "people" | "minutes" | "port", min: number, max: number): number {
  const value = Number(values[name]);
  if (!(value >= min && value <= max)) throw new Error(`--${name} is a number from ${min} to ${max}`);
  return value;
}

let isOver = false;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    isOver = true;
  });
}

async function live(url: string, key: string, sandbox?: SandboxProcess): Promise<void> {
  const town = townOf(numberOf("people", 2, PEOPLE_MAX));
  const perTick = (numberOf("rate", 0.1, RATE_MAX) * TICK_MS) / 1_000;
  const seed = numberOf("seed", 0, 2 ** 32);
  const lastsMs = numberOf("minutes", 0.001, 10_000) * 60_000;
  const mizan = await Mizan.connect({ url, apiKey: key, timeoutMs: 60_000 });
  try {
    const ledger = new Ledger(mizan, url, key);
    const founded = await found(ledger, town, seed, sandbox);
    say(`${town.people} people with a wallet and a medical card, ${town.shops} shops`);
    // Whoever claims first has something to show soon.
    const first = happenings(town, seed).find((thing) => thing.type === "claim");
    showWhere(url, key, examplesOf(founded, first?.person ?? 0));
    if (!founded.areNamed) say("  nobody has a name: the ledger runs without MIZAN_PERSONAL_DATA_KEY");
    const day = new Day(ledger, founded);
    const endsAtMs = performance.now() + lastsMs;
    const things = happenings(town, seed);
    let due = 0;
    for (let tick = 1; !isOver && performance.now() < endsAtMs; tick += 1) {
      const startedMs = performance.now();
      due += perTick;
      const now = Array.from({ length: Math.floor(due) }, () => things.next().value);
      due -= now.length;
      await day.happen(now);
      if (tick % SETTLE_TICKS === 0) await day.settle();
      if (tick % TELL_TICKS === 0) tell(day);
      await delay(Math.max(0, startedMs + TICK_MS - performance.now()));
    }
    await day.settle();
    say(`${process.stdout.isTTY ? "\r" : ""}${told(day)}`);
    await check(ledger, founded.shops);
  } finally {
    await mizan.close();
  }
}

/** Where to look, after `/api/v1`. */
function examplesOf({ people, areNamed, cards, shops, tills }: FoundedTown, person: number): Record<string, string> {
  const { id, walletId } = people.all[person];
  const card = `/medcards/${cards.all[person]}`;
  return {
    "a wallet": `/wallets/${walletId}/transactions`,
    ...(areNamed ? { "a person": `/people/${id}` } : {}),
    "a card": card,
    "its use": `${card}/analytics`,
    payments: "/payments?limit=5",
    ...(tills === undefined ? {} : { "top-ups": "/topups?limit=5", payouts: "/payouts?limit=5" }),
    settlements: `/merchants/${shops.all[0].merchantId}/settlements`,
  };
}

function showWhere(url: string, key: string, examples: Readonly<Record<string, string>>): void {
  const line = (what: string, where: string): void => say(`  ${what.padEnd(12)} ${where}`);
  line("status", `${url}/statusz   (any user name, the key as the password)`);
  line("API", `${url}/docs`);
  for (const [what, path] of Object.entries(examples)) {
    line(what, `curl -H 'Authorization: Bearer ${key}' '${url}/api/v1${path}'`);
  }
}

function told({ counts }: Day): string {
  const { transfers, payments, splits, claims, topUps, unpaid, payouts, batches, refused } = counts;
  return [
    `${transfers} transfers`,
    `${payments} payments (${splits} split)`,
    `${claims} claims`,
    `${topUps} top-ups (${unpaid} unpaid)`,
    `${payouts} payouts`,
    `${batches} batches`,
    `${refused} refused`,
  ].join(", ");
}

/** A terminal has one line that changes. */
function tell(day: Day): void {
  const { isTTY, columns } = process.stdout;
  process.stdout.write(isTTY ? `\r${told(day).slice(0, columns - 1)}` : `${told(day)}\n`);
}

async function check(ledger: Ledger, shops: Shops): Promise<void> {
  const count = shops.all.length;
  const balanced = await shops.balancedReports();
  say(`settlement reports: ${balanced} of ${count} balanced`);
  const isBalanced = await ledger.isBalanced();
  say(`books ${isBalanced ? "balanced: every currency sums to zero" : "NOT balanced"}`);
  if (!isBalanced || balanced !== count) process.exitCode = 1;
}

async function runOwn(): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), "mizan-demo-"));
  const port = numberOf("port", 1, 65_535);
  const key = process.env.MIZAN_ADMIN_KEY ?? randomBytes(16).toString("hex");
  const providers = join(scratch, "providers.json");
  const settings = { ...dataSettings(scratch), MIZAN_PROVIDERS: providers };
  const node = new NodeProcess(port, key, settings, true);
  let sandbox: SandboxProcess | undefined;
  try {
    sandbox = await SandboxProcess.start(node.url);
    writeFileSync(providers, JSON.stringify(sandbox.providers));
    await node.start(({ role }) => role === "leader");
    say(`a ledger on ${node.url}, key ${key}, data in ${values.data ?? `${scratch}, removed at the end`}`);
    await live(node.url, key, sandbox);
  } finally {
    await node.stop();
    await sandbox?.stop();
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Data that are kept need a key for personal data that is kept as well: the user's own, or none. */
function dataSettings(scratch: string): NodeJS.ProcessEnv {
  if (values.data !== undefined) return { MIZAN_DATA_DIR: values.data };
  return { MIZAN_DATA_DIR: join(scratch, "data"), MIZAN_PERSONAL_DATA_KEY: randomBytes(32).toString("base64") };
}

async function run(): Promise<void> {
  const { url } = values;
  if (url === undefined) return runOwn();
  const key = process.env.MIZAN_ADMIN_KEY;
  if (key === undefined) throw new Error("MIZAN_ADMIN_KEY has to hold the key of the ledger at --url");
  return live(url, key);
}

try {
  await run();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
