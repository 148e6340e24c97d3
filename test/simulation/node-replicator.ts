import { ReplicatedPosition } from "../../engine/replication/replication-memory.ts";
import { FRAME_HEADER_BYTES } from "../../protocol/limits.ts";
import { Candidacy } from "../../replicator/candidacy.ts";
import { goOnFrom } from "../../replicator/checkpoint.ts";
import type { Claim, FoldState, FrameRecord } from "../../replicator/epoch-fold.ts";
import { FollowRing } from "../../replicator/follow-ring.ts";
import { JournalFold } from "../../replicator/journal-fold.ts";
import { claimRecord, readRecord } from "../../replicator/journal-record.ts";
import { DivergedError, frameCauses } from "../../replicator/log-frame.ts";
import { PartitionProgress } from "../../replicator/partition-progress.ts";
import { hasLostTail } from "../../replicator/tail-comparison.ts";
import { untimedId } from "../ledger-command.ts";
import type { SimulatedHost } from "./host.ts";
import { type LogWorld, SESSION_MS } from "./log-world.ts";
import { hex, type NodeDisk } from "./node-disk.ts";
import type { NodeShards } from "./node-shards.ts";
import { NodeWriter } from "./node-writer.ts";
import { LEDGER_ID } from "./recovery.ts";
import { require } from "./rules.ts";
import { LogUnreachable, type Producer } from "./simulated-log.ts";

const RECORDS_PER_READ = 4;
/** A shorter outage is nobody's concern. */
const OUTAGE_TOLD_MS = 500;

type Waiting = Generator<void, void, void>;

/** Whom a node's replicator tells. */
export interface ReplicatorEvents {
  leads(claim: Claim): void;
  outrun(): void;
  fenced(): void;
  leader(claim: Claim): void;
  leaderGone(): void;
  outage(isOut: boolean): void;
  confirmed(): void;
}

/**
 * The replicator of one process of a node, with the ledger's own parts for every decision; what its thread does with
 * connections and time happens here when somebody says so.
 */
export class NodeReplicator {
  readonly fold: JournalFold;
  readonly #world: LogWorld;
  readonly #nodeId: string;
  readonly #disk: NodeDisk;
  readonly #shards: NodeShards;
  readonly #host: SimulatedHost;
  readonly #lease: Float64Array;
  readonly #isCutOff: () => boolean;
  readonly #tell: ReplicatorEvents;
  readonly #positions: readonly ReplicatedPosition[];
  readonly #rings: readonly FollowRing[];
  #writers: readonly Waiting[] = [];
  #claiming: Waiting | undefined;
  readonly #checkedMs: number[];
  #aliveMs = 0;
  #quietSinceMs = Number.POSITIVE_INFINITY;
  #outSinceMs: number | undefined;
  #isOutTold = false;
  #leader: Claim | undefined;
  #candidates: FoldState[] = [];
  #isOver = false;

