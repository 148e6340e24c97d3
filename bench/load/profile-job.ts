/** What a generator of a profile is told and what it answers, as messages between processes. */

import type { CommandKind, Profile, Transport } from "../profiles/profile.ts";
import type { Answers } from "./answer-log.ts";
import type { ErrorCount } from "./error-counts.ts";
import type { WalletBooks } from "./wallet-books.ts";
import type { Endpoint } from "./workload.ts";

export interface GeneratorJob {
  readonly endpoint: Endpoint;
  readonly profile: Profile;
  /** Ids of the wallets, 16 bytes each, and the shard of each. */
  readonly wallets: Uint8Array;
  readonly shards: Uint8Array;
  /** Which of the profile's generators this one is. */
  readonly generator: number;
  readonly intervalMs: number;
  readonly seed: number;
}

/** The job first; when it is ready, the moment at which the first message is due, on the clock of `epochMs`. */
export type GeneratorQuestion = { readonly job: GeneratorJob } | { readonly startAtMs: number } | "stop";

/** What was answered within one interval, and how late messages left. Histograms are encoded, or null where empty. */
export interface IntervalReport {
  readonly index: number;
  /** When it ended, since the start. */
  readonly endedMs: number;
  readonly accepted: number;
  readonly errors: readonly ErrorCount[];
  readonly latencies: string | null;
  readonly sendLags: string | null;
  readonly connections: number;
  readonly cores: number;
}

export interface KindReport {
  readonly transport: Transport;
  readonly kind: CommandKind;
  readonly accepted: number;
  readonly latencies: string;
}

/** What came of the whole schedule; counts are of the measured stages, the books of everything. */
export interface GeneratorOutcome {
  readonly books: Pick<WalletBooks, "postedMinor" | "heldMinor" | "changes">;
  /** Commands of which it is unknown, in spite of asking again, whether they were applied. */
  readonly inDoubt: number;
  /** Commands without an answer at first, whose answer was fetched after the load. */
  readonly askedAgain: number;
  readonly scheduled: number;
  readonly rejected: number;
  readonly unanswered: number;
  /** Whether any command of any stage was not accepted at first. */
  readonly hasFailures: boolean;
  readonly kinds: readonly KindReport[];
  readonly errors: readonly ErrorCount[];
  readonly sendLags: string;
  /** One by one, where the profile has a crowd of dashboards. */
  readonly answers: Answers | null;
  /** How often a connection was lost, and why the first one was; empty where none was. */
  readonly connectionsLost: number;
  readonly firstLoss: string;
}

export type GeneratorReply =
  | { readonly ready: true }
  | { readonly interval: IntervalReport }
  | { readonly outcome: GeneratorOutcome }
  | { readonly error: string };
