import { setTimeout as delay } from "node:timers/promises";
import { ADMIN_KEY, LedgerProcess } from "./ledger-process.ts";
import { TemporaryBroker, type TemporaryBrokerOptions } from "./temporary-broker.ts";

const POLL_MS = 20;
const WITHIN_MS = 30_000;
const SESSION_TIMEOUT_MS = 2_000;

/** What a node says about its place in the cluster. */
export interface NodeView {
  readonly role: "leader" | "standby";
  readonly leader?: string;
  readonly epoch: number;
  readonly behindRecords: number;
  readonly shards: readonly { readonly position: string; readonly replicatedPosition: string }[];
}

/** A real broker and two real nodes of one ledger, each a process that a test may kill, freeze and start again. */
export class LedgerCluster {
  readonly broker: TemporaryBroker;
  readonly nodes: readonly [LedgerProcess, LedgerProcess];

  private constructor(broker: TemporaryBroker, nodes: readonly [LedgerProcess, LedgerProcess]) {
    this.broker = broker;
    this.nodes = nodes;
  }

  /** Starts the broker, and then both nodes; the first one leads. With a proxy, the first node reaches the broker through it. */
  static async start(env: NodeJS.ProcessEnv, options: TemporaryBrokerOptions = {}): Promise<LedgerCluster> {
    const broker = await TemporaryBroker.create(options);
    await broker.start();
    const [proxy] = broker.proxies;
    const common = { MIZAN_SESSION_TIMEOUT_MS: String(SESSION_TIMEOUT_MS), ...env };
    const address = proxy === undefined ? broker.address : `127.0.0.1:${proxy.port}`;
    const first = await LedgerProcess.create({ ...common, MIZAN_ROLE: "leader", MIZAN_KAFKA_BROKERS: address });
    const second = await LedgerProcess.create({
      ...common,
      MIZAN_ROLE: "standby",
      MIZAN_KAFKA_BROKERS: broker.address,
    });
    const cluster = new LedgerCluster(broker, [first, second]);
    try {
      await first.start();
      await cluster.leads(first);
      await second.start();
      await cluster.follows(second);
    } catch (error) {
      await cluster.dispose();
      throw error;
    }
    return cluster;
  }

  /** What a node says; undefined where it does not answer. */
  async view(node: LedgerProcess): Promise<NodeView | undefined> {
    try {
      const headers = { authorization: `Bearer ${ADMIN_KEY}` };
      const response = await fetch(`${node.url}/api/v1/replication`, { headers, signal: AbortSignal.timeout(1_000) });
      return response.ok ? ((await response.json()) as NodeView) : undefined;
    } catch {
      return undefined;
    }
  }

  /** Resolves when a node leads; returns how long that took. **Units**: milliseconds. */
  leads(node: LedgerProcess): Promise<number> {
    return this.#until(node, ({ role }) => role === "leader", "lead");
  }

  /** Resolves when a node follows, and has everything that the log has. */
  follows(node: LedgerProcess): Promise<number> {
    return this.#until(
      node,
      ({ role, leader, behindRecords }) => role === "standby" && leader !== undefined && behindRecords === 0,
      "follow",
    );
  }

  /** Resolves when a standby has everything that the leader has. */
  async catchesUp(standby: LedgerProcess, leader: LedgerProcess): Promise<void> {
    const positions = (view: NodeView | undefined): string =>
      JSON.stringify(view?.shards.map(({ position }) => position));
    const wanted = positions(await this.view(leader));
    await this.#until(standby, (view) => positions(view) === wanted, `reach ${wanted}`);
  }

  async dispose(): Promise<void> {
    for (const node of this.nodes) await node.dispose();
    await this.broker.dispose();
  }

  async #until(node: LedgerProcess, isTrue: (view: NodeView) => boolean, what: string): Promise<number> {
    const startedMs = performance.now();
    let view: NodeView | undefined;
    while (performance.now() - startedMs < WITHIN_MS) {
      view = await this.view(node);
      if (view !== undefined && isTrue(view)) return performance.now() - startedMs;
      await delay(POLL_MS);
    }
    throw new Error(`node ${node.port} did not ${what} in time: ${JSON.stringify(view)}\n${node.output}`);
  }
}
