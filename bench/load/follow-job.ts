/** What the followers' process is told and what it answers, as messages between processes. */

import type { Profile } from "../profiles/profile.ts";
import type { Endpoint } from "./workload.ts";

export interface FollowJob {
  readonly endpoint: Endpoint;
  /** Ids of the wallets, 16 bytes each. */
  readonly wallets: Uint8Array;
  /** The first so many of them are followed by a witness, from before the load until after it. */
  readonly witnessed: number;
  readonly dashboards: Profile["dashboards"];
  readonly seed: number;
}

/** What streams have shown so far. */
export interface FollowReport {
  /** The latest of each witnessed wallet, by its index. **Units**: minor units. */
  readonly postedMinor: Float64Array;
  readonly availableMinor: Float64Array;
  readonly version: Float64Array;
  readonly dashboardsSeen: number;
  readonly dashboardsOpen: number;
  readonly deltas: number;
  readonly conflated: number;
  /** Versions that were left out without a mark, or came twice or in the wrong order. */
  readonly outOfOrder: number;
  /** Connections that the server ended, and why the first one was; empty where none was. */
  readonly lost: number;
  readonly firstLoss: string;
}

export type FollowQuestion = { readonly job: FollowJob } | "report" | "stop dashboards";
export type FollowReply = { readonly ready: true } | { readonly report: FollowReport } | { readonly error: string };
