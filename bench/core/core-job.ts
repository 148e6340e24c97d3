/** Rows that run inside one process of their own, without a network: the messages to and from it. */

import type { Percentiles } from "../histogram.ts";
import type { RowName } from "../row-names.ts";

export type CoreRow = Extract<
  RowName,
  "core-apply" | "core-apply-limits" | "codecs" | "limit-lmdb" | "limit-lmdb-prepared" | "journal-commit"
>;

export interface CoreJob {
  readonly row: CoreRow;
  /** How long to measure, where the row is not bounded by the room it writes to. */
  readonly measureMs: number;
  /** An empty directory on the disk under test. */
  readonly directory: string;
}

export interface CoreOutcome {
  readonly rate: number;
  readonly latency: Percentiles;
  readonly notes: readonly string[];
}

export type CoreReply = { readonly outcome: CoreOutcome } | { readonly error: string };
