import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { isDeepStrictEqual } from "node:util";
import { unpack } from "../../engine/object/object-record.ts";
import { ENTRY_HEADER_BYTES, REQUEST, REQUEST_FLAG, REQUEST_KIND, ROLE, type Role } from "../../engine/port/entries.ts";
import { writePeerMessage } from "../../engine/port/peer-message.ts";
import { createRing, RingReader, RingWriter } from "../../engine/port/ring.ts";
import { createShardPortMemory, ShardPort, type ShardPortMemory } from "../../engine/port/shard-port.ts";
import { ShardCore } from "../../engine/shard/shard-core.ts";
import type { ShardState } from "../../engine/shard/shard-state.ts";
import { createStatsMemory } from "../../engine/shard/shard-stats.ts";
import { SnapshotTaker } from "../../engine/snapshot/snapshot-taker.ts";
import { WALLET_FLAG } from "../../engine/wallet/wallet-columns.ts";
import { loadConfig } from "../../gateway/config.ts";
import { Counters } from "../../gateway/counters.ts";
import { Dispatcher } from "../../gateway/dispatcher.ts";
import { DrainLoop } from "../../gateway/drain-loop.ts";
import { Streams } from "../../gateway/streams/streams.ts";
import { Turn } from "../../gateway/turn.ts";
import { formatUuid, uuidTimeMs } from "../../protocol/ids.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import { FORMAT_VERSION } from "../../snapshots/snapshot-file.ts";
import { decodeCommands } from "../ledger-command.ts";
import type { PeerMessage } from "../reference-books.ts";
import { expectSameFacts } from "../same-state.ts";
import { assertBooks, limitViews, walletViews } from "../wallet-views.ts";
import { compareReplies } from "./compare-replies.ts";
import type { SentMessage } from "./network.ts";
import { emptyState, LEDGER_ID, loadSnapshot, partsOf, recoverShard, replay } from "./recovery.ts";
import { ReplyTap } from "./reply-tap.ts";
import { type Rule, Violation } from "./rules.ts";
import { SimulatedKeeper } from "./snapshot-disk.ts";
import type { World } from "./world.ts";

const REQUEST_RING_BYTES = 1 << 18;
/** More than what was put off may be answered with. */
const REPLY_RING_BYTES = 1 << 21;
const PEER_RING_BYTES = 1 << 16;
const CONFIG = loadConfig({
  MIZAN_STREAM_HISTORY_DELTAS: "8",
  MIZAN_STREAM_GRACE_MS: "1000",
  MIZAN_STREAM_FLUSH_INTERVAL_MS: "20",
  MIZAN_SOCKET_BUFFERED_SOFT_BYTES: "65536",
});
const PEER_KINDS: readonly number[] = [REQUEST_KIND.PeerCredit, REQUEST_KIND.PeerAnswer, REQUEST_KIND.PeerStripe];
const ID_BYTES = 16;
const ROLES = Object.keys(ROLE) as Role[];

interface RunningShard {
  readonly state: ShardState;
  readonly core: ShardCore;
  readonly requests: RingReader;
  readonly peerWriter: RingWriter;
  readonly peerReader: RingReader;
  /** What lies in the peer ring, for the reference ledger. */
  readonly peerMessages: PeerMessage[];
  readonly tap: ReplyTap;
  readonly keeper: SimulatedKeeper;
  readonly taker: SnapshotTaker;
}

/**
 * The ledger's process from its start to its end: the real gateway behind its sockets, the real shards without their
 * threads, on simulated journals. Whatever a shard does, the reference ledger does too, and both must say the same.
 */
export class RunningLedger {
  readonly dispatcher: Dispatcher;
  readonly streams: Streams;
  /** Whether everybody who has to do with it knows of it. */
  isIntroduced = false;
  readonly #world: World;
  readonly #shards: RunningShard[] = [];
  /** The latest time that a shard of this run has seen. */
  #latestMs = 0;
  /** Frames since the start, by shard. */
  readonly #frames: number[];
  #sent: Omit<SentMessage, "reference">[] = [];

  /** Recovers every shard and takes up the open transfers. **Errors**: what recovery throws. */
  constructor(world: World) {
    this.#world = world;
    this.#frames = world.shards.map(() => 0);
    const keepers = world.shards.map((shard) => new SimulatedKeeper(world, shard));
    const states = keepers.map((keeper, shard) =>
      recoverShard(world, shard, (request) => keeper.send({ type: "sealIds", request })),
    );
    world.reference.crash();
    const memories = states.map(() => createShardPortMemory(REQUEST_RING_BYTES, REPLY_RING_BYTES));
    const ports = memories.map((memory, shard) => new ShardPort(shard, memory));
    this.dispatcher = new Dispatcher(ports);
    this.streams = new Streams(this.dispatcher, CONFIG, new Counters());
    const drainLoop = new DrainLoop(ports, this.dispatcher, this.streams, new Turn());
    world.states = states;
    for (const [shard, state] of states.entries()) {
      this.#shards.push(this.#start(state, keepers[shard], memories[shard], drainLoop));
    }
    drainLoop.wake();
    for (const [shard, { core }] of this.#shards.entries()) {
      core.resume();
      this.#compareBooks(shard);
      this.#pairMessages(shard);
    }
    if (world.plant.forgetsOpenTransfers === true) world.network.clear();
  }

