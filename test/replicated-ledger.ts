/** A ledger inside the test's own process, whose log is the test: it says what is confirmed, and who leads. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import type { Engine } from "../engine/engine.ts";
import { ReplicatedPosition } from "../engine/replication/replication-memory.ts";
import { loadConfig } from "../gateway/config.ts";
import { leadShards } from "../gateway/lead-shards.ts";
import type { NodeRole } from "../gateway/node-role.ts";
import type { ReplicationGate } from "../gateway/replication-gate.ts";
import { startServer } from "../gateway/server.ts";
import { ADMIN_KEY } from "./ledger-process.ts";

export class ReplicatedLedger {
  readonly url: string;
  readonly role: NodeRole;
  readonly engine: Engine;
  readonly #gate: ReplicationGate;
  readonly #stop: () => Promise<void>;
  readonly #positions: readonly ReplicatedPosition[];

  private constructor(port: number, engine: Engine, role: NodeRole, gate: ReplicationGate, stop: () => Promise<void>) {
    this.url = `http://127.0.0.1:${port}`;
    this.engine = engine;
    this.role = role;
    this.#gate = gate;
    this.#stop = stop;
    this.#positions = engine.replication.map((memory) => new ReplicatedPosition(memory));
    this.extendLease();
  }

  /** Starts a leader, all of whose journal counts as confirmed until the test says otherwise. */
  static async start(env: Readonly<Record<string, string>> = {}): Promise<ReplicatedLedger> {
    const dataDir = mkdtempSync(join(tmpdir(), "mizan-replicated-"));
    const config = loadConfig({
      MIZAN_PORT: "0",
      MIZAN_DATA_DIR: dataDir,
      MIZAN_SHARDS: "1",
      MIZAN_ADMIN_KEY: ADMIN_KEY,
      MIZAN_JOURNAL_SEGMENT_BYTES: String(16 << 20),
      MIZAN_KAFKA_BROKERS: "127.0.0.1:1",
      MIZAN_SHUTDOWN_GRACE_MS: "500",
      ...env,
    });
    const failures: string[] = [];
    let found: { readonly engine: Engine; readonly role: NodeRole; readonly gate: ReplicationGate } | undefined;
    const server = await startServer(config, pino({ level: "silent" }), (message) => failures.push(message), {
      join: async () => ({ isInLog: true }),
      start: async (parts) => {
        found = parts;
        // The log has everything until a test says how far it is.
        for (const memory of parts.engine.replication) new ReplicatedPosition(memory).moveTo(Number.POSITIVE_INFINITY);
        await leadShards(parts.dispatcher);
        if (config.role === "leader") parts.role.lead({ nodeUrl: "http://127.0.0.1", epoch: 1 });
        new Float64Array(parts.gate.lease)[0] = Number.POSITIVE_INFINITY;
        return {
          handOver: async () => ({ code: "not_replicated", sequences: [] }),
          promote: async () => "not_replicated",
          stop: async () => {},
        };
      },
    });
    if (found === undefined) throw new Error("the ledger was not replicated");
    return new ReplicatedLedger(server.port, found.engine, found.role, found.gate, async () => {
      await server.stop();
      rmSync(dataDir, { recursive: true, force: true });
      if (failures.length > 0) throw new Error(failures.join("; "));
    });
  }

  /** The newest durable record of a shard. */
  sequence(shard = 0): number {
    return this.engine.stats(shard).sequence;
  }

  /** The log has confirmed everything up to a sequence, or all there is. */
  confirm(sequence: number, shard = 0): void {
    this.#positions[shard]?.moveTo(sequence);
    this.#gate.confirmed();
  }

  /** From now on nothing more is confirmed. */
  holdBack(): void {
    for (const [shard, position] of this.#positions.entries()) position.moveTo(this.sequence(shard));
  }

  confirmAll(): void {
    for (const shard of this.#positions.keys()) this.confirm(Number.POSITIVE_INFINITY, shard);
  }

  endLease(): void {
    new Float64Array(this.#gate.lease)[0] = 0;
  }

  extendLease(): void {
    new Float64Array(this.#gate.lease)[0] = Number.POSITIVE_INFINITY;
    this.#gate.confirmed();
  }

  stop(): Promise<void> {
    return this.#stop();
  }
}
