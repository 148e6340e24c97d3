import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { HistoryExpiredError } from "../engine/journal/journal-files.ts";
import { syncDirectory } from "../engine/journal/segment-file.ts";
import { lockDataDir } from "../gateway/data-lock.ts";
import { keyFilePath } from "../gateway/people/key-file.ts";
import { storedCheckpoint } from "../replicator/checkpoint.ts";
import {
  type BackupManifest,
  copiedState,
  type FrameHead,
  isThrough,
  type LogPlace,
  readManifest,
  writeManifest,
} from "./backup-manifest.ts";
import { type CopiedSnapshot, copySnapshot, copyState } from "./backup-state.ts";
import { CausalOrder } from "./causal-order.ts";
import { CommandError } from "./command-error.ts";
import { type DataDirectory, findLedger, shardsOf } from "./data-directory.ts";
import { EXIT } from "./exit-code.ts";
import { FrameChain } from "./frame-chain.ts";
import { FRAME_FILE_BYTES_MAX, type FrameFileFacts, FrameFileWriter } from "./frame-file.ts";
import {
  DroppedMeanwhileError,
  frameHashAt,
  type HistoryStart,
  historyOf,
  type KeptHistory,
  noteDropped,
  startOfHistory,
} from "./history-start.ts";
import { JournalFrames } from "./journal-frames.ts";
import { mergedFrames } from "./merged-frames.ts";
import { copyKeys, keysText } from "./person-keys-file.ts";
import { Terminal } from "./terminal.ts";

/** How often a first run begins anew. */
const ATTEMPTS_MAX = 5;

interface CopiedLedger {
  readonly manifest: BackupManifest;
  readonly records: number;
}

/**
 * `mizan backup`: copies a ledger, running or not, up to a consistent cut of all shards.
 *
 * A second run goes on from the cut of the first: what was copied stays as it is. The manifest is written last, so an
 * interrupted run leaves the backup as it was. The keys of persons are no part of it: they go into a file of their own, if at all.
 */
export async function backup(
  dataDir: string,
  target: string,
  options: { readonly json?: true; readonly keys?: string },
): Promise<void> {
  const terminal = new Terminal(options.json === true);
  const directory = findLedger(dataDir);
  mkdirSync(target, { recursive: true });
  const lock = await lockDataDir(target);
  try {
    const before = manifestFor(directory, target);
    const { manifest, records } = await copyLedger(directory, target, before, terminal);
    writeManifest(target, manifest);
    removeUnlisted(target, manifest);
    // Behind the cut: so there is a key for everybody whom it knows, but for those who are erased by now.
    const keys = options.keys === undefined ? undefined : await copyKeys(keyFilePath(dataDir), options.keys);
    const positions = manifest.cut.sequences.map((sequence, shard) => `${shard}:${sequence}`);
    const openTransfers = manifest.cut.open.reduce((sum, open) => sum + open.length, 0);
    const newFiles = manifest.files.length - (before?.files.length ?? 0);
    const { snapshots, sealedIds } = manifest;
    terminal.say(
      `${records} records copied into ${newFiles} new files; the backup goes to ${positions.join(", ")}, ` +
        `with ${snapshots.length} snapshots and ${sealedIds.length} files of sealed ids` +
        (openTransfers === 0 ? "" : `, with ${openTransfers} transfers between shards open`) +
        (keys === undefined ? "" : `; ${keysText(keys)}, in ${options.keys}`),
    );
    terminal.result({
      command: "backup",
      ok: true,
      records,
      newFiles,
      positions,
      openTransfers,
      firstPositions: firstSequencesOf(manifest).map((sequence, shard) => `${shard}:${sequence}`),
      snapshots: snapshots.length,
      sealedIds: sealedIds.length,
      ...keys,
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
  for (let shard = 0; shard < ledger.shards; shard += 1) mkdirSync(join(target, `shard-${shard}`), { recursive: true });
  removeUnlisted(target, manifest);
  return manifest;
}

function removeUnlisted(target: string, manifest: BackupManifest | undefined): void {
  const { files = [], snapshots = [], sealedIds = [] } = manifest ?? {};
  const listed = new Set([...files, ...snapshots, ...sealedIds].map(({ name }) => name));
  for (const directory of readdirSync(target).filter((name) => /^shard-\d+$/.test(name))) {
    for (const name of readdirSync(join(target, directory))) {
      if (!listed.has(`${directory}/${name}`)) rmSync(join(target, directory, name));
    }
  }
}

/** The first record of each shard that a backup holds. */
function firstSequencesOf({ ledger, files }: Pick<BackupManifest, "ledger" | "files">): number[] {
  return Array.from({ length: ledger.shards }, (_, shard) => {
    const ofShard = files.filter((file) => file.shard === shard).map(({ firstSequence }) => firstSequence);
    return ofShard.length === 0 ? 1 : Math.min(...ofShard);
  });
}

/**
 * Copies what is new. A first run begins with the oldest history, which a running ledger may drop at that moment: then it
 * begins anew.
 *
 * **Errors**: `history_dropped` where that happens again and again, or to what comes behind the cut of an earlier run.
 */
async function copyLedger(
  directory: DataDirectory,
  target: string,
  before: BackupManifest | undefined,
  terminal: Terminal,
): Promise<CopiedLedger> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await copyOnce(directory, target, before, terminal);
    } catch (error) {
      if (!(error instanceof HistoryExpiredError || error instanceof DroppedMeanwhileError)) throw error;
      if (before !== undefined || attempt === ATTEMPTS_MAX) {
        throw new CommandError(
          EXIT.problems,
          "history_dropped",
          `history was dropped while it was copied: ${error.message}`,
        );
      }
      terminal.note("the oldest history was dropped from the archive while it was copied; beginning anew");
      removeUnlisted(target, before);
    }
  }
}

