import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { z } from "zod";
import { replicationAnswer } from "../protocol/json-answers.ts";
import { type ChildGroup, collectOutput } from "./child-group.ts";
import { freePort } from "./free-port.ts";
import { LedgerClient } from "./ledger-client.ts";
import { originOf } from "./load/endpoint-socket.ts";
import type { Endpoint, LoadOutcome } from "./load/workload.ts";
import { openWallets, readTotals, type WalletTotals } from "./wallets.ts";

const HOST = "127.0.0.1";
const WALLETS = 10_000;
const START_MS_MAX = 120_000;
const GATEWAY = join(import.meta.dirname, "../gateway/main.ts");

export interface LedgerOptions {
  readonly shards: number;
  /** Directory on the disk under test; the ledger gets an empty one inside it. */
  readonly directory: string;
  /** Where the server writes processor profiles when it ends. */
  readonly profileDir: string | undefined;
  /** Wallets that it opens; 10,000 where nothing is said, none on a standby. */
  readonly wallets?: number;
  /** The key of its admin, where several nodes have the same one. */
  readonly key?: string;
  /** Settings beyond those that every ledger under test has. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** What a ledger has answered since its last audit. */
type Acknowledged = Pick<LoadOutcome, "acceptedTotal" | "rejectedTotal" | "firstRejection">;

/** A ledger in a process of its own, as `npm start` runs it, with wallets that hold money. */
export class Ledger {
  readonly endpoint: Endpoint;
  readonly wallets: Uint8Array;
  readonly #group: ChildGroup;
  readonly #launch: () => ChildProcess;
  #server: ChildProcess;
  #client: LedgerClient;
  #totals: WalletTotals;

  private constructor(
    endpoint: Endpoint,
    wallets: Uint8Array,
    group: ChildGroup,
    launch: () => ChildProcess,
    server: ChildProcess,
    client: LedgerClient,
    totals: WalletTotals,
  ) {
    this.endpoint = endpoint;
    this.wallets = wallets;
    this.#group = group;
    this.#launch = launch;
    this.#server = server;
    this.#client = client;
    this.#totals = totals;
  }

