import { setTimeout as delay } from "node:timers/promises";
import { readLedgerFile } from "../engine/ledger-file.ts";
import type { Code } from "../protocol/codes.ts";
import { unreachable } from "../protocol/unreachable.ts";
import { Replicator } from "../replicator/replicator.ts";
import type { Leader, ReplicatorOptions, ReplicatorReport } from "../replicator/replicator-messages.ts";
import { joinLog } from "./join-log.ts";
import { leadShards } from "./lead-shards.ts";
import type { HandoverOutcome, Replication, ReplicationDriver, ReplicationParts } from "./replication.ts";
import { replicatorOptions } from "./replicator-options.ts";

const POLL_MS = 2;
/** A leader that handed over takes commands again where nobody has claimed for so long. */
const HANDOVER_WITHIN_MS = 3_000;
/** Less than that: what a leader decides after it would be missing. */
const CATCH_UP_WITHIN_MS = 2_000;
const CLAIM_WITHIN_MS = 5_000;

/**
 * One node of a replicated ledger: follows the log, claims when it may, leads, and steps down.
 *
 * Who leads is decided in the log; this only does what follows from it.
 */
class ReplicatedNode implements Replication {
  readonly #parts: ReplicationParts;
  readonly #options: ReplicatorOptions;
  readonly #replicator: Replicator;
  readonly #settled = Promise.withResolvers<void>();
  #leader: Leader | undefined;
  #hasLed = false;
  #hasCaughtUp = false;
  #isStopping = false;
  #handover: Promise<HandoverOutcome> | undefined;
  #drainEnd: NodeJS.Timeout | undefined;
  #onDrained = (): void => {};
  readonly #onClaimEnded = new Set<(code: Code) => void>();