  state(shard: number): ShardState {
    return this.#shards[shard].state;
  }

  /** Balances of the transit accounts of a shard. */
  inTransit(shard: number): readonly { readonly currency: number; readonly minor: number }[] {
    const { wallets } = this.state(shard);
    return wallets
      .currencies()
      .map((currency) => ({ currency, minor: wallets.postedMinor[wallets.account(currency, "transit")] }));
  }

  /** Whether a shard has something to take. */
  isBusy(shard: number): boolean {
    const { requests, peerReader, core } = this.#shards[shard];
    return requests.hasNext() || peerReader.hasNext() || core.nextExpiryMs() <= this.#world.host.wallMs;
  }

  /** Puts a message before a shard; false where its ring is full. */
  deliver(message: SentMessage): boolean {
    const { peerWriter, peerMessages } = this.#shards[message.toShard];
    if (!writePeerMessage(peerWriter, message)) return false;
    peerWriter.publish();
    peerMessages.push(message.reference);
    return true;
  }

  /** One turn of a shard's loop: takes requests, decides, commits, shows. **Errors**: what the journal throws. */
  turn(shard: number, requestsMax: number): void {
    const { requests, peerReader, core } = this.#shards[shard];
    const { auditor, reference } = this.#world;
    const durableBefore = auditor.sequence(shard);
    let handled = 0;
    for (const ring of [peerReader, requests]) {
      while (handled < requestsMax && !core.isCommitDue()) {
        const offset = ring.next();
        if (offset < 0 || !core.mayTake(ring, offset)) break;
        core.handle(ring, offset);
        this.#mirror(shard, ring, offset);
        ring.release(offset);
        handled += 1;
      }
    }
    this.#expireHolds(shard);
    core.resumePostponed();
    reference.resumePostponed(shard, this.#watchedIds(shard), this.#world.host.wallMs);
    try {
      core.flush();
    } catch (error) {
      // What arrived on the disk counts, although nobody was told.
      if (auditor.sequence(shard) > durableBefore) reference.flush(shard);
      throw error;
    }
    const replies = this.#shards[shard].tap.take(shard);
    compareReplies(shard, replies, reference.flush(shard));
    if (auditor.sequence(shard) > durableBefore) this.#compareBooks(shard);
    this.#pairMessages(shard);
    this.#snapshot(shard);
  }

  /** The striped wallets of a shard whose balances somebody follows. */
  #watchedIds(shard: number): readonly string[] {
    const { state } = this.#shards[shard];
    const isWatched = (slot: number): boolean => (state.wallets.flags[slot] & WALLET_FLAG.watched) !== 0;
    return [...state.stripedSlots].filter(isWatched).map((slot) => state.walletId(slot));
  }

