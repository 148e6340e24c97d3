import { ChunkPool } from "../../snapshots/chunk-pool.ts";
import { listSnapshots } from "../../snapshots/snapshot-directory.ts";
import { requireSnapshotOf, type SnapshotHeader } from "../../snapshots/snapshot-file.ts";
import { SnapshotReader } from "../../snapshots/snapshot-reader.ts";
import type { ShardState } from "../shard/shard-state.ts";
import { statePartsOf } from "./state-parts.ts";

const THREADS = 2;
const REPORT_EVERY_MS = 2_000;

export interface SnapshotLoadOptions {
  /** The shard's directory of snapshots, which need not exist. */
  readonly directory: string;
  readonly ledgerId: string;
  readonly shardCount: number;
  /** Makes a state with nothing in it. */
  readonly emptyState: () => ShardState;
  /** Hash of the journal's frame that ends with a sequence, in hexadecimal; undefined where it has none that is sound. */
  readonly frameHashAt: (sequence: number) => string | undefined;
  /** A snapshot cannot be used, and the one before it is tried. */
  readonly onDamaged: (path: string, reason: string) => void;
  /** Called every two seconds while a snapshot is taken in. */
  readonly onProgress: (progress: SnapshotLoadProgress) => void;
}

export interface SnapshotLoadProgress {
  readonly chunks: number;
  readonly chunksTotal: number;
}

export interface LoadedState {
  readonly state: ShardState;
  /** Undefined where there is no snapshot that could be used. */
  readonly snapshot: SnapshotHeader | undefined;
}

/**
 * The state of the newest snapshot that is sound and belongs to the journal; an empty one where there is none.
 *
 * Chunks are read, decompressed and checked by other threads while the ones before are taken in.
 */
export async function loadNewestSnapshot(options: SnapshotLoadOptions): Promise<LoadedState> {
  const snapshots = listSnapshots(options.directory);
  if (snapshots.length === 0) return { state: options.emptyState(), snapshot: undefined };
  const pool = new ChunkPool(THREADS);
  try {
    for (const { path } of snapshots) {
      try {
        return await loadSnapshot(path, pool, options, options.onProgress);
      } catch (error) {
        if (error instanceof JournalMismatchError) throw error;
        options.onDamaged(path, error instanceof Error ? error.message : String(error));
      }
    }
  } finally {
    await pool.close();
  }
  return { state: options.emptyState(), snapshot: undefined };
}

/** The state in one snapshot. **Errors**: throws where it is damaged, or is not of this journal. */
export async function loadSnapshot(
  path: string,
  pool: ChunkPool,
  options: Omit<SnapshotLoadOptions, "directory" | "onDamaged" | "onProgress">,
  onProgress?: SnapshotLoadOptions["onProgress"],
): Promise<LoadedState & { readonly snapshot: SnapshotHeader }> {
  const reader = SnapshotReader.open(path);
  try {
    const { header } = reader;
    const state = options.emptyState();
    requireOwn(header, state, options);
    const parts = new Map(statePartsOf(state).map((part) => [part.name, part]));
    let chunks = 0;
    let reportAtMs = performance.now() + REPORT_EVERY_MS;
    for await (const { part: name, raw } of reader.restore(pool)) {
      const part = parts.get(name);
      if (part === undefined) throw new Error(`it holds a part named ${name}, which this program does not know`);
      part.load(raw);
      chunks += 1;
      if (performance.now() < reportAtMs) continue;
      reportAtMs += REPORT_EVERY_MS;
      onProgress?.({ chunks, chunksTotal: reader.chunks.length });
    }
    state.adopt(header.sequence, header.clockMs, Buffer.from(header.frameHash, "hex"));
    return { state, snapshot: header };
  } finally {
    reader.close();
  }
}

function requireOwn(
  header: SnapshotHeader,
  state: ShardState,
  options: Pick<SnapshotLoadOptions, "ledgerId" | "shardCount" | "frameHashAt">,
): void {
  requireSnapshotOf(header, options.ledgerId, state.shard, options.shardCount);
  if (options.frameHashAt(header.sequence) !== header.frameHash) {
    throw new JournalMismatchError(state.shard, header.sequence);
  }
}

/** A sound snapshot was taken of a frame that the journal does not have: frames that were acknowledged are gone. */
class JournalMismatchError extends Error {
  constructor(shard: number, sequence: number) {
    super(
      `a snapshot was taken at ${shard}:${sequence}, but the journal has no sound frame that ends there: it was cut or ` +
        "replaced. Nothing was changed. Restore the journal's files from a backup.",
    );
  }
}