  constructor(
    world: LogWorld,
    nodeId: string,
    disk: NodeDisk,
    shards: NodeShards,
    host: SimulatedHost,
    lease: SharedArrayBuffer,
    isCutOff: () => boolean,
    tell: ReplicatorEvents,
  ) {
    this.#world = world;
    this.#nodeId = nodeId;
    this.#disk = disk;
    this.#shards = shards;
    this.#host = host;
    this.#lease = new Float64Array(lease);
    this.#isCutOff = isCutOff;
    this.#checkedMs = world.shards.map(() => 0);
    this.#tell = tell;
    this.#positions = shards.replication.map((memory) => new ReplicatedPosition(memory));
    this.#rings = shards.replication.map((memory) => new FollowRing(memory));
    const sound = goOnFrom(disk.checkpoint, LEDGER_ID, shards.throughSequences);
    const states = world.plant.flaws?.checkpointsEarly === true ? (disk.checkpoint ?? sound) : sound;
    const causesOf = world.plant.causesOf ?? frameCauses(states.length);
    this.fold = new JournalFold(states, causesOf, (shard, frame) => this.#counts(shard, frame));
    for (const [shard, position] of this.#positions.entries()) position.moveTo(this.fold.throughSequence(shard));
    this.#lookWhoLeads();
  }

  get isLeading(): boolean {
    return this.#writers.length > 0;
  }

  get isClaiming(): boolean {
    return this.#claiming !== undefined;
  }

  get leader(): Claim | undefined {
    return this.#leader;
  }

  /** Whether everything in the log has been read here. */
  get isAtEnd(): boolean {
    return this.#world.shards.every(
      (shard) => this.fold.partition(shard).offset === this.#world.log.records(shard).length,
    );
  }

  /** Tries to become the leader; with `over` only in place of who leads in that epoch. */
  claim(over?: number): void {
    if (this.isClaiming || this.isLeading || this.#isOver) return;
    this.#claiming = this.#claim(over);
  }

  /** Goes on by one step, wherever the scheduler likes: reads, or sends, or claims. */
  step(): void {
    const { random, shards } = this.#world;
    if (this.#isOver) return;
    this.#reaching(() => {
      const shard = random.pick(shards);
      if (this.isLeading) this.#writers[shard].next();
      else if (this.#claiming !== undefined && random.chance(0.4)) this.#claiming.next();
      else this.follow(shard);
    });
  }

  /** Gives a sign of life, and looks who else does. */
  beat(): void {
    if (this.#isOver) return;
    const { heardMs, nowMs } = this.#world;
    this.#reaching(
      () => {
        this.#reach();
        this.#world.log.endOffset(0);
        this.#aliveMs = this.#host.monotonicMs;
        heardMs.set(this.#nodeId, nowMs);
        if (this.#quietSinceMs === Number.POSITIVE_INFINITY) this.#quietSinceMs = this.#aliveMs;
        const watched = this.#leader?.nodeId;
        if (watched === undefined || watched === this.#nodeId) return;
        const isMember = nowMs - (heardMs.get(watched) ?? 0) < SESSION_MS;
        if (!isMember && this.#aliveMs - this.#quietSinceMs >= SESSION_MS) this.#tell.leaderGone();
      },
      () => {
        this.#quietSinceMs = Number.POSITIVE_INFINITY;
      },
    );
    this.#renewLease();
  }

  /** What follows from having read everything. */
  lookBack(): void {
    if (this.isLeading || this.#isOver || !this.isAtEnd) return;
    if (!hasLostTail(this.fold, this.#shards.throughSequences, this.#nodeId)) return;
    this.end();
    this.#tell.fenced();
  }

  /** Writes down how far the log had come at the last time, if all journals have that by now. */
  checkpoint(): void {
    if (this.#isOver) return;
    const { flaws } = this.#world.plant;
    const hasAll = this.#candidates.every(
      ({ nextSequence }, shard) => nextSequence - 1 <= this.#disk.journals[shard].throughSequence,
    );
    if (!hasAll && flaws?.checkpointsEarly !== true) return;
    if (this.#candidates.length > 0) this.#disk.checkpoint = this.#candidates;
    this.#candidates = this.#world.shards.map((shard) => this.fold.checkpoint(shard));
  }

  /** Folds some more of a partition. */
  follow(shard: number): void {
    const { log, plant } = this.#world;
    this.#reach();
    for (const incoming of log.read(shard, this.fold.partition(shard).offset, RECORDS_PER_READ)) {
      const record = readRecord(incoming, shard);
      if (this.fold.mustWait(shard, record)) break;
      this.fold.apply(shard, plant.read?.(record, this.fold.partition(shard).epoch) ?? record);
      this.flush();
    }
  }

  /** Passes on to the shards what counts. */
  flush(): boolean {
    this.#lookWhoLeads();
    return this.#rings.map((ring) => ring.flush()).every(Boolean);
  }

  /** Another node leads, or the process ends. */
  end(): void {
    this.#isOver = true;
    this.#lease[0] = 0;
  }

  *#claim(over: number | undefined): Waiting {
    const { plant, random } = this.#world;
    const ledger = {
      formatVersion: 1,
      ledgerId: LEDGER_ID,
      shards: this.#shards.shardCount,
      calendarTimeZone: "",
      createdAt: "",
    };
    const claimId = untimedId(random.below(2 ** 31));
    const candidacy = new Candidacy({ claimId, nodeId: this.#nodeId, nodeUrl: "", ledger }, over);
    plant.candidacy?.(candidacy);
    for (;;) {
      try {
        const claim = yield* this.#tryClaim(candidacy);
        this.#claiming = undefined;
        if (claim === undefined) this.#tell.outrun();
        else this.#lead(claim);
        return;
      } catch (error) {
        if (!(error instanceof LogUnreachable)) throw error;
        this.#failed();
        yield;
      }
    }
  }

  /** As `leadership.ts` does it: partition 0 decides, the others follow. Returns the claim where it won. */
  *#tryClaim(candidacy: Candidacy): Generator<void, Claim | undefined, void> {
    const { log, shards, plant, random, nowMs } = this.#world;
    this.#reach();
    yield* this.#reached(0, log.endOffset(0));
    const next = candidacy.next(this.fold.partition(0).claim);
    if (next.type === "outrun") return undefined;
    for (const shard of plant.flaws?.claimsOnePartition === true ? [0] : shards) {
      this.#reach();
      const producer = log.newProducer(shard);
      if (random.chance(0.5)) yield;
      this.#reach();
      this.#checkedMs[shard] = this.#host.monotonicMs;
      const offset = log.append(shard, [claimRecord(next.claim, nowMs)], producer);
      if (plant.flaws?.leadsBeforeReading !== true) {
        yield* this.#reached(shard, offset + 1);
        const standing = this.fold.partition(shard).claim;
        if (standing !== undefined && candidacy.isOutrunBy(standing)) return undefined;
      }
      this.#producers[shard] = producer;
    }
    return next.claim;
  }

  readonly #producers: Producer[] = [];

  *#reached(shard: number, offset: number): Waiting {
    while (this.fold.partition(shard).offset < offset) yield;
  }

  #lead(claim: Claim): void {
    this.flush();
    this.#writers = this.#world.shards.map((shard) => {
      const journal = this.#disk.journals[shard];
      const progress = new PartitionProgress(shard, claim, this.fold, {
        frameAt: (sequence) => journal.find(sequence),
      });
      const writer = new NodeWriter(this.#world, shard, progress, this.#host, {
        reach: () => this.#reach(),
        answered: () => this.#succeeded(),
        lost: () => this.#failed(),
        checked: (sentMs) => {
          this.#checkedMs[shard] = sentMs;
        },
        fenced: () => {
          this.end();
          this.#tell.fenced();
        },
      });
      return writer.run(this.#producers[shard], this.#checkedMs[shard]);
    });
    this.#renewLease();
    this.#tell.leads(claim);
  }

  /** A frame is part of the journal, whoever leads. */
  #counts(shard: number, frame: FrameRecord): void {
    const { plant, judge } = this.#world;
    require("agreed", judge.hashAt(shard, frame.firstSequence) === frame.hash, () =>
      `node ${this.#nodeId} takes the frame with record ${shard}:${frame.firstSequence} for one that counts`);
    this.#positions[shard].moveTo(frame.firstSequence + frame.recordCount - 1);
    if (this.isLeading) this.#tell.confirmed();
    else if (frame.firstSequence > this.#shards.throughSequences[shard]) {
      const bytes = this.#handed(frame.bytes);
      this.#rings[shard].add({ offset: frame.offset, bytes: plant.followed?.(bytes) ?? bytes });
    } else {
      const local = this.#disk.journals[shard].find(frame.firstSequence);
      if (local !== undefined && (local.firstSequence !== frame.firstSequence || hex(local.hash) !== frame.hash)) {
        throw new DivergedError(`the log has another frame at record ${shard}:${frame.firstSequence}`);
      }
    }
  }

  #renewLease(): void {
    const { plant } = this.#world;
    if (!this.isLeading || this.#isOver) return;
    const sinceMs = Math.min(this.#checkedMs[0], this.#aliveMs);
    this.#lease[0] =
      plant.flaws?.leaseNeverEnds === true ? Number.POSITIVE_INFINITY : Math.max(this.#lease[0], sinceMs + SESSION_MS);
  }

  #lookWhoLeads(): void {
    const { claim } = this.fold.partition(0);
    if (claim === undefined || claim.epoch === this.#leader?.epoch) return;
    this.#leader = claim;
    this.#tell.leader(claim);
  }

  /** The bytes of a frame as they reach the shard, which must not believe them. */
  #handed(bytes: Uint8Array): Uint8Array {
    const { random, weather } = this.#world;
    if (!random.chance(weather.damagesFrame)) return bytes;
    const damaged = Uint8Array.from(bytes);
    damaged[random.between(FRAME_HEADER_BYTES, damaged.byteLength - 1)] ^= 1 << random.below(8);
    return damaged;
  }

  #reach(): void {
    if (this.#isCutOff()) throw new LogUnreachable("the network is cut");
  }

  #reaching(body: () => void, failed?: () => void): void {
    try {
      body();
      if (!this.#isCutOff() && !this.#world.log.isDown) this.#succeeded();
    } catch (error) {
      if (!(error instanceof LogUnreachable)) throw error;
      this.#failed();
      failed?.();
    }
  }

  #succeeded(): void {
    this.#outSinceMs = undefined;
    if (this.#isOutTold) this.#tell.outage(false);
    this.#isOutTold = false;
  }

  #failed(): void {
    this.#outSinceMs ??= this.#host.monotonicMs;
    if (this.#isOutTold || this.#host.monotonicMs - this.#outSinceMs <= OUTAGE_TOLD_MS) return;
    this.#isOutTold = true;
    this.#tell.outage(true);
  }
}
