/** What the crowd's process is told and what it answers, as messages between processes. */

import type { CrowdProfile } from "../profiles/crowd-profile.ts";
import type { Endpoint } from "./workload.ts";

export interface CrowdJob {
  readonly endpoint: Endpoint;
  readonly crowd: CrowdProfile;
  /** Ids of the wallets, 16 bytes each: first those that the run moves, then those that nothing moves. */
  readonly wallets: Uint8Array;
  readonly movedWallets: number;
}

/** How often something happened, by what it was. */
export type Tallied = Record<string, number>;

/** What the crowd has seen so far. */
export interface CrowdCounts {
  states: number;
  resets: number;
  changes: number;
  conflated: number;
  /** Versions that were left out without a mark, or went back. */
  faults: number;
  asked: number;
  answered: number;
  attempts: number;
  lost: number;
  losses: Tallied;
  /** Dashboards that do not follow all their wallets now, and since when, on the clock of `epochMs`, there are none. */
  incomplete: number;
  completeSinceMs: number;
  open: number;
  slowOpen: number;
  silentOpen: number;
  slowEnded: Tallied;
  silentEnded: Tallied;
}

/** The latest that every subscription was shown, by dashboard and then by wallet. */
export interface CrowdSeen {
  readonly version: Float64Array;
  readonly postedMinor: Float64Array;
}

/** `connect` opens everything, `follow` subscribes, `strangers` lets slow and silent ones in, `read on` has the slow ones read. */
export type CrowdQuestion =
  | { readonly job: CrowdJob }
  | "connect"
  | "follow"
  | "strangers"
  | "read on"
  | "counts"
  | "seen";

export type CrowdReply =
  | { readonly done: string }
  | { readonly counts: CrowdCounts }
  | { readonly seen: CrowdSeen }
  | { readonly error: string };

/** Dashboards that are active. */
export function activeDashboards({ dashboards, activeShare }: CrowdProfile): number {
  return Math.round(dashboards * activeShare);
}

/** Index of the wallet that a dashboard follows as its nth. */
export function crowdWallet({ crowd, movedWallets }: CrowdJob, dashboard: number, nth: number): number {
  const active = activeDashboards(crowd);
  const { walletsEach, quietWallets } = crowd;
  if (dashboard < active) return (dashboard * walletsEach + nth) % movedWallets;
  return movedWallets + (((dashboard - active) * walletsEach + nth) % quietWallets);
}
