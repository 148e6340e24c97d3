import { type Config, loadConfig } from "../../gateway/config.ts";
import { Counters } from "../../gateway/counters.ts";
import { Dispatcher } from "../../gateway/dispatcher.ts";
import { DrainLoop } from "../../gateway/drain-loop.ts";
import { askToLead } from "../../gateway/lead-shards.ts";
import { LogPositions } from "../../gateway/log-positions.ts";
import { NodeRole } from "../../gateway/node-role.ts";
import { ReplicationGate } from "../../gateway/replication-gate.ts";
import { Streams } from "../../gateway/streams/streams.ts";
import { Turn } from "../../gateway/turn.ts";
import type { Code } from "../../protocol/codes.ts";
import { uuidBytes } from "../../protocol/ids.ts";
import type { Claim } from "../../replicator/epoch-fold.ts";
import { leaderOf } from "../../replicator/replicator-messages.ts";
import type { SimulatedHost } from "./host.ts";
import type { LogWorld } from "./log-world.ts";
import type { NodeDisk } from "./node-disk.ts";
import { NodeReplicator } from "./node-replicator.ts";
import { NodeShards } from "./node-shards.ts";
import { require } from "./rules.ts";

const CATCH_UP_WITHIN_MS = 2_000;
const ADMIN = { role: "admin", ownerId: new Uint32Array(4) } as const;
const SETTINGS = {
  MIZAN_KAFKA_BROKERS: "localhost:9092",
  MIZAN_REPLICATION_TIMEOUT_MS: "2000",
  MIZAN_STREAM_FLUSH_INTERVAL_MS: "20",
};
const CONFIGS = {
  local: loadConfig({ ...SETTINGS, MIZAN_ACKS: "local" }),
  replicated: loadConfig({ ...SETTINGS, MIZAN_ACKS: "replicated" }),
} satisfies Record<string, Config>;

/** A node's process: the real gateway behind its sockets, the real shards, and its replicator. */
export class LedgerNode {
  readonly nodeId: string;
  readonly role: NodeRole;
  readonly dispatcher: Dispatcher;
  readonly streams: Streams;
  readonly shards: NodeShards;
  readonly replicator: NodeReplicator;
  /** Under which claim it leads, or did; 0 where it never has. */
  epoch = 0;
  /** Whether it goes on alone: Kafka cannot be reached, and its answers need not wait. */
  isAlone = false;
  /** Whether another node leads, and this one did: it ends, to follow. */
  isFenced = false;
  /** Claims once it has come this far. */
  #promotion: { readonly sequences: readonly number[]; readonly untilMs: number } | undefined;
  /** By shard: the last record that the leader before had when it handed over. */
  #handedOver: readonly number[] = [];
  readonly #world: LogWorld;
  readonly #host: SimulatedHost;
  readonly #gate: ReplicationGate;
  /** Whether it begins, where nobody has led yet. */
  readonly #isLeader: boolean;

