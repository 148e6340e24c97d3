import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { open, type RootDatabase } from "lmdb";

/** More than actors will ever take; of the map it costs addresses only. */
const MAP_BYTES = 1 << 36;

/**
 * Actors that have left memory, as bytes by their row.
 *
 * They are a copy: the truth is the snapshot and the journal. So nothing is synced, and what a run before has left is removed.
 */
export class AwayRows {
  readonly #db: RootDatabase<Uint8Array, number>;
  readonly #directory: string;

  constructor(shardDirectory: string) {
    this.#directory = join(shardDirectory, "away");
    rmSync(this.#directory, { recursive: true, force: true });
    mkdirSync(this.#directory, { recursive: true });
    this.#db = open<Uint8Array, number>({
      path: join(this.#directory, "actors.mdb"),
      noSubdir: true,
      encoding: "binary",
      keyEncoding: "uint32",
      mapSize: MAP_BYTES,
      noSync: true,
      overlappingSync: false,
      eventTurnBatching: false,
      maxDbs: 1,
    });
  }

  /** Takes rows, all of them or none. **Errors**: throws where the disk has no room. */
  put(rows: readonly (readonly [row: number, bytes: Uint8Array])[]): void {
    this.#db.transactionSync(() => {
      for (const [row, bytes] of rows) this.#db.putSync(row, bytes);
    });
  }

  /** **Errors**: throws where the row was never put. */
  get(row: number): Uint8Array {
    const bytes = this.#db.get(row);
    if (bytes === undefined) throw new Error(`actor ${row} of the shard has left memory and is nowhere`);
    return bytes;
  }

  /** Forgets all rows. */
  clear(): void {
    this.#db.clearSync();
  }

  async close(): Promise<void> {
    await this.#db.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
