import { writePeerMessage } from "../../../engine/port/peer-message.ts";
import { createRing, RingReader, RingWriter } from "../../../engine/port/ring.ts";
import { createShardPortMemory, ShardPort, type ShardPortMemory } from "../../../engine/port/shard-port.ts";
import { ShardCore } from "../../../engine/shard/shard-core.ts";
import type { ShardState } from "../../../engine/shard/shard-state.ts";
import { createStatsMemory } from "../../../engine/shard/shard-stats.ts";
import { SnapshotTaker } from "../../../engine/snapshot/snapshot-taker.ts";
import { loadConfig } from "../../../gateway/config.ts";
import { Counters } from "../../../gateway/counters.ts";
import { Dispatcher } from "../../../gateway/dispatcher.ts";
import { DrainLoop } from "../../../gateway/drain-loop.ts";
import { Streams } from "../../../gateway/streams/streams.ts";
import { Turn } from "../../../gateway/turn.ts";
import { shardOfUuid } from "../../../protocol/ids.ts";
import { FORMAT_VERSION } from "../../../snapshots/snapshot-file.ts";
import { expectSameFacts } from "../../same-state.ts";
import { assertBooks } from "../../wallet-views.ts";
import { emptyState, LEDGER_ID, loadSnapshot, partsOf, recoverShard, replay } from "../recovery.ts";
import { type Rule, Violation } from "../rules.ts";
import { SimulatedKeeper } from "../snapshot-disk.ts";
import type { ActorMessage, ActorWorld } from "./actor-world.ts";

const REQUEST_RING_BYTES = 1 << 18;
const REPLY_RING_BYTES = 1 << 21;
const PEER_RING_BYTES = 1 << 18;
const CONFIG = loadConfig({});

interface RunningShard {
  readonly state: ShardState;
  readonly core: ShardCore;
  readonly requests: RingReader;
  readonly peerWriter: RingWriter;
  readonly peerReader: RingReader;
  readonly keeper: SimulatedKeeper;
  readonly taker: SnapshotTaker;
}

/** The ledger's process from its start to its end: the real dispatcher and shards, without threads and sockets. */
export class ActorLedger {
  readonly dispatcher: Dispatcher;
  readonly #world: ActorWorld;
  readonly #shards: readonly RunningShard[];
  readonly #frames: number[];

