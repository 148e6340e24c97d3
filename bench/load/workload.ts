/** What the generator is told to do and what it found, as messages between processes. */

import type { Percentiles } from "../histogram.ts";

/** Where a server listens, and the key to show it. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
  readonly key: string;
  /** Whether it is reached over TLS. */
  readonly isSecure?: boolean;
}

/** How wallets are paired: any two of them, or the first one as a side of every transfer. */
export type Pairing = "uniform" | "hot" | "merchant";

/** How many commands of each kind are in a message. */
export interface Mix {
  readonly transfers: number;
  readonly payments: number;
  readonly claims: number;
}

export interface Workload {
  readonly endpoint: Endpoint;
  readonly transport: "binary" | "json" | "rest" | "actors" | "postgres" | "redis";
  readonly connections: number;
  /** Messages in flight on each connection; in an open loop, the most there may be. */
  readonly depth: number;
  readonly commandsPerMessage: number;
  /** Ids of the wallets to move money between, 16 bytes each. */
  readonly wallets: Uint8Array;
  readonly pairing: Pairing;
  /** Of the transport `actors`. */
  readonly mix?: Mix;
  /** Ids of the medical cards that claim, 16 bytes each. */
  readonly cards?: Uint8Array;
  /** Open loop: messages are sent on this schedule, whatever comes back. Null: a new one for each answer. */
  readonly messagesPerSecond: number | null;
  readonly warmupMs: number;
  readonly measureMs: number;
  /** Its processor time is measured over the same window. */
  readonly serverPid: number;
  /** Further processes of the run, which are no strangers to it. */
  readonly otherPids: readonly number[];
}

/** Processor time in cores: 1 is one core all the time. */
export interface ServerCpu {
  readonly mainCores: number;
  readonly otherCores: number;
}

/** A stretch of time. **Units**: milliseconds since the epoch. */
export interface Window {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface LoadOutcome {
  /** Commands accepted within the measured window, a second. */
  readonly commandsPerSecond: number;
  readonly latency: Percentiles;
  /** From connecting to the last answer, warm-up included. */
  readonly acceptedTotal: number;
  readonly rejectedTotal: number;
  /** By how much the versions of wallets have grown with what was accepted; 0 where nobody counts. */
  readonly acceptedVersions: number;
  /** Why the first rejected command was; empty where none was. */
  readonly firstRejection: string;
  readonly generatorCores: number;
  readonly serverCpu: ServerCpu | null;
  /** Cores of each of the further processes; null where the system does not tell. */
  readonly otherCores: readonly (number | null)[];
  /** Cores of the machine that were busy, whoever used them. */
  readonly machineCores: number;
  /** Open loop: how late messages left, at the 99th percentile. */
  readonly sendLagP99Ms: number | null;
  /** When the rate and the latencies were measured. */
  readonly window: Window;
}

/** What the generator's process answers. */
export type LoadReply = { readonly outcome: LoadOutcome } | { readonly error: string };
