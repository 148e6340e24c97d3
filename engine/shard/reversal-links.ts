import { RESERVED_VARIANT, uuidBytes } from "../../protocol/ids.ts";
import type { IdWindow } from "../idempotency/id-window.ts";

/** Makes a movement's id, in four lanes, the key under which its newest reversal is remembered. */
export function linkOf(id: Uint32Array): Uint32Array {
  id[2] |= RESERVED_VARIANT;
  return id;
}

/**
 * Which record is the newest reversal of a movement.
 *
 * The links stand among the command ids, under the movement's id with variant bits that no command's id may have: so they
 * are remembered, sealed and found again like these, and a movement without reversals costs nothing.
 */
export class ReversalLinks {
  readonly #ids: IdWindow;
  readonly #key = new Uint32Array(4);

  constructor(ids: IdWindow) {
    this.#ids = ids;
  }

  /** Sequence of the newest reversal of the movement whose id stands at a lane, or 0. */
  find(lanes: Uint32Array, at: number): number {
    this.#take(lanes, at);
    return this.#ids.findAtAnyAge(this.#key, 0);
  }

  /** Makes a record the newest reversal of the movement whose id stands at a lane. */
  link(lanes: Uint32Array, at: number, sequence: number): void {
    this.#take(lanes, at);
    this.#ids.put(this.#key, 0, sequence);
  }

  /** The same for a movement's id given as text. */
  linkText(id: string, sequence: number): void {
    this.link(new Uint32Array(uuidBytes(id).buffer), 0, sequence);
  }

  #take(lanes: Uint32Array, at: number): void {
    for (let lane = 0; lane < 4; lane += 1) this.#key[lane] = lanes[at + lane];
    linkOf(this.#key);
  }
}
