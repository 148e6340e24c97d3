import type { Frame } from "../engine/journal/frame.ts";
import { CausalOrder, type CrossShardFacts, crossShardFacts } from "./causal-order.ts";
import { CommandError } from "./command-error.ts";
import { EXIT } from "./exit-code.ts";
import type { FrameChain } from "./frame-chain.ts";
import type { FoundFrame } from "./journal-frames.ts";

/** A verified frame of one shard. */
export interface ShardFrame {
  readonly shard: number;
  readonly frame: Frame;
  readonly found: FoundFrame;
}

/** Whether a frame is wanted; with the first one that is not, its shard ends. */
export type FrameLimit = (shard: number, frame: Frame) => boolean;

interface Head extends ShardFrame {
  readonly facts: CrossShardFacts;
}

/**
 * The frames of all shards in one order: by their clocks, but never an effect before its cause.
 *
 * `chains` say where each source begins. It ends with the last frame that is wanted and whose causes are; `order` then says where
 * each shard was cut. What a shard did after that, knowing of what is not wanted, is left out. Frames that `order` has taken
 * already, for they are in the state that it begins with, come by their clocks.
 *
 * **Errors**: `journal_damaged` on the first frame that does not verify.
 */
export function* mergedFrames(
  chains: readonly FrameChain[],
  sources: readonly Iterable<FoundFrame>[],
  isWanted: FrameLimit,
  order = new CausalOrder(sources.length),
): Generator<ShardFrame> {
  const cursors = sources.map((source, shard) => headsOf(chains[shard], source, isWanted));
  const heads = cursors.map((cursor) => nextOf(cursor));
  const begins = [...order.sequences];
  const isTaken = ({ shard, frame }: Head): boolean => frame.firstSequence <= begins[shard];
  try {
    for (;;) {
      let earliest: Head | undefined;
      for (const head of heads) {
        if (head === undefined || !(isTaken(head) || order.mayTake(head.shard, head.facts))) continue;
        if (earliest === undefined || head.frame.clockMs < earliest.frame.clockMs) earliest = head;
      }
      if (earliest === undefined) return;
      if (!isTaken(earliest)) order.take(earliest.shard, earliest.frame, earliest.facts);
      yield earliest;
      heads[earliest.shard] = nextOf(cursors[earliest.shard]);
    }
  } finally {
    for (const cursor of cursors) cursor.return(undefined);
  }
}

function* headsOf(chain: FrameChain, source: Iterable<FoundFrame>, isWanted: FrameLimit): Generator<Head> {
  const { shard } = chain;
  for (const found of source) {
    const frame = chain.next(found);
    if (typeof frame === "string") {
      throw new CommandError(
        EXIT.problems,
        "journal_damaged",
        `the journal frame at ${shard}:${found.key} in ${found.file} is damaged: ${frame}. \`mizan verify\` lists all damage.`,
      );
    }
    if (!isWanted(shard, frame)) return;
    yield { shard, frame, found, facts: crossShardFacts(frame) };
  }
}

function nextOf(cursor: Generator<Head>): Head | undefined {
  const { value, done } = cursor.next();
  return done === true ? undefined : value;
}
