/** One step of a stream of an actor; the state is that after the step. */
export interface ActorUpdate {
  /** The type of the actor. */
  readonly actor: string;
  readonly actorId: string;
  /** One more with each event; a step may hold several. */
  readonly version: number;
  /** Of a change: the version before it. */
  readonly previousVersion?: number;
  readonly position: string;
  readonly timestampMs: number;
  /** `state`: the actor when the subscription began or resumed; `change`: a step since. */
  readonly kind: "state" | "change";
  /** Steps before this one could not be given again, so it replaces what the reader had. */
  readonly reset: boolean;
  /** Steps were left out before this one because the reader was slow. */
  readonly conflated: boolean;
  /** As commands on the actor answer with it; null where it is too large to be told. */
  readonly state: Readonly<Record<string, unknown>> | null;
}

/** Which actor to follow. */
export interface ActorTopic {
  readonly actor: string;
  readonly actorId: string;
  /** With the fields of the state that are long, such as a medical card's `spend`. */
  readonly whole?: boolean;
}
