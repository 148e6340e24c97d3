import { join } from "node:path";
import { sealBucket } from "../engine/idempotency/seal-bucket.ts";
import { SealedIds } from "../engine/idempotency/sealed-ids.ts";
import { genesisHash, openFrame } from "../engine/journal/frame.ts";
import { LmdbJournal } from "../engine/journal/journal.ts";
import { createJournalControlMemory } from "../engine/journal/journal-control.ts";
import { recover } from "../engine/shard/recover.ts";
import { repairIds } from "../engine/shard/repair-ids.ts";
import { ShardState } from "../engine/shard/shard-state.ts";
import { loadNewestSnapshot } from "../engine/snapshot/snapshot-loader.ts";

/** Where a shard of a ledger has its files, and which one it is. */
export interface ShardFiles {
  readonly directory: string;
  readonly archiveDirectory: string;
  readonly ledgerId: string;
}

const BOUNDS = {
  shard: 0,
  walletsPerShardMax: 4_096,
  holdsPerShardMax: 1_024,
  calendarTimeZone: "Africa/Cairo",
  idempotencyWindowMs: 86_400_000,
  idempotencyIdsMax: 1 << 20,
};

/** A state of the one shard that knows nothing, with all ids in memory. */
export function freshState(ledgerId: string): ShardState {
  return new ShardState(BOUNDS, genesisHash(ledgerId, 0));
}

/** What the thread of the one shard knows after a start: snapshot, sealed ids and the journal behind them. */
export async function startedState({ directory, archiveDirectory, ledgerId }: ShardFiles): Promise<ShardState> {
  const sharing = { control: createJournalControlMemory(), archiveDirectory };
  const journal = await LmdbJournal.open(directory, 1 << 20, () => {}, sharing);
  const frameEnding = (sequence: number) => {
    const value = journal.frameAt(sequence);
    const frame = value === undefined ? "it is missing" : openFrame(value, 0);
    if (typeof frame === "string") return undefined;
    return { last: frame.firstSequence + frame.recordCount - 1, hash: Buffer.from(frame.hash).toString("hex") };
  };
  try {
    const lastSequence = frameEnding(journal.range?.last ?? 0)?.last ?? 0;
    const sealedIds = (): SealedIds =>
      new SealedIds({
        directory,
        shard: 0,
        lastSequence,
        filterBytesMax: 1 << 20,
        diskBytesMax: 0,
        seal: sealBucket,
        damaged: () => {},
      });
    const { state } = await loadNewestSnapshot({
      directory: join(directory, "snapshots"),
      ledgerId,
      shardCount: 1,
      emptyState: () => new ShardState({ ...BOUNDS, sealedIds: sealedIds() }, genesisHash(ledgerId, 0)),
      frameHashAt: (sequence) => {
        const frame = frameEnding(sequence);
        return frame?.last === sequence ? frame.hash : undefined;
      },
      onDamaged: (path, reason) => {
        throw new Error(`${path}: ${reason}`);
      },
      onProgress: () => {},
    });
    const hooks = {
      progress: () => {},
      cut: ({ position }: { readonly position: string }) => {
        throw new Error(`the frame at ${position} was cut`);
      },
    };
    repairIds(state, journal, hooks);
    recover(state, journal, directory, hooks);
    return state;
  } finally {
    await journal.close();
  }
}
