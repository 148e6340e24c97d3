/** Which events a journal has to lead to, said once more and apart from the relay. */

import { JournalReader, type JournalReaderOptions } from "../engine/journal/journal-reader.ts";
import { recordBytes } from "../engine/journal/record.ts";
import { type PostingView, type RecordView, viewRecord } from "../engine/journal/record-view.ts";
import type { TransferEvent } from "../engine/transfer/transfer.ts";
import type { SharedColumns } from "../engine/wallet/wallet-columns.ts";
import { formatUuid, shardOfUuid } from "../protocol/ids.ts";
import { FRAME_HEADER_BYTES } from "../protocol/limits.ts";

const ACTORS = ["Payment", "TopUp", "Payout", "Merchant", "MedCard"];
const ACCOUNT = "6d697a61-6e00-8000-80";
const CHANGES: Readonly<Record<string, string>> = {
  CreateWallet: "created",
  ActivateWallet: "activated",
  FreezeWallet: "frozen",
  UnfreezeWallet: "unfrozen",
  CloseWallet: "closed",
  SetOverdraftLimit: "overdraft_limit_set",
  SetWalletLimits: "limits_set",
  StripeWallet: "striped",
  PlaceHold: "hold_placed",
  VoidHold: "hold_voided",
};
const MOVEMENTS = ["Transfer", "Credit", "Debit", "CaptureHold", "ReverseTransfer", "ExchangeCurrency"];
const WHOLE = ["Transferred", "Credited", "Debited", "HoldCaptured", "Reversed", "Bought"];

/** All events of a ledger as lines `ce_id type key`, in no order. */
export function expectedEvents(journals: readonly JournalReaderOptions[], columns: readonly SharedColumns[]): string[] {
  return journals.flatMap((options) => {
    const { shard } = options;
    const reader = new JournalReader(options);
    const ids = new Uint8Array(columns[shard].ids);
    const lines: string[] = [];
    for (const frame of reader.frames(1)) {
      let at = FRAME_HEADER_BYTES >>> 2;
      for (let sequence = frame.firstSequence; sequence < frame.firstSequence + frame.recordCount; sequence += 1) {
        const record = viewRecord(frame, at, sequence, (slot) => formatUuid(ids, slot * 16));
        for (const [index, line] of eventsOf(record, shard, journals.length).entries()) {
          lines.push(`${shard}:${sequence}${index === 0 ? "" : `:${index}`} ${line}`);
        }
        at += recordBytes(frame.lanes, at) >>> 2;
      }
    }
    reader.close();
    return lines;
  });
}

function eventsOf(record: RecordView, shard: number, shards: number): string[] {
  switch (record.type) {
    case "WalletChanged": {
      const change = CHANGES[record.command.operation];
      const isAccount = record.walletId.startsWith(ACCOUNT);
      return change === undefined || isAccount ? [] : [`mizan.wallet.${change}.v1 ${record.walletId}`];
    }
    case "HoldExpired":
      return [`mizan.wallet.hold_expired.v1 ${record.walletId}`];
    case "CommandRejected":
    case "LimitRejected": {
      const { operation, id } = record.command;
      return MOVEMENTS.includes(String(operation)) ? [`mizan.transfer.failed.v1 ${id}`] : [];
    }
    case "ObjectChanged": {
      if (ACTORS.includes(record.aggregate)) {
        const types = (record.events as readonly { readonly type: string }[]).map(({ type }) => type);
        const told = types.filter((type) => !type.startsWith("Saga")).map(actorStep);
        return told.map((type) => `mizan.${record.aggregate.toLowerCase()}.${type}.v1 ${record.id}`);
      }
      if (record.aggregate !== "Transfer") return [];
      const events = record.events as readonly TransferEvent[];
      const body = events.flatMap((event) => ("body" in event ? [event.body] : [])).at(-1);
      if (body === undefined || body.operation === "SweepStripe") return [];
      return events
        .flatMap((event) => steps(event, body.operation))
        .map((step) => `mizan.transfer.${step}.v1 ${body.id}`);
    }
    default:
      return [
        ...(WHOLE.includes(record.type) ? [`mizan.transfer.completed.v1 ${record.id}`] : []),
        ...sides(record, shard, shards),
      ];
  }
}

function actorStep(type: string): string {
  return snakeCase(type.replace(/^(Payment|TopUp|Payout|Merchant|Card|Monthly)(?=[A-Z])/, ""));
}

function snakeCase(name: string): string {
  return name.replace(/(?<=.)[A-Z]/g, (letter) => `_${letter}`).toLowerCase();
}

function steps(event: TransferEvent, operation: string | undefined): string[] {
  switch (event.type) {
    case "TransferInitiated":
      return ["initiated"];
    case "TransferCredited":
      return ["credited"];
    case "TransferRefunding":
      return [];
    case "TransferEnded":
      if (event.status === "COMPLETED") return ["completed"];
      return operation === "ReverseTransfer" ? ["failed"] : ["refunded", "failed"];
  }
}

function sides({ debit, credit }: PostingView, shard: number, shards: number): string[] {
  return [
    { what: "debited", walletId: debit.walletId },
    { what: "credited", walletId: credit.walletId },
  ]
    .filter(({ walletId }) => !walletId.startsWith(ACCOUNT))
    .map(({ what, walletId }) => {
      const stripe = shardOfUuid(walletId, shards) === shard ? "" : "stripe_";
      return `mizan.wallet.${stripe}${what}.v1 ${walletId}`;
    });
}
