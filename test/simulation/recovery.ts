import type { SealRequest } from "../../engine/idempotency/seal-bucket.ts";
import { genesisHash } from "../../engine/journal/frame.ts";
import { type RecoverableJournal, recover } from "../../engine/shard/recover.ts";
import { ShardState, type ShardStateOptions } from "../../engine/shard/shard-state.ts";
import type { SnapshotPart } from "../../engine/snapshot/part.ts";
import { statePartsOf } from "../../engine/snapshot/state-parts.ts";
import type { Auditor } from "./auditor.ts";
import type { SimulatedJournal } from "./journal.ts";
import type { Plant } from "./plant.ts";
import { SCRATCH } from "./scratch.ts";
import type { SealedIdDisk } from "./sealed-id-disk.ts";
import type { SnapshotDisk } from "./snapshot-disk.ts";
import type { Trace } from "./trace.ts";

export const LEDGER_ID = "simulation";

/** What a start finds. */
interface Disks {
  readonly options: Omit<ShardStateOptions, "shard">;
  readonly journals: readonly SimulatedJournal[];
  readonly snapshots: readonly SnapshotDisk[];
  readonly sealedIds: readonly SealedIdDisk[] | undefined;
  readonly auditor: Auditor;
  readonly plant: Plant;
  readonly trace: Trace;
}

/** Takes ids that shall be sealed. */
type Seal = (request: SealRequest) => void;

/** What a shard knows after a start: its newest sound snapshot, and the journal from there on. */
export function recoverShard(world: Disks, shard: number, seal: Seal): ShardState {
  const { journals, plant } = world;
  const journal = plant.journal?.(journals[shard]) ?? journals[shard];
  return replay(world, loadSnapshot(world, shard, seal) ?? sealingState(world, shard, seal), journal);
}

/** A state with nothing in it but the ids that are sealed. */
function sealingState({ options, sealedIds, auditor }: Disks, shard: number, seal: Seal): ShardState {
  if (sealedIds === undefined) return new ShardState({ ...options, shard }, genesisHash(LEDGER_ID, shard));
  const sealed = sealedIds[shard].open(auditor.sequence(shard), seal);
  return new ShardState({ ...options, shard, sealedIds: sealed }, genesisHash(LEDGER_ID, shard));
}

/** A state with nothing in it. */
export function emptyState({ options }: Disks, shard: number): ShardState {
  return new ShardState({ ...options, shard }, genesisHash(LEDGER_ID, shard));
}

/** The state with what a journal adds to it. */
export function replay(world: Disks, state: ShardState, journal: RecoverableJournal): ShardState {
  recover(state, journal, SCRATCH, {
    progress: () => {},
    cut: ({ position, reason }) => world.trace.add(`the frame at ${position} is cut: ${reason}`),
  });
  return state;
}

/** The newest sound snapshot of a shard, taken in; undefined where there is none. */
export function loadSnapshot(world: Disks, shard: number, seal: Seal): ShardState | undefined {
  const snapshot = world.snapshots[shard].usable;
  if (snapshot === undefined) return undefined;
  const state = sealingState(world, shard, seal);
  const parts = new Map(partsOf(world, state).map((part) => [part.name, part]));
  for (const { part, raw } of snapshot.chunks) parts.get(part)?.load(raw.slice());
  const { sequence, clockMs, frameHash } = snapshot.header;
  state.adopt(sequence, clockMs, Buffer.from(frameHash, "hex"));
  return state;
}

export function partsOf({ plant }: Disks, state: ShardState): readonly SnapshotPart[] {
  const parts = statePartsOf(state);
  return plant.parts?.(parts) ?? parts;
}
