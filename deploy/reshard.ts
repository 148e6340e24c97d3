import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { lockDataDir } from "../gateway/data-lock.ts";
import { keyFilePath } from "../gateway/people/key-file.ts";
import { SHARDS_MAX } from "../protocol/limits.ts";
import { BuiltDirectory } from "./built-directory.ts";
import { CausalOrder } from "./causal-order.ts";
import { CommandError } from "./command-error.ts";
import { findLedger, shardsOf } from "./data-directory.ts";
import { EXIT } from "./exit-code.ts";
import { FrameChain } from "./frame-chain.ts";
import { requireWholeHistory } from "./history-start.ts";
import { JournalFrames } from "./journal-frames.ts";
import { mergedFrames } from "./merged-frames.ts";
import { LedgerRebuilder } from "./rebuild/ledger-rebuilder.ts";
import { requireSameWallets } from "./rebuild/same-wallets.ts";
import { ShardWriter } from "./rebuild/shard-writer.ts";
import { emptyState, emptyStates, replay } from "./replay.ts";
import { Terminal } from "./terminal.ts";

/**
 * `mizan reshard`: writes a stopped ledger anew for another number of shards, into another directory.
 *
 * Wallets, balances, versions, history and command ids stay; positions change, and with them the ledger's id, so that
 * nobody takes the one for the other. The old directory is left as it is.
 */
export async function reshard(
  dataDir: string,
  options: { readonly json?: true; readonly shards: string; readonly to: string },
): Promise<void> {
  const terminal = new Terminal(options.json === true);
  const directory = findLedger(dataDir);
  const shards = /^\d{1,3}$/.test(options.shards) ? Number(options.shards) : 0;
  if (shards < 1 || shards > SHARDS_MAX) {
    throw new CommandError(EXIT.usage, "usage", `--shards must be a whole number from 1 to ${SHARDS_MAX}`);
  }
  const lock = await lockDataDir(dataDir);
  try {
    const ledger = { ...directory.ledger, ledgerId: randomUUID(), shards };
    const journals = shardsOf(directory).map((shard) => new JournalFrames(dataDir, shard));
    requireWholeHistory(journals, "reshard");
    const target = new BuiltDirectory(options.to, ledger);
    const lastSequences = journals.map((journal) => journal.lastSequence());
    const progress = terminal.progress(
      "resharding",
      lastSequences.reduce((sum, last) => sum + last, 0),
    );
    const order = new CausalOrder(directory.ledger.shards);
    const before = emptyStates(directory);
    const writers = target.journals.map((journal, shard) => new ShardWriter(emptyState(ledger, shard), journal));
    const rebuilder = new LedgerRebuilder(writers, directory.ledger.shards);
    let events = 0;
    try {
      const sources = journals.map((journal) => journal.frames(1));
      for (const next of mergedFrames(FrameChain.ofLedger(directory.ledger), sources, () => true, order)) {
        for (const event of replay(before, next)) {
          take(rebuilder, event);
          events += 1;
        }
        await progress.advance(next.frame.recordCount);
      }
      finish(rebuilder);
      requireWhole(order, lastSequences);
      requireSameWallets(
        before,
        writers.map(({ state }) => state),
      );
      const keys = keyFilePath(dataDir);
      if (existsSync(keys)) await target.takeKeys(keys);
      await target.finish();
    } catch (error) {
      await target.drop();
      throw error;
    }
    progress.end();
    const positions = writers.map(({ state }) => `${state.shard}:${state.sequence}`);
    const openTransfers = writers.reduce((sum, { state }) => sum + state.transfers.size, 0);
    terminal.say(
      `${events} events of ${directory.ledger.shards} shards written to ${options.to} for ${shards}, up to ${positions.join(", ")}`,
    );
    terminal.result({
      command: "reshard",
      ok: true,
      events,
      shards,
      positions,
      openTransfers,
      ledgerId: ledger.ledgerId,
    });
  } finally {
    lock.release();
  }
}

/** A shard that knows of something that another one has not done cannot be moved. */
function requireWhole({ sequences }: CausalOrder, lastSequences: readonly number[]): void {
  const shard = lastSequences.findIndex((last, index) => sequences[index] !== last);
  if (shard < 0) return;
  throw new CommandError(
    EXIT.problems,
    "shards_disagree",
    `shard ${shard} knows at ${shard}:${sequences[shard] + 1} of something that another shard has not journaled`,
  );
}

function finish(rebuilder: LedgerRebuilder): void {
  try {
    rebuilder.finish();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandError(EXIT.problems, "not_reshardable", `the ledger cannot be moved: ${reason}`);
  }
}

function take(rebuilder: LedgerRebuilder, event: Parameters<LedgerRebuilder["take"]>[0]): void {
  try {
    rebuilder.take(event);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandError(
      EXIT.problems,
      "not_reshardable",
      `the record at ${event.shard}:${event.sequence} cannot be moved: ${reason}`,
    );
  }
}
