import { setInterval } from "node:timers";
import { setTimeout as delay } from "node:timers/promises";
import { JournalReader } from "../engine/journal/journal-reader.ts";
import { Doorbell } from "../engine/port/doorbell.ts";
import { ReplicatedPosition } from "../engine/replication/replication-memory.ts";
import { readCheckpoint, writeCheckpoint } from "./checkpoint.ts";
import type { WriterSession } from "./claim-partition.ts";
import type { Claim, FoldState, FrameRecord } from "./epoch-fold.ts";
import { FollowRing } from "./follow-ring.ts";
import { JournalFold } from "./journal-fold.ts";
import { ensureJournalTopic, TopicMismatchError } from "./journal-topic.ts";
import type { KafkaLink } from "./kafka-link.ts";
import { Candidate } from "./leadership.ts";
import { Liveness } from "./liveness.ts";
import { DivergedError, frameCauses, hasFrame } from "./log-frame.ts";
import { Outage } from "./outage.ts";
import { PartitionFollower } from "./partition-follower.ts";
import { PartitionProgress } from "./partition-progress.ts";
import { FETCH_BYTES_MAX } from "./partition-reader.ts";
import { PartitionWriter } from "./partition-writer.ts";
import { type Leader, leaderOf, type ReplicatorReport, type ReplicatorThreadData } from "./replicator-messages.ts";
import { hasLostTail } from "./tail-comparison.ts";

const TICK_MS = 1_000;
const LEASES_PER_SESSION = 20;
const ROOM_POLL_MS = 1;
/** After a drain, for this long another node is expected to claim. */
const CLAIM_EXPECTED_MS = 3_000;

/** This node's part in the replication of all its shards: it follows, then perhaps leads, then is fenced or stopped. */
export class Node {
  readonly #data: ReplicatorThreadData;
  readonly #tell: (report: ReplicatorReport) => void;
  readonly #stopping = new AbortController();
  readonly #outage: Outage;
  readonly #liveness: Liveness;
  readonly #journals: readonly JournalReader[];
  readonly #positions: readonly ReplicatedPosition[];
  readonly #rings: readonly FollowRing[];
  readonly #fold: JournalFold;
  readonly #lease: Float64Array;
  #followers: readonly PartitionFollower[] = [];
  #writers: readonly PartitionWriter[] = [];
  #leader: Leader | undefined;
  #isClaiming = false;
  #isConfirmedTold = true;
  #drain: { readonly sequences: readonly number[]; readonly done: () => void } | undefined;
  #isOver = false;
  #isBehind = true;
  #goneToldMs = 0;
  /** What the checkpoint will say when the journals are known to have it. */
  #candidates: readonly FoldState[] = [];
  #timers: readonly NodeJS.Timeout[] = [];
  #starting: Promise<void> = Promise.resolve();

