import { CausalOrder } from "./causal-order.ts";
import { findLedger, shardsOf } from "./data-directory.ts";
import { type ExportEnd, type ExportHeader, eventLine } from "./event-line.ts";
import { startsOfHistory } from "./history-start.ts";
import { JournalFrames } from "./journal-frames.ts";
import { LineWriter } from "./line-writer.ts";
import { mergedFrames } from "./merged-frames.ts";
import { isFrom, parsePoint, until } from "./point.ts";
import { replay } from "./replay.ts";
import { Terminal } from "./terminal.ts";

interface ExportOptions {
  readonly json?: true;
  readonly out?: string;
  readonly from?: string;
  readonly to?: string;
}

/** `mizan export`: writes what happened as JSON lines, in an order in which no effect comes before its cause. */
export async function exportEvents(dataDir: string, options: ExportOptions): Promise<void> {
  const terminal = new Terminal(options.json === true);
  const directory = findLedger(dataDir);
  const { ledger } = directory;
  const from = options.from === undefined ? undefined : parsePoint(options.from, ledger.shards);
  const to = options.to === undefined ? undefined : parsePoint(options.to, ledger.shards);
  const journals = shardsOf(directory).map((shard) => new JournalFrames(dataDir, shard));
  const progress = terminal.progress(
    "exporting",
    journals.reduce((sum, journal) => sum + journal.lastSequence(), 0),
  );
  const starts = await startsOfHistory(directory, journals, terminal);
  const out = new LineWriter(options.out);
  const header: ExportHeader = {
    mizan: "events",
    formatVersion: 1,
    ledgerId: ledger.ledgerId,
    shards: ledger.shards,
    calendarTimeZone: ledger.calendarTimeZone,
    createdAt: ledger.createdAt,
    isWhole: from === undefined && starts.every(({ firstSequence }) => firstSequence === 1),
  };
  await out.line(header);
  const states = starts.map(({ state }) => state);
  const chains = starts.map(({ chain }) => chain);
  const order = CausalOrder.after(states);
  const sources = starts.map(({ firstSequence }, shard) => journals[shard].frames(firstSequence));
  let events = 0;
  for (const next of mergedFrames(chains, sources, until(to), order)) {
    for (const event of replay(states, next)) {
      if (!isFrom(from, event.shard, event.sequence, event.clockMs)) continue;
      events += 1;
      await out.line(eventLine(event));
    }
    await progress.advance(next.frame.recordCount);
  }
  const positions = order.sequences.map((sequence, shard) => `${shard}:${sequence}`);
  const end: ExportEnd = { mizan: "end", events, positions };
  await out.line(end);
  await out.end();
  progress.end();
  if (options.out === undefined) return;
  terminal.say(`${events} events written to ${options.out}, up to ${positions.join(", ")}`);
  terminal.result({ command: "export", ok: true, events, positions, file: options.out });
}
