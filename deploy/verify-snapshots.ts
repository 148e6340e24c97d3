import { existsSync } from "node:fs";
import type { ShardState } from "../engine/shard/shard-state.ts";
import { ChunkPool } from "../snapshots/chunk-pool.ts";
import type { StoredSnapshot } from "../snapshots/snapshot-directory.ts";
import { requireSnapshotOf } from "../snapshots/snapshot-file.ts";
import { SnapshotReader } from "../snapshots/snapshot-reader.ts";
import type { Problem } from "./problem.ts";
import { stateHashOf } from "./state-hash.ts";

/** What a snapshot says of the state at its position. */
interface SnapshotClaim {
  readonly path: string;
  readonly frameHash: string;
  readonly stateHash: string;
}

/** The snapshots of one shard: each is checked by itself, and then against the state that the journal comes to. */
export class SnapshotChecks {
  readonly #claims = new Map<number, SnapshotClaim>();
  readonly #onProblem: (problem: Problem) => void;
  #checked = 0;

  private constructor(onProblem: (problem: Problem) => void) {
    this.#onProblem = onProblem;
  }

  /** Reads every snapshot to its end. */
  static async open(
    snapshots: readonly StoredSnapshot[],
    ledger: { readonly ledgerId: string; readonly shards: number },
    shard: number,
    hooks: { readonly onFile: (file: string) => void; readonly onProblem: (problem: Problem) => void },
  ): Promise<SnapshotChecks> {
    const checks = new SnapshotChecks(hooks.onProblem);
    const pool = new ChunkPool(1);
    try {
      for (const { path, sequence } of snapshots) {
        hooks.onFile(path);
        try {
          checks.#claims.set(sequence, await readClaim(path, sequence, ledger, shard, pool));
        } catch (error) {
          // A running ledger removes the oldest when it has taken a new one.
          if (!existsSync(path)) continue;
          hooks.onProblem({ file: path, problem: error instanceof Error ? error.message : String(error) });
        }
      }
    } finally {
      await pool.close();
    }
    return checks;
  }

  /** Snapshots whose state was compared. */
  get checked(): number {
    return this.#checked;
  }

  /** Takes a snapshot out of the comparison, for the state began with it. */
  begunWith(sequence: number): void {
    this.#claims.delete(sequence);
  }

  /** Compares the state with the snapshot at its position, if there is one. */
  at(state: ShardState): void {
    const claim = this.#claims.get(state.sequence);
    if (claim === undefined) return;
    this.#claims.delete(state.sequence);
    this.#checked += 1;
    const position = `${state.shard}:${state.sequence}`;
    const tell = (problem: string): void => this.#onProblem({ position, file: claim.path, problem });
    if (Buffer.from(state.hash).toString("hex") !== claim.frameHash) {
      tell("the snapshot is of another history: the journal's frame there has another hash");
    } else if (stateHashOf(state) !== claim.stateHash) {
      tell("the state in the snapshot is not what the journal comes to");
    }
  }

  /** Tells of the snapshots whose positions the journal does not have. */
  end(): void {
    for (const [sequence, { path }] of this.#claims) {
      this.#onProblem({
        file: path,
        problem: `no frame of the journal ends at ${sequence}, where the snapshot was taken`,
      });
    }
  }
}

async function readClaim(
  path: string,
  sequence: number,
  { ledgerId, shards }: { readonly ledgerId: string; readonly shards: number },
  shard: number,
  pool: ChunkPool,
): Promise<SnapshotClaim> {
  const reader = SnapshotReader.open(path);
  try {
    const { header } = reader;
    requireSnapshotOf(header, ledgerId, shard, shards);
    if (header.sequence !== sequence) throw new Error(`it was taken at ${shard}:${header.sequence}`);
    await reader.verify(pool);
    return { path, frameHash: header.frameHash, stateHash: reader.stateHash };
  } finally {
    reader.close();
  }
}
