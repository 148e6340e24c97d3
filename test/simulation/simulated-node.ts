import { goOnFrom } from "../../replicator/checkpoint.ts";
import { readRecord } from "../../replicator/journal-record.ts";
import { DivergedError } from "../../replicator/log-frame.ts";
import { cutFrom, TailComparer } from "../../replicator/tail-comparison.ts";
import { SimulatedHost } from "./host.ts";
import { LedgerNode } from "./ledger-node.ts";
import type { Answering } from "./log-clients.ts";
import type { LogWorld } from "./log-world.ts";
import { hex, NodeDisk } from "./node-disk.ts";
import { LEDGER_ID } from "./recovery.ts";
import { require } from "./rules.ts";
import { LogUnreachable } from "./simulated-log.ts";

const JUST_MS = 300;
const REQUESTS_PER_TURN_MAX = 6;
/** What a shard says that does not believe what it was handed; the process ends then, and starts again. */
const DISBELIEF = /^the frame that should follow /;

/** A machine with a clock and a disk, on which a node runs, or does not. */
export class SimulatedNode {
  readonly nodeId: string;
  readonly disk: NodeDisk;
  readonly #world: LogWorld;
  readonly #host: SimulatedHost;
  readonly #started: (answering: Answering) => void;
  #process: LedgerNode | undefined;
  /** What clients sent and the gateway has not read. */
  #inbox: (() => void)[] = [];
  readonly #isLeader: boolean;
  #downUntilMs = 0;
  #frozenUntilMs = 0;
  #cutOffUntilMs = 0;
  crashes = 0;

  constructor(world: LogWorld, index: number, started: (answering: Answering) => void) {
    this.#world = world;
    this.nodeId = String.fromCharCode("A".charCodeAt(0) + index);
    this.disk = new NodeDisk(world.options.shardCount);
    this.#host = new SimulatedHost(world.nowMs);
    this.#started = started;
    this.#isLeader = index === 0;
  }

  /** What runs on it, where something does. */
  get answering(): Answering | undefined {
    return this.#process && { node: this.#process, disk: this.disk };
  }

  get isFrozen(): boolean {
    return this.#world.nowMs < this.#frozenUntilMs;
  }

  /** Whether it goes on since a moment ago. */
  get hasThawed(): boolean {
    const sinceMs = this.#world.nowMs - this.#frozenUntilMs;
    return sinceMs >= 0 && sinceMs < JUST_MS;
  }

  get isCutOff(): boolean {
    return this.#world.nowMs < this.#cutOffUntilMs;
  }

