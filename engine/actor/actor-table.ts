import { ExpiryQueue } from "../holds/expiry-queue.ts";
import type { ObjectRecord } from "../object/object-record.ts";
import type { Projection } from "./actor.ts";
import type { ActorRow, OpenSaga } from "./actor-row.ts";
import { ActorWatches } from "./actor-watches.ts";
import { evolveActor } from "./evolve-actor.ts";
import { actorOf } from "./registry.ts";
import { RowMemory, type RowMemoryOptions } from "./row-memory.ts";

export interface ActorBounds {
  /** 65,536 where absent. */
  readonly actorsPerShardMax?: number;
  /** All actors stay in memory where absent. */
  readonly actorMemory?: RowMemoryOptions;
}

/** Actors of a shard by row. An actor that has left memory is read each time. */
export interface ActorRows {
  readonly length: number;
  readonly at: (row: number) => ActorRow;
  readonly typeAt: (row: number) => string;
  readonly isAway: (row: number) => boolean;
}

const NEVER = Number.POSITIVE_INFINITY;

/**
 * The actors of a shard, in rows in the order in which they came.
 *
 * When one is due is not stored: it follows from its state.
 */
export class ActorTable {
  readonly watches = new ActorWatches();
  readonly #rowsMax: number;
  readonly #rows: RowMemory;
  /** Type → id → row: the ids are those of the rows, so they take no memory of their own. */
  readonly #rowOf = new Map<string, Map<string, number>>();
  readonly #open = new Set<number>();
  readonly #dueAtMs: Float64Array;
  readonly #due: ExpiryQueue;
  /** Rows that changed before a snapshot has copied them, as they were. */
  readonly #images = new Map<number, ActorRow>();
  /** By type; undefined for a type that has none. */
  readonly #projections = new Map<string, Projection<unknown> | undefined>();
  #guardedFrom = 0;
  #guardedTo = 0;

  constructor({ actorsPerShardMax: rowsMax = 65_536, actorMemory }: ActorBounds) {
    this.#rowsMax = rowsMax;
    this.#rows = new RowMemory(rowsMax, (row) => this.#open.has(row), actorMemory);
    this.#dueAtMs = new Float64Array(rowsMax);
    this.#due = new ExpiryQueue(this.#dueAtMs);
  }

  get count(): number {
    return this.#rows.length;
  }

  countOf(type: string): number {
    return this.#rowOf.get(type)?.size ?? 0;
  }

  /** Those of them all that are in memory. */
  get inMemoryCount(): number {
    return this.#rows.inMemoryCount;
  }

  get isFull(): boolean {
    return this.#rows.length >= this.#rowsMax;
  }

  /** Actors that wait for wallets. */
  get openCount(): number {
    return this.#open.size;
  }

  /** What of that an operator or an alarm should know. `oldestAtMs` is 0 where nothing waits. */
  openFacts(): { readonly parked: number; readonly oldestAtMs: number } {
    let parked = 0;
    let oldestAtMs = NEVER;
    for (const row of this.#open) {
      const saga = this.#rows.use(row).open?.saga;
      if (saga === undefined) continue;
      if (saga.isParked) parked += 1;
      oldestAtMs = Math.min(oldestAtMs, saga.startedAtMs);
    }
    return { parked, oldestAtMs: oldestAtMs === NEVER ? 0 : oldestAtMs };
  }

  get(type: string, id: string): ActorRow | undefined {
    const row = this.#rowOf.get(type)?.get(id);
    return row === undefined ? undefined : this.#rows.use(row);
  }

