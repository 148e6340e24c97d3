import type { LedgerFile } from "../engine/ledger-file.ts";
import type { ShardState } from "../engine/shard/shard-state.ts";
import { loadConfig } from "../gateway/config.ts";
import { kafkaAccess } from "../gateway/replicator-options.ts";
import { type FoldState, ReplicationGapError } from "../replicator/epoch-fold.ts";
import { foldToEnd } from "../replicator/fold-to-end.ts";
import { JournalFold } from "../replicator/journal-fold.ts";
import { kafkaErrorType } from "../replicator/kafka-link.ts";
import { isUnreachable } from "../replicator/kafka-unreachable.ts";
import { frameCauses } from "../replicator/log-frame.ts";
import type { LogAccess } from "../replicator/replicator-messages.ts";
import { backupHistory } from "./backup-frames.ts";
import { type BackupManifest, requireManifest } from "./backup-manifest.ts";
import { BuiltDirectory } from "./built-directory.ts";
import { CommandError } from "./command-error.ts";
import { EXIT } from "./exit-code.ts";
import { FrameChain } from "./frame-chain.ts";
import { frameHashAt } from "./history-start.ts";
import { type LogStart, requireLedger, startInLog } from "./log-start.ts";
import { historyDiffers, LoggedFrames } from "./logged-frames.ts";
import { emptyState } from "./replay.ts";
import { stateHashOf } from "./state-hash.ts";
import { Terminal } from "./terminal.ts";
import { type WrittenBackup, writeBackup } from "./write-backup.ts";

const CLIENT_ID = "mizan-rebuild";
/** A broker that is started anew in the middle of a long rebuild is no reason to begin again. */
const OUTAGE_MS_MAX = 60_000;

interface RebuildOptions {
  readonly json?: true;
  /** Brokers; `true` for those of the environment. */
  readonly fromKafka: string | true;
  readonly backup?: string;
}

/** The backup that a ledger is rebuilt from, besides the log. */
interface GivenBackup {
  readonly path: string;
  readonly manifest: BackupManifest;
}

/** What a directory has before the log is read; one shard an element. */
type Base = Pick<WrittenBackup, "chains" | "states" | "snapshots" | "records">;

/**
 * `mizan rebuild`: makes a data directory from the log of a ledger, and from a backup where the log does not go back far enough,
 * or is long.
 *
 * It reads the log as every node does, so it comes to what a standby would have that had followed to the end.
 */
export async function rebuild(dataDir: string, options: RebuildOptions): Promise<void> {
  const terminal = new Terminal(options.json === true);
  const access = accessOf(options.fromKafka);
  const backup =
    options.backup === undefined ? undefined : { path: options.backup, manifest: requireManifest(options.backup) };
  try {
    await rebuildFrom(access, backup, dataDir, terminal);
  } catch (error) {
    throw told(error, access);
  }
}

async function rebuildFrom(
  access: LogAccess,
  backup: GivenBackup | undefined,
  dataDir: string,
  terminal: Terminal,
): Promise<void> {
  const start = await startInLog(access, backup?.manifest);
  const { ledger } = start;
  const target = new BuiltDirectory(dataDir, ledger);
  let base: Base;
  let fold: JournalFold;
  let frames: readonly LoggedFrames[];
  try {
    base = backup === undefined ? nothingOf(ledger) : await writeGiven(backup, target, terminal);
    frames = target.journals.map(
      (journal, shard) =>
        new LoggedFrames(shard, access.journalTopic, {
          journal,
          chain: base.chains[shard],
          state: base.states[shard],
        }),
    );
    fold = await readLog(access, start, frames, terminal);
    requireSame(access, fold, ledger, frames, backup);
    await target.finish({ journalTopic: access.journalTopic, shards: checkpointOf(fold) });
  } catch (error) {
    await target.drop();
    throw error;
  }
  tell(terminal, dataDir, ledger, base, fold, frames);
}

/** **Errors**: `no_brokers`, and `config_invalid` of the settings. */
function accessOf(brokers: string | true): LogAccess {
  const config = loadConfig(brokers === true ? process.env : { ...process.env, MIZAN_KAFKA_BROKERS: brokers });
  if (config.kafkaBrokers.length === 0) {
    throw new CommandError(
      EXIT.usage,
      "no_brokers",
      "say which brokers: --from-kafka HOST:PORT, or MIZAN_KAFKA_BROKERS",
    );
  }
  return { ...kafkaAccess(config, CLIENT_ID), journalTopic: config.journalTopic };
}

function nothingOf(ledger: LedgerFile): Base {
  const chains = FrameChain.ofLedger(ledger);
  return {
    chains,
    states: chains.map(({ shard }) => emptyState(ledger, shard)),
    snapshots: chains.map(() => null),
    records: 0,
  };
}

