/** What was cut off the journals of a real ledger of two shards, as lines. */

import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cutTail } from "../engine/journal/cut-tail.ts";
import { JournalReader } from "../engine/journal/journal-reader.ts";
import { UuidV7 } from "../protocol/ids.ts";
import { LedgerProcess } from "../test/ledger-process.ts";
import { askMizan, runMizan } from "../test/mizan-command.ts";
import { openWallets, randomFrom, write } from "../test/writers.ts";

const scratch = mkdtempSync(join(tmpdir(), "mizan-tail-command-"));
const whole = join(scratch, "whole");
const cut = join(scratch, "cut");
/** The file of shard 1, its first record, and the last one of the whole journal. */
let file: string;
let first: number;

beforeAll(async () => {
  const ledger = await LedgerProcess.create({ MIZAN_SHARDS: "2" });
  await ledger.start();
  const ids = new UuidV7();
  const wallets = await openWallets(ledger, ids);
  const writing = write(ledger, wallets, ids, randomFrom(1), []);
  await delay(300);
  await ledger.end("SIGKILL");
  await writing;
  for (const copy of [whole, cut]) cpSync(ledger.dataDir, copy, { recursive: true });
  await ledger.dispose();
  const place = { directory: join(cut, "shard-1"), archiveDirectory: join(cut, "archive", "shard-1"), shard: 1 };
  const reader = new JournalReader({ ...place, control: undefined });
  const middle = reader.frameAt(Math.floor((reader.range?.last ?? 0) / 2));
  reader.close();
  if (middle === undefined) throw new Error("the journal has no frame in its middle");
  first = middle.firstSequence + middle.recordCount;
  file = (await cutTail({ ...place, throughSequence: first - 1 }))?.path ?? "";
}, 60_000);

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** The lines of an export that are events of shard 1 from the cut on. */
async function exported(): Promise<string[]> {
  const { stdout } = await runMizan(["export", whole]);
  const events = stdout.split("\n").filter((line) => line.startsWith('{"position":"1:'));
  return events.filter((line) => Number(/^{"position":"1:(\d+)"/.exec(line)?.[1]) >= first);
}

test("says of each record what an export would have said", async () => {
  const { exitCode, stdout } = await runMizan(["tail", file]);
  const lines = stdout.trim().split("\n");
  expect(exitCode).toBe(0);
  expect(lines.length).toBeGreaterThan(1);
  expect(lines).toEqual(await exported());
});

test("finds the ledger elsewhere, and writes to a file", async () => {
  const moved = join(scratch, "moved.frames");
  cpSync(file, moved);
  expect(await askMizan(["tail", moved])).toMatchObject({ ok: false, error: { code: "not_a_ledger" }, exitCode: 2 });
  const out = join(scratch, "tail.jsonl");
  const told = await askMizan(["tail", moved, "--of", cut, "--out", out]);
  const lines = readFileSync(out, "utf8").trim().split("\n");
  expect(lines).toEqual(await exported());
  expect(told).toMatchObject({ ok: true, events: lines.length, first: `1:${first}`, exitCode: 0 });
});

test("says where a file is not what was cut off that ledger", async () => {
  expect(await askMizan(["tail", join(cut, "mizan.json"), "--of", cut])).toMatchObject({
    error: { code: "tail_unreadable" },
    exitCode: 1,
  });
  const other = await LedgerProcess.create({ MIZAN_SHARDS: "2" });
  await other.start();
  await other.end("SIGTERM");
  expect(await askMizan(["tail", file, "--of", other.dataDir])).toMatchObject({
    error: { code: "tail_unreadable" },
    exitCode: 1,
  });
  await other.dispose();
});
