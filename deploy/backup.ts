import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { HASH_BYTES } from "../engine/journal/frame.ts";
import { syncDirectory } from "../engine/journal/segment-file.ts";
import { lockDataDir } from "../gateway/data-lock.ts";
import { type BackupManifest, type FrameHead, readManifest, writeManifest } from "./backup-manifest.ts";
import { CausalOrder } from "./causal-order.ts";
import { CommandError } from "./command-error.ts";
import { type DataDirectory, findLedger, shardsOf } from "./data-directory.ts";
import { EXIT } from "./exit-code.ts";
import { FrameChain } from "./frame-chain.ts";
import { FRAME_FILE_BYTES_MAX, type FrameFileFacts, FrameFileWriter } from "./frame-file.ts";
import { JournalFrames } from "./journal-frames.ts";
import { mergedFrames } from "./merged-frames.ts";
import { Terminal } from "./terminal.ts";

/**
 * `mizan backup`: copies a ledger, running or not, up to a consistent cut of all shards.
 *
 * A second run goes on from the cut of the first: what was copied stays as it is. The manifest is written last, so an
 * interrupted run leaves the backup as it was.
 */
export async function backup(dataDir: string, target: string, options: { readonly json?: true }): Promise<void> {
  const terminal = new Terminal(options.json === true);
  const directory = findLedger(dataDir);
  mkdirSync(target, { recursive: true });
  const lock = await lockDataDir(target);
  try {
    const before = manifestFor(directory, target);
    const { manifest, records } = await copyFrames(directory, target, before, terminal);
    writeManifest(target, manifest);
    const positions = manifest.cut.sequences.map((sequence, shard) => `${shard}:${sequence}`);
    const openTransfers = manifest.cut.open.reduce((sum, open) => sum + open.length, 0);
    const newFiles = manifest.files.length - (before?.files.length ?? 0);
    terminal.say(
      `${records} records copied into ${newFiles} new files; the backup goes to ${positions.join(", ")}` +
        (openTransfers === 0 ? "" : `, with ${openTransfers} transfers between shards open`),
    );
    terminal.result({
      command: "backup",
      ok: true,
      records,
      newFiles,
      positions,
      openTransfers,
      takenAt: manifest.takenAt,
    });
  } finally {
    lock.release();
  }
}

/** The manifest to go on from; what an interrupted run left behind is removed. */
function manifestFor({ path, ledger }: DataDirectory, target: string): BackupManifest | undefined {
  const manifest = readManifest(target);
  if (manifest === undefined && readdirSync(target).some((name) => !/^shard-\d+$|\.unfinished$/.test(name))) {
    throw new CommandError(EXIT.usage, "not_a_backup", `${target} is not empty and holds no backup`);
  }
  if (manifest !== undefined && manifest.ledger.ledgerId !== ledger.ledgerId) {
    throw new CommandError(
      EXIT.usage,
      "other_ledger",
      `${target} is a backup of ledger ${manifest.ledger.ledgerId}, and ${path} holds ${ledger.ledgerId}`,
    );
  }
  const listed = new Set(manifest?.files.map(({ name }) => name));
  for (let shard = 0; shard < ledger.shards; shard += 1) {
    mkdirSync(join(target, `shard-${shard}`), { recursive: true });
    for (const name of readdirSync(join(target, `shard-${shard}`))) {
      if (!listed.has(`shard-${shard}/${name}`)) rmSync(join(target, `shard-${shard}`, name));
    }
  }
  return manifest;
}

async function copyFrames(
  directory: DataDirectory,
  target: string,
  before: BackupManifest | undefined,
  terminal: Terminal,
): Promise<{ readonly manifest: BackupManifest; readonly records: number }> {
  const { path, ledger } = directory;
  const order = before === undefined ? new CausalOrder(ledger.shards) : CausalOrder.from(before.cut);
  const chains = FrameChain.ofLedger(ledger);
  const heads: (FrameHead | null)[] = before === undefined ? chains.map(() => null) : [...before.heads];
  const journals = shardsOf(directory).map((shard) => new JournalFrames(path, shard));
  const lastSequences = journals.map((journal) => journal.lastSequence());
  for (const [shard, head] of heads.entries()) {
    if (head === null) continue;
    requireFrame(journals[shard], shard, head);
    chains[shard].resume(Buffer.from(head.hash, "hex"), order.sequences[shard] + 1);
  }
  const progress = terminal.progress(
    "copying",
    lastSequences.reduce((sum, last, shard) => sum + last - order.sequences[shard], 0),
  );
  const files: FrameFileFacts[] = [...(before?.files ?? [])];
  const writers: (FrameFileWriter | undefined)[] = journals.map(() => undefined);
  const finish = (shard: number): void => {
    const facts = writers[shard]?.finish();
    if (facts !== undefined) files.push(facts);
    writers[shard] = undefined;
  };
  let records = 0;
  const sources = journals.map((journal, shard) => journal.frames(order.sequences[shard] + 1));
  const isWanted = (shard: number, { firstSequence }: { readonly firstSequence: number }): boolean =>
    firstSequence <= lastSequences[shard];
  for (const { shard, frame } of mergedFrames(chains, sources, isWanted, order)) {
    const writer = writers[shard] ?? new FrameFileWriter(target, shard, frame.firstSequence);
    writers[shard] = writer;
    writer.add(frame.bytes, frame.firstSequence + frame.recordCount - 1);
    if (writer.rawBytes >= FRAME_FILE_BYTES_MAX) finish(shard);
    heads[shard] = { firstSequence: frame.firstSequence, hash: Buffer.from(frame.hash).toString("hex") };
    records += frame.recordCount;
    await progress.advance(frame.recordCount);
  }
  for (const shard of shardsOf(directory)) {
    finish(shard);
    syncDirectory(join(target, `shard-${shard}`));
  }
  progress.end();
  const takenAt = new Date().toISOString();
  return { manifest: { formatVersion: 1, ledger, takenAt, cut: order.toJSON(), heads, files }, records };
}

/**
 * Checks that a journal still holds the newest frame of the backup.
 *
 * **Errors**: `history_differs`: the ledger was restored to an earlier point and went on with other frames.
 */
function requireFrame(journal: JournalFrames, shard: number, { firstSequence, hash }: FrameHead): void {
  for (const { key, value } of journal.frames(firstSequence)) {
    if (key === firstSequence && Buffer.from(value.subarray(0, HASH_BYTES)).toString("hex") === hash) return;
    break;
  }
  throw new CommandError(
    EXIT.problems,
    "history_differs",
    `the journal does not hold the frame at ${shard}:${firstSequence} that the backup ends with. Take a new backup into an empty directory.`,
  );
}
