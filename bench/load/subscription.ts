/** What the subscribers' process is told and what it answers, as messages between processes. */

import type { Endpoint, Window } from "./workload.ts";

export interface SubscriberJob {
  readonly endpoint: Endpoint;
  readonly connections: number;
  /** Wallets that each connection follows. */
  readonly walletsEach: number;
  /** Ids of the wallets followed, 16 bytes each; every one gets as many readers as another. */
  readonly wallets: Uint8Array;
}

/** How many deltas had arrived at a time, and how much processor time their reader had used by then. */
export interface DeltaSample {
  readonly atMs: number;
  readonly deltas: number;
  readonly cpuMs: number;
}

export interface DeltaReport {
  /** Changes received, without the states at the beginning. */
  readonly deltas: number;
  /** Deltas that stand for several changes, since their reader was slow. */
  readonly conflated: number;
  readonly samples: readonly DeltaSample[];
}

export type SubscriberReply = { readonly ready: true } | { readonly report: DeltaReport } | { readonly error: string };

/** Deltas a second, and cores used, between the samples nearest to a window. */
export function rateWithin(
  samples: readonly DeltaSample[],
  window: Window,
): { deltasPerSecond: number; cores: number } {
  const within = samples.filter(({ atMs }) => atMs >= window.fromMs && atMs <= window.toMs);
  const first = within.at(0);
  const last = within.at(-1);
  if (first === undefined || last === undefined || first === last) throw new Error("no samples within the window");
  const elapsedMs = last.atMs - first.atMs;
  return {
    deltasPerSecond: ((last.deltas - first.deltas) * 1_000) / elapsedMs,
    cores: (last.cpuMs - first.cpuMs) / elapsedMs,
  };
}

/** Index of the wallet that a connection follows as its nth: spread evenly, so that all have equally many readers. */
export function followedWallet(connection: number, nth: number, walletsEach: number, walletCount: number): number {
  return (connection * walletsEach + nth) % walletCount;
}
