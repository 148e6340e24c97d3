import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Broker } from "./broker.ts";
import { ChildGroup, firstMessage } from "./child-group.ts";
import type { CoreReply, CoreRow } from "./core/core-job.ts";
import { Echo } from "./echo.ts";
import type { LastWill } from "./last-will.ts";
import { Ledger } from "./ledger.ts";
import type { Measured } from "./load/meter.ts";
import type { LoadOutcome, LoadReply } from "./load/workload.ts";
import { type Measurement, NO_LOAD } from "./row-result.ts";
import type { Shape } from "./workloads.ts";

/** How long rows warm up and measure. **Units**: milliseconds. */
export interface Pace {
  readonly warmupMs: number;
  readonly measureMs: number;
}

export const QUICK_PACE: Pace = { warmupMs: 700, measureMs: 2_000 };
export const FULL_PACE: Pace = { warmupMs: 2_000, measureMs: 10_000 };

/** Beyond its windows, what a process may take to start, connect, drain and answer. */
const SLACK_MS = 40_000;
/** Ignored by git, and on the same disk as the checkout: a temporary directory may be memory, where a sync costs nothing. */
const SCRATCH = join(import.meta.dirname, "../.cache");

/** Makes an empty directory on the disk under test. */
export function scratchDirectory(): string {
  mkdirSync(SCRATCH, { recursive: true });
  return mkdtempSync(join(SCRATCH, "bench-"));
}

/** The processes and the disk space of one run of the benchmark, made as rows need them. */
export class Run {
  readonly pace: Pace;
  readonly group: ChildGroup;
  /** Where servers write processor profiles. */
  readonly profileDir: string | undefined;
  readonly #directory: string;
  readonly #brokers = new Set<Broker>();
  #echo: Echo | undefined;
  #ledger: { readonly shards: number; readonly process: Ledger } | undefined;

  /** With a will, nothing is left of it even where it is killed. */
  constructor(pace: Pace, profileDir: string | undefined, will?: LastWill) {
    this.pace = pace;
    this.profileDir = profileDir;
    this.group = new ChildGroup(will);
    this.#directory = scratchDirectory();
    will?.removeDirectory(this.#directory);
  }

  /** A ledger with this many shards; the one before is stopped where it has another number. */
  async ledger(shards: number): Promise<Ledger> {
    if (this.#ledger?.shards !== shards) {
      await this.#ledger?.process.stop();
      const options = { shards, directory: this.#directory, profileDir: this.profileDir };
      this.#ledger = { shards, process: await Ledger.start(this.group, options) };
    }
    return this.#ledger.process;
  }

  /** Starts a Kafka broker for one row, and stops it; where the run ends before, it goes with the run. */
  async withBroker<T>(use: (broker: Broker) => Promise<T>): Promise<T> {
    const broker = await Broker.start(this.directory("kafka-"));
    this.#brokers.add(broker);
    try {
      return await use(broker);
    } finally {
      this.#brokers.delete(broker);
      await broker.stop();
    }
  }

  /** Makes an empty directory on the disk under test, which is removed with the run. */
  directory(prefix: string): string {
    return mkdtempSync(join(this.#directory, prefix));
  }

  /** Runs a row that needs no server. */
  async core(row: CoreRow): Promise<Measurement> {
    const directory = mkdtempSync(join(this.#directory, "core-"));
    const child = this.group.fork(new URL("./core/core-process.ts", import.meta.url));
    child.send({ row, measureMs: this.pace.measureMs, directory });
    const reply = await firstMessage<CoreReply>(child, this.pace.measureMs + SLACK_MS);
    rmSync(directory, { recursive: true });
    if ("error" in reply) throw new Error(reply.error);
    return { ...reply.outcome, ...NO_LOAD, failure: null };
  }

  /** Sends a workload to the echo server. */
  async echoRow(shape: Shape): Promise<Measurement> {
    this.#echo ??= await Echo.start(this.group);
    // An echo knows no wallets; ids of the same length do.
    const wallets = crypto.getRandomValues(new Uint8Array(16_000));
    return measurementOf(await this.load(shape, this.#echo, wallets), null);
  }

  /** Sends a workload to a ledger and holds its books against the answers. */
  async ledgerRow(shape: Shape, shards: number): Promise<Measurement> {
    const ledger = await this.ledger(shards);
    const outcome = await this.load(shape, ledger, ledger.wallets);
    return measurementOf(outcome, await ledger.audit(outcome));
  }

  /** Runs one workload in a generator of its own; `otherPids` are processes of the run besides the server. */
  async load(
    shape: Shape,
    server: Pick<Ledger, "endpoint" | "pid">,
    wallets: Uint8Array,
    otherPids: readonly number[] = [],
    pace = this.pace,
  ): Promise<LoadOutcome> {
    const child = this.group.fork(new URL("./load/generator.ts", import.meta.url));
    child.send({ ...shape, ...pace, endpoint: server.endpoint, serverPid: server.pid, otherPids, wallets });
    const { warmupMs, measureMs } = pace;
    const reply = await firstMessage<LoadReply>(child, warmupMs + measureMs + SLACK_MS);
    if ("error" in reply) throw new Error(reply.error);
    return reply.outcome;
  }

  /** Ends every process and removes everything that the run has written. */
  async end(): Promise<void> {
    await this.group.endAll();
    await Promise.all([...this.#brokers].map((broker) => broker.stop()));
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** A row's measurement from what its generator found. */
export function measurementOf(outcome: Measured, failure: string | null): Measurement {
  const { commandsPerSecond, latency, generatorCores, serverCpu, otherCores, sendLagP99Ms, machineCores } = outcome;
  const besides = otherCores.reduce<number>((sum, cores) => sum + (cores ?? 0), 0);
  const strangerCores =
    serverCpu === null ? null : machineCores - generatorCores - serverCpu.mainCores - serverCpu.otherCores - besides;
  return {
    rate: commandsPerSecond,
    latency,
    generatorCores,
    serverCpu,
    sendLagP99Ms,
    strangerCores,
    notes: [],
    failure,
  };
}

/** How busy the processes of the run were that are neither generator nor server. */
export function coresNote(names: readonly string[], { otherCores }: Pick<Measured, "otherCores">): string {
  return names.map((name, i) => `${name}: ${otherCores[i]?.toFixed(2) ?? "?"} cores`).join(", ");
}
