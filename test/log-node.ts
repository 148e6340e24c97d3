/** A node of a log in the test's own process: a real replicator and real journals, filled by the test in place of shards. */

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { FrameBuilder, genesisHash, openFrame } from "../engine/journal/frame.ts";
import { LmdbJournal } from "../engine/journal/journal.ts";
import { createJournalControlMemory } from "../engine/journal/journal-control.ts";
import { JournalReader, type JournalReaderOptions } from "../engine/journal/journal-reader.ts";
import { RECORD_KIND, REJECTION_HEADER_BYTES } from "../engine/journal/record.ts";
import type { LedgerFile } from "../engine/ledger-file.ts";
import type { Cause } from "../engine/object/cause.ts";
import { addObjectRecord } from "../engine/object/object-record.ts";
import { Doorbell } from "../engine/port/doorbell.ts";
import { ENTRY_HEADER_BYTES, REQUEST } from "../engine/port/entries.ts";
import { RingReader } from "../engine/port/ring.ts";
import {
  createReplicationMemory,
  ReplicatedPosition,
  type ReplicationMemory,
} from "../engine/replication/replication-memory.ts";
import { Replicator } from "../replicator/replicator.ts";
import type { ReplicatorOptions, ReplicatorReport } from "../replicator/replicator-messages.ts";

const RECORD_BYTES = REJECTION_HEADER_BYTES + 64;
const SEGMENT_BYTES = 64 << 20;
const POLL_MS = 2;
const WITHIN_MS = 25_000;
const LEDGER_ID = "ledger";

export interface LogNodeOptions {
  readonly broker: string;
  readonly topic: string;
  readonly nodeId: string;
  readonly shards?: number;
  readonly sessionTimeoutMs?: number;
  /** Of a node that is started again; without it an empty one. */
  readonly dataDir?: string;
}

/** What stands in for a shard: its journal, and the chain of its frames. */
class ShardJournal {
  readonly shard: number;
  readonly journal: LmdbJournal;
  readonly options: JournalReaderOptions;
  readonly memory: ReplicationMemory;
  readonly position: ReplicatedPosition;
  readonly #builder: FrameBuilder;
  readonly #follow: RingReader;
  readonly #appended: Doorbell;
  #hash: Uint8Array;
  #next = 1;

  private constructor(shard: number, journal: LmdbJournal, options: JournalReaderOptions) {
    this.shard = shard;
    this.journal = journal;
    this.options = options;
    this.memory = createReplicationMemory(Doorbell.create());
    this.position = new ReplicatedPosition(this.memory);
    this.#follow = new RingReader(this.memory.follow);
    this.#appended = new Doorbell(this.memory.appended);
    this.#builder = new FrameBuilder(shard);
    this.#hash = genesisHash(LEDGER_ID, shard);
    for (const { value } of journal.frames()) this.#passed(value);
  }

  static async open(dataDir: string, shard: number): Promise<ShardJournal> {
    const directory = join(dataDir, `shard-${shard}`);
    mkdirSync(directory, { recursive: true });
    const control = createJournalControlMemory();
    const archiveDirectory = join(directory, "archive");
    const journal = await LmdbJournal.open(directory, SEGMENT_BYTES, () => undefined, { control, archiveDirectory });
    return new ShardJournal(shard, journal, { directory, archiveDirectory, shard, control });
  }

  get throughSequence(): number {
    return this.#next - 1;
  }

