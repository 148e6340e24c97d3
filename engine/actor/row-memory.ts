import { pack, unpack } from "../object/object-record.ts";
import type { ActorRow } from "./actor-row.ts";
import type { AwayRows } from "./away-rows.ts";
import { actorOf } from "./registry.ts";

export interface RowMemoryOptions {
  /** Actors that stay in memory; those that wait for wallets stay besides. */
  readonly inMemoryMax: number;
  readonly away: Pick<AwayRows, "get" | "put">;
}

/** Rows that leave together at most: packing that many of the largest takes a millisecond. */
const LEAVING_MAX = 16;
/** Rows that are looked at for one that leaves. */
const LOOKS_MAX = 4;

/**
 * The rows of actors, of which those that were not used for long leave memory.
 *
 * A hand goes round those in memory. It puts away what nobody has used since it came by, some at a time as others come in, and one
 * that has not changed since it was read back is only dropped.
 */
export class RowMemory {
  readonly #rows: (ActorRow | undefined)[] = [];
  readonly #types: string[] = [];
  readonly #isOpen: (row: number) => boolean;
  readonly #inMemoryMax: number;
  readonly #leavingMax: number;
  readonly #away: RowMemoryOptions["away"] | undefined;
  /** Rows in memory, in no order; kept only where rows may leave. */
  readonly #inMemory: number[] = [];
  #hand = 0;
  /** Per row: whether it was used since the hand came by, and whether what is away is what it is now. */
  readonly #isUsed: Uint8Array;
  readonly #isSaved: Uint8Array;

  constructor(rowsMax: number, isOpen: (row: number) => boolean, options?: RowMemoryOptions) {
    const bytes = options === undefined ? 0 : rowsMax;
    this.#isOpen = isOpen;
    this.#inMemoryMax = options?.inMemoryMax ?? Number.POSITIVE_INFINITY;
    this.#leavingMax = Math.min(LEAVING_MAX, this.#inMemoryMax);
    this.#away = options?.away;
    this.#isUsed = new Uint8Array(bytes);
    this.#isSaved = new Uint8Array(bytes);
  }

  get length(): number {
    return this.#rows.length;
  }

  get inMemoryCount(): number {
    return this.#away === undefined ? this.#rows.length : this.#inMemory.length;
  }

  typeAt(row: number): string {
    return this.#types[row];
  }

  isAway(row: number): boolean {
    return this.#rows[row] === undefined;
  }

  /** A row for one look: one that is away stays away. */
  at(row: number): ActorRow {
    return this.#rows[row] ?? this.#read(row);
  }

  /** A row that is in memory from now on, until it is not used for long. */
  use(row: number): ActorRow {
    this.#isUsed[row] = 1;
    const kept = this.#rows[row];
    if (kept !== undefined) return kept;
    const read = this.#read(row);
    this.#rows[row] = read;
    this.#isSaved[row] = 1;
    this.#comeIn(row);
    return read;
  }

  /** Takes a row as it is now; a new one has the number of those before it. */
  set(row: number, actor: ActorRow): void {
    const isIn = this.#rows[row] !== undefined;
    this.#rows[row] = actor;
    // One text for all actors of a type, whatever each was read from.
    this.#types[row] = actorOf(actor.type)?.name ?? actor.type;
    this.#isUsed[row] = 1;
    this.#isSaved[row] = 0;
    if (!isIn) this.#comeIn(row);
  }

  #read(row: number): ActorRow {
    if (this.#away === undefined) throw new RangeError(`there is no actor ${row}`);
    const bytes = this.#away.get(row);
    return unpack(bytes, 0, bytes.byteLength) as ActorRow;
  }

  #comeIn(row: number): void {
    if (this.#away === undefined) return;
    this.#inMemory.push(row);
    if (this.#inMemory.length >= this.#inMemoryMax + this.#leavingMax) this.#putAway(this.#away, row);
  }

  #putAway(away: RowMemoryOptions["away"], cameIn: number): void {
    const leaving: number[] = [];
    for (let looks = 0; looks < LOOKS_MAX * this.#leavingMax && leaving.length < this.#leavingMax; looks += 1) {
      if (this.#hand >= this.#inMemory.length) this.#hand = 0;
      const row = this.#inMemory[this.#hand];
      if (row === cameIn || this.#isUsed[row] === 1 || this.#isOpen(row)) {
        this.#isUsed[row] = 0;
        this.#hand += 1;
        continue;
      }
      leaving.push(row);
      const last = this.#inMemory.pop() as number;
      if (this.#hand < this.#inMemory.length) this.#inMemory[this.#hand] = last;
    }
    const changed = leaving.filter((row) => this.#isSaved[row] === 0);
    if (changed.length > 0) away.put(changed.map((row) => [row, pack(this.#rows[row])] as const));
    for (const row of leaving) this.#rows[row] = undefined;
  }
}