async function copyOnce(
  directory: DataDirectory,
  target: string,
  before: BackupManifest | undefined,
  terminal: Terminal,
): Promise<CopiedLedger> {
  const { path, ledger } = directory;
  const journals = shardsOf(directory).map((shard) => new JournalFrames(path, shard));
  const { order, chains, froms, bases } =
    before === undefined ? await begin(directory, target, journals, terminal) : resume(directory, before, journals);
  const log = placeInLog(directory) ?? before?.log;
  // What is taken later than this may know of other shards what was not there yet; what is taken at the beginning may not.
  const lastSequences = journals.map((journal) => journal.lastSequence());
  const heads: (FrameHead | null)[] = before === undefined ? chains.map(() => null) : [...before.heads];
  const progress = terminal.progress(
    "copying",
    lastSequences.reduce((sum, last, shard) => sum + last + 1 - froms[shard], 0),
  );
  const files: FrameFileFacts[] = [...(before?.files ?? [])];
  const writers: (FrameFileWriter | undefined)[] = journals.map(() => undefined);
  const finish = (shard: number): void => {
    const facts = writers[shard]?.finish();
    if (facts !== undefined) files.push(facts);
    writers[shard] = undefined;
  };
  let records = 0;
  const sources = journals.map((journal, shard) => journal.frames(froms[shard]));
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
  for (const shard of shardsOf(directory)) finish(shard);
  if (!order.isConsistent) {
    throw new CommandError(
      EXIT.problems,
      "shards_disagree",
      "the shards' snapshots know of what no shard has journaled",
    );
  }
  const firstSequences = firstSequencesOf({ ledger, files });
  const states = shardsOf(directory).map((shard) =>
    copyState(
      directory,
      shard,
      journals[shard],
      {
        through: order.sequences[shard],
        base: bases[shard],
        isLate: firstSequences[shard] > 1,
        before: before === undefined ? { snapshots: [], sealedIds: [] } : copiedState(before, shard),
      },
      target,
    ),
  );
  for (const shard of shardsOf(directory)) syncDirectory(join(target, `shard-${shard}`));
  progress.end();
  const manifest: BackupManifest = {
    formatVersion: 1,
    ledger,
    takenAt: new Date().toISOString(),
    cut: order.toJSON(),
    heads,
    log: log !== undefined && isThrough(log, order.sequences) ? log : undefined,
    files,
    snapshots: states.flatMap(({ snapshots }) => snapshots),
    sealedIds: states.flatMap(({ sealedIds }) => sealedIds),
  };
  return { manifest, records };
}