  constructor(
    world: LogWorld,
    nodeId: string,
    disk: NodeDisk,
    host: SimulatedHost,
    isCutOff: () => boolean,
    isLeader: boolean,
  ) {
    this.nodeId = nodeId;
    this.#world = world;
    this.#host = host;
    this.#isLeader = isLeader;
    const config = CONFIGS[world.acks];
    this.role = new NodeRole("standby");
    this.shards = new NodeShards(
      world,
      disk,
      () => host.wallMs,
      () => setImmediate(() => drainLoop.wake()),
    );
    const { ports } = this.shards;
    this.dispatcher = new Dispatcher(ports, this.role);
    const counters = new Counters();
    this.streams = new Streams(this.dispatcher, config, counters);
    const positions = new LogPositions(this.shards);
    world.plant.positions?.(positions);
    this.#gate = new ReplicationGate({
      config,
      role: this.role,
      positions,
      dispatcher: this.dispatcher,
      streams: this.streams,
      counters,
      onLag: () => {},
    });
    world.plant.gate?.(this.#gate, this.dispatcher);
    const drainLoop = new DrainLoop(ports, this.dispatcher, this.streams, new Turn(), this.#gate);
    this.role.onFenced(() => this.#gate.close());
    this.#gate.start(drainLoop.wake);
    this.replicator = new NodeReplicator(world, nodeId, disk, this.shards, host, this.#gate.lease, isCutOff, {
      leads: (claim) => this.#leads(claim),
      outrun: () => {
        this.#trace("is outrun");
      },
      fenced: () => this.#fenced(),
      leader: (claim) => {
        if (!this.role.isLeading) this.role.follow(leaderOf(claim));
      },
      leaderGone: () => {
        this.#trace("misses the leader");
        this.replicator.claim(this.replicator.leader?.epoch);
      },
      outage: (isOut) => {
        this.isAlone = isOut && world.acks === "local";
        this.#gate.outage(isOut);
      },
      confirmed: () => this.#gate.confirmed(),
    });
    drainLoop.wake();
  }

  /** Whether the gateway or a shard has something to do. */
  get isBusy(): boolean {
    return this.#host.isBusy() || this.#world.shards.some((shard) => this.shards.isBusy(shard));
  }

  /** What goes on by itself as time does: signs of life, and what follows from having read everything. */
  tick(): void {
    this.replicator.beat();
    this.replicator.lookBack();
    const { leader, isAtEnd, isLeading, isClaiming } = this.replicator;
    if (isLeading || isClaiming || !isAtEnd) return;
    // As `replicated-node.ts` does it.
    const isFirst = leader === undefined && this.#isLeader;
    const ledLast =
      leader?.nodeId === this.nodeId && (this.#isLeader || this.#world.plant.flaws?.waitsForOthers !== true);
    if ((isFirst || ledLast) && this.epoch === 0) this.replicator.claim(leader?.epoch ?? 0);
  }

  /** Sends the commands of a client; `done` gets the results. */
  commands(
    flags: number,
    records: Uint8Array,
    count: number,
    awaitsLog: boolean,
    done: (results: Uint8Array) => void,
  ): Code {
    return this.dispatcher.commands({ ...ADMIN, awaitsLog }, flags, records, count, done);
  }

  /** Reads wallets; `done` gets their records, or why not. */
  read(ids: readonly string[], awaitsLog: boolean, done: (found: Uint8Array | string) => void): void {
    this.dispatcher.lookupWallets({ ...ADMIN, awaitsLog }, Buffer.concat(ids.map((id) => uuidBytes(id))), done);
  }

  /** The standby's part of a planned change: to claim once it has what the leader handed over. */
  promote(sequences: readonly number[]): void {
    this.#promotion = { sequences, untilMs: this.#world.nowMs + CATCH_UP_WITHIN_MS };
  }

  /** Claims, where it is to and has what it needs. */
  promoteWhereReady(): void {
    if (this.#promotion === undefined || this.role.isLeading) return;
    const { sequences, untilMs } = this.#promotion;
    const isReady = sequences.every((sequence, shard) => this.shards.stats(shard).sequence >= sequence);
    if (this.#world.nowMs > untilMs) this.#promotion = undefined;
    if (!isReady && this.#world.plant.flaws?.handsOverEarly !== true) return;
    this.#promotion = undefined;
    this.#handedOver = sequences;
    this.replicator.claim();
  }

  /** The process ends. */
  crash(): void {
    this.replicator.end();
    this.#host.forget();
  }

  #leads(claim: Claim): void {
    this.epoch = claim.epoch;
    for (const [shard, sequence] of this.#handedOver.entries()) {
      require("handedOver", this.#world.judge.through(shard) >= sequence, () =>
        `node ${this.nodeId} leads without record ${shard}:${sequence}, which was handed over to it`);
    }
    this.#trace(`has won epoch ${claim.epoch}`);
    let left = this.shards.shardCount;
    for (const shard of this.#world.shards) {
      const code = askToLead(this.dispatcher, shard, () => {
        left -= 1;
        if (left > 0) return;
        this.#trace("leads");
        this.role.lead(leaderOf(claim));
      });
      if (code !== "ok") throw new Error(`shard ${shard} is not told to lead: ${code}`);
    }
  }

  #fenced(): void {
    const claim = this.replicator.fold.partition(0).claim;
    this.#trace("steps down");
    this.isFenced = true;
    this.role.fence(claim && leaderOf(claim));
  }

  #trace(what: string): void {
    this.#world.trace.add(`node ${this.nodeId} ${what}`);
  }
}
