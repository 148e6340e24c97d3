import type { ActorRow } from "./actor-row.ts";

/** What has happened to an actor that somebody watches, in one step, or in several where `isConflated`. */
export interface ActorChange {
  readonly row: ActorRow;
  /** Version before it; 0 where the actor is new. */
  readonly previousVersion: number;
  /** Of the record that led to it. */
  readonly sequence: number;
  readonly isConflated: boolean;
}

/**
 * Which actors somebody wants to hear about, and what he has not been told yet. It belongs to the run, and is not journaled.
 */
export class ActorWatches {
  /** By type and id. */
  readonly #watched = new Set<string>();
  #changes: ActorChange[] = [];

  watch(type: string, id: string): void {
    this.#watched.add(`${type} ${id}`);
  }

  unwatch(type: string, id: string): void {
    this.#watched.delete(`${type} ${id}`);
  }

  note(row: ActorRow, previousVersion: number, sequence: number): void {
    if (this.#watched.size === 0 || !this.#watched.has(`${row.type} ${row.id}`)) return;
    this.#changes.push({ row, previousVersion, sequence, isConflated: false });
  }

  /** Hands over what happened, in order, until something is not taken; of what is left only the latest of each actor is kept. */
  tell(take: (change: ActorChange) => boolean): void {
    if (this.#changes.length === 0) return;
    const untold = this.#changes.findIndex((change) => !take(change));
    if (untold < 0) this.#changes.length = 0;
    else this.#changes = conflated(this.#changes.slice(untold));
  }
}

function conflated(changes: readonly ActorChange[]): ActorChange[] {
  const latest = new Map<string, ActorChange>();
  for (const change of changes) {
    const key = `${change.row.type} ${change.row.id}`;
    const before = latest.get(key);
    const merged = before && { ...change, previousVersion: before.previousVersion, isConflated: true };
    latest.set(key, merged ?? change);
  }
  return [...latest.values()];
}
