import type { Code } from "../protocol/codes.ts";
import type { Leader } from "../replicator/replicator-messages.ts";

/** Who leads, as far as a node knows it. */
export type KnownLeader = Pick<Leader, "nodeUrl" | "epoch">;

/**
 * Whether this node leads or follows, whom it follows, and so whether it takes commands now.
 *
 * Whoever learns of a change tells this object; what serves asks it. A node that was fenced stays so.
 */
export class NodeRole {
  /** `ok`, or why every command is refused now. */
  refusal: Code = "ok";
  /** Records of the log that a standby has not applied yet. */
  behindRecords = 0;
  #isLeading: boolean;
  #isFenced = false;
  #isDraining = false;
  #isLagging = false;
  #leader: KnownLeader | undefined;
  #onFenced = (): void => {};
  readonly #onChanged: (() => void)[] = [];

  constructor(role: "leader" | "standby") {
    this.#isLeading = role === "leader";
    this.#decide();
  }

  get name(): "leader" | "standby" {
    return this.#isLeading ? "leader" : "standby";
  }

  get isLeading(): boolean {
    return this.#isLeading;
  }

  /** The node that leads, which may be this one; undefined where nobody is known to. */
  get leader(): KnownLeader | undefined {
    return this.#leader;
  }

  /** Names who is told when this node must show nothing more. */
  onFenced(tell: () => void): void {
    this.#onFenced = tell;
  }

  /** Names one more who is told when this node has begun to lead or to follow. */
  onChanged(tell: () => void): void {
    this.#onChanged.push(tell);
  }

  /** This node leads from now on, under a claim of its own. */
  lead(leader: KnownLeader): void {
    if (this.#isFenced) return;
    this.#leader = leader;
    this.#isLeading = true;
    this.behindRecords = 0;
    this.#decide();
    for (const tell of this.#onChanged) tell();
  }

  /** This node follows; without a leader, nobody is known to lead. */
  follow(leader: KnownLeader | undefined): void {
    this.#leader = leader;
    this.#isLeading = false;
    this.#decide();
    for (const tell of this.#onChanged) tell();
  }

  /** Another node leads, and this one did: it shows nothing more, for good. */
  fence(leader: KnownLeader | undefined): void {
    if (this.#isFenced) return;
    this.#isFenced = true;
    this.follow(leader);
    this.#onFenced();
  }

  /** While a planned handover drains, commands are refused as `overloaded`: they are sent again in a moment. */
  drain(isDraining: boolean): void {
    this.#isDraining = isDraining;
    this.#decide();
  }

  /** Whether the log is further behind than the operator allows. */
  lag(isLagging: boolean): void {
    this.#isLagging = isLagging;
    this.#decide();
  }

  #decide(): void {
    if (!this.#isLeading) this.refusal = "not_leader";
    else this.refusal = this.#isDraining || this.#isLagging ? "overloaded" : "ok";
  }
}