  /** Recovers every shard and takes up what is open. **Errors**: what recovery throws. */
  constructor(world: ActorWorld) {
    this.#world = world;
    this.#frames = world.shards.map(() => 0);
    const keepers = world.shards.map((shard) => new SimulatedKeeper(world, shard));
    const states = world.shards.map((shard) => recoverShard(world, shard, () => {}));
    const memories = states.map(() => createShardPortMemory(REQUEST_RING_BYTES, REPLY_RING_BYTES));
    const ports = memories.map((memory, shard) => new ShardPort(shard, memory));
    this.dispatcher = new Dispatcher(ports);
    const streams = new Streams(this.dispatcher, CONFIG, new Counters());
    const drainLoop = new DrainLoop(ports, this.dispatcher, streams, new Turn());
    world.states = states;
    this.#shards = states.map((state, shard) => this.#start(state, keepers[shard], memories[shard], drainLoop));
    drainLoop.wake();
    for (const { core } of this.#shards) core.resume();
  }

  state(shard: number): ShardState {
    return this.#shards[shard].state;
  }

  /** Whether a shard has something to take. */
  isBusy(shard: number): boolean {
    const { requests, peerReader, core } = this.#shards[shard];
    return requests.hasNext() || peerReader.hasNext() || core.nextExpiryMs() <= this.#world.host.wallMs;
  }

  /** Puts a message before a shard. */
  deliver(message: ActorMessage): void {
    const { peerWriter } = this.#shards[message.toShard];
    if (!writePeerMessage(peerWriter, message)) throw new Error("the ring between two shards is too small");
    peerWriter.publish();
  }

  /** One turn of a shard's loop. **Errors**: what the journal throws. */
  turn(shard: number, requestsMax: number): void {
    const { requests, peerReader, core, state } = this.#shards[shard];
    const { judge, options } = this.#world;
    let handled = 0;
    for (const ring of [peerReader, requests]) {
      while (handled < requestsMax && !core.isCommitDue()) {
        const offset = ring.next();
        if (offset < 0 || !core.mayTake(ring, offset)) break;
        core.handle(ring, offset);
        ring.release(offset);
        handled += 1;
      }
    }
    core.expireHolds();
    core.resumePostponed();
    core.flush();
    this.#check("conservation", () => assertBooks(state));
    judge.compare(state, (id) => shardOfUuid(id, options.shardCount) === shard);
    this.#snapshot(shard);
  }

  /** Whether the journal alone, and the newest snapshot with what follows it, bring back what a shard knows. */
  compareReplay(shard: number): void {
    const { journals } = this.#world;
    const live = this.state(shard);
    this.#check("replay", () => {
      expectSameFacts(live, replay(this.#world, emptyState(this.#world, shard), journals[shard].whole()));
      const loaded = loadSnapshot(this.#world, shard, () => {});
      if (loaded !== undefined) expectSameFacts(live, replay(this.#world, loaded, journals[shard]));
    });
  }

  /** Copies on, where a shard takes a snapshot. */
  copy(shard: number): void {
    this.#shards[shard].taker.copy();
  }

  /** Lets the snapshot of a shard go on by one request to its keeper. */
  keep(shard: number, isDiskFull: boolean): string | undefined {
    const { keeper } = this.#shards[shard];
    return keeper.isBusy ? keeper.step(isDiskFull) : undefined;
  }

  /** The process ends. */
  crash(): void {
    for (const { keeper } of this.#shards) keeper.crash();
  }

  /** Between two frames: begins a snapshot where one is due. */
  #snapshot(shard: number): void {
    const { state, taker } = this.#shards[shard];
    const { sequence, clockMs, hash } = state;
    const { wallMs } = this.#world.host;
    this.#frames[shard] += 1;
    const position = { sequence, frames: this.#frames[shard], journalBytes: 0 };
    if (taker.isRunning || !taker.isDue(position, wallMs)) return;
    const { shardCount } = this.#world.options;
    const frameHash = Buffer.from(hash).toString("hex");
    const from = { formatVersion: FORMAT_VERSION, ledgerId: LEDGER_ID, shard, shardCount };
    taker.begin({ ...from, sequence, clockMs, frameHash, createdAtMs: wallMs }, position, wallMs);
  }

  #start(state: ShardState, keeper: SimulatedKeeper, memory: ShardPortMemory, drainLoop: DrainLoop): RunningShard {
    const { options, journals, host, plant, snapshotFrames, network } = this.#world;
    const { shard } = state;
    plant.recovered?.(state);
    const taker = new SnapshotTaker(
      partsOf(this.#world, state),
      { journalBytes: 0, frames: snapshotFrames, intervalMs: 0 },
      keeper.progress,
      { sequence: 0, frames: 0, journalBytes: 0 },
      host.wallMs,
      (request) => keeper.send(request),
    );
    const gatewayAsleep = new Int32Array(memory.gatewayAsleep);
    const peers = createRing(PEER_RING_BYTES);
    const core = new ShardCore(state, options, {
      journal: plant.journal?.(journals[shard]) ?? journals[shard],
      replies: new RingWriter(memory.replies),
      stats: new Float64Array(createStatsMemory()),
      nowMs: () => host.wallMs,
      wakeGateway: () => {
        if (Atomics.exchange(gatewayAsleep, 0, 0) === 1) setImmediate(drainLoop.wake);
      },
      sendToPeer: (toShard, message) => {
        const sent = { ...message, payload: message.payload.slice() };
        const planted = plant.message === undefined ? sent : plant.message(sent);
        if (planted !== undefined) network.add({ ...sent, ...planted, fromShard: shard, toShard });
      },
    });
    const requests = new RingReader(memory.requests);
    return {
      state,
      core,
      requests,
      peerWriter: new RingWriter(peers),
      peerReader: new RingReader(peers),
      keeper,
      taker,
    };
  }

  #check(rule: Rule, check: () => void): void {
    try {
      check();
    } catch (error) {
      throw new Violation(rule, error instanceof Error ? error.message : String(error));
    }
  }
}
