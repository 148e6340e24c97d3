import { dirname, resolve } from "node:path";
import { firstSequenceOf, HASH_BYTES, shardOfFrame } from "../engine/journal/frame.ts";
import { readTailFile } from "../engine/journal/tail-file.ts";
import type { ShardState } from "../engine/shard/shard-state.ts";
import { CommandError } from "./command-error.ts";
import { type DataDirectory, findLedger } from "./data-directory.ts";
import { eventLine } from "./event-line.ts";
import { EXIT } from "./exit-code.ts";
import { FrameChain } from "./frame-chain.ts";
import { LineWriter } from "./line-writer.ts";
import { emptyState, eventsOf } from "./replay.ts";
import { replayShard } from "./replay-shard.ts";
import { Terminal } from "./terminal.ts";

interface TailOptions {
  readonly json?: true;
  readonly of?: string;
  readonly out?: string;
}

/**
 * `mizan tail`: writes what was cut off a shard's journal as JSON lines, as `mizan export` does.
 *
 * The ledger's own journal says which wallets the records name, so it is read up to the cut.
 */
export async function tail(file: string, options: TailOptions): Promise<void> {
  const terminal = new Terminal(options.json === true);
  const [head] = readTailFile(file);
  const first = head === undefined || head.byteLength <= 2 * HASH_BYTES ? undefined : head;
  if (first === undefined) throw notATail(file, "it holds no frame");
  const directory = findLedger(options.of ?? dirname(dirname(resolve(file))));
  const shard = shardOfFrame(first);
  const firstSequence = firstSequenceOf(first);
  if (shard >= directory.ledger.shards) throw notATail(file, `the ledger in ${directory.path} has no shard ${shard}`);
  const state = await stateBefore(directory, shard, firstSequence, terminal);
  const chain = new FrameChain(directory.ledger.ledgerId, shard);
  chain.resume(state.hash, state.sequence + 1);
  const out = new LineWriter(options.out);
  let events = 0;
  for (const value of readTailFile(file)) {
    const found = { key: firstSequenceOf(value), value, file };
    const frame = chain.next(found);
    if (typeof frame === "string") throw notATail(file, `after ${shard}:${chain.nextSequence - 1}: ${frame}`);
    state.evolveFrame(frame);
    for (const event of eventsOf(state, { shard, frame, found })) {
      events += 1;
      await out.line(eventLine(event));
    }
  }
  await out.end();
  if (options.out === undefined) return;
  const positions = { first: `${shard}:${firstSequence}`, last: `${shard}:${state.sequence}` };
  terminal.say(`${events} events written to ${options.out}, from ${positions.first} to ${positions.last}`);
  terminal.result({ command: "tail", ok: true, events, ...positions, file: options.out });
}

async function stateBefore(
  directory: DataDirectory,
  shard: number,
  sequence: number,
  terminal: Terminal,
): Promise<ShardState> {
  if (sequence === 1) return emptyState(directory.ledger, shard);
  return replayShard(directory, shard, terminal, ({ frame }) => frame.firstSequence + frame.recordCount < sequence);
}

function notATail(file: string, reason: string): CommandError {
  return new CommandError(EXIT.problems, "tail_unreadable", `${file} cannot be read: ${reason}`);
}