/** Where the ledger had come to in the log when it wrote that down last; its journals have all that stands before it. */
function placeInLog({ path, ledger }: DataDirectory): LogPlace | undefined {
  const checkpoint = storedCheckpoint(path);
  if (checkpoint?.ledgerId !== ledger.ledgerId) return undefined;
  return { journalTopic: checkpoint.journalTopic, shards: checkpoint.shards };
}

/** From where on each shard is copied, and what the other shards know of it there. */
interface CopyStart {
  readonly order: CausalOrder;
  readonly chains: readonly FrameChain[];
  readonly froms: readonly number[];
  /** Snapshots that stand for dropped history, copied already: a running ledger removes them when it has newer ones. */
  readonly bases: readonly (CopiedSnapshot | undefined)[];
}

/** A backup begins with the oldest frame that is kept. */
async function begin(
  directory: DataDirectory,
  target: string,
  journals: readonly JournalFrames[],
  terminal: Terminal,
): Promise<CopyStart> {
  const starts: HistoryStart[] = [];
  const bases: (CopiedSnapshot | undefined)[] = [];
  for (const shard of shardsOf(directory)) {
    const start = await startOfHistory(directory.ledger, shard, historyOf(directory, shard, journals[shard]));
    const { snapshot } = start;
    const base = snapshot && copySnapshot(snapshot, shard, target);
    if (snapshot !== undefined && base === undefined) throw new DroppedMeanwhileError(`${snapshot.path} was removed`);
    noteDropped(terminal, shard, start);
    starts.push(start);
    bases.push(base);
  }
  return {
    order: CausalOrder.after(starts.map(({ state }) => state)),
    chains: starts.map(({ chain }) => chain),
    froms: starts.map(({ firstSequence }) => firstSequence),
    bases,
  };
}

/** A backup goes on behind its cut. */
function resume(directory: DataDirectory, before: BackupManifest, journals: readonly JournalFrames[]): CopyStart {
  const { ledger, cut, heads } = before;
  const chains = FrameChain.ofLedger(ledger);
  for (const [shard, head] of heads.entries()) {
    requireHead(historyOf(directory, shard, journals[shard]), shard, cut.sequences[shard], head);
    if (head !== null) chains[shard].resume(Buffer.from(head.hash, "hex"), cut.sequences[shard] + 1);
  }
  return {
    order: CausalOrder.from(cut),
    chains,
    froms: cut.sequences.map((sequence) => sequence + 1),
    bases: chains.map(() => undefined),
  };
}

/**
 * Checks that a journal goes on from the newest frame of the backup, and still has what came behind it.
 *
 * **Errors**: `history_dropped`; `history_differs`: the ledger was restored to an earlier point and went on with other frames.
 */
function requireHead(kept: KeptHistory, shard: number, sequence: number, head: FrameHead | null): void {
  const position = `${shard}:${sequence}`;
  if (kept.firstSequence > sequence + 1) {
    throw new CommandError(
      EXIT.problems,
      "history_dropped",
      `what came behind ${position}, where the backup ends, was dropped from the archive. Take a new backup into an empty directory.`,
    );
  }
  if (head === null || frameHashAt(kept, sequence) === head.hash) return;
  throw new CommandError(
    EXIT.problems,
    "history_differs",
    `the journal does not hold the frame that ends at ${position}, as the backup does. Take a new backup into an empty directory.`,
  );
}
