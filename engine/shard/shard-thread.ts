/**
 * The thread of one shard: recover, then for ever drain, decide, commit, release; sleep when there is nothing to do.
 */

import { join } from "node:path";
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { AwayRows } from "../actor/away-rows.ts";
import type { EngineOptions } from "../engine.ts";
import { HistoryIncompleteError } from "../history-incomplete.ts";
import { SealedIds } from "../idempotency/sealed-ids.ts";
import { genesisHash, openFrame } from "../journal/frame.ts";
import { type JournalSharing, LmdbJournal } from "../journal/journal.ts";
import { Doorbell } from "../port/doorbell.ts";
import { RingReader, RingWriter } from "../port/ring.ts";
import type { ShardPortMemory } from "../port/shard-port.ts";
import type { ReplicationMemory } from "../replication/replication-memory.ts";
import { loadNewestSnapshot, type SnapshotLoadProgress } from "../snapshot/snapshot-loader.ts";
import type { SharedColumns } from "../wallet/wallet-columns.ts";
import { type PeerMemory, Peers } from "./peers.ts";
import { type RecoveryHooks, recover } from "./recover.ts";
import type { RecoveryProgress } from "./recovery-meter.ts";
import { repairIds } from "./repair-ids.ts";
import { SelfReport } from "./self-report.ts";
import { ShardCore } from "./shard-core.ts";
import { ShardState } from "./shard-state.ts";
import { STAT } from "./shard-stats.ts";
import { SnapshotDesk } from "./snapshot-desk.ts";

export interface ShardThreadData {
  readonly shard: number;
  readonly shardCount: number;
  readonly ledgerId: string;
  readonly calendarTimeZone: string;
  readonly options: EngineOptions;
  readonly port: ShardPortMemory;
  readonly stats: SharedArrayBuffer;
  readonly peers: PeerMemory;
  /** Takes the directory and ordinal of a segment to prepare. */
  readonly segmentPreparer: MessagePort;
  /** Takes the chunks of snapshots, and how far the keeper has come with them. */
  readonly keeper: MessagePort;
  readonly snapshotProgress: SharedArrayBuffer;
  readonly journal: JournalSharing;
  readonly replication: ReplicationMemory;
}

/** What a shard's thread tells the engine. */
export type ShardThreadMessage =
  | { readonly type: "recovering"; readonly progress: RecoveryProgress }
  | { readonly type: "cut"; readonly position: string; readonly reason: string; readonly keptIn: string }
  | { readonly type: "damaged"; readonly path: string; readonly reason: string }
  | { readonly type: "damagedIds"; readonly file: string; readonly records: string }
  | { readonly type: "loading"; readonly progress: SnapshotLoadProgress }
  | { readonly type: "loaded"; readonly sequence: number; readonly wallets: number; readonly loadedMs: number }
  | { readonly type: "ready"; readonly progress: RecoveryProgress; readonly columns: SharedColumns }
  | { readonly type: "unreadable"; readonly message: string }
  | { readonly type: "wake" }
  /** `lacksHistory` where records are needed that are kept nowhere any more. */
  | { readonly type: "failed"; readonly message: string; readonly lacksHistory: boolean }
  | { readonly type: "stopped" };

/** Requests taken from one ring before the others get their turn. */
const REQUESTS_PER_TURN = 1_024;
const SLEEP_MS = 1_000;
/** A full ring has no bell to tell when there is room again. */
const RETRY_MS = 1;

/** Longest pause for the keeper: a shard whose archive fails goes on, and slowly. */
const GIVE_WAY_MS_MAX = 250;
const NAP = new Int32Array(new SharedArrayBuffer(4));
const data = workerData as ShardThreadData;

function tell(message: ShardThreadMessage): void {
  parentPort?.postMessage(message);
}

