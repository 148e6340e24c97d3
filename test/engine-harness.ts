import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RowMemoryOptions } from "../engine/actor/row-memory.ts";
import { genesisHash, openFrame } from "../engine/journal/frame.ts";
import { type Journal, LmdbJournal } from "../engine/journal/journal.ts";
import { pack } from "../engine/object/object-record.ts";
import { ENTRY_HEADER_BYTES, REQUEST, REQUEST_FLAG, REQUEST_KIND, ROLE } from "../engine/port/entries.ts";
import { type PeerMessage, writePeerMessage } from "../engine/port/peer-message.ts";
import { createRing, type RingMemory, RingReader, RingWriter } from "../engine/port/ring.ts";
import type { FollowedFrame } from "../engine/shard/follower.ts";
import { recover } from "../engine/shard/recover.ts";
import { ShardCore } from "../engine/shard/shard-core.ts";
import { ShardState } from "../engine/shard/shard-state.ts";
import { createStatsMemory } from "../engine/shard/shard-stats.ts";
import { statePartsOf } from "../engine/snapshot/state-parts.ts";
import { uuidBytes, writeUuid } from "../protocol/ids.ts";
import type { Caller, DrivenLedger, DrivenLedgerOptions, Message, Reply, WalletView } from "./driven-ledger.ts";
import { encodeCommands } from "./ledger-command.ts";
import { type RawReply, readReply, replyOf } from "./raw-reply.ts";
import { assertBooks, walletViews } from "./wallet-views.ts";

/** A journal, and how a state comes back from it. */
export interface HarnessJournal extends Journal {
  appendAll(frames: readonly FollowedFrame[]): void;
  recover(state: ShardState): Promise<void> | void;
  /** Ends the process that had it open. */
  crash(): Promise<void>;
  close(): Promise<void>;
}

/** A disk in memory: what was appended stays, whatever happens to the shard. */
export class MemoryJournal implements HarnessJournal {
  readonly #frames: { readonly firstSequence: number; readonly bytes: Uint8Array }[] = [];
  /** Set to let the next append fail, as a full disk does. */
  isFull = false;

  append(firstSequence: number, frame: Uint8Array): void {
    if (this.isFull) throw new Error("no space left on device");
    this.#frames.push({ firstSequence, bytes: frame.slice() });
  }

  appendAll(frames: readonly FollowedFrame[]): void {
    for (const { firstSequence, bytes } of frames) this.append(firstSequence, bytes);
  }

  frameAt(sequence: number): Uint8Array | undefined {
    return this.#frames.findLast(({ firstSequence }) => firstSequence <= sequence)?.bytes;
  }

  recover(state: ShardState): void {
    for (const { bytes } of this.#frames) {
      const frame = openFrame(bytes, state.shard);
      if (typeof frame === "string") throw new Error(frame);
      if (Buffer.compare(frame.previousHash, state.hash) !== 0) throw new Error("the chain of frames is broken");
      if (frame.firstSequence !== state.sequence + 1) throw new Error("a frame is missing");
      state.evolveFrame(frame);
    }
  }

  async crash(): Promise<void> {}
  async close(): Promise<void> {}
}

/** The real journal, in a directory of its own. */
export class DiskJournal implements HarnessJournal {
  readonly #directory: string;
  #journal: LmdbJournal;

  private constructor(directory: string, journal: LmdbJournal) {
    this.#directory = directory;
    this.#journal = journal;
  }

  static async create(): Promise<DiskJournal> {
    const directory = mkdtempSync(join(tmpdir(), "mizan-harness-"));
    return new DiskJournal(directory, await DiskJournal.#open(directory));
  }

  append(firstSequence: number, frame: Uint8Array): void {
    this.#journal.append(firstSequence, frame);
  }

  appendAll(frames: readonly FollowedFrame[]): void {
    this.#journal.appendAll(frames);
  }

  frameAt(sequence: number): Uint8Array | undefined {
    return this.#journal.frameAt(sequence);
  }

  recover(state: ShardState): void {
    recover(state, this.#journal, this.#directory, {
      progress: () => {},
      cut: ({ position }) => {
        throw new Error(`the frame at ${position} was cut`);
      },
    });
  }

  async crash(): Promise<void> {
    await this.#journal.close();
    this.#journal = await DiskJournal.#open(this.#directory);
  }

  async close(): Promise<void> {
    await this.#journal.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  static #open(directory: string): Promise<LmdbJournal> {
    return LmdbJournal.open(directory, 1 << 20, () => {});
  }
}

interface HarnessShard {
  readonly journal: HarnessJournal;
  state: ShardState;
  core: ShardCore;
  requests: RingWriter;
  requestReader: RingReader;
  replyReader: RingReader;
  followWriter: RingWriter;
}

export interface HarnessOptions extends DrivenLedgerOptions {
  readonly walletsPerShardMax: number;
  readonly holdsPerShardMax: number;
  readonly actorsPerShardMax?: number;
  /** Where the actors of a new state go that leave memory. */
  readonly actorMemory?: () => RowMemoryOptions;
  readonly idempotencyIdsMax: number;
  /** Whether the shards follow the frames of another ledger until `lead`. */
  readonly isFollowing?: boolean;
}