  /** Journals a frame of new records; the last one follows from a cause. */
  append(records: number, cause?: Cause): void {
    const builder = this.#builder;
    builder.begin(this.#next, 1_700_000_000_000 + this.#next);
    for (let index = 0; index < records; index += 1) {
      const at = builder.add(RECORD_BYTES);
      builder.lanes.fill(0, at, at + (RECORD_BYTES >>> 2));
      builder.lanes[at] = (RECORD_KIND.CommandRejected << 24) | RECORD_BYTES;
      builder.lanes[at + 2] = this.#next + index;
    }
    if (cause !== undefined) addObjectRecord(builder, new Uint8Array(8), cause);
    const bytes = builder.seal(this.#hash);
    this.journal.append(this.#next, bytes);
    this.#passed(bytes);
    this.#appended.ring();
  }

  /** Journals what the log has brought. **Errors**: throws where it does not follow what there is. */
  follow(): void {
    for (let offset = this.#follow.next(); offset >= 0; offset = this.#follow.next()) {
      const start = offset + ENTRY_HEADER_BYTES;
      const length = this.#follow.lanes[(offset >>> 2) + REQUEST.payloadBytes];
      const bytes = this.#follow.bytes.slice(start, start + length);
      this.#follow.release(offset);
      const frame = openFrame(bytes, this.shard);
      if (typeof frame === "string") throw new Error(frame);
      if (frame.firstSequence !== this.#next || Buffer.compare(frame.previousHash, this.#hash) !== 0) {
        throw new Error(`${this.shard}:${frame.firstSequence} does not follow ${this.throughSequence}`);
      }
      this.journal.append(frame.firstSequence, bytes);
      this.#passed(bytes);
    }
  }

  /** The hash of every frame, oldest first. */
  hashes(): string[] {
    const reader = new JournalReader(this.options);
    const hashes = Array.from(reader.frames(1), ({ hash }) => Buffer.from(hash).toString("hex"));
    reader.close();
    return hashes;
  }

  #passed(bytes: Uint8Array): void {
    const frame = openFrame(bytes, this.shard);
    if (typeof frame === "string") throw new Error(frame);
    this.#hash = frame.hash.slice();
    this.#next = frame.firstSequence + frame.recordCount;
  }
}

export class LogNode {
  readonly dataDir: string;
  readonly options: ReplicatorOptions;
  readonly shards: readonly ShardJournal[];
  readonly reports: ReplicatorReport[] = [];
  readonly #lease = new SharedArrayBuffer(8);
  readonly #replicator: Replicator;
  readonly #following: NodeJS.Timeout;
  #isStopped = false;

  private constructor(dataDir: string, options: ReplicatorOptions, shards: readonly ShardJournal[]) {
    this.dataDir = dataDir;
    this.options = options;
    this.shards = shards;
    this.#replicator = Replicator.start(
      {
        options,
        dataDir,
        journals: shards.map((shard) => shard.options),
        replication: shards.map(({ memory }) => memory),
        throughSequences: shards.map(({ throughSequence }) => throughSequence),
        isInLog: false,
        lease: this.#lease,
      },
      (report) => {
        this.reports.push(report);
        // As the engine does: what was handed over before is applied before the shard leads.
        if (report.type === "leading") this.#follow();
      },
    );
    this.#following = setInterval(() => this.#follow(), POLL_MS);
  }

  static async start({ broker, topic, nodeId, ...rest }: LogNodeOptions): Promise<LogNode> {
    const { shards = 1, sessionTimeoutMs = 1_500 } = rest;
    const dataDir = rest.dataDir ?? mkdtempSync(join(tmpdir(), "mizan-log-node-"));
    const journals: ShardJournal[] = [];
    for (let shard = 0; shard < shards; shard += 1) journals.push(await ShardJournal.open(dataDir, shard));
    return new LogNode(dataDir, nodeOptions(broker, topic, nodeId, shards, sessionTimeoutMs), journals);
  }

  /** Until when it may show anything. **Units**: milliseconds of the machine's monotonic clock. */
  get leaseMs(): number {
    return new Float64Array(this.#lease)[0];
  }

  request(request: Parameters<Replicator["request"]>[0]): void {
    this.#replicator.request(request);
  }

  /** Claims, with `over` only in place of who leads in that epoch, and returns what has become of it. */
  async claim(over?: number): Promise<"leading" | "outrun"> {
    const seen = this.reports.length;
    this.request(over === undefined ? { type: "claim" } : { type: "claim", over });
    const isEnd = ({ type }: ReplicatorReport): boolean => type === "leading" || type === "outrun";
    await until("an end of the claim", () => this.reports.slice(seen).some(isEnd), this);
    return this.reports.slice(seen).some(({ type }) => type === "leading") ? "leading" : "outrun";
  }

  /** Resolves when a report of a type has come. */
  async reported(type: ReplicatorReport["type"]): Promise<void> {
    await until(`a report ${type}`, () => this.has(type), this);
  }

  has(type: ReplicatorReport["type"]): boolean {
    return this.reports.some((report) => report.type === type);
  }

  /** Resolves when the log has confirmed everything that is journaled here. */
  async confirmed(): Promise<void> {
    await until(
      "confirmation",
      () => this.shards.every(({ position, throughSequence }) => position.throughSequence >= throughSequence),
      this,
    );
  }

  /** Resolves when this node has everything that another one has. */
  async hasAllOf(other: LogNode): Promise<void> {
    await until(
      `${this.options.nodeId} having all of ${other.options.nodeId}`,
      () => this.shards.every(({ throughSequence }, shard) => throughSequence >= other.shards[shard].throughSequence),
      this,
    );
  }

  /** Ends it; its data stay. */
  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    await this.#replicator.stop();
    clearInterval(this.#following);
    for (const { journal } of this.shards) await journal.close();
  }

  async dispose(): Promise<void> {
    await this.stop();
    rmSync(this.dataDir, { recursive: true, force: true });
  }

  #follow(): void {
    for (const shard of this.shards) shard.follow();
  }
}

/** Who a node is in a log of tests. */
export function nodeOptions(
  broker: string,
  journalTopic: string,
  nodeId: string,
  shardCount = 1,
  sessionTimeoutMs = 1_500,
): ReplicatorOptions {
  const ledger: LedgerFile = {
    formatVersion: 1,
    ledgerId: LEDGER_ID,
    shards: shardCount,
    calendarTimeZone: "Africa/Cairo",
    createdAt: "2026-01-01T00:00:00.000Z",
  };
  return {
    brokers: [broker],
    journalTopic,
    nodeId,
    nodeUrl: `http://${nodeId}`,
    ledger,
    ledgerId: LEDGER_ID,
    shardCount,
    sessionTimeoutMs,
  };
}

async function until(what: string, holds: () => boolean, node: LogNode): Promise<void> {
  const deadlineMs = Date.now() + WITHIN_MS;
  while (!holds()) {
    if (Date.now() > deadlineMs) throw new Error(`no ${what}; reports: ${JSON.stringify(node.reports.slice(-20))}`);
    await delay(POLL_MS);
  }
}