async function main(): Promise<void> {
  const { shard, options } = data;
  const directory = join(options.dataDir, `shard-${shard}`);
  const stats = new Float64Array(data.stats);
  const startedMs = performance.now();
  const journal = await LmdbJournal.open(
    directory,
    options.journalSegmentBytes,
    (ordinal) => data.segmentPreparer.postMessage({ directory, ordinal, segmentBytes: options.journalSegmentBytes }),
    data.journal,
  );
  const sealedIds = (): SealedIds =>
    new SealedIds({
      directory,
      shard,
      lastSequence: lastSequenceOf(journal, shard),
      filterBytesMax: options.idempotencyFilterBytesMax,
      diskBytesMax: options.idempotencyDiskBytesMax,
      droppedThrough: () => stats[STAT.archiveDroppedThrough],
      seal: (request) => data.keeper.postMessage({ type: "sealIds", request }, [request.rows.buffer as ArrayBuffer]),
      damaged: ({ file, fromSequence, throughSequence }) =>
        tell({ type: "damagedIds", file, records: `${shard}:${fromSequence} to ${throughSequence}` }),
    });
  const away = new AwayRows(directory);
  const { state, snapshot } = await loadNewestSnapshot({
    directory: join(directory, "snapshots"),
    ledgerId: data.ledgerId,
    shardCount: data.shardCount,
    emptyState: () => {
      // One that was damaged may have left some of its actors.
      away.clear();
      const { actorsInMemoryMax: inMemoryMax = Number.POSITIVE_INFINITY } = options;
      return new ShardState(
        {
          ...options,
          shard,
          calendarTimeZone: data.calendarTimeZone,
          sealedIds: sealedIds(),
          actorMemory: { inMemoryMax, away },
        },
        genesisHash(data.ledgerId, shard),
      );
    },
    frameHashAt: (sequence) => hashOfFrameThatEnds(journal, shard, sequence),
    onDamaged: (path, reason) => {
      stats[STAT.snapshotsDamaged] += 1;
      tell({ type: "damaged", path, reason });
    },
    onProgress: (progress) => tell({ type: "loading", progress }),
  });
  if (snapshot !== undefined) {
    const loadedMs = Math.round(performance.now() - startedMs);
    tell({ type: "loaded", sequence: snapshot.sequence, wallets: state.wallets.count, loadedMs });
    stats[STAT.snapshotSequence] = snapshot.sequence;
    stats[STAT.snapshotTakenAtMs] = snapshot.createdAtMs;
  }
  const hooks: RecoveryHooks = {
    progress: (progress) => tell({ type: "recovering", progress }),
    cut: (damage) => tell({ type: "cut", ...damage }),
  };
  repairIds(state, journal, hooks);
  const progress = recover(state, journal, directory, hooks);
  stats[STAT.recoveryMs] = performance.now() - startedMs;
  stats[STAT.recoveredRecords] = progress.records;
  stats[STAT.sequence] = state.sequence;
  const allReady = new Promise((resolve) => parentPort?.once("message", resolve));
  tell({ type: "ready", progress, columns: state.wallets.shared });
  await allReady;
  run(state, journal, stats, snapshot?.sequence ?? 0);
  await journal.close();
  await away.close();
  tell({ type: "stopped" });
}

