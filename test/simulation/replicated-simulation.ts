import { recover } from "../../engine/shard/recover.ts";
import { expectSameFacts } from "../same-state.ts";
import { assertBooks } from "../wallet-views.ts";
import { LogClients } from "./log-clients.ts";
import type { LogPlant } from "./log-plant.ts";
import { LogWorld, SESSION_MS } from "./log-world.ts";
import { NodeJournal } from "./node-disk.ts";
import { PlannedHandover } from "./planned-handover.ts";
import { Random } from "./random.ts";
import { Violation } from "./rules.ts";
import { runToEnd, type SimulationResult } from "./run-to-end.ts";
import { SCRATCH } from "./scratch.ts";
import { SimulatedNode } from "./simulated-node.ts";
import { Trace } from "./trace.ts";

const STEPS = 500;
/** Rounds in which everything that is under way must come to its end. */
const ROUNDS_MAX = 400;
/** Time goes by in such pieces, so that nobody misses a heartbeat only because a simulation jumps. */
const TICK_MS = 250;
const ROUND_MS = 100;

const ACTIONS = {
  send: 14,
  retry: 6,
  read: 8,
  gateway: 22,
  shard: 26,
  log: 40,
  time: 12,
  late: 3,
  checkpoint: 6,
} as const;

/** Runs the simulation of a ledger on several nodes from a seed, to its end or to the first rule violated. */
export function simulateReplicated(
  seed: number,
  plant: LogPlant = {},
  print?: (line: string) => void,
): SimulationResult {
  const trace = new Trace(print);
  return runToEnd(seed, trace, new ReplicatedSimulation(seed, trace, plant));
}

class ReplicatedSimulation {
  readonly #world: LogWorld;
  readonly #trace: Trace;
  readonly #clients: LogClients;
  readonly #nodes: readonly SimulatedNode[];
  #handover: PlannedHandover | undefined;
  #brokerBackMs = 0;
  #sinceTickMs = 0;

  constructor(seed: number, trace: Trace, plant: LogPlant) {
    this.#trace = trace;
    this.#world = new LogWorld(new Random(seed), trace, plant);
    this.#clients = new LogClients(this.#world);
    this.#nodes = Array.from(
      { length: this.#world.nodeCount },
      (_, index) => new SimulatedNode(this.#world, index, (answering) => this.#clients.subscribe(answering)),
    );
  }

  get crashes(): number {
    return this.#nodes.reduce((sum, { crashes }) => sum + crashes, 0);
  }

  run(): void {
    this.#clients.open();
    this.#settle();
    this.#world.brew();
    for (let step = 0; step < STEPS; step += 1) {
      this.#trace.step += 1;
      this.#fault();
      this.#act();
    }
    this.#trace.step += 1;
    this.#finish();
  }

  #fault(): void {
    const { random, weather, log, shards, nowMs } = this.#world;
    const leader = this.#leader();
    const node = leader !== undefined && random.chance(0.5) ? leader : random.pick(this.#nodes);
    const ms = random.pick([300, 2_000, SESSION_MS + random.between(-1_000, 2_000), 3 * SESSION_MS]);
    if (random.chance(weather.crash)) node.crash(ms);
    if (random.chance(weather.freeze)) node.freeze(ms);
    if (random.chance(weather.cutOff)) node.cutOff(ms);
    if (random.chance(weather.brokerStops) && !log.isDown) {
      this.#trace.add(`the broker stops for ${ms} ms`);
      log.isDown = true;
      this.#brokerBackMs = nowMs + ms;
    }
    if (random.chance(weather.forgetsProducer)) {
      const shard = random.pick(shards);
      if (log.forget(shard)) this.#trace.add(`the broker forgets who wrote partition ${shard}`);
    }
    if (leader?.answering !== undefined && random.chance(weather.handOver)) this.#handOver(leader, ms);
  }

  #act(): void {
    const { random, shards, log } = this.#world;
    // Whoever stood still has much to do at once.
    const thawed = random.chance(0.7) ? this.#nodes.find(({ hasThawed }) => hasThawed) : undefined;
    const node = thawed ?? random.pick(this.#nodes);
    switch (random.weighted(ACTIONS)) {
      case "send":
        this.#addressee().post((answering) => this.#clients.send(answering));
        break;
      case "retry":
        this.#addressee().post((answering) => this.#clients.retry(answering));
        break;
      case "read":
        (random.chance(0.5) ? node : this.#addressee()).post((answering) => this.#clients.read(answering));
        break;
      case "gateway":
        node.gateway();
        break;
      case "shard":
        node.shard(random.pick(shards));
        break;
      case "log":
        node.log();
        break;
      case "time":
        this.#pass(random.pick([1, 1, 20, 20, 300, 300, 1_500, 4_000]));
        break;
      case "late":
        if (log.lateCount > 0) this.#trace.add(`a late request ${log.arriveLate()}`);
        break;
      case "checkpoint":
        node.checkpoint();
        break;
    }
    this.#handover?.step();
  }

  /** The node that a client sends to: mostly one that takes itself for the leader. */
  #addressee(): SimulatedNode {
    const { random } = this.#world;
    const leading = this.#nodes.filter(({ answering }) => answering?.node.role.isLeading === true);
    return random.pick(leading.length > 0 && random.chance(0.85) ? leading : this.#nodes);
  }

  #handOver(from: SimulatedNode, ms: number): void {
    const { random } = this.#world;
    const to = random.pick(this.#nodes.filter((node) => node !== from));
    this.#handover = new PlannedHandover(this.#world, from, to);
    if (random.chance(0.3)) from.cutOff(ms);
  }

  /** The node that leads by the log, where it knows. */
  #leader(): SimulatedNode | undefined {
    const { standingEpoch } = this.#world.judge;
    return this.#nodes.find(
      ({ answering }) => answering?.node.role.isLeading === true && answering.node.epoch === standingEpoch,
    );
  }

