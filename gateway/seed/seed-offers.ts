import { randomUUID } from "node:crypto";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import type { Engine } from "../../engine/engine.ts";
import type { HistoryAnswer, HistoryQuestion } from "../../engine/history/history-messages.ts";
import { readLedgerFile } from "../../engine/ledger-file.ts";
import type { Code } from "../../protocol/codes.ts";
import { readCheckpoint } from "../../replicator/checkpoint.ts";
import type { FoldState } from "../../replicator/epoch-fold.ts";
import type { Config } from "../config.ts";
import type { Dispatcher } from "../dispatcher.ts";
import type { LogPositions } from "../log-positions.ts";
import type { NodeRole } from "../node-role.ts";
import { linkShardFiles } from "./seed-files.ts";
import { fileKey, filesOf, framesKey, reaches, type SeedManifest } from "./seed-manifest.ts";

const ADMIN = { role: "admin", ownerId: new Uint32Array(4) } as const;
/** An offer that nobody has asked about for so long is withdrawn; its files take room. */
const IDLE_MS = 600_000;
/** How long a snapshot may take: under load a shard gives it a small share of its time. */
const SNAPSHOTS_WITHIN_MS = 1_200_000;
/** How long the log may take to confirm what a snapshot has. */
const CONFIRMED_WITHIN_MS = 60_000;
const POLL_MS = 20;
const TRANSFERS_MAX = 4;

/** What a leader gives out from. */
export interface SeedParts {
  readonly config: Config;
  readonly engine: Engine;
  readonly dispatcher: Dispatcher;
  readonly role: NodeRole;
  readonly positions: LogPositions;
  readonly log: Logger;
}

/** One part of what is given out. */
export type SeedPart =
  | { readonly type: "file"; readonly path: string }
  | { readonly type: "frames"; readonly shard: number; readonly through: number };

interface Offer {
  readonly manifest: SeedManifest;
  readonly parts: ReadonlyMap<string, SeedPart>;
}

/**
 * What this node gives to new nodes while it leads: a snapshot of each shard with its sealed ids and the journal of the window in
 * which ids are remembered, and where to go on in the log.
 *
 * There is one offer at a time, for whoever asks. Its checkpoint is older than its snapshots, so a node that has those may read
 * on from it; and it counts only when the log has confirmed all of it, or the new node would have what the log has not.
 */
export class SeedOffers {
  readonly #parts: SeedParts;
  readonly #directory: string;
  #offer: Offer | undefined;
  #isPreparing = false;
  #transfers = 0;
  #idle: NodeJS.Timeout | undefined;

  constructor(parts: SeedParts) {
    this.#parts = parts;
    this.#directory = join(parts.config.dataDir, "seed.offered");
    this.#withdraw();
  }