function run(state: ShardState, journal: LmdbJournal, stats: Float64Array, snapshotSequence: number): void {
  const { port, options, shardCount } = data;
  const requests = new RingReader(port.requests);
  const replies = new RingWriter(port.replies);
  const peers = new Peers(data.shard, data.peers);
  const followed = new RingReader(data.replication.follow);
  const doorbell = new Doorbell(port.doorbell);
  const appended = new Doorbell(data.replication.appended);
  const gatewayAsleep = new Int32Array(port.gatewayAsleep);
  const core = new ShardCore(
    state,
    {
      shardCount,
      idFutureSkewMs: options.idFutureSkewMs,
      openTransfersMax: options.openTransfersMax,
      ...(options.medCardTiers === undefined ? {} : { medCardTiers: options.medCardTiers }),
    },
    {
      journal: {
        append: (firstSequence, frame) => {
          journal.append(firstSequence, frame);
          appended.ring();
        },
        frameAt: (sequence) => journal.frameAt(sequence),
        unreadable: (message) => tell({ type: "unreadable", message }),
      },
      replies,
      stats,
      nowMs: Date.now,
      sendToPeer: (toShard, message) => peers.send(toShard, message),
      wakeGateway: () => {
        if (Atomics.exchange(gatewayAsleep, 0, 0) === 1) tell({ type: "wake" });
      },
      ...(options.role === "standby"
        ? { follow: { ring: followed, append: (frames) => journal.appendAll(frames) } }
        : {}),
    },
  );
  const led = [...peers.incoming, requests];
  // What shards that lead already send to one that follows still waits until it leads, too.
  const rings = (): readonly RingReader[] => (core.isFollowing ? [requests] : led);
  const hasRequests = (): boolean => rings().some((ring) => ring.hasNext()) || (core.isFollowing && followed.hasNext());
  const hasWork = (): boolean => hasRequests() || peers.hasBacklog;
  const report = new SelfReport(state, stats, options.trialBalanceIntervalMs);
  const snapshots = new SnapshotDesk(state, core, stats, snapshotSequence, data);
  if (!core.isFollowing) core.resume();
  peers.flush();
  while (!core.isStopping) {
    let handled = core.follow();
    for (const ring of rings()) handled += drain(ring, core);
    core.expireHolds();
    core.resumePostponed();
    core.flush();
    peers.flush();
    journal.letGo();
    tellRoom(journal, state, stats);
    report.tell();
    const isCopying = snapshots.work(handled);
    if (handled > 0) {
      giveWay(stats[STAT.keeperLagBytes] / options.keeperLagBytes);
      continue;
    }
    // Work that is waiting but could not be taken waits for room in a ring that others empty.
    const mustRetry = isCopying || hasWork();
    const idleMs = Math.min(SLEEP_MS, Math.max(1, core.nextExpiryMs() - Date.now()));
    doorbell.sleep(mustRetry && !isCopying ? () => false : hasWork, mustRetry ? RETRY_MS : idleMs);
  }
  snapshots.abandon();
}

/** Pauses between two frames where the keeper is further behind than it may be: 100 ms at twice the limit. */
function giveWay(lagToLimit: number): void {
  if (lagToLimit > 1) Atomics.wait(NAP, 0, 0, Math.min(GIVE_WAY_MS_MAX, 100 * (lagToLimit - 1)));
}

function hashOfFrameThatEnds(journal: LmdbJournal, shard: number, sequence: number): string | undefined {
  const value = journal.frameAt(sequence);
  const frame = value === undefined ? "it is missing" : openFrame(value, shard);
  if (typeof frame === "string" || frame.firstSequence + frame.recordCount - 1 !== sequence) return undefined;
  return Buffer.from(frame.hash).toString("hex");
}

/** Sequence of the last record that the journal holds whole. */
function lastSequenceOf(journal: LmdbJournal, shard: number): number {
  const last = journal.range?.last;
  const value = last === undefined ? undefined : journal.frameAt(last);
  const frame = value === undefined ? "it is missing" : openFrame(value, shard);
  return typeof frame === "string" ? (last ?? 0) : frame.firstSequence + frame.recordCount - 1;
}

function tellRoom(journal: LmdbJournal, { ids }: ShardState, stats: Float64Array): void {
  const { segments, bytes } = journal.live;
  stats[STAT.liveSegments] = segments;
  stats[STAT.liveJournalBytes] = bytes;
  stats[STAT.idempotencyDiskBytes] = ids.diskBytes;
  stats[STAT.idempotencyFilterBytes] = ids.filterBytes;
}

function drain(ring: RingReader, core: ShardCore): number {
  let handled = 0;
  while (handled < REQUESTS_PER_TURN && !core.isCommitDue()) {
    const offset = ring.next();
    if (offset < 0 || !core.mayTake(ring, offset)) break;
    core.handle(ring, offset);
    ring.release(offset);
    handled += 1;
  }
  return handled;
}

main().catch((error: unknown) => {
  const message = error instanceof Error ? error.message : String(error);
  tell({ type: "failed", message, lacksHistory: error instanceof HistoryIncompleteError });
});