function writeGiven({ path, manifest }: GivenBackup, target: BuiltDirectory, terminal: Terminal): Promise<Base> {
  return writeBackup(path, manifest, target, terminal, {
    onFrame: (state, frame) => {
      if (frame.firstSequence <= state.sequence) return;
      try {
        state.evolveFrame(frame);
      } catch (error) {
        const problem = error instanceof Error ? error.message : String(error);
        const position = `${state.shard}:${frame.firstSequence}`;
        throw new CommandError(EXIT.problems, "journal_damaged", `the frame ${position} of ${path}: ${problem}`);
      }
    },
  });
}

/** Reads the log to the end that it has now, and puts what counts behind what is there. */
async function readLog(
  access: LogAccess,
  { states, records }: LogStart,
  frames: readonly LoggedFrames[],
  terminal: Terminal,
): Promise<JournalFold> {
  const progress = terminal.progress("reading the log", records);
  const stopping = new AbortController();
  const fold = new JournalFold(states, frameCauses(states.length), (shard, frame) => {
    if (stopping.signal.aborted) return;
    try {
      frames[shard].take(frame);
      void progress.advance(1);
    } catch (error) {
      // A follower that is told of an error by its fold would take it for one of Kafka's.
      stopping.abort(error);
    }
  });
  await foldToEnd(access, fold, { outageMsMax: OUTAGE_MS_MAX, needsBytes: true, signal: stopping.signal });
  progress.end();
  return fold;
}

/**
 * Checks that the log is that of the ledger, and has the frames of the backup, as far as it goes.
 *
 * **Errors**: `other_ledger`, `history_differs`.
 */
function requireSame(
  access: LogAccess,
  fold: JournalFold,
  ledger: LedgerFile,
  frames: readonly LoggedFrames[],
  backup: GivenBackup | undefined,
): void {
  for (const [shard, { baseThrough, hash }] of frames.entries()) {
    const { claim } = fold.partition(shard);
    if (claim !== undefined) requireLedger(access, ledger, claim.ledger.ledgerId);
    const logThrough = fold.throughSequence(shard);
    if (logThrough > baseThrough) continue;
    const isAtEnd = logThrough === baseThrough || backup === undefined;
    const kept = isAtEnd ? hash : frameHashAt(backupHistory(backup.path, backup.manifest, shard), logThrough);
    if (kept !== fold.checkpoint(shard).hash) throw historyDiffers(shard, baseThrough);
  }
}

function checkpointOf(fold: JournalFold): FoldState[] {
  return Array.from({ length: fold.shardCount }, (_, shard) => fold.checkpoint(shard));
}

function tell(
  terminal: Terminal,
  dataDir: string,
  { ledgerId }: LedgerFile,
  { states, snapshots, records }: Base,
  fold: JournalFold,
  frames: readonly LoggedFrames[],
): void {
  const positions = states.map(({ shard, sequence }) => `${shard}:${sequence}`);
  const logPositions = states.map(({ shard }) => `${shard}:${fold.throughSequence(shard)}`);
  const recordsFromLog = frames.reduce((sum, logged) => sum + logged.records, 0);
  const openTransfers = states.reduce((sum, { transfers }) => sum + transfers.size, 0);
  const stateHashes = states.map((state: ShardState) => stateHashOf(state));
  const { epoch } = fold.partition(0);
  terminal.say(
    `rebuilt to ${dataDir}, up to ${positions.join(", ")}: ${records} records from the backup, ${recordsFromLog} from the log` +
      (openTransfers === 0 ? "" : `; ${openTransfers} transfers between shards are open and go on at the next start`),
  );
  for (const [shard, stateHash] of stateHashes.entries()) terminal.say(`shard ${shard}: state hash ${stateHash}`);
  if (positions.join() !== logPositions.join()) {
    terminal.note(
      `the log ends at ${logPositions.join(", ")}, before the backup: a start cuts off what only the backup has, and keeps it aside`,
    );
  }
  terminal.result({
    command: "rebuild",
    ok: true,
    dataDir,
    ledgerId,
    epoch,
    positions,
    logPositions,
    records: records + recordsFromLog,
    recordsFromLog,
    openTransfers,
    stateHashes,
    snapshots,
  });
}

/** What went wrong, with a code for what lies with Kafka. */
function told(error: unknown, { brokers, journalTopic }: LogAccess): unknown {
  if (!(error instanceof Error)) return error;
  const { message } = error;
  if (error instanceof ReplicationGapError) return new CommandError(EXIT.problems, error.code, message);
  if (kafkaErrorType(error) === "UNKNOWN_TOPIC_OR_PARTITION") {
    return new CommandError(EXIT.usage, "topic_missing", `there is no topic ${journalTopic} at ${brokers.join(", ")}`);
  }
  if (!isUnreachable(error)) return error;
  return new CommandError(
    EXIT.problems,
    "kafka_unreachable",
    `the log at ${brokers.join(", ")} cannot be read: ${message}`,
  );
}
