import { genesisHash } from "../engine/journal/frame.ts";
import { recordBytes } from "../engine/journal/record.ts";
import { type RecordView, viewRecord } from "../engine/journal/record-view.ts";
import type { LedgerFile } from "../engine/ledger-file.ts";
import { ShardState } from "../engine/shard/shard-state.ts";
import { loadConfig } from "../gateway/config.ts";
import { FRAME_HEADER_BYTES } from "../protocol/limits.ts";
import { type DataDirectory, shardsOf } from "./data-directory.ts";
import type { ShardFrame } from "./merged-frames.ts";

/** Ids that a replay remembers: it answers no command, so a small window will do. */
const IDS_MAX = 65_536;

/** What happened, and where it stands. */
export interface LedgerEvent {
  readonly shard: number;
  readonly sequence: number;
  readonly clockMs: number;
  readonly record: RecordView;
}

/** The states of all shards, empty, to be filled from a journal. */
export function emptyStates(directory: DataDirectory): ShardState[] {
  return shardsOf(directory).map((shard) => emptyState(directory.ledger, shard));
}

/** The state of a shard before its first record, with the bounds that the settings give. */
export function emptyState({ ledgerId, calendarTimeZone }: LedgerFile, shard: number): ShardState {
  const options = { ...loadConfig(process.env), shard, calendarTimeZone, idempotencyIdsMax: IDS_MAX };
  return new ShardState(options, genesisHash(ledgerId, shard));
}

/** Applies a frame to the state of its shard, unless the state began with it, and gives its records. */
export function replay(states: readonly ShardState[], next: ShardFrame): Generator<LedgerEvent> {
  const state = states[next.shard];
  if (next.frame.firstSequence > state.sequence) state.evolveFrame(next.frame);
  return eventsOf(states[next.shard], next);
}

/** The records of a frame that was applied to a state, with wallet ids in place of slots. */
export function* eventsOf(state: ShardState, { shard, frame }: ShardFrame): Generator<LedgerEvent> {
  let at = FRAME_HEADER_BYTES >>> 2;
  for (let index = 0; index < frame.recordCount; index += 1) {
    const sequence = frame.firstSequence + index;
    const record = viewRecord(frame, at, sequence, (slot) => state.walletId(slot));
    yield { shard, sequence, clockMs: frame.clockMs, record };
    at += recordBytes(frame.lanes, at) >>> 2;
  }
}
