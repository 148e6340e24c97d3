import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { ADMIN_KEY, LedgerProcess } from "./ledger-process.ts";
import { TemporaryBroker, type TemporaryBrokerOptions } from "./temporary-broker.ts";

const POLL_MS = 20;
const WITHIN_MS = 60_000;
const SESSION_TIMEOUT_MS = 2_000;

/** What a node says about its place in the cluster. */
export interface NodeView {
  readonly role: "leader" | "standby";
  readonly leader?: string;
  readonly epoch: number;
  readonly behindRecords: number;
  readonly shards: readonly {
    readonly position: string;
    readonly replicatedPosition: string;
    readonly lagRecords: number;
  }[];
}

/** A real broker and two real nodes of one ledger, each a process that a test may kill, freeze and start again. */
export class LedgerCluster {
  readonly broker: TemporaryBroker;
  readonly nodes: readonly [LedgerProcess, LedgerProcess];
  readonly #ownsBroker: boolean;

  private constructor(
    broker: TemporaryBroker,
    nodes: readonly [LedgerProcess, LedgerProcess],
    { ownsBroker }: { readonly ownsBroker: boolean },
  ) {
    this.broker = broker;
    this.nodes = nodes;
    this.#ownsBroker = ownsBroker;
  }

  /** Starts a broker, and both nodes; the first one leads. */
  static async start(env: NodeJS.ProcessEnv, options: TemporaryBrokerOptions = {}): Promise<LedgerCluster> {
    const broker = await TemporaryBroker.create(options);
    await broker.start();
    return LedgerCluster.#start(broker, env, { ownsBroker: true, address: broker.address });
  }

  /** Starts both nodes on a broker that serves other clusters, too; the first one leads, and may be reached through the proxy. */
  static async on(
    broker: TemporaryBroker,
    env: NodeJS.ProcessEnv,
    { isProxied = false }: { readonly isProxied?: boolean } = {},
  ): Promise<LedgerCluster> {
    const address = isProxied ? broker.proxies[0].address : broker.address;
    return LedgerCluster.#start(broker, env, { ownsBroker: false, address });
  }

  static async #start(
    broker: TemporaryBroker,
    env: NodeJS.ProcessEnv,
    { ownsBroker, address }: { readonly ownsBroker: boolean; readonly address: string },
  ): Promise<LedgerCluster> {
    const common = {
      MIZAN_SESSION_TIMEOUT_MS: String(SESSION_TIMEOUT_MS),
      MIZAN_JOURNAL_TOPIC: `journal-${randomUUID()}`,
      ...env,
    };
    const first = await LedgerProcess.create({ ...common, MIZAN_ROLE: "leader", MIZAN_KAFKA_BROKERS: address });
    const second = await LedgerProcess.create({
      ...common,
      MIZAN_ROLE: "standby",
      MIZAN_KAFKA_BROKERS: broker.address,
    });
    const cluster = new LedgerCluster(broker, [first, second], { ownsBroker });
    try {
      // The second one waits for the claim of the first one.
      await Promise.all([first.start(), second.start()]);
      await cluster.leads(first);
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

  /** Resolves when the log has everything that a leader has. */
  async isConfirmed(leader: LedgerProcess): Promise<void> {
    const isConfirmed = ({ shards }: NodeView): boolean => shards.every(({ lagRecords }) => lagRecords === 0);
    await this.#until(leader, isConfirmed, "bring everything into the log");
  }

  /** Ends the nodes and removes their data; a broker of others serves them on. */
  async dispose(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.dispose()));
    if (this.#ownsBroker) {
      await this.broker.dispose();
      return;
    }
    for (const proxy of this.broker.proxies) await proxy.restore();
    if (this.broker.pid === undefined) await this.broker.start();
    else this.broker.thaw();
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