const REQUEST_RING_BYTES = 4 << 20;
const REPLY_RING_BYTES = 8 << 20;
const ADMIN: Caller = { role: "admin", ownerId: "00000000-0000-0000-0000-000000000000" };

/**
 * The engine's shards on one thread, moved step by step: no threads, no clock, but the real cores, rings and journals.
 *
 * Whatever a shard flushes, its books are added up: the harness throws where a currency does not sum to zero.
 */
export class EngineHarness implements DrivenLedger {
  readonly #options: HarnessOptions;
  readonly #queues = new Map<string, PeerMessage[]>();
  readonly #shards: HarnessShard[];
  #isFollowing: boolean;
  /** Entries that are not answers to commands: deltas, look-ups, objects. */
  readonly others: RawReply[] = [];

  constructor(options: HarnessOptions, journals?: readonly HarnessJournal[]) {
    this.#options = options;
    this.#isFollowing = options.isFollowing === true;
    this.#shards = Array.from({ length: options.shardCount }, (_, shard) =>
      this.#start(shard, journals?.[shard] ?? new MemoryJournal()),
    );
  }

  state(shard: number): ShardState {
    return this.#shards[shard].state;
  }

  journal(shard: number): HarnessJournal {
    return this.#shards[shard].journal;
  }

  submit(shard: number, { token, caller, details, timeOrderedIds, commands }: Message): void {
    const flags = (details ? REQUEST_FLAG.details : 0) | (timeOrderedIds ? REQUEST_FLAG.timeOrderedIds : 0);
    this.request(shard, REQUEST_KIND.Commands, token, commands.length, encodeCommands(commands), caller, flags);
  }

  /** Hands any request to a shard. */
  request(
    shard: number,
    kind: number,
    token: number,
    count: number,
    payload: Uint8Array,
    caller: Caller = ADMIN,
    flags = 0,
  ): void {
    const { core, requests, requestReader } = this.#shards[shard];
    const offset = requests.reserve(ENTRY_HEADER_BYTES + payload.byteLength, kind);
    if (offset < 0) throw new Error("the request does not fit the ring");
    const at = offset >>> 2;
    requests.lanes[at + REQUEST.token] = token;
    requests.lanes[at + REQUEST.count] = count;
    requests.lanes[at + REQUEST.flags] = flags;
    requests.lanes[at + REQUEST.role] = ROLE[caller.role];
    requests.lanes[at + REQUEST.payloadBytes] = payload.byteLength;
    writeUuid(caller.ownerId, requests.bytes, (at + REQUEST.ownerId) * 4);
    requests.bytes.set(payload, offset + ENTRY_HEADER_BYTES);
    this.#take(core, requests, requestReader);
  }

  #take(core: ShardCore, requests: RingWriter, requestReader: RingReader): void {
    requests.publish();
    const next = requestReader.next();
    if (!core.mayTake(requestReader, next)) throw new Error("the shard may not take the request now");
    core.handle(requestReader, next);
    requestReader.release(next);
  }

  /** An object command and its outcome are MessagePack. */
  requestObject(shard: number, kind: number, token: number, value: unknown): void {
    this.request(shard, kind, token, 1, pack(value));
  }

  flush(shard: number): readonly Reply[] {
    this.#shards[shard].core.resumePostponed();
    this.#shards[shard].core.flush();
    assertBooks(this.#shards[shard].state);
    return this.published(shard);
  }

  /** Puts a frame of the leader before a shard that follows; `follow` applies it. */
  offerFrame(shard: number, frame: Uint8Array): void {
    const { followWriter: ring } = this.#shards[shard];
    const offset = ring.reserve(ENTRY_HEADER_BYTES + frame.byteLength, REQUEST_KIND.ApplyFrame);
    if (offset < 0) throw new Error("the frame does not fit the ring");
    ring.lanes[(offset >>> 2) + REQUEST.payloadBytes] = frame.byteLength;
    ring.bytes.set(frame, offset + ENTRY_HEADER_BYTES);
    ring.publish();
  }

  /** Applies the frames that wait before a shard, and shows what changed; returns how many there were. */
  follow(shard: number): number {
    const { core, state } = this.#shards[shard];
    let applied = 0;
    for (let some = core.follow(); some > 0; some = core.follow()) {
      applied += some;
      core.flush();
      this.#takeReplies(shard);
    }
    assertBooks(state);
    return applied;
  }

  /** The shards lead from now on, and take up what is open. */
  lead(): void {
    this.#isFollowing = false;
    for (const shard of this.#shards.keys()) this.request(shard, REQUEST_KIND.Lead, 0, 0, new Uint8Array());
    for (const shard of this.#shards.keys()) this.flush(shard);
  }

  /** Lets the holds of a shard lapse whose time is over, as its thread does every now and then. */
  expireHolds(shard: number): void {
    this.#shards[shard].core.expireHolds();
    this.#shards[shard].core.flush();
  }

  /** The answers that a shard shows without being asked to commit. */
  published(shard: number): readonly Reply[] {
    return this.#takeReplies(shard);
  }

  deliver(fromShard: number, toShard: number): boolean {
    const message = this.#queue(fromShard, toShard).shift();
    if (message === undefined) return false;
    const { core, requests, requestReader } = this.#shards[toShard];
    if (!writePeerMessage(requests, message)) throw new Error("the request ring is too small for the test");
    this.#take(core, requests, requestReader);
    return true;
  }

  waiting(fromShard: number, toShard: number): number {
    return this.#queue(fromShard, toShard).length;
  }

  /** Drops everything but the journals. With journals on a disk, `crashDisks` reopens them before. */
  crash(): void {
    this.#queues.clear();
    for (const [shard, { journal }] of this.#shards.entries()) this.#shards[shard] = this.#start(shard, journal);
    if (!this.#isFollowing) for (const { core } of this.#shards) core.resume();
  }

  async crashDisks(): Promise<void> {
    for (const { journal } of this.#shards) await journal.crash();
    this.crash();
  }

  async close(): Promise<void> {
    for (const { journal } of this.#shards) await journal.close();
  }

  wallets(shard: number): readonly WalletView[] {
    return walletViews(this.#shards[shard].state);
  }

  openTransfers(shard: number): number {
    return this.#shards[shard].state.transfers.size;
  }

  /** What a shard would know if it started again now. */
  rebuilt(shard: number): ShardState {
    const state = this.emptyState(shard);
    void this.#shards[shard].journal.recover(state);
    return state;
  }

  #queue(fromShard: number, toShard: number): PeerMessage[] {
    const key = `${fromShard}>${toShard}`;
    const queue = this.#queues.get(key) ?? [];
    this.#queues.set(key, queue);
    return queue;
  }

  /** The state that a snapshot of a shard brings back. */
  loaded(shard: number): ShardState {
    const state = this.rebuilt(shard);
    const loaded = this.emptyState(shard);
    const into = new Map(statePartsOf(loaded).map((part) => [part.name, part]));
    for (const part of statePartsOf(state)) {
      part.begin();
      for (let chunk = part.next(); chunk !== undefined; chunk = part.next()) into.get(part.name)?.load(chunk.slice());
      part.end();
    }
    loaded.adopt(state.sequence, state.clockMs, state.hash);
    return loaded;
  }

  /** A state that knows nothing. */
  emptyState(shard: number): ShardState {
    const { actorMemory, ...options } = this.#options;
    const memory = actorMemory === undefined ? {} : { actorMemory: actorMemory() };
    return new ShardState(
      { calendarTimeZone: "Africa/Cairo", ...options, ...memory, shard },
      genesisHash("harness", shard),
    );
  }

  #start(shard: number, journal: HarnessJournal): HarnessShard {
    const state = this.emptyState(shard);
    void journal.recover(state);
    const requests: RingMemory = createRing(REQUEST_RING_BYTES);
    const replies: RingMemory = createRing(REPLY_RING_BYTES);
    const follow: RingMemory = createRing(REQUEST_RING_BYTES);
    const core = new ShardCore(state, this.#options, {
      journal,
      replies: new RingWriter(replies),
      stats: new Float64Array(createStatsMemory()),
      nowMs: this.#options.nowMs,
      wakeGateway: () => {},
      sendToPeer: (toShard, message) =>
        this.#queue(shard, toShard).push({ ...message, payload: message.payload.slice() }),
      ...(this.#isFollowing
        ? { follow: { ring: new RingReader(follow), append: (frames) => journal.appendAll(frames) } }
        : {}),
    });
    return {
      journal,
      state,
      core,
      requests: new RingWriter(requests),
      requestReader: new RingReader(requests),
      replyReader: new RingReader(replies),
      followWriter: new RingWriter(follow),
    };
  }

  #takeReplies(shard: number): Reply[] {
    const { replyReader, state } = this.#shards[shard];
    const replies: Reply[] = [];
    for (let offset = replyReader.next(); offset >= 0; offset = replyReader.next()) {
      const raw = readReply(replyReader, offset);
      replyReader.release(offset);
      const reply = replyOf(shard, raw);
      assertDependence(raw, reply, state.sequence);
      if (reply === undefined) this.others.push(raw);
      else replies.push(reply);
    }
    return replies;
  }
}

/** What is shown depends on nothing that is not durable, and on whatever it says has happened. */
function assertDependence({ dependsOnSequence }: RawReply, reply: Reply | undefined, durableSequence: number): void {
  const answers = reply === undefined ? [] : reply.kind === "late" ? [reply.answer] : reply.answers;
  const told = Math.max(0, ...answers.map(({ sequence }) => sequence));
  if (told <= dependsOnSequence && dependsOnSequence <= durableSequence) return;
  throw new Error(`an answer tells of ${told}, depends on ${dependsOnSequence}, and ${durableSequence} is durable`);
}

/** Lanes of an id given as text. */
export function idLanes(id: string): Uint32Array {
  return new Uint32Array(uuidBytes(id).buffer);
}
