import { cpus } from "node:os";
import { LatencyHistogram, type Percentiles } from "../histogram.ts";
import { watchServerCpu } from "./server-cpu.ts";
import type { ServerCpu, Window } from "./workload.ts";

/** What was counted between `open` and `close` of a window. */
export interface Measured {
  readonly commandsPerSecond: number;
  readonly latency: Percentiles;
  readonly generatorCores: number;
  readonly serverCpu: ServerCpu | null;
  /** Cores of each of the further processes of the run; null where the system does not tell. */
  readonly otherCores: readonly (number | null)[];
  readonly machineCores: number;
  readonly sendLagP99Ms: number | null;
  readonly window: Window;
}

/** Counts answers: all of them for the books, and those within a window for the rate and the latencies. */
export class Meter {
  acceptedTotal = 0;
  rejectedTotal = 0;
  /** Why the first rejected command was; empty where none was. */
  firstRejection = "";
  readonly #latencies = new LatencyHistogram();
  readonly #sendLags = new LatencyHistogram();
  #measuring = false;
  #acceptedInWindow = 0;

  answered(latencyMs: number, accepted: number, rejected: number, reason: string): void {
    this.acceptedTotal += accepted;
    this.rejectedTotal += rejected;
    if (rejected > 0 && this.firstRejection === "") this.firstRejection = reason;
    if (!this.#measuring) return;
    this.#acceptedInWindow += accepted;
    this.#latencies.record(latencyMs);
  }

  /** Open loop: a message left this much later than it was meant to. */
  sent(lagMs: number): void {
    if (this.#measuring) this.#sendLags.record(lagMs);
  }

  /** Starts the window; the function returned ends it. */
  open(serverPid: number, otherPids: readonly number[] = []): () => Measured {
    const serverCpu = watchServerCpu(serverPid);
    const others = otherPids.map(watchServerCpu);
    const cpuBefore = process.cpuUsage();
    const machineBeforeMs = machineBusyMs();
    const fromMs = epochMs();
    this.#measuring = true;
    return () => {
      this.#measuring = false;
      const toMs = epochMs();
      const elapsedMs = toMs - fromMs;
      const cpu = process.cpuUsage(cpuBefore);
      return {
        commandsPerSecond: (this.#acceptedInWindow * 1_000) / elapsedMs,
        latency: this.#latencies.percentiles(),
        generatorCores: (cpu.user + cpu.system) / 1_000 / elapsedMs,
        serverCpu: serverCpu(),
        otherCores: others.map((cpu) => coresOf(cpu())),
        machineCores: (machineBusyMs() - machineBeforeMs) / elapsedMs,
        sendLagP99Ms: this.#sendLags.total === 0 ? null : this.#sendLags.percentileMs(0.99),
        window: { fromMs, toMs },
      };
    };
  }
}

/** All cores of a process. */
function coresOf(cpu: ServerCpu | null): number | null {
  return cpu === null ? null : cpu.mainCores + cpu.otherCores;
}

/** Now, on a clock that two processes of a machine share and that does not step. */
export function epochMs(): number {
  return performance.timeOrigin + performance.now();
}

/** Time that the machine's cores have been busy since it started. */
function machineBusyMs(): number {
  return cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0);
}
