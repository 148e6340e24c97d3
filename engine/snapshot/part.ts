import type { TakeMemory } from "./chunk-memory.ts";

/**
 * One part of a shard's state, as a snapshot takes it: copied in chunks while the shard goes on.
 *
 * The chunks of all parts together are the state at the moment of `begin`, and a function of the journal alone: a state
 * rebuilt from the journal gives the same bytes. Their hash is the state hash.
 */
export interface SnapshotPart {
  /** Name in the file; it never changes. */
  readonly name: string;
  /** Marks the moment, between two frames. Takes no longer for a larger state. */
  begin(): void;
  /** Copies the next chunk, as it was at that moment, into memory that it takes; undefined when there are no more. */
  next(memory?: TakeMemory): Uint8Array | undefined;
  /** Called when the snapshot is over, complete or not. */
  end(): void;
  /** Takes in a chunk, in the order in which they were given, into a state that is empty. Its bytes begin at a multiple of 8. */
  load(chunk: Uint8Array): void;
}
