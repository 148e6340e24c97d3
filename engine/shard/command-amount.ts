import { RECORD } from "../../protocol/command-record.ts";
import { readUint64 } from "../../protocol/int64.ts";
import { LIMIT_REJECTION, postingAmountMinor, RECORD_KIND, REJECTION, recordKind } from "../journal/record.ts";
import { readObjectRecord } from "../object/object-record.ts";
import { type TransferEvent, transferAggregate } from "../transfer/transfer.ts";
import type { RecordReader } from "./record-reader.ts";
import type { ShardState } from "./shard-state.ts";

/**
 * The amount of the transfer whose id leads to a record: made here, to another shard, or refused; undefined where the record is of
 * something else.
 *
 * **Errors**: those of `RecordReader.locate`.
 */
export function commandAmountMinor(state: ShardState, records: RecordReader, sequence: number): number | undefined {
  const at = records.locate(sequence);
  const { lanes, bytes } = records;
  const amount = RECORD.amountMinor >>> 2;
  switch (recordKind(lanes, at)) {
    case RECORD_KIND.Transferred:
      return postingAmountMinor(lanes, at);
    case RECORD_KIND.CommandRejected:
      return readUint64(lanes, at + REJECTION.command + amount);
    case RECORD_KIND.LimitRejected:
      return readUint64(lanes, at + LIMIT_REJECTION.command + amount);
    case RECORD_KIND.ObjectChanged: {
      const { aggregate, id, events } = readObjectRecord(lanes, bytes, at);
      if (aggregate !== transferAggregate.name) return undefined;
      const ended = (events as readonly TransferEvent[]).find((event) => event.type === "TransferEnded");
      return (ended?.body ?? state.transfers.get(id))?.amountMinor;
    }
    default:
      return undefined;
  }
}
