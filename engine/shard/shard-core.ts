import { CODES } from "../../protocol/codes.ts";
import { FRAME_BYTES_MAX } from "../../protocol/limits.ts";
import { FrameBuilder } from "../journal/frame.ts";
import { EXPIRY_BYTES } from "../journal/record.ts";
import { sharedClockMs } from "../meter/shared-clock.ts";
import { pack } from "../object/object-record.ts";
import { REPLY_KIND, REQUEST, REQUEST_KIND, RING_DELTA_BYTES, WATCHED_BYTES } from "../port/entries.ts";
import { readCause } from "../port/peer-message.ts";
import { unpackPayload } from "../port/request-payload.ts";
import type { RingReader } from "../port/ring.ts";
import type { StripeMessage } from "../stripe/stripe.ts";
import type { CreditAnswer, CreditRequest } from "../transfer/messages.ts";
import type { ObjectCommand, SnapshotView } from "../views.ts";
import { ActorRequests } from "./actor-requests.ts";
import { COMMAND_FRAME_BYTES_MAX, CommandExecutor } from "./command-executor.ts";
import { CommandRequests } from "./command-requests.ts";
import { DeltaBuffer } from "./delta-buffer.ts";
import { Follower } from "./follower.ts";
import { ObjectDesk } from "./object-desk.ts";
import { RecordReader } from "./record-reader.ts";
import { ReplyWriter } from "./reply-writer.ts";
import { ResultsWriter } from "./results-writer.ts";
import type { ShardCoreOptions, ShardCorePorts } from "./shard-core-ports.ts";
import type { ShardMeters } from "./shard-meters.ts";
import { OWNER_STATES_MAX, ShardReads } from "./shard-reads.ts";
import type { ShardState } from "./shard-state.ts";
import { metersOf, STAT } from "./shard-stats.ts";
import { StripeDesk } from "./stripe-desk.ts";
import { TransferDesk } from "./transfer-desk.ts";
import { viewTrialBalance } from "./trial-balance.ts";

/** Room for whatever one request that was put off may be answered with. */
const POSTPONED_ANSWER_BYTES = 1 << 20;

/** Holds that lapse before other work gets its turn. */
const EXPIRIES_PER_TURN = 1_024;

/**
 * One shard without its thread: requests in, answers and journal frames out, all in the order of the requests.
 *
 * Answers are written ahead into the reply ring and become visible in `flush`, after the frame that they depend on is
 * durable. The simulation, the tests and the benchmark of the core drive this class directly.
 */
export class ShardCore {
  readonly #state: ShardState;
  readonly #frame: FrameBuilder;
  readonly #deltas: DeltaBuffer;
  readonly #records: RecordReader;
  readonly #executor: CommandExecutor;
  readonly #transfers: TransferDesk;
  readonly #stripes: StripeDesk;
  readonly #objects: ObjectDesk;
  readonly #actors: ActorRequests;
  readonly #reads: ShardReads;
  readonly #replies: ReplyWriter;
  readonly #commands: CommandRequests;
  /** Undefined where this shard leads. */
  #follower: Follower | undefined;
  readonly #ports: ShardCorePorts;
  readonly #meters: ShardMeters;
  #frameBeganMs = 0;
  /** When the other shard's part was durable of the movement that is being settled. */
  #farAtMs = 0;
  /** Messages to other shards that wait for the next commit. */
  readonly #outbox: { readonly toShard: number; readonly kind: number; readonly payload: Uint8Array }[] = [];
  /** Those who asked for a snapshot, and wait for it. */
  readonly #snapshotsAsked: { readonly token: number; readonly sequence: number }[] = [];
  #isStopping = false;