  #expireHolds(shard: number): void {
    const { core } = this.#shards[shard];
    const isDue = core.nextExpiryMs() <= this.#world.host.wallMs;
    core.expireHolds();
    if (isDue) this.#world.reference.expireHolds(shard);
  }

  /** Whether the journal alone brings back what a shard knows. */
  compareReplay(shard: number): void {
    const { sentIds, journals } = this.#world;
    const live = this.state(shard);
    const replayed = replay(this.#world, emptyState(this.#world, shard), journals[shard].whole());
    this.#compare("replay", () => {
      expectSameFacts(live, replayed);
      live.ids.advance(this.#latestMs);
      replayed.ids.advance(this.#latestMs);
      // A snapshot keeps the oldest time taken, which may follow from a clock that no frame has told of.
      ok(replayed.ids.floorMs <= live.ids.floorMs);
      for (const id of sentIds()) {
        if (uuidTimeMs(id, 0) >= live.ids.floorMs) strictEqual(replayed.ids.find(id, 0), live.ids.find(id, 0));
      }
    });
    const loaded = loadSnapshot(this.#world, shard, () => {});
    if (loaded === undefined) return;
    this.#compare("replay", () => {
      expectSameFacts(live, replay(this.#world, loaded, journals[shard]));
      for (const id of sentIds()) {
        if (uuidTimeMs(id, 0) >= live.ids.floorMs) strictEqual(loaded.ids.find(id, 0), live.ids.find(id, 0));
      }
    });
  }

  /** Copies on, where a shard takes a snapshot: not at once, or few wallets would never change meanwhile. */
  copy(shard: number): void {
    this.#shards[shard].taker.copy();
  }

  /** Lets the snapshot of a shard go on by one request to its keeper; undefined where there is none. */
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
    if (!taker.isRunning && taker.isDue(position, wallMs)) {
      const frameHash = Buffer.from(hash).toString("hex");
      const { shardCount } = this.#world.options;
      const header = {
        formatVersion: FORMAT_VERSION,
        ledgerId: LEDGER_ID,
        shard,
        shardCount,
        sequence,
        clockMs,
        frameHash,
      };
      taker.begin({ ...header, createdAtMs: wallMs }, position, wallMs);
    }
  }

  #start(state: ShardState, keeper: SimulatedKeeper, memory: ShardPortMemory, drainLoop: DrainLoop): RunningShard {
    const { options, journals, host, plant, snapshotFrames } = this.#world;
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
      nowMs: () => {
        this.#latestMs = Math.max(this.#latestMs, host.wallMs);
        return host.wallMs;
      },
      wakeGateway: () => {
        if (Atomics.exchange(gatewayAsleep, 0, 0) === 1) setImmediate(drainLoop.wake);
      },
      sendToPeer: (toShard, message) => {
        this.#sent.push({ ...message, fromShard: shard, toShard, payload: message.payload.slice() });
      },
    });
    return {
      state,
      core,
      requests: new RingReader(memory.requests),
      peerWriter: new RingWriter(peers),
      peerReader: new RingReader(peers),
      peerMessages: [],
      keeper,
      taker,
      tap: new ReplyTap(memory.replies),
    };
  }

  /** Lets the reference ledger take what a shard has just taken. */
  #mirror(shard: number, { lanes, bytes }: RingReader, offset: number): void {
    const { reference } = this.#world;
    const at = offset >>> 2;
    const kind = lanes[at + REQUEST.kind];
    if (PEER_KINDS.includes(kind)) {
      const message = this.#shards[shard].peerMessages.shift();
      if (message === undefined) throw new Error("a message was taken that was never delivered");
      reference.receive(shard, message);
    } else if (kind === REQUEST_KIND.LookupWallets) {
      const ids = offset + ENTRY_HEADER_BYTES;
      const idOf = (_: unknown, index: number): string => formatUuid(bytes, ids + index * ID_BYTES);
      reference.lookup(shard, Array.from({ length: lanes[at + REQUEST.count] }, idOf));
    } else if (kind === REQUEST_KIND.Commands) {
      const flags = lanes[at + REQUEST.flags];
      const records = bytes.slice(
        offset + ENTRY_HEADER_BYTES,
        offset + ENTRY_HEADER_BYTES + lanes[at + REQUEST.payloadBytes],
      );
      reference.submit(shard, {
        token: lanes[at + REQUEST.token],
        caller: { role: ROLES[lanes[at + REQUEST.role] - 1], ownerId: formatUuid(bytes, (at + REQUEST.ownerId) * 4) },
        details: (flags & REQUEST_FLAG.details) !== 0,
        timeOrderedIds: (flags & REQUEST_FLAG.timeOrderedIds) !== 0,
        commands: decodeCommands(records, lanes[at + REQUEST.count]),
      });
    }
  }

  #compareBooks(shard: number): void {
    const { reference } = this.#world;
    const state = this.state(shard);
    this.#compare("conservation", () => assertBooks(state));
    this.#compare("reference", () => {
      deepStrictEqual(walletViews(state), reference.wallets(shard));
      strictEqual(state.sequence, reference.sequence(shard));
      for (const { id } of reference.wallets(shard))
        deepStrictEqual(limitViews(state, id), reference.limits(shard, id));
    });
  }

  #pairMessages(shard: number): void {
    const { reference, journals, network, plant } = this.#world;
    for (const sent of this.#sent) {
      // After a start the same messages are sent in whatever order the transfers are found in.
      const message = reference.lift(shard, sent.toShard, (one) => isSame(one, sent));
      if (message === undefined)
        throw new Violation("reference", `shard ${shard} sent a message too many to ${sent.toShard}`);
      const planted = plant.message === undefined ? sent : plant.message(sent);
      if (planted !== undefined) network.add({ ...sent, ...planted, reference: message });
    }
    this.#sent = [];
    for (const toShard of journals.keys()) {
      if (reference.waiting(shard, toShard) > 0)
        throw new Violation("reference", `shard ${shard} sent no message to ${toShard}`);
    }
  }

  #compare(rule: Rule, compare: () => void): void {
    try {
      compare();
    } catch (error) {
      throw new Violation(rule, error instanceof Error ? error.message : String(error));
    }
  }
}

/** Whether the ledger sent what the reference ledger did. */
function isSame(message: PeerMessage, { kind, payload }: Omit<SentMessage, "reference">): boolean {
  const sent = unpack(payload, 0, payload.byteLength) as { readonly id: string };
  switch (message.type) {
    case "credit":
      return kind === REQUEST_KIND.PeerCredit && message.transfer.command.id === sent.id;
    case "answer":
      return kind === REQUEST_KIND.PeerAnswer && message.id === sent.id;
    case "stripe":
      return kind === REQUEST_KIND.PeerStripe && isDeepStrictEqual(sent, message.message);
    default:
      return unreachable(message);
  }
}
