import { ActorHistory } from "./actor-history.ts";
import type { ActorStep } from "./actor-step.ts";
import { AUDIENCE, type Audience } from "./audience.ts";
import type { HistoryBudget } from "./delta-history.ts";

/** Takes the steps of the actors that it follows. */
interface StepReader {
  readonly isPatient: boolean;
  push(step: ActorStep): void;
}

/** The readers of one actor, with the steps that it has made while it was watched. */
export class ActorTopic {
  readonly key: string;
  readonly actor: string;
  readonly actorId: string;
  readonly shard: number;
  readonly history: ActorHistory;
  readonly #readers = new Set<StepReader>();
  /** Subscriptions that the shard has yet to confirm; the actor stays watched meanwhile. */
  asking = 0;
  /** Whether the shard tells its changes. */
  isWatched = false;

  constructor(actor: string, actorId: string, shard: number, budget: HistoryBudget) {
    this.key = `${actor} ${actorId}`;
    this.actor = actor;
    this.actorId = actorId;
    this.shard = shard;
    this.history = new ActorHistory(budget);
  }

  get isUnused(): boolean {
    return this.#readers.size === 0 && this.asking === 0;
  }

  add(reader: StepReader): void {
    this.#readers.add(reader);
  }

  remove(reader: StepReader): void {
    this.#readers.delete(reader);
  }

  /** Hands the readers whom it concerns a step; what waited for the log was told to the others, and kept, before. */
  publish(step: ActorStep, audience: Audience): void {
    if (audience !== AUDIENCE.patient) this.history.keep(step);
    for (const reader of this.#readers) {
      const whom = reader.isPatient ? AUDIENCE.patient : AUDIENCE.prompt;
      if ((audience & whom) !== 0) reader.push(step);
    }
  }
}