  constructor(state: ShardState, options: ShardCoreOptions, ports: ShardCorePorts) {
    this.#state = state;
    this.#ports = ports;
    this.#meters = metersOf(ports.stats);
    this.#frame = new FrameBuilder(state.shard);
    this.#deltas = new DeltaBuffer(state.wallets);
    this.#records = new RecordReader(state.shard, this.#frame, ports.journal);
    const send = (toShard: number, kind: number, message: unknown): number =>
      this.#outbox.push({ toShard, kind, payload: pack(message) });
    this.#transfers = new TransferDesk(state, this.#frame, this.#records, options, {
      send,
      answer: (waiter, code, outcome, farShard) =>
        this.#replies.late(waiter, CODES[code].number, outcome, farShard, this.#farAtMs),
      publish: (slot, sequence) => this.#executor.publish(slot, sequence),
      postpone: (slot, then) => this.#stripes.isStriped(slot) && this.#stripes.pull(slot, then),
    });
    this.#stripes = new StripeDesk(state, this.#frame, this.#transfers, options.shardCount, (toShard, message) =>
      send(toShard, REQUEST_KIND.PeerStripe, message),
    );
    this.#executor = new CommandExecutor(
      state,
      this.#frame,
      this.#deltas,
      this.#records,
      this.#transfers,
      this.#stripes,
      (waiter, code) => this.#replies.late(waiter, code, this.#executor.outcome),
      options,
    );
    this.#objects = new ObjectDesk(state, this.#frame, this.#records, this.#executor);
    this.#replies = new ReplyWriter(ports.replies, this.#frame, state.shard);
    this.#actors = new ActorRequests(state, this.#frame, this.#records, this.#executor, this.#replies, {
      send,
      makeRoom: (bytes) => this.#makeRoom(bytes),
      settings: options,
      hasRoom: (bytes) =>
        this.#frame.fits(bytes) && this.#deltas.hasRoom() && this.#replies.hasRoom(0, this.#deltas.count + 2),
    });
    const results = new ResultsWriter(this.#replies, this.#executor.outcome, this.#meters, state.shard);
    this.#commands = new CommandRequests(this.#executor, this.#frame, this.#deltas, results, {
      commit: () => this.#commit(),
      flush: () => this.#show(),
    });
    this.#reads = new ShardReads(state, this.#executor, this.#records, this.#replies, this.#stripes);
    if (ports.follow !== undefined) {
      this.#follower = new Follower(state, this.#frame, this.#deltas, this.#executor, this.#replies, ports.follow);
      this.#stripes.mayPull = false;
    }
    this.#beginFrame();
  }

  get isStopping(): boolean {
    return this.#isStopping;
  }

  /** Whether the shard follows a leader: it takes frames and reads, and decides nothing. */
  get isFollowing(): boolean {
    return this.#follower !== undefined;
  }

  /** Takes up the transfers that were open when the journal ended. */
  resume(): void {
    this.#transfers.resume();
    this.#stripes.resume();
    this.#actors.desk.resume();
    this.flush();
  }

  /** Applies frames of the leader, and makes them durable; what changed shows with the next `flush`. Returns how many. */
  follow(): number {
    if (this.#follower === undefined) return 0;
    const startedMs = sharedClockMs();
    const { frames, bytes } = this.#follower.apply(() => this.#flushDeltas());
    if (frames > 0) this.#committed(frames, bytes, startedMs);
    return frames;
  }

  /** Whether the request at an offset may be handled now: the reply ring has room for whatever it may come to. */
  mayTake(ring: RingReader, offset: number): boolean {
    const kind = ring.lanes[(offset >>> 2) + REQUEST.kind];
    if (kind === REQUEST_KIND.Lead && this.#follower?.hasFrames === true) return false;
    const count = kind === REQUEST_KIND.WatchOwner ? OWNER_STATES_MAX : ring.lanes[(offset >>> 2) + REQUEST.count];
    return this.#replies.hasRoom(count * WATCHED_BYTES, this.#deltas.count + 2 * count);
  }

  /** Whether enough has gathered that a commit should not wait for more. */
  isCommitDue(): boolean {
    return !this.#frame.fits(FRAME_BYTES_MAX >>> 3);
  }

  /** When the next hold lapses or actor is due, or infinity. **Units**: milliseconds since the epoch. */
  nextExpiryMs(): number {
    if (this.isFollowing) return Number.POSITIVE_INFINITY;
    return Math.min(this.#state.holds.nextExpiryMs(), this.#state.actors.nextDueAtMs());
  }

  /** Lets holds lapse and actors do what they are due for, some at a time; what becomes available shows with the next `flush`. */
  expireHolds(): void {
    const hasRoom = this.#ports.replies.freeBytes() >= 4 * EXPIRIES_PER_TURN * RING_DELTA_BYTES;
    if (!hasRoom || this.nextExpiryMs() > this.#ports.nowMs()) return;
    if (this.#frame.recordCount === 0) this.#beginFrame();
    for (let expired = 0; expired < EXPIRIES_PER_TURN; expired += 1) {
      this.#makeRoom(EXPIRY_BYTES);
      if (!this.#executor.holds.expireNext() && !this.#actors.desk.runNextDue()) break;
    }
  }

  /** Takes up what waited for the stripes of a wallet, as far as its answers have room. */
  resumePostponed(): void {
    this.#stripes.pullWatched(this.#ports.nowMs());
    while (this.#ports.replies.freeBytes() > POSTPONED_ANSWER_BYTES) {
      const postponed = this.#stripes.takeReady();
      if (postponed === undefined) break;
      if (this.#frame.recordCount === 0) this.#beginFrame();
      this.#makeRoom(2 * COMMAND_FRAME_BYTES_MAX);
      postponed();
    }
  }

  /** Sequence that a snapshot has to contain for somebody who waits for it; undefined where nobody does. */
  get snapshotAskedFor(): number | undefined {
    return this.#snapshotsAsked.at(-1)?.sequence;
  }

  /** Tells those who wait for a snapshot that one is durable, or all of them with null that it failed. */
  answerSnapshots(view: SnapshotView | null): void {
    const through = view?.sequence ?? Number.POSITIVE_INFINITY;
    while (this.#snapshotsAsked.length > 0 && this.#snapshotsAsked[0].sequence <= through) {
      const asked = this.#snapshotsAsked.shift();
      if (asked !== undefined) this.#replies.object(asked.token, view === null ? "internal_error" : "ok", view);
    }
  }

  /** Handles the request at an offset of a ring; the answer becomes visible with the next `flush`. */
  handle(ring: RingReader, offset: number): void {
    if (this.#frame.recordCount === 0) this.#beginFrame();
    const kind = ring.lanes[(offset >>> 2) + REQUEST.kind];
    const token = ring.lanes[(offset >>> 2) + REQUEST.token];
    switch (kind) {
      case REQUEST_KIND.Commands:
        this.#timeQueue(ring.floats[((offset >>> 2) + REQUEST.sentAtMs) >>> 1]);
        if (this.isFollowing) this.#commands.refuse(ring, offset);
        else this.#commands.execute(ring, offset);
        break;
      case REQUEST_KIND.PeerCredit:
        this.#makeRoom(COMMAND_FRAME_BYTES_MAX);
        this.#transfers.credit(unpackPayload(ring, offset) as CreditRequest, readCause(ring, offset));
        break;
      case REQUEST_KIND.PeerAnswer:
        this.#makeRoom(COMMAND_FRAME_BYTES_MAX);
        this.#farAtMs = ring.floats[((offset >>> 2) + REQUEST.sentAtMs) >>> 1];
        this.#transfers.settle(unpackPayload(ring, offset) as CreditAnswer, readCause(ring, offset));
        break;
      case REQUEST_KIND.PeerStripe:
        this.#makeRoom(COMMAND_FRAME_BYTES_MAX);
        this.#stripes.take(unpackPayload(ring, offset) as StripeMessage, readCause(ring, offset));
        break;
      case REQUEST_KIND.LookupWallets:
      case REQUEST_KIND.LookupLimits:
      case REQUEST_KIND.LookupTypeLimits:
      case REQUEST_KIND.LookupTransfer:
      case REQUEST_KIND.LookupHold:
      case REQUEST_KIND.ListHolds:
        this.#reads.answer(kind, ring, offset);
        break;
      case REQUEST_KIND.WatchWallets:
      case REQUEST_KIND.UnwatchWallets:
      case REQUEST_KIND.WatchOwner:
      case REQUEST_KIND.UnwatchOwner:
      case REQUEST_KIND.WatchAll:
      case REQUEST_KIND.UnwatchAll:
        // Changes so far belong before the state that a new reader gets.
        this.#flushDeltas();
        this.#reads.watch(kind, ring, offset);
        break;
      case REQUEST_KIND.TrialBalance:
        this.#replies.object(token, "ok", viewTrialBalance(this.#state, this.#frame.nextSequence - 1));
        break;
      case REQUEST_KIND.ObjectCommand: {
        if (this.isFollowing) {
          this.#replies.object(token, "not_leader", null);
          break;
        }
        this.#makeRoom(2 * COMMAND_FRAME_BYTES_MAX + ring.lanes[(offset >>> 2) + REQUEST.payloadBytes]);
        const outcome = this.#objects.execute(unpackPayload(ring, offset) as ObjectCommand);
        this.#replies.object(token, outcome.code, outcome);
        break;
      }
      case REQUEST_KIND.ListObjects:
        this.#replies.object(token, "ok", [...this.#state.apiKeys.states()]);
        break;
      case REQUEST_KIND.TakeSnapshot:
        this.#snapshotsAsked.push({ token, sequence: this.#frame.nextSequence - 1 });
        break;
      case REQUEST_KIND.Lead:
        this.#lead();
        this.#replies.object(token, "ok", null);
        break;
      case REQUEST_KIND.Stop:
        this.#isStopping = true;
        this.#replies.begin(REPLY_KIND.Stopped, token, 0, 0);
        break;
      default:
        if (this.#actors.handle(kind, ring, offset, this.isFollowing)) break;
        throw new Error(`a ring holds a request of unknown kind ${kind}`);
    }
  }

  /**
   * Makes durable what was decided, then shows the answers, the changes of what is watched and the messages to other shards;
   * returns whether there was anything to show.
   * **Errors**: throws when the journal cannot take the frame. Nothing of it was shown then, and the shard must stop.
   */
  flush(): boolean {
    this.#actors.tellChanges();
    return this.#show();
  }

  #show(): boolean {
    this.#commit();
    if (this.#ports.replies.isPublished()) return false;
    this.#replies.publish(sharedClockMs());
    this.#ports.wakeGateway();
    return true;
  }

  #commit(): void {
    if (this.#frame.recordCount > 0) {
      const sealed = this.#frame.seal(this.#state.hash);
      const startedMs = sharedClockMs();
      this.#meters.decideSeconds.add((startedMs - this.#frameBeganMs) / 1_000);
      this.#replies.noteFrame(this.#frameBeganMs, startedMs);
      this.#meters.frameRecords.add(this.#frame.recordCount);
      this.#ports.journal.append(this.#frame.firstSequence, sealed);
      this.#state.hash = sealed.slice(0, 32);
      this.#state.sequence = this.#frame.nextSequence - 1;
      this.#state.clockMs = this.#frame.clockMs;
      this.#committed(1, sealed.byteLength, startedMs);
    }
    this.#flushDeltas();
    const cause = { shard: this.#state.shard, sequence: this.#state.sequence };
    for (const { toShard, kind, payload } of this.#outbox) this.#ports.sendToPeer(toShard, { kind, payload, cause });
    this.#outbox.length = 0;
  }

  /** Counts frames that have become durable since a time, and begins the next one. */
  #committed(frames: number, bytes: number, startedMs: number): void {
    const { stats } = this.#ports;
    const syncSeconds = (sharedClockMs() - startedMs) / 1_000;
    this.#meters.syncSeconds.add(syncSeconds);
    stats[STAT.syncSeconds] += syncSeconds;
    stats[STAT.frames] += frames;
    stats[STAT.journalBytes] += bytes;
    stats[STAT.sequence] = this.#state.sequence;
    this.#beginFrame();
  }

  /** A shard that follows has no clock of its own: its time is that of the last frame. */
  #beginFrame(): void {
    const { isFollowing } = this;
    const clockMs = isFollowing ? this.#state.clockMs : Math.max(this.#state.clockMs, this.#ports.nowMs());
    this.#frame.begin(this.#state.sequence + 1, clockMs);
    this.#frameBeganMs = sharedClockMs();
    if (isFollowing) this.#state.ids.replay(clockMs);
    else this.#state.ids.advance(clockMs);
    this.#state.wallets.limits.calendar.advance(clockMs);
    const { stats } = this.#ports;
    stats[STAT.wallets] = this.#state.wallets.count;
    stats[STAT.owners] = this.#state.wallets.owners.count;
    stats[STAT.idempotencyIds] = this.#state.ids.size;
    stats[STAT.idempotencyWindowMs] = this.#state.ids.effectiveWindowMs;
    stats[STAT.openTransfers] = this.#state.transfers.size;
  }

  /** Everything that the leader before has shown is applied; what it left open goes on. */
  #lead(): void {
    if (this.#follower === undefined) return;
    this.#follower = undefined;
    this.#stripes.mayPull = true;
    this.#beginFrame();
    this.#transfers.resume();
    this.#stripes.resume();
    this.#actors.desk.resume();
  }

  /** One look at the clock is enough for a frame: what came after it has not waited. */
  #timeQueue(sentAtMs: number): void {
    if (sentAtMs > 0) this.#meters.queueSeconds.add((this.#frameBeganMs - sentAtMs) / 1_000);
  }

  /** Commits early where the frame could not take what comes next; its answers stay hidden until `flush`. */
  #makeRoom(recordBytes: number): void {
    if (!this.#frame.fits(recordBytes) || !this.#deltas.hasRoom()) this.#commit();
  }

  #flushDeltas(): void {
    const { count } = this.#deltas;
    if (count === 0) return;
    this.#replies.unasked(REPLY_KIND.Deltas, this.#deltas.bytes.subarray(0, count * RING_DELTA_BYTES), count);
    this.#deltas.truncate(0);
  }
}
