import { POSTING, RECORD_KIND, recordKind } from "../journal/record.ts";
import { readObjectRecord } from "../object/object-record.ts";
import type { TransferEvent } from "../transfer/transfer.ts";
import type { RecordReader } from "./record-reader.ts";

/**
 * What of a movement is reversed already, by the sequence of its newest reversal, or 0 for none.
 *
 * Each reversal is linked to what it reverses and says the sum so far, so the newest one knows it.
 */
export function reversedMinor(records: RecordReader, sequence: number): number {
  if (sequence === 0) return 0;
  const record = records.locate(sequence);
  if (recordKind(records.lanes, record) === RECORD_KIND.Reversed) return records.floats[(record + POSTING.sum) >>> 1];
  const { events } = readObjectRecord(records.lanes, records.bytes, record);
  for (const event of events as readonly TransferEvent[]) {
    if ("reversedMinor" in event && event.reversedMinor !== undefined) return event.reversedMinor;
  }
  throw new Error(`the record with sequence ${sequence} is linked as a reversal and is none`);
}
