import type { RecordView } from "../engine/journal/record-view.ts";
import type { LedgerEvent } from "./replay.ts";

/** First line of an export. */
export interface ExportHeader {
  readonly mizan: "events";
  readonly formatVersion: 1;
  readonly ledgerId: string;
  readonly shards: number;
  readonly calendarTimeZone: string;
  readonly createdAt: string;
  /** Whether the export begins with the ledger's first event, so that a ledger can be made from it. */
  readonly isWhole: boolean;
}

/** Last line of an export: without it the file is not complete. */
export interface ExportEnd {
  readonly mizan: "end";
  readonly events: number;
  /** Newest position of each shard. */
  readonly positions: readonly string[];
}

/** One event of an export: where and when it happened, and the record as a plain object. */
export type EventLine = { readonly position: string; readonly time: string } & RecordView;

/** An event as a line. */
export function eventLine({ shard, sequence, clockMs, record }: LedgerEvent): EventLine {
  return { position: `${shard}:${sequence}`, time: new Date(clockMs).toISOString(), ...record };
}
