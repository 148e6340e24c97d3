import { statSync } from "node:fs";
import { basename, join } from "node:path";
import { readHeader } from "../engine/idempotency/sealed-bucket.ts";
import { sealedIdsIn } from "../engine/idempotency/sealed-ids-in.ts";
import { archivePath, listArchives } from "../engine/journal/archive-file.ts";
import type { ShardState } from "../engine/shard/shard-state.ts";
import { trialBalance } from "../engine/shard/trial-balance.ts";
import { listSnapshots } from "../snapshots/snapshot-directory.ts";
import { archiveDirectory, type DataDirectory, shardDirectory, shardsOf } from "./data-directory.ts";
import { JournalFrames } from "./journal-frames.ts";
import { replayShard } from "./replay-shard.ts";
import type { Terminal } from "./terminal.ts";

interface FileFacts {
  readonly name: string;
  readonly bytes: number;
}

/** Shows a whole ledger: its files, where its journal stands, and how much is in it. */
export async function inspectLedger(directory: DataDirectory, terminal: Terminal): Promise<void> {
  const { path, ledger } = directory;
  terminal.say(`ledger ${ledger.ledgerId} in ${path}, created ${ledger.createdAt}, ${ledger.shards} shards`);
  const shards: object[] = [];
  for (const shard of shardsOf(directory)) {
    const journal = new JournalFrames(path, shard);
    let frames = 0;
    let bytes = 0;
    const state = await replayShard(directory, shard, terminal, ({ frame }) => {
      frames += 1;
      bytes += frame.bytes.byteLength;
      return true;
    });
    const segments = journal.files().map(fileFacts);
    const archiveFiles = archiveDirectory(path, shard);
    const archives = listArchives(archiveFiles).map((ordinal) => fileFacts(archivePath(archiveFiles, ordinal)));
    const snapshots = listSnapshots(join(shardDirectory(path, shard), "snapshots")).map((found) =>
      fileFacts(found.path),
    );
    const sealedIds = sealedIdsIn(shardDirectory(path, shard)).paths.map(bucketFacts);
    const facts = {
      shard,
      firstPosition: `${shard}:${journal.range()?.first ?? 1}`,
      position: `${shard}:${state.sequence}`,
      frames,
      bytes,
      segments,
      archives,
      snapshots,
      sealedIds,
      ...stateFacts(state),
    };
    shards.push(facts);
    sayShard(terminal, facts);
  }
  terminal.result({ command: "inspect", ok: true, ledger, shards });
}

function stateFacts(state: ShardState) {
  return {
    time: state.clockMs === 0 ? null : new Date(state.clockMs).toISOString(),
    wallets: state.wallets.count,
    owners: state.wallets.owners.count,
    holds: state.holds.count,
    openTransfers: state.transfers.size,
    receipts: state.receipts.size,
    books: trialBalance(state.wallets),
  };
}

function sayShard(
  terminal: Terminal,
  facts: {
    readonly position: string;
    readonly frames: number;
    readonly bytes: number;
    readonly segments: readonly FileFacts[];
    readonly archives: readonly FileFacts[];
    readonly snapshots: readonly FileFacts[];
    readonly sealedIds: readonly BucketOutline[];
  } & ReturnType<typeof stateFacts>,
): void {
  terminal.say("");
  terminal.say(`position ${facts.position}, ${facts.time ?? "empty"}: ${facts.frames} frames, ${facts.bytes} bytes`);
  for (const { name, bytes } of [...facts.archives, ...facts.segments, ...facts.snapshots])
    terminal.say(`  ${name}  ${bytes} bytes`);
  for (const { name, bytes, ids, isByTime, from, to, through } of facts.sealedIds) {
    terminal.say(
      `  ${name}  ${bytes} bytes, ${ids} ids by ${isByTime ? "their time" : "arrival"}, ${from} to ${to}, of records up to ${through}`,
    );
  }
  terminal.say(
    `  ${facts.wallets} wallets and accounts, ${facts.owners} owners, ${facts.holds} open holds, ${facts.openTransfers} open transfers`,
  );
  for (const line of facts.books) {
    terminal.say(
      `  ${line.currency}: wallets ${line.walletsMinor}, funding ${line.fundingMinor}, payout ${line.payoutMinor}, ` +
        `fees ${line.feesMinor}, transit ${line.transitMinor}, sum ${line.sumMinor}`,
    );
  }
}

interface BucketOutline extends FileFacts {
  readonly ids: number;
  readonly isByTime: boolean;
  readonly from: string;
  readonly to: string;
  /** Newest record that may have brought one of the ids. */
  readonly through: number;
}

function bucketFacts(path: string): BucketOutline {
  const { count, isByTime, fromMs, endMs, throughSequence } = readHeader(path);
  const [from, to] = [fromMs, endMs].map((ms) => new Date(ms).toISOString());
  return { ...fileFacts(path), ids: count, isByTime, from, to, through: throughSequence };
}

function fileFacts(path: string): FileFacts {
  return { name: basename(path), bytes: statSync(path).size };
}