  /** The process is killed. */
  crash(downMs: number): void {
    if (this.#process === undefined) return;
    this.#trace("is killed");
    this.crashes += 1;
    this.#downUntilMs = this.#world.nowMs + downMs;
    this.#frozenUntilMs = 0;
    this.#end();
  }

  /** The process stands still, and then goes on as if nothing had happened. */
  freeze(ms: number): void {
    if (this.#process === undefined || this.isFrozen) return;
    this.#trace(`freezes for ${ms} ms`);
    this.#frozenUntilMs = this.#world.nowMs + ms;
  }

  /** The log cannot be reached from here. */
  cutOff(ms: number): void {
    if (this.isCutOff) return;
    this.#trace(`is cut off from the log for ${ms} ms`);
    this.#cutOffUntilMs = this.#world.nowMs + ms;
  }

  /** Nothing is wrong any more. */
  heal(): void {
    this.#downUntilMs = 0;
    this.#frozenUntilMs = 0;
    this.#cutOffUntilMs = 0;
  }

  pass(ms: number): void {
    this.#host.pass(ms);
  }

  /** A client sends something; the gateway reads it when it gets to it. */
  post(read: (answering: Answering) => void): void {
    const { answering } = this;
    if (answering !== undefined) this.#inbox.push(() => read(answering));
  }

  gateway(): void {
    this.#run(() => {
      for (const read of this.#inbox.splice(0)) read();
      this.#host.turn();
    });
  }

  shard(shard: number): void {
    this.#run(({ shards }) => {
      if (shards.isBusy(shard) || this.#world.random.chance(0.2))
        shards.turn(shard, this.#world.random.between(1, REQUESTS_PER_TURN_MAX));
    });
  }

  log(): void {
    this.#run((node) => {
      node.replicator.step();
      node.promoteWhereReady();
    });
  }

  checkpoint(): void {
    this.#run(({ replicator }) => replicator.checkpoint());
  }

  /** What goes on by itself; where nothing runs, something is started. */
  tick(): void {
    if (this.#process === undefined && this.#world.nowMs >= this.#downUntilMs) this.#start();
    this.#run((node) => node.tick());
    if (this.#process?.isFenced === true && !this.isFrozen && this.#world.random.chance(0.5)) {
      this.#trace("starts again, to follow");
      this.#end();
    }
  }

  /** Does something as this machine, where it is able to. */
  #run(body: (node: LedgerNode) => void): void {
    const process = this.#process;
    if (process === undefined || this.isFrozen) return;
    try {
      this.#host.run(() => body(process));
    } catch (error) {
      if (!(error instanceof DivergedError) && !(error instanceof Error && DISBELIEF.test(error.message))) throw error;
      this.#trace(`ends itself: ${error.message}`);
      this.crashes += 1;
      this.#end();
    }
  }

  #end(): void {
    this.#process?.crash();
    this.#process = undefined;
    this.#inbox = [];
  }

  /** As a node starts: it compares its journals with the log, cuts off what that does not have, and follows. */
  #start(): void {
    const { shards } = this.#world;
    try {
      if (this.isCutOff) return;
      this.#cutTails();
    } catch (error) {
      if (error instanceof LogUnreachable) return;
      throw error;
    }
    this.#host.wallMs = this.#world.nowMs;
    const process = this.#host.run(
      () => new LedgerNode(this.#world, this.nodeId, this.disk, this.#host, () => this.isCutOff, this.#isLeader),
    );
    this.#process = process;
    this.#trace(`starts at ${shards.map((shard) => this.disk.journals[shard].throughSequence).join(", ")}`);
    this.#run(() => this.#started({ node: process, disk: this.disk }));
  }

  #cutTails(): void {
    const { log, shards, judge, plant } = this.#world;
    const { journals } = this.disk;
    const through = journals.map(({ throughSequence }) => throughSequence);
    const states = goOnFrom(this.disk.checkpoint, LEDGER_ID, through);
    const comparer = new TailComparer(states, through, (shard, frame) => {
      const local = journals[shard].find(frame.firstSequence);
      return local === undefined || (local.firstSequence === frame.firstSequence && hex(local.hash) === frame.hash);
    });
    const { fold } = comparer;
    for (let isMoving = true; isMoving; ) {
      isMoving = false;
      for (const shard of shards) {
        for (const incoming of log.read(shard, fold.partition(shard).offset, Number.POSITIVE_INFINITY)) {
          const record = readRecord(incoming, shard);
          if (fold.mustWait(shard, record)) break;
          fold.apply(shard, record);
          isMoving = true;
        }
      }
    }
    const { comparison } = comparer;
    const isFollower = comparison.leader !== undefined && comparison.leader.nodeId !== this.nodeId;
    for (const shard of shards) {
      const from = cutFrom(comparison, shard, this.nodeId);
      if (from !== undefined && plant.flaws?.keepsTail !== true) this.#cut(shard, from);
      if (!isFollower) continue;
      for (const { firstSequence, hash } of journals[shard].chain()) {
        require("tail", judge.hashAt(shard, firstSequence) === hash, () =>
          `node ${this.nodeId} starts to follow with record ${shard}:${firstSequence}, which does not count`);
      }
    }
  }

  #cut(shard: number, from: number): void {
    const { judge, plant } = this.#world;
    const journal = this.disk.journals[shard];
    const last = plant.flaws?.cutsTooFar === true ? journal.find(from - 1) : undefined;
    const through = (last?.firstSequence ?? from) - 1;
    for (const { firstSequence, hash } of journal.chain()) {
      require("tail", firstSequence <= through || judge.hashAt(shard, firstSequence) !== hash, () =>
        `node ${this.nodeId} cuts off record ${shard}:${firstSequence}, which counts`);
    }
    this.#trace(`cuts off ${journal.cut(through)} frames from record ${shard}:${through + 1} on`);
  }

  #trace(what: string): void {
    this.#world.trace.add(`node ${this.nodeId} ${what}`);
  }
}