  /** What is kept of all actors of a type together; undefined where nothing is. */
  projection(type: string): Projection<unknown> | undefined {
    if (!this.#projections.has(type)) this.#projections.set(type, actorOf(type)?.projection?.());
    return this.#projections.get(type);
  }

  /** All actors, in the order in which they came. */
  rows(): readonly ActorRow[] {
    return Array.from({ length: this.#rows.length }, (_, row) => this.#rows.at(row));
  }

  /** The same for whoever looks at some of many. */
  get byRow(): ActorRows {
    return this.#rows;
  }

  /** Actors that wait for wallets, in the order in which they came. */
  open(): readonly (ActorRow & { readonly open: OpenSaga })[] {
    const isOpen = (row: ActorRow): row is ActorRow & { readonly open: OpenSaga } => row.open !== undefined;
    return [...this.#open]
      .sort((a, b) => a - b)
      .map((row) => this.#rows.use(row))
      .filter(isOpen);
  }

  /** When the next actor is due, or infinity. **Units**: milliseconds since the epoch. */
  nextDueAtMs(): number {
    const first = this.#due.first();
    return first < 0 ? NEVER : this.#dueAtMs[first];
  }

  /** The actor that is due first, if its time has come. */
  firstDue(nowMs: number): ActorRow | undefined {
    return this.nextDueAtMs() <= nowMs ? this.#rows.use(this.#due.first()) : undefined;
  }

  /** Applies a record, live or from the journal. **Errors**: throws where it does not follow from the state. */
  evolve(record: ObjectRecord, sequence: number): void {
    const actor = actorOf(record.aggregate);
    if (actor === undefined)
      throw new Error(`a record is of aggregate ${record.aggregate}, which this program does not know`);
    const before = this.get(record.aggregate, record.id);
    const after = evolveActor(actor, before, record, sequence);
    if (after === undefined || after === before) return;
    this.put(after);
    this.watches.note(after, before?.version ?? 0, sequence);
  }

  /** Takes an actor as it is: also how a snapshot is loaded. */
  put(actor: ActorRow): void {
    const rowOf = this.#rowsOf(actor.type);
    let row = rowOf.get(actor.id);
    if (row === undefined) {
      row = this.#rows.length;
      if (row >= this.#rowsMax) {
        throw new Error(
          `the shard has more than ${this.#rowsMax} actors; start with a larger MIZAN_ACTORS_PER_SHARD_MAX`,
        );
      }
      rowOf.set(actor.id, row);
    } else {
      if (row >= this.#guardedFrom && row < this.#guardedTo && !this.#images.has(row)) {
        this.#images.set(row, this.#rows.use(row));
      }
      if (this.#dueAtMs[row] !== NEVER) this.#due.remove(row);
    }
    const before = row < this.#rows.length ? this.#rows.use(row).state : undefined;
    // Most steps of a saga change nothing but the saga.
    if (before !== actor.state) this.projection(actor.type)?.change(before, actor.state);
    this.#rows.set(row, actor);
    if (actor.open === undefined) this.#open.delete(row);
    else this.#open.add(row);
    const dueAtMs = dueAtMsOf(actor);
    this.#dueAtMs[row] = dueAtMs;
    if (dueAtMs !== NEVER) this.#due.add(row);
  }

  /** From now on `copy` gives the rows as they are now, until `release`. */
  guard(): void {
    this.#images.clear();
    this.#guardedFrom = 0;
    this.#guardedTo = this.#rows.length;
  }

  /** Up to so many guarded rows that were not copied yet, in order. */
  copy(rowsMax: number): readonly ActorRow[] {
    const from = this.#guardedFrom;
    const to = Math.min(from + rowsMax, this.#guardedTo);
    this.#guardedFrom = to;
    return Array.from({ length: to - from }, (_, index) => {
      const image = this.#images.get(from + index);
      this.#images.delete(from + index);
      return image ?? this.#rows.at(from + index);
    });
  }

  release(): void {
    this.#images.clear();
    this.#guardedTo = 0;
  }

  #rowsOf(type: string): Map<string, number> {
    const known = this.#rowOf.get(type) ?? new Map<string, number>();
    this.#rowOf.set(type, known);
    return known;
  }
}

function dueAtMsOf({ type, state, open }: ActorRow): number {
  if (open !== undefined) return open.saga.isParked ? NEVER : (open.saga.retryAtMs ?? NEVER);
  return actorOf(type)?.dueAtMs(state) ?? NEVER;
}