  constructor(parts: ReplicationParts, options: ReplicatorOptions) {
    this.#parts = parts;
    this.#options = options;
    const { engine, config, gate, isInLog } = parts;
    this.#replicator = Replicator.start(
      {
        options,
        dataDir: config.dataDir,
        journals: engine.journals,
        replication: engine.replication,
        throughSequences: engine.ports.map(({ shard }) => engine.stats(shard).sequence),
        isInLog,
        lease: gate.lease,
      },
      (report) => this.#onReport(report),
    );
  }

  /** Resolves when it is clear whether this node leads or follows: a standby serves at once. */
  settled(): Promise<void> {
    if (this.#parts.config.role === "standby") this.#settled.resolve();
    return this.#settled.promise;
  }

  async handOver(): Promise<HandoverOutcome> {
    if (!this.#parts.role.isLeading) return { code: "not_leader", sequences: [] };
    // Whoever asks meanwhile gets the same answer.
    this.#handover ??= this.#handOver().finally(() => {
      this.#handover = undefined;
    });
    return this.#handover;
  }

  async #handOver(): Promise<HandoverOutcome> {
    const { role, dispatcher, engine } = this.#parts;
    clearTimeout(this.#drainEnd);
    role.drain(true);
    const deadlineMs = performance.now() + HANDOVER_WITHIN_MS;
    while (dispatcher.inflight > 0 && performance.now() < deadlineMs) await delay(POLL_MS);
    const sequences = engine.ports.map(({ shard }) => engine.stats(shard).sequence);
    const isDrained =
      dispatcher.inflight === 0 && (await this.#drained(sequences, Math.max(0, deadlineMs - performance.now())));
    if (!isDrained) {
      role.drain(false);
      return { code: "replication_pending", sequences: [] };
    }
    this.#drainEnd = setTimeout(() => role.drain(false), HANDOVER_WITHIN_MS).unref();
    return { code: "ok", sequences };
  }

  async promote(sequences: readonly number[]): Promise<Code> {
    const { role, engine } = this.#parts;
    if (role.isLeading) return "ok";
    const deadlineMs = performance.now() + CATCH_UP_WITHIN_MS;
    const isThere = (): boolean => sequences.every((sequence, shard) => engine.stats(shard).sequence >= sequence);
    while (!isThere()) {
      if (performance.now() > deadlineMs) return "replication_pending";
      await delay(POLL_MS);
    }
    return this.#claimed();
  }

  /** Claims. What is not decided in time goes on: a claim that was sent cannot be taken back. */
  #claimed(): Promise<Code> {
    return new Promise((resolve) => {
      const end = (code: Code): void => {
        clearTimeout(timeout);
        this.#onClaimEnded.delete(end);
        resolve(code);
      };
      const timeout = setTimeout(() => end("replication_pending"), CLAIM_WITHIN_MS);
      this.#onClaimEnded.add(end);
      this.#claim();
    });
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    const { engine, role, config } = this.#parts;
    if (role.isLeading) {
      const sequences = engine.ports.map(({ shard }) => engine.stats(shard).sequence);
      await this.#drained(sequences, config.shutdownGraceMs);
    }
    await this.#replicator.stop();
  }

  /** Whether the log has everything up to some sequences within a time. */
  async #drained(sequences: readonly number[], withinMs: number): Promise<boolean> {
    const drained = new Promise<boolean>((resolve) => {
      this.#onDrained = () => resolve(true);
    });
    this.#replicator.request({ type: "drain", sequences });
    return Promise.race([drained, delay(withinMs, false, { ref: false })]);
  }

  #claim(over?: number): void {
    this.#replicator.request(over === undefined ? { type: "claim" } : { type: "claim", over });
  }

  #onReport(report: ReplicatorReport): void {
    const { role, gate, log, config, onFailure } = this.#parts;
    switch (report.type) {
      case "log":
        log[report.level](report.fields, report.fact);
        break;
      case "leader":
        this.#leader = report.leader;
        if (!role.isLeading) role.follow(report.leader);
        break;
      case "following":
        role.behindRecords = report.behindRecords;
        if (!this.#hasCaughtUp) log.info({ behindRecords: report.behindRecords }, "catching up with the log");
        if (report.behindRecords === 0) this.#caughtUp();
        break;
      case "leading":
        this.#lead(report.leader).catch((error: unknown) => {
          if (!this.#isStopping) onFailure(error instanceof Error ? error.message : String(error));
        });
        break;
      case "outrun":
        role.follow(report.leader);
        this.#endClaim("not_leader");
        break;
      case "fenced":
        log.warn(
          { leader: report.leader?.nodeUrl, epoch: report.leader?.epoch },
          "another node leads; this one steps down",
        );
        role.fence(report.leader);
        // Whoever starts this node, or promotes it, waits for no claim of it any more.
        this.#endClaim("not_leader");
        break;
      case "leaderGone":
        if (config.takeover === "auto" && !this.#isStopping) {
          log.warn(
            { leader: report.leader.nodeUrl, epoch: report.leader.epoch },
            "the leader is gone; this node takes over",
          );
          // Where another standby was faster, that one leads.
          this.#claim(report.leader.epoch);
        }
        break;
      case "drained":
        this.#onDrained();
        break;
      case "failed":
        onFailure(`${report.code}: ${report.message}`);
        break;
      case "outage":
        log[report.isOut ? "warn" : "info"](
          {},
          report.isOut ? "Kafka cannot be reached" : "Kafka can be reached again",
        );
        gate.outage(report.isOut);
        break;
      case "confirmed":
        gate.confirmed();
        break;
      case "stopped":
        break;
      default:
        unreachable(report);
    }
  }

  /**
   * Everything that the log has is applied here. Whoever led last claims again, whatever it was started as: its return ends its
   * absence, so that nobody else would. Where nobody has led yet, the leader begins.
   */
  #caughtUp(): void {
    this.#hasCaughtUp = true;
    const isFirst = this.#leader === undefined && this.#parts.config.role === "leader";
    const ledLast = this.#leader?.nodeId === this.#options.nodeId;
    if ((isFirst || ledLast) && !this.#hasLed) this.#claim(this.#leader?.epoch ?? 0);
    else this.#settled.resolve();
  }

  async #lead(leader: Leader): Promise<void> {
    const { dispatcher, role, log } = this.#parts;
    this.#hasLed = true;
    const led = await leadShards(dispatcher);
    // A node that stops in the middle leaves its claim to whoever comes next.
    if (led === "ok") {
      role.lead(leader);
      log.info({ epoch: leader.epoch }, "this node leads");
    }
    this.#endClaim(led);
  }

  #endClaim(code: Code): void {
    this.#settled.resolve();
    for (const end of [...this.#onClaimEnded]) end(code);
  }
}

/** Brings the journal of a ledger into the log of `MIZAN_KAFKA_BROKERS`, or follows that. */
export const kafkaReplication: ReplicationDriver = {
  join: joinLog,
  start: startNode,
};

async function startNode(parts: ReplicationParts): Promise<Replication> {
  const ledger = readLedgerFile(parts.config.dataDir);
  if (ledger === undefined) throw new Error("a ledger that runs has its file");
  const node = new ReplicatedNode(parts, replicatorOptions(parts.config, ledger));
  await node.settled();
  return node;
}
