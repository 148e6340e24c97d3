import { REPLY } from "../engine/port/entries.ts";
import type { RingReader } from "../engine/port/ring.ts";
import { monotonicMs } from "../replicator/monotonic-clock.ts";
import type { Config } from "./config.ts";
import type { Counters } from "./counters.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { dependsOn, HeldEntries, isUnasked } from "./held-entries.ts";
import type { LogPositions } from "./log-positions.ts";
import type { NodeRole } from "./node-role.ts";
import { AWAITS_LOG } from "./request-table.ts";
import { AUDIENCE } from "./streams/audience.ts";
import type { Streams } from "./streams/streams.ts";

/** How often the gate looks whether requests have waited too long, and whether the lease and the lag have changed. */
const TICK_MS = 50;

export interface GateParts {
  readonly config: Pick<Config, "acks" | "replicationTimeoutMs" | "replicationLagRecordsMax" | "replicationLagAction">;
  readonly role: NodeRole;
  readonly positions: LogPositions;
  readonly dispatcher: Dispatcher;
  readonly streams: Pick<Streams, "hasPatientReaders" | "closePatientReaders">;
  readonly counters: Counters;
  /** The log is further behind than the operator allows, or no longer. */
  readonly onLag: (isLagging: boolean, lagRecords: number) => void;
}

/**
 * Stands between the shards' answers and everybody who gets them, where the journal is replicated.
 *
 * `MIZAN_ACKS=replicated`: an entry that the log has not confirmed stays in the reply ring with everything behind it, so
 * the ring is the bound: when it is full the shard waits, and requests become `overloaded`. `local`: entries pass, but
 * those of callers who wait for the log are copied aside, in order. Nobody else may suffer from them, so what does not fit
 * is `replication_pending` at once, and readers of streams that wait are closed as slow.
 * A request that waits too long is answered with `replication_pending`, and its real answer is dropped.
 *
 * While the lease of a leader has run out nothing is shown; after `close` nothing ever is.
 */
export class ReplicationGate {
  /** **Shape**: Float64 [until when, on the machine's monotonic clock in milliseconds, a leader may show anything]. */
  readonly lease = new SharedArrayBuffer(8);
  readonly #lease = new Float64Array(this.lease);
  readonly #parts: GateParts;
  readonly #awaitsAll: boolean;
  /** By shard; made when the first entry is held. */
  readonly #held: HeldEntries[] = [];
  #mayShow = false;
  #isClosed = false;
  #tick: NodeJS.Timeout | undefined;
  #wake = (): void => {};
  #isLagging = false;
  #isLeaseWaived = false;

  constructor(parts: GateParts) {
    this.#parts = parts;
    this.#awaitsAll = parts.config.acks === "replicated";
  }

  /** Begins to watch the time; `wake` has the drain loop look at the rings again. */
  start(wake: () => void): void {
    this.#wake = wake;
    this.#tick = setInterval(this.#onTick, TICK_MS).unref();
  }

  /** The log has confirmed more, or the lease was extended. */
  readonly confirmed = (): void => this.#wake();

  /**
   * Kafka cannot be reached, or can again. Meanwhile nobody else can claim through it either, so `local` goes on without a
   * lease; `replicated` waits anyway.
   */
  outage(isOut: boolean): void {
    this.#isLeaseWaived = isOut && !this.#awaitsAll;
    this.#wake();
  }

  /** Drops what shards still answer, so that they can end; requests without an answer get `replication_pending`. */
  close(): void {
    clearInterval(this.#tick);
    this.#isClosed = true;
    this.#parts.dispatcher.abandon();
    this.#wake();
  }

  /** Called before a round of the drain loop; hands over what the log has confirmed meanwhile, and tells how much. */
  beginRound(): number {
    const { role, positions } = this.#parts;
    this.#mayShow = !role.isLeading || this.#isLeaseWaived || (this.#lease[0] as number) > monotonicMs();
    if (!this.#mayShow || this.#isClosed) return 0;
    let released = 0;
    this.#held.forEach((held, shard) => {
      released += held.release(positions.throughSequence(shard), (replies, offset) =>
        this.#showHeld(replies, offset, shard),
      );
    });
    return released;
  }

  /** Takes an entry of a shard's reply ring, or leaves it there. */
  readonly take = (replies: RingReader, offset: number, shard: number): boolean => {
    if (this.#isClosed) return true;
    if (!this.#mayShow) return false;
    const { dispatcher, positions, streams } = this.#parts;
    const isConfirmed = dependsOn(replies, offset) <= positions.throughSequence(shard);
    if (this.#awaitsAll) return isConfirmed && dispatcher.onEntry(replies, offset, shard);
    if (isConfirmed && this.#held[shard]?.isEmpty !== false) return dispatcher.onEntry(replies, offset, shard);
    if (isUnasked(replies, offset)) {
      if (!streams.hasPatientReaders) return dispatcher.onEntry(replies, offset, shard);
      if (!this.#hold(replies, offset, shard)) streams.closePatientReaders();
      dispatcher.showUnasked(replies, offset, shard, AUDIENCE.prompt);
      return true;
    }
    const token = replies.lanes[(offset >>> 2) + REPLY.token] as number;
    if ((token & AWAITS_LOG) === 0) return dispatcher.onEntry(replies, offset, shard);
    if (this.#hold(replies, offset, shard)) return true;
    if (dispatcher.expireOne(token)) this.#parts.counters.replicationPending += 1;
    else streams.closePatientReaders();
    // Nobody waits for it any more, but the table has to learn that it came.
    return dispatcher.onEntry(replies, offset, shard);
  };

  #hold(replies: RingReader, offset: number, shard: number): boolean {
    this.#held[shard] ??= new HeldEntries();
    return this.#held[shard].add(replies, offset);
  }

  #showHeld(replies: RingReader, offset: number, shard: number): void {
    const { dispatcher } = this.#parts;
    if (isUnasked(replies, offset)) dispatcher.showUnasked(replies, offset, shard, AUDIENCE.patient);
    else dispatcher.onEntry(replies, offset, shard);
  }

  readonly #onTick = (): void => {
    const { config, dispatcher, positions, counters } = this.#parts;
    this.#watchLag();
    this.#wake();
    const nowMs = performance.now();
    dispatcher.tellTime(nowMs);
    // Where the log has confirmed everything, a request is slow for another reason.
    if (this.#mayShow && positions.lagRecordsMax() === 0) return;
    const all = this.#awaitsAll || !this.#mayShow;
    counters.replicationPending += dispatcher.expire(nowMs - config.replicationTimeoutMs, all);
  };

  #watchLag(): void {
    const { config, role, positions, onLag } = this.#parts;
    const { replicationLagRecordsMax, replicationLagAction } = config;
    if (replicationLagRecordsMax === 0) return;
    const lagRecords = role.isLeading ? positions.lagRecordsMax() : 0;
    const isLagging = lagRecords > replicationLagRecordsMax;
    if (isLagging === this.#isLagging) return;
    this.#isLagging = isLagging;
    if (replicationLagAction === "refuse") role.lag(isLagging);
    onLag(isLagging, lagRecords);
  }
}
