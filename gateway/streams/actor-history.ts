import type { ActorStep } from "./actor-step.ts";
import type { HistoryBudget } from "./delta-history.ts";

/** Steps that are kept of one actor at most. */
const STEPS_MAX = 64;

/** The latest steps of one watched actor, each of which begins where the one before it ends. */
export class ActorHistory {
  readonly #budget: HistoryBudget;
  readonly #steps: ActorStep[] = [];

  constructor(budget: HistoryBudget) {
    this.#budget = budget;
  }

  /** The newest version that is known; -1 where there is none. */
  get version(): number {
    return this.#steps.at(-1)?.version ?? -1;
  }

  /** Keeps a step, in place of the oldest ones where there is no room; one that does not follow the last begins anew. */
  keep(step: ActorStep): void {
    if (step.previousVersion !== this.version) this.free();
    while (this.#steps.length >= STEPS_MAX) this.#drop();
    while (!this.#budget.take(step.bytes)) {
      if (this.#steps.length === 0) return;
      this.#drop();
    }
    this.#steps.push(step);
  }

  /** The steps after a version, where none of them is missing. */
  after(version: number): readonly ActorStep[] | undefined {
    if (version === this.version) return [];
    const first = this.#steps.findIndex(({ previousVersion }) => previousVersion === version);
    return first < 0 ? undefined : this.#steps.slice(first);
  }

  /** Gives the memory back. */
  free(): void {
    while (this.#steps.length > 0) this.#drop();
  }

  #drop(): void {
    this.#budget.giveBack(this.#steps.shift()?.bytes ?? 0);
  }
}
