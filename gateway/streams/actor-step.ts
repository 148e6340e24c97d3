import { actorOf } from "../../engine/actor/registry.ts";
import type { WatchedActor } from "../../engine/views.ts";

/** What a reader must know about a step besides what happened. */
export interface StepMarks {
  readonly kind: "state" | "change";
  /** What the reader had is replaced: the steps since are no longer kept. */
  readonly isReset: boolean;
  /** Steps before this one were left out. */
  readonly isConflated: boolean;
}

/** One step of a watched actor, for any number of readers: its text is made once. */
export class ActorStep {
  readonly key: string;
  readonly version: number;
  readonly previousVersion: number;
  readonly isConflated: boolean;
  /** How long it was as its shard told it. */
  readonly bytes: number;
  readonly #told: WatchedActor;
  readonly #shard: number;
  /** Of readers that take the state without its long fields, and of those that take all of it. */
  readonly #states: [string | undefined, string | undefined] = [undefined, undefined];

  constructor(told: WatchedActor, shard: number, bytes: number) {
    this.key = `${told.actor} ${told.actorId}`;
    this.version = told.version;
    this.previousVersion = told.previousVersion;
    this.isConflated = told.isConflated;
    this.bytes = bytes;
    this.#told = told;
    this.#shard = shard;
  }

  /** The step as it stands in a message. */
  text({ kind, isReset, isConflated }: StepMarks, isWhole: boolean): string {
    const { actor, actorId, version, sequence, timestampMs } = this.#told;
    const position = `${this.#shard}:${sequence}`;
    const facts = JSON.stringify({
      kind,
      actor,
      actorId,
      version,
      ...(kind === "change" ? { previousVersion: this.previousVersion } : {}),
      position,
      timestampMs,
      ...(isReset ? { reset: true } : {}),
      ...(isConflated ? { conflated: true } : {}),
      ...(isWhole ? { whole: true } : {}),
    });
    return `${facts.slice(0, -1)},"state":${this.#state(isWhole)}}`;
  }

  #state(isWhole: boolean): string {
    const known = this.#states[isWhole ? 1 : 0];
    if (known !== undefined) return known;
    const { actor, state } = this.#told;
    const left = isWhole ? [] : (actorOf(actor)?.longFields ?? []);
    const shown =
      state && Object.fromEntries(Object.entries(state).filter(([field]) => !left.includes(field as never)));
    const text = JSON.stringify(shown);
    this.#states[isWhole ? 1 : 0] = text;
    return text;
  }
}