  static async start(group: ChildGroup, options: LedgerOptions): Promise<Ledger> {
    const endpoint = {
      host: HOST,
      port: await freePort(HOST),
      key: options.key ?? randomBytes(24).toString("base64url"),
    };
    const profile = options.profileDir === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${options.profileDir}`];
    const environment = environmentOf(endpoint, options);
    const launch = (): ChildProcess => group.spawnNode([...profile, GATEWAY], environment);
    const server = launch();
    const output = collectOutput(server);
    await untilReady(endpoint, server, output);
    await untilAdmitted(endpoint, output);
    const client = await LedgerClient.open(endpoint);
    const wallets = await openWallets((records) => client.commands(records), options.wallets ?? WALLETS);
    return new Ledger(endpoint, wallets, group, launch, server, client, await readTotals(client, wallets));
  }

  /** Kills the server in the middle of everything and starts it again; resolves with how long it took to be ready. */
  async crash(onOutput: (text: string) => void): Promise<number> {
    await this.kill();
    return this.restart(onOutput);
  }

  /** Kills the server in the middle of everything. */
  async kill(): Promise<void> {
    this.#client.close();
    await this.#group.end(this.#server, "SIGKILL");
  }

  /** Starts a server that was killed; resolves with how long it took to be ready. */
  async restart(onOutput: (text: string) => void = () => {}): Promise<number> {
    const startedMs = performance.now();
    this.#server = this.#launch();
    this.#server.stderr?.on("data", (bytes: Buffer) => onOutput(bytes.toString()));
    await untilReady(this.endpoint, this.#server, collectOutput(this.#server));
    const readyMs = performance.now() - startedMs;
    this.#client = await LedgerClient.open(this.endpoint);
    return readyMs;
  }

  /** Sends plain command records, every one of which must succeed. */
  commands(records: Uint8Array): Promise<void> {
    return this.#client.commands(records);
  }

  /** Takes a snapshot of every shard, and resolves when all are durable. */
  async snapshot(): Promise<void> {
    const { host, port, key } = this.endpoint;
    const response = await fetch(`http://${host}:${port}/api/v1/snapshots`, {
      method: "POST",
      headers: { Authorization: `Bearer ${key}` },
    });
    if (!response.ok) throw new Error(`the snapshot was refused: ${await response.text()}`);
  }

  get pid(): number {
    return this.#server.pid ?? 0;
  }

  get url(): string {
    return `http://${this.endpoint.host}:${this.endpoint.port}`;
  }

  /** Its place among the nodes of a replicated ledger. */
  async replication(): Promise<z.infer<typeof replicationAnswer>> {
    const headers = { Authorization: `Bearer ${this.endpoint.key}` };
    const response = await fetch(`${this.url}/api/v1/replication`, { headers });
    if (!response.ok) throw new Error(`replication was refused: ${await response.text()}`);
    return replicationAnswer.parse(await response.json());
  }

  /**
   * Holds the books against what was acknowledged since the last audit; null where they agree.
   *
   * Each transfer raises the versions of two wallets by one, so the versions count the transfers that were applied.
   */
  async audit({ acceptedTotal, rejectedTotal, firstRejection }: Acknowledged): Promise<string | null> {
    const before = this.#totals;
    this.#totals = await readTotals(this.#client, this.wallets);
    const applied = (this.#totals.versions - before.versions) / 2;
    if (rejectedTotal > 0) return `${rejectedTotal} transfers were rejected: ${firstRejection}`;
    if (applied !== acceptedTotal) return `${acceptedTotal} transfers were acknowledged, ${applied} applied`;
    if (this.#totals.postedMinor !== before.postedMinor) return "the wallets together hold another sum than before";
    const sums = await readSums(this.endpoint);
    if (sums.length === 0) return "the trial balance is empty";
    return sums.every((sum) => sum === "0") ? null : `the trial balance is not zero: ${sums.join(", ")}`;
  }

  /** Has the next audit begin here. */
  async noteTotals(): Promise<void> {
    this.#totals = await readTotals(this.#client, this.wallets);
  }

  /** Sums of some of the wallets. */
  totalsOf(wallets: Uint8Array): Promise<WalletTotals> {
    return readTotals(this.#client, wallets);
  }

  async stop(): Promise<void> {
    this.#client.close();
    await this.#group.end(this.#server);
  }
}

/** The settings of the ledger under test; whatever `MIZAN_*` the caller has set is none of them. */
function environmentOf(endpoint: Endpoint, { shards, directory, settings }: LedgerOptions): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("MIZAN_"));
  return {
    ...Object.fromEntries(inherited),
    MIZAN_HOST: endpoint.host,
    MIZAN_PORT: String(endpoint.port),
    MIZAN_ADMIN_KEY: endpoint.key,
    MIZAN_DATA_DIR: mkdtempSync(join(directory, "ledger-")),
    MIZAN_SHARDS: String(shards),
    MIZAN_LOG_LEVEL: "warn",
    ...settings,
  };
}

async function untilReady(endpoint: Endpoint, server: ChildProcess, output: () => string): Promise<void> {
  const giveUpAtMs = performance.now() + START_MS_MAX;
  for (;;) {
    const end = server.exitCode ?? server.signalCode;
    if (end !== null) throw new Error(`the ledger ended with ${end}: ${output()}`);
    try {
      const response = await fetch(`http://${endpoint.host}:${endpoint.port}/readyz`);
      if (response.ok) return;
    } catch {
      // Nothing listens yet.
    }
    if (performance.now() > giveUpAtMs) throw new Error(`the ledger is not ready: ${output()}`);
    await sleep(20);
  }
}

/** A standby knows its admin once it has read of it in the log. */
async function untilAdmitted({ host, port, key }: Endpoint, output: () => string): Promise<void> {
  const giveUpAtMs = performance.now() + START_MS_MAX;
  const headers = { Authorization: `Bearer ${key}` };
  while ((await fetch(`http://${host}:${port}/api/v1/replication`, { headers })).status === 401) {
    if (performance.now() > giveUpAtMs) throw new Error(`the ledger does not know its admin: ${output()}`);
    await sleep(20);
  }
}

/** Every `sumMinor` of the trial balance. */
export async function readSums(endpoint: Endpoint): Promise<string[]> {
  const response = await fetch(`${originOf(endpoint)}/api/v1/trial-balance`, {
    headers: { Authorization: `Bearer ${endpoint.key}` },
  });
  if (!response.ok) throw new Error(`the trial balance was refused: ${await response.text()}`);
  return [...(await response.text()).matchAll(/"sumMinor": *"(-?\d+)"/g)].map(([, sum]) => sum);
}
