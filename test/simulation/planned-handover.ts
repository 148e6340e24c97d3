import type { LedgerNode } from "./ledger-node.ts";
import type { LogWorld } from "./log-world.ts";
import type { SimulatedNode } from "./simulated-node.ts";

/** A leader that handed over takes commands again where nobody has claimed for so long. */
const HANDOVER_WITHIN_MS = 3_000;

/** A planned change of the leader, as `mizan promote` asks for it: the leader drains, then the standby claims. */
export class PlannedHandover {
  readonly #world: LogWorld;
  readonly #from: LedgerNode;
  readonly #fromMachine: SimulatedNode;
  readonly #to: SimulatedNode;
  readonly #deadlineMs: number;
  #stage: "emptying" | "draining" | "handedOver" | "over" = "emptying";
  #sequences: readonly number[] = [];

  constructor(world: LogWorld, from: SimulatedNode, to: SimulatedNode) {
    const node = from.answering?.node;
    if (node === undefined) throw new Error("a node that does not run cannot hand over");
    this.#world = world;
    this.#from = node;
    this.#fromMachine = from;
    this.#to = to;
    this.#deadlineMs = world.nowMs + HANDOVER_WITHIN_MS;
    world.trace.add(`node ${from.nodeId} is to hand over to node ${to.nodeId}`);
    node.role.drain(true);
  }

  /** Goes on, where it can. */
  step(): void {
    const { shards, nowMs } = this.#world;
    const from = this.#from;
    if (this.#stage === "over" || this.#fromMachine.isFrozen) return;
    if (this.#fromMachine.answering?.node !== from) {
      this.#stage = "over";
      return;
    }
    const isLate = nowMs >= this.#deadlineMs;
    if (isLate && this.#stage !== "handedOver") {
      from.role.drain(false);
      this.#stage = "over";
      return;
    }
    switch (this.#stage) {
      case "emptying":
        if (from.dispatcher.inflight > 0) return;
        this.#sequences = shards.map((shard) => from.shards.stats(shard).sequence);
        this.#stage = "draining";
        break;
      case "draining": {
        const isDrained = this.#sequences.every(
          (sequence, shard) => from.replicator.fold.throughSequence(shard) >= sequence,
        );
        if (!isDrained && this.#world.plant.flaws?.handsOverEarly !== true) return;
        this.#to.answering?.node.promote(this.#sequences);
        this.#stage = "handedOver";
        break;
      }
      case "handedOver":
        if (nowMs < this.#deadlineMs + HANDOVER_WITHIN_MS) return;
        from.role.drain(false);
        this.#stage = "over";
        break;
    }
  }
}