  constructor(data: ReplicatorThreadData, tell: (report: ReplicatorReport) => void) {
    const { options, dataDir, journals, replication, throughSequences } = data;
    this.#data = data;
    this.#tell = tell;
    this.#journals = journals.map((journal) => new JournalReader(journal));
    this.#positions = replication.map((memory) => new ReplicatedPosition(memory));
    this.#rings = replication.map((memory) => new FollowRing(memory));
    const states = readCheckpoint(dataDir, options, throughSequences);
    this.#fold = new JournalFold(states, frameCauses(states.length), (shard, frame) => this.#counts(shard, frame));
    for (const shard of this.#positions.keys()) this.#confirm(shard, this.#fold.throughSequence(shard));
    this.#lease = new Float64Array(data.lease);
    this.#outage = new Outage((isOut, reason) => {
      if (isOut) this.#log("warn", "kafka_unreachable", { reason });
      this.#tell({ type: "outage", isOut });
    });
    this.#liveness = new Liveness({
      options,
      attempts: this.#outage.attempts(),
      watchedNode: () => (this.#leader?.nodeId === options.nodeId ? undefined : this.#leader?.nodeId),
      gone: () => this.#tellGone(),
    });
  }

  /** Begins to follow. */
  start(): void {
    this.#starting = this.#start().catch((error: unknown) => this.#fail(error));
  }

  /** Becomes the leader, or learns who is; with `over` only in place of who leads in that epoch. */
  async claim(over?: number): Promise<void> {
    if (this.#isClaiming || this.#writers.length > 0 || this.#isOver) return;
    this.#isClaiming = true;
    try {
      await this.#starting;
      const attempts = this.#outage.attempts();
      const { signal } = this.#stopping;
      const [fold, followers] = [this.#fold, this.#followers];
      const { options } = this.#data;
      const outcome = await new Candidate({ options, fold, followers, attempts, signal, over }).claim();
      if (outcome.type === "outrun") this.#tell({ type: "outrun", leader: leaderOf(outcome.claim) });
      else await this.#lead(outcome.claim, outcome.sessions);
    } catch (error) {
      if (!this.#stopping.signal.aborted) this.#fail(error);
    } finally {
      this.#isClaiming = false;
    }
  }

  /** Tells when everything up to these sequences is confirmed; then another node may claim. */
  async drain(sequences: readonly number[]): Promise<void> {
    await new Promise<void>((done) => {
      this.#drain = { sequences, done };
      this.#endDrain();
    });
    for (const writer of this.#writers) writer.expectClaim(CLAIM_EXPECTED_MS);
    this.#tell({ type: "drained" });
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    for (const timer of this.#timers) clearInterval(timer);
    await this.#starting;
    await Promise.all([...this.#followers, ...this.#writers, this.#liveness].map((part) => part.stop()));
    this.#lease[0] = 0;
    this.#checkpoint();
    for (const journal of this.#journals) journal.close();
    this.#tell({ type: "stopped" });
  }

  async #start(): Promise<void> {
    const { options } = this.#data;
    const attempts = this.#outage.attempts();
    const { signal } = this.#stopping;
    for (let isThere = false; !isThere && !signal.aborted; ) {
      try {
        await ensureJournalTopic(options, options.journalTopic, options.shardCount);
        isThere = true;
      } catch (error) {
        if (error instanceof TopicMismatchError) this.#fail(error);
        else await attempts.failed(error, signal);
      }
    }
    attempts.end();
    if (signal.aborted) return;
    this.#followers = this.#rings.map(
      (_, shard) =>
        new PartitionFollower({
          options,
          shard,
          fold: this.#fold,
          flush: (link) => this.#flush(link),
          keepsAll: false,
          othersRest: () => this.#followers.every((follower, other) => other === shard || follower.isResting),
          attempts: this.#outage.attempts(),
          atEnd: () => this.#tellFollowing(),
          failed: (error) => this.#fail(error),
        }),
    );
    this.#lookWhoLeads();
    for (const follower of this.#followers) follower.start();
    this.#liveness.start();
    this.#timers = [
      setInterval(() => this.#tick(), TICK_MS),
      setInterval(() => this.#renewLease(), options.sessionTimeoutMs / LEASES_PER_SESSION),
    ];
  }

  async #lead(claim: Claim, sessions: readonly WriterSession[]): Promise<void> {
    const { options, replication } = this.#data;
    // The followers pass on what counts, and try again where that has to be read once more.
    while (!this.#rings.every((ring) => ring.isEmpty)) {
      await delay(ROOM_POLL_MS, undefined, { signal: this.#stopping.signal });
    }
    await Promise.all(this.#followers.map((follower) => follower.stop()));
    this.#writers = replication.map(
      (memory, shard) =>
        new PartitionWriter({
          options,
          shard,
          progress: new PartitionProgress(shard, claim, this.#fold, this.#journals[shard]),
          appended: new Doorbell(memory.appended),
          attempts: this.#outage.attempts(),
          fenced: () => this.#fence(this.#fold.partition(shard).claim),
          failed: (error) => this.#fail(error),
        }),
    );
    for (const [shard, writer] of this.#writers.entries()) writer.start(sessions[shard]);
    this.#renewLease();
    this.#tell({ type: "leading", leader: leaderOf(claim) });
  }

  #confirm(shard: number, sequence: number): void {
    const { isInLog, throughSequences } = this.#data;
    this.#positions[shard].moveTo(isInLog ? Math.max(sequence, throughSequences[shard]) : sequence);
  }

  /** A frame is part of the journal, whoever leads. */
  #counts(shard: number, frame: FrameRecord): void {
    this.#confirm(shard, frame.firstSequence + frame.recordCount - 1);
    if (this.#writers.length > 0) {
      this.#tellConfirmed();
      this.#endDrain();
    } else if (frame.firstSequence > this.#data.throughSequences[shard]) {
      this.#rings[shard].add(frame);
    } else if (!hasFrame(this.#journals[shard], frame)) {
      throw new DivergedError(`the log has another frame at record ${shard}:${frame.firstSequence} than this node`);
    }
  }

  /** Passes on to the shards what counts, as far as there is room; whether that was everything. */
  async #flush(link: KafkaLink): Promise<boolean> {
    this.#lookWhoLeads();
    for (const [shard, ring] of this.#rings.entries()) {
      const offset = ring.missingOffset;
      if (offset !== undefined) ring.fill((await link.fetch(shard, offset, 0, FETCH_BYTES_MAX)).records);
    }
    return this.#rings.map((ring) => ring.flush()).every(Boolean);
  }

  #tellConfirmed(): void {
    if (!this.#isConfirmedTold) return;
    this.#isConfirmedTold = false;
    queueMicrotask(() => {
      this.#isConfirmedTold = true;
      this.#tell({ type: "confirmed" });
    });
  }

  #endDrain(): void {
    const drain = this.#drain;
    if (drain?.sequences.every((sequence, shard) => this.#fold.throughSequence(shard) >= sequence) !== true) return;
    this.#drain = undefined;
    drain.done();
  }

  /** Partition 0 says so. */
  #lookWhoLeads(): void {
    const { claim } = this.#fold.partition(0);
    if (claim === undefined || claim.epoch === this.#leader?.epoch) return;
    if (claim.ledger.ledgerId !== this.#data.options.ledgerId) {
      throw new DivergedError(`the log is that of ledger ${claim.ledger.ledgerId}`);
    }
    this.#leader = leaderOf(claim);
    this.#tell({ type: "leader", leader: this.#leader });
  }

  #fence(claim: Claim | undefined): void {
    if (!this.#end()) return;
    this.#tell({ type: "fenced", leader: claim && leaderOf(claim) });
  }

  #fail(error: unknown): void {
    if (!this.#end()) return;
    const message = error instanceof Error ? error.message : String(error);
    const code = error instanceof Error && "code" in error ? String(error.code) : "replication_failed";
    this.#log("error", code, { message });
    this.#tell({ type: "failed", code, message });
  }

  /** Nothing more is taken or confirmed; false where that was so before. */
  #end(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#lease[0] = 0;
    this.#stopping.abort();
    for (const part of [...this.#followers, ...this.#writers]) void part.stop();
    return true;
  }

  #tellGone(): void {
    const nowMs = performance.now();
    const { sessionTimeoutMs } = this.#data.options;
    if (this.#leader === undefined || this.#isClaiming || nowMs - this.#goneToldMs < sessionTimeoutMs) return;
    this.#goneToldMs = nowMs;
    this.#tell({ type: "leaderGone", leader: this.#leader });
  }

  /** The group takes this node for alive, and the log shows no other leader: both for another session from when that was asked. */
  #renewLease(): void {
    if (this.#writers.length === 0 || this.#isOver) return;
    const sinceMs = Math.min(this.#writers[0].checkedMs, this.#liveness.aliveMs);
    this.#lease[0] = Math.max(this.#lease[0], sinceMs + this.#data.options.sessionTimeoutMs);
  }

  #tick(): void {
    this.#checkpoint();
    this.#tellFollowing(true);
  }

  /** Tells how far behind this node is, while it is; and once that it no longer is. */
  #tellFollowing(isBehindTold = false): void {
    if (this.#writers.length > 0 || this.#isOver) return;
    const behindRecords = this.#followers.reduce((sum, follower) => sum + follower.behindRecords, 0);
    const isBehind = behindRecords > 0;
    const { options, throughSequences } = this.#data;
    if (!isBehind && hasLostTail(this.#fold, throughSequences, options.nodeId)) {
      this.#fence(this.#fold.partition(0).claim);
      return;
    }
    if (!Number.isFinite(behindRecords) || (isBehind ? !isBehindTold : !this.#isBehind)) return;
    this.#isBehind = isBehind;
    this.#tell({ type: "following", behindRecords });
  }

  /** Writes down how far the log had come at the last time, if all journals have that by now. */
  #checkpoint(): void {
    if (this.#isOver) return;
    const { options, dataDir } = this.#data;
    const hasAll = this.#candidates.every(({ nextSequence }, shard) => {
      const last = nextSequence - 1;
      return last <= this.#data.throughSequences[shard] || this.#journals[shard].frameAt(last) !== undefined;
    });
    if (!hasAll) return;
    try {
      if (this.#candidates.length > 0) writeCheckpoint(dataDir, options, this.#candidates);
    } catch (error) {
      // Without it the next start reads more of the log, and that is all.
      this.#log("warn", "checkpoint_failed", { message: error instanceof Error ? error.message : String(error) });
    }
    this.#candidates = this.#rings.map((_, shard) => this.#fold.checkpoint(shard));
  }

  #log(level: "info" | "warn" | "error", fact: string, fields: Readonly<Record<string, unknown>>): void {
    this.#tell({ type: "log", level, fact, fields });
  }
}