  /**
   * The offer for a node that reads a log with these first offsets. **Errors**: `not_leader`; `overloaded` while it is being
   * prepared.
   */
  manifest(firstOffsets: readonly number[]): SeedManifest | Code {
    if (!this.#parts.role.isLeading) return "not_leader";
    if (this.#offer !== undefined && reaches(this.#offer.manifest.checkpoint, firstOffsets)) {
      this.#touch();
      return this.#offer.manifest;
    }
    if (!this.#isPreparing) void this.#prepare(firstOffsets);
    return "overloaded";
  }

  /** A part of an offer, for a transfer that `ended` tells the end of. **Errors**: `path_not_found`, `overloaded`. */
  begin(offerId: string, key: string): SeedPart | Code {
    const part = this.#offer?.manifest.offerId === offerId ? this.#offer.parts.get(key) : undefined;
    if (part === undefined) return "path_not_found";
    if (this.#transfers >= TRANSFERS_MAX) return "overloaded";
    this.#transfers += 1;
    return part;
  }

  ended(): void {
    this.#transfers -= 1;
    this.#touch();
  }

  /** Frames of a shard, back to back; undefined where they cannot be read. */
  async frames(shard: number, from: number, through: number): Promise<FramesPart | undefined> {
    const answer = await this.#ask(shard, { type: "frames", from, through });
    return answer.type === "frames" ? answer : undefined;
  }

  stop(): void {
    clearTimeout(this.#idle);
    this.#withdraw();
  }

  async #prepare(firstOffsets: readonly number[]): Promise<void> {
    this.#isPreparing = true;
    this.#withdraw();
    try {
      this.#offer = await this.#make(firstOffsets);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#parts.log.warn({ reason }, "no snapshot can be given to another node now");
    } finally {
      this.#isPreparing = false;
      this.#touch();
    }
  }

  async #make(firstOffsets: readonly number[]): Promise<Offer> {
    const { config, engine, log } = this.#parts;
    const startedMs = performance.now();
    const ledger = readLedgerFile(config.dataDir);
    if (ledger === undefined) throw new Error("a ledger that runs has its file");
    const through = engine.ports.map(({ shard }) => engine.stats(shard).sequence);
    const { journalTopic, idempotencyWindowMs, idFutureSkewMs } = config;
    const { ledgerId } = ledger;
    // In this order: what the snapshots have goes to there at least.
    const checkpoint = readCheckpoint(config.dataDir, { ledgerId, journalTopic }, through);
    if (!reaches(checkpoint, firstOffsets))
      throw new Error("the log does not have everything since the last checkpoint");
    const sequences = await this.#snapshotsSince(checkpoint);
    await waitFor("the log does not confirm what the snapshots have", CONFIRMED_WITHIN_MS, () =>
      sequences.every((sequence, shard) => this.#parts.positions.throughSequence(shard) >= sequence),
    );
    // The answer to a command that is remembered stands in the journal.
    const sinceMs = Date.now() - idempotencyWindowMs - idFutureSkewMs;
    const parts = new Map<string, SeedPart>();
    const shards = [];
    for (const [shard, sequence] of sequences.entries()) {
      const directory = join(this.#directory, `shard-${shard}`);
      const firstSequence = sequence === 0 ? 1 : await this.#firstSequence(shard, sinceMs, sequence);
      const span = { sequence, firstSequence, sinceMs };
      const seed = linkShardFiles(engine.journals[shard].directory, directory, span);
      for (const { name } of filesOf(seed)) {
        parts.set(fileKey(shard, name), { type: "file", path: join(directory, name) });
      }
      parts.set(framesKey(shard), { type: "frames", shard, through: sequence });
      shards.push(seed);
    }
    const tookMs = Math.round(performance.now() - startedMs);
    log.info({ sequences, tookMs }, "a snapshot is ready for new nodes");
    return { manifest: { offerId: randomUUID(), ledger, journalTopic, checkpoint, shards }, parts };
  }

  /** The positions of snapshots that have everything before a checkpoint; takes them where the newest ones do not. */
  async #snapshotsSince(checkpoint: readonly FoldState[]): Promise<readonly number[]> {
    const { engine, dispatcher } = this.#parts;
    const all = engine.ports.map(({ shard }) => shard);
    const isThere = (): boolean =>
      all.every((shard) => engine.stats(shard).snapshotSequence >= checkpoint[shard].nextSequence - 1);
    const failures = (): number => all.reduce((sum, shard) => sum + engine.stats(shard).snapshotsFailed, 0);
    const failuresBefore = failures();
    if (!isThere()) {
      // The answer may come too late, where the log is behind; the snapshots do not depend on it.
      const code = dispatcher.takeSnapshots(ADMIN, () => {});
      if (code !== "ok") throw new Error(`no snapshot can be taken: ${code}`);
    }
    await waitFor("a snapshot takes too long", SNAPSHOTS_WITHIN_MS, () => {
      if (failures() > failuresBefore) throw new Error("a snapshot could not be taken");
      return isThere();
    });
    return all.map((shard) => engine.stats(shard).snapshotSequence);
  }

  async #firstSequence(shard: number, sinceMs: number, through: number): Promise<number> {
    const answer = await this.#ask(shard, { type: "frameSince", sinceMs, through });
    if (answer.type === "frameSince") return answer.firstSequence;
    throw new Error(`the journal of shard ${shard} cannot be read: ${JSON.stringify(answer)}`);
  }

  #ask(shard: number, question: HistoryQuestion): Promise<HistoryAnswer> {
    return new Promise((resolve) => {
      const isAsked = this.#parts.engine.history.ask(shard, question, resolve);
      if (!isAsked) resolve({ type: "refused", code: "overloaded" });
    });
  }

  #touch(): void {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.#onIdle(), IDLE_MS).unref();
  }

  #onIdle(): void {
    if (this.#transfers === 0 && !this.#isPreparing) this.#withdraw();
    else this.#touch();
  }

  #withdraw(): void {
    this.#offer = undefined;
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

type FramesPart = Extract<HistoryAnswer, { readonly type: "frames" }>;

async function waitFor(problem: string, withinMs: number, isTrue: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + withinMs;
  while (!isTrue()) {
    if (performance.now() > deadlineMs) throw new Error(problem);
    await delay(POLL_MS);
  }
}
