import { setTimeout as sleep } from "node:timers/promises";
import type { Broker } from "./broker.ts";
import { Ledger } from "./ledger.ts";
import type { Run } from "./run.ts";

const LAG_POLL_MS = 100;
const CAUGHT_UP_MS_MAX = 60_000;

/** What a replicated ledger under test is told besides where the broker is. */
export interface ReplicatedOptions {
  readonly settings?: Readonly<Record<string, string>>;
  readonly wallets?: number;
  readonly key?: string;
}

/** A ledger with one shard whose journal goes to a broker. */
export function startReplicated(run: Run, broker: Broker, options: ReplicatedOptions = {}): Promise<Ledger> {
  return Ledger.start(run.group, {
    ...options,
    shards: 1,
    directory: run.directory("replicated-"),
    profileDir: run.profileDir,
    settings: { MIZAN_KAFKA_BROKERS: broker.address, ...options.settings },
  });
}

/** A node without wallets of its own, which follows the one that leads under the same key. */
export function startStandby(run: Run, broker: Broker, { endpoint }: Ledger, settings = {}): Promise<Ledger> {
  return startReplicated(run, broker, {
    wallets: 0,
    key: endpoint.key,
    settings: { MIZAN_ROLE: "standby", ...settings },
  });
}

/** Records that the leader has and the log has not. */
export async function lagRecords(leader: Ledger): Promise<number> {
  const { shards } = await leader.replication();
  return shards.reduce((sum, { lagRecords }) => sum + lagRecords, 0);
}

/** Resolves when the log has everything that the leader has; with how long that took. */
export async function untilReplicated(leader: Ledger): Promise<number> {
  const startedMs = performance.now();
  while ((await lagRecords(leader)) > 0) {
    if (performance.now() - startedMs > CAUGHT_UP_MS_MAX) throw new Error("the log does not catch up");
    await sleep(LAG_POLL_MS);
  }
  return performance.now() - startedMs;
}

/** The last record that a node has. */
export async function sequenceOf(node: Ledger): Promise<number> {
  return sequenceIn(await node.replication());
}

/** The last record in what a node says. */
export function sequenceIn({ shards }: Awaited<ReturnType<Ledger["replication"]>>): number {
  return Number(shards[0]?.position.split(":")[1]);
}

/** Watches how far the log is behind a leader, several times a second. */
export class LagWatch {
  readonly #leader: Ledger;
  readonly #lags: number[] = [];
  readonly #done: Promise<void>;
  #isOver = false;

  constructor(leader: Ledger) {
    this.#leader = leader;
    this.#done = this.#watch();
  }

  /** Ends it; the lags seen. **Units**: records. */
  async end(): Promise<readonly number[]> {
    this.#isOver = true;
    await this.#done;
    return this.#lags;
  }

  async #watch(): Promise<void> {
    while (!this.#isOver) {
      this.#lags.push(await lagRecords(this.#leader));
      await sleep(LAG_POLL_MS);
    }
  }
}
