import type { CommandView } from "../../engine/journal/command-view.ts";
import type { CommandRejectedView, LimitRejectedView } from "../../engine/journal/record-view.ts";
import type { ObjectRecord } from "../../engine/object/object-record.ts";
import { amountBoughtMinor } from "../../engine/transfer/exchange-rate.ts";
import type { TransferEvent, TransferResult } from "../../engine/transfer/transfer.ts";
import type { TransferBody } from "../../engine/transfer/transfer-body.ts";
import { currencyOf } from "../../protocol/currencies.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import { commandFacts } from "./command-facts.ts";
import type { EventBatch } from "./event-batch.ts";
import { targetMember, transferEvents, transferMembers } from "./transfer-facts.ts";

/** Tells how a transfer between shards goes on. What a stripe sends home is no transfer of anybody's. */
export function tellTransfer(object: ObjectRecord, batch: EventBatch): void {
  const events = transferEvents(object);
  const ended = events.find((event) => event.type === "TransferEnded");
  for (const event of events) {
    // Only the last event of a record repeats what the transfer is.
    const body = event.type === "TransferInitiated" ? event.body : ended?.body;
    if (body !== undefined && body.operation !== "SweepStripe") tellStep(event, body, batch);
  }
}

function tellStep(event: TransferEvent, body: TransferBody, batch: EventBatch): void {
  const { members, trace } = transferMembers(body, batch.position);
  switch (event.type) {
    case "TransferInitiated":
      batch.add("mizan.transfer.initiated.v1", body.id, `{${members}}`, trace);
      break;
    case "TransferCredited": {
      const credited = `,"creditedPosition":"${event.creditedPosition}"`;
      batch.add("mizan.transfer.credited.v1", body.id, `{${members}${credited}}`, trace);
      break;
    }
    case "TransferRefunding":
      // That the amount is back is told, and not that it is about to be.
      break;
    case "TransferEnded": {
      const { code, status, result } = event;
      if (status === "COMPLETED") {
        const ends = `${sideMembers(body, result)}${boughtMember(body)}`;
        batch.add("mizan.transfer.completed.v1", body.id, `{${members}${ends}}`, trace);
        break;
      }
      const why = `,"code":"${code}"`;
      // Nothing of a reversal was taken before the other shard refused.
      if (body.operation !== "ReverseTransfer") {
        const from = `,"from":${ownSide(result)}`;
        batch.add("mizan.transfer.refunded.v1", body.id, `{${members}${why}${from}}`, trace);
      }
      batch.add("mizan.transfer.failed.v1", body.id, `{${members}${why}}`, trace);
      break;
    }
    default:
      unreachable(event);
  }
}

function sideMembers({ operation }: TransferBody, result: TransferResult): string {
  const own = ownSide(result);
  const other = farSide(result);
  return operation === "ReverseTransfer" ? `,"from":${other},"to":${own}` : `,"from":${own},"to":${other}`;
}

function ownSide({ version, postedMinor, availableMinor }: TransferResult): string {
  return sideJson(version, postedMinor, availableMinor);
}

function farSide(result: TransferResult): string {
  return sideJson(result.counterpartyVersion, result.counterpartyPostedMinor, result.counterpartyAvailableMinor);
}

/** A wallet right after a movement. */
export function sideJson(version: number, postedMinor: number, availableMinor: number | undefined): string {
  const available = availableMinor === undefined ? "" : `,"availableMinor":${availableMinor}`;
  return `{"version":${version},"postedMinor":${postedMinor}${available}}`;
}

function boughtMember({ rate, amountMinor }: TransferBody): string {
  return rate === undefined ? "" : `,"boughtMinor":${amountBoughtMinor(amountMinor, rate)}`;
}

/** Tells that a movement was refused; refusals of other commands are no events of anybody's. */
export function tellRejection({ command, code }: CommandRejectedView | LimitRejectedView, batch: EventBatch): void {
  const sides = sidesNamed(command);
  if (sides === undefined) return;
  const { id, operation, amountMinor, currency, extension } = command;
  const { members, trace } = commandFacts(extension?.reference, extension?.metadata);
  const named = currency === undefined ? undefined : currencyOf(currency);
  const data =
    `{"transferId":"${id}","position":"${batch.position}","operation":"${operation}"${sides}` +
    `${typeof amountMinor === "number" ? `,"amountMinor":${amountMinor}` : ""}` +
    `${named === undefined ? "" : `,"currency":"${named}"`}${targetMember(extension?.targetId)},"code":"${code}"${members}}`;
  batch.add("mizan.transfer.failed.v1", id, data, trace);
}

/** The wallets that the command of a movement names, by the way the amount would have gone; undefined for other commands. */
function sidesNamed({ operation, walletId, counterpartyId }: CommandView): string | undefined {
  const from = `,"fromWalletId":"${walletId}"`;
  const to = counterpartyId === undefined ? "" : `,"toWalletId":"${counterpartyId}"`;
  switch (operation) {
    case "Transfer":
    case "CaptureHold":
    case "ExchangeCurrency":
      return from + to;
    case "Debit":
      return from;
    case "Credit":
    case "ReverseTransfer":
      return `,"toWalletId":"${walletId}"`;
    default:
      return undefined;
  }
}