  #pass(ms: number): void {
    for (let left = ms; left > 0; ) {
      const piece = Math.min(left, TICK_MS);
      left -= piece;
      this.#world.pass(piece);
      for (const node of this.#nodes) node.pass(piece);
      this.#sinceTickMs += piece;
      if (this.#sinceTickMs < TICK_MS) continue;
      this.#sinceTickMs = 0;
      this.#broker();
      for (const node of this.#nodes) node.tick();
    }
  }

  #broker(): void {
    const { log, heardMs, nowMs } = this.#world;
    if (!log.isDown || nowMs < this.#brokerBackMs) return;
    this.#trace.add("the broker is back");
    log.isDown = false;
    // Whoever was a member still is, for a session.
    for (const node of heardMs.keys()) heardMs.set(node, nowMs);
  }

  /** Lets everything under way come to its end. */
  #settle(): void {
    const { shards, log } = this.#world;
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      this.#pass(ROUND_MS);
      while (log.lateCount > 0) this.#trace.add(`a late request ${log.arriveLate()}`);
      for (const node of this.#nodes) {
        for (const shard of shards) node.shard(shard);
        for (let step = 0; step < 4 * shards.length; step += 1) node.log();
        node.gateway();
        node.gateway();
      }
      this.#handover?.step();
      const leader = this.#leader();
      if (leader === undefined || this.#nodes.some((node) => !this.#isQuiet(node))) continue;
      if (this.#clients.unanswered === 0) return;
      leader.post((answering) => this.#clients.retryAll(answering));
      leader.gateway();
    }
    this.#checkTails();
    const quiet = this.#nodes.filter((node) => this.#isQuiet(node)).map(({ nodeId }) => nodeId);
    throw new Violation(
      "comesToAnswer",
      `after ${ROUNDS_MAX} rounds ${this.#clients.unanswered} messages have no answer, node ${this.#leader()?.nodeId ?? "none"} leads, ` +
        `and of ${this.#nodes.length} nodes these are quiet: ${quiet.join(", ")}`,
    );
  }

  /** With nothing under way, no node has what does not count. */
  #checkTails(): void {
    for (const { nodeId, disk } of this.#nodes) {
      for (const { shard, throughSequence } of disk.journals) {
        const through = this.#world.judge.through(shard);
        if (throughSequence > through)
          throw new Violation(
            "tail",
            `node ${nodeId} has record ${shard}:${throughSequence}, and ${through} is the last one that counts`,
          );
      }
    }
  }

  /** Whether a node runs, has nothing to do, and has everything that counts and nothing else. */
  #isQuiet({ answering }: SimulatedNode): boolean {
    if (answering === undefined || answering.node.isFenced || answering.node.isBusy) return false;
    const { node, disk } = answering;
    const { judge, shards } = this.#world;
    const isCaughtUp = shards.every(
      (shard) =>
        node.shards.state(shard).sequence === disk.journals[shard].throughSequence &&
        disk.journals[shard].throughSequence === judge.through(shard),
    );
    return isCaughtUp && node.replicator.isAtEnd && node.dispatcher.inflight === 0;
  }

  /** No more faults: everything is answered, everybody knows the same, and a last takeover changes nothing. */
  #finish(): void {
    this.#trace.add("the faults are over");
    this.#world.calm();
    for (const node of this.#nodes) node.heal();
    this.#brokerBackMs = 0;
    this.#settle();
    this.#check();
    this.#leader()?.crash(3 * SESSION_MS);
    this.#pass(2 * SESSION_MS);
    this.#settle();
    this.#leader()?.post((answering) => this.#clients.retryAll(answering, true));
    this.#settle();
    this.#check();
  }

  /** Every node knows what the log says, and the books balance. */
  #check(): void {
    const { shards, judge } = this.#world;
    const inTransit = new Map<number, number>();
    let open = 0;
    for (const shard of shards) {
      const journal = new NodeJournal(shard);
      for (const { bytes } of judge.frames(shard)) journal.append(0, bytes);
      const state = this.#world.emptyState(shard);
      recover(state, journal, SCRATCH, { progress: () => {}, cut: () => {} });
      assertBooksOf(() => assertBooks(state));
      open += state.transfers.size;
      for (const currency of state.wallets.currencies()) {
        const minor = state.wallets.postedMinor[state.wallets.account(currency, "transit")];
        inTransit.set(currency, (inTransit.get(currency) ?? 0) + minor);
      }
      for (const { nodeId, answering } of this.#nodes) {
        if (answering === undefined) continue;
        const { node } = answering;
        compare(`node ${nodeId}, shard ${shard}`, () => expectSameFacts(state, node.shards.state(shard)));
      }
    }
    if (open > 0 || [...inTransit.values()].some((minor) => minor !== 0)) {
      throw new Violation(
        "transit",
        `${open} transfers are open, and ${[...inTransit.values()].join(", ")} is in transit`,
      );
    }
  }
}

function assertBooksOf(check: () => void): void {
  try {
    check();
  } catch (error) {
    throw new Violation("conservation", String(error));
  }
}

function compare(who: string, check: () => void): void {
  try {
    check();
  } catch (error) {
    throw new Violation("caughtUp", `${who}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
