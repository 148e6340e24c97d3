import { CODE, CODES } from "../../protocol/codes.ts";
import { OPERATION, operationName, RECORD, RECORD_FLAG, RECORD_OPTION } from "../../protocol/command-record.ts";
import { formatUuid, isNil, sameId } from "../../protocol/ids.ts";
import { readUint64 } from "../../protocol/int64.ts";
import { RECORD_BYTES } from "../../protocol/limits.ts";
import {
  CHANGE,
  hasTail,
  isWide,
  LIMIT_REJECTION,
  POSTING,
  postingAmountMinor,
  postingMetadataAt,
  postingVersion,
  RECORD_KIND,
  REJECTION,
  recordBytes,
  recordKind,
} from "../journal/record.ts";
import { readObjectRecord } from "../object/object-record.ts";
import { type TransferEvent, transferAggregate } from "../transfer/transfer.ts";
import { isSameTransfer, readTransferBody } from "../transfer/transfer-body.ts";
import { WALLET_FLAG } from "../wallet/wallet-columns.ts";
import type { Outcome } from "./outcome.ts";
import type { RequestPrincipal } from "./principal.ts";
import type { RecordReader } from "./record-reader.ts";
import { ASKED } from "./record-writer.ts";
import type { ShardState } from "./shard-state.ts";

const OPERATION_OF_KIND: Readonly<Record<number, number>> = {
  [RECORD_KIND.Transferred]: OPERATION.Transfer,
  [RECORD_KIND.Credited]: OPERATION.Credit,
  [RECORD_KIND.Debited]: OPERATION.Debit,
  [RECORD_KIND.HoldCaptured]: OPERATION.CaptureHold,
  [RECORD_KIND.Sold]: OPERATION.ExchangeCurrency,
  [RECORD_KIND.Reversed]: OPERATION.ReverseTransfer,
};

const TAIL = RECORD.operation >>> 2;

/**
 * Answers a command whose id is known: with the first answer if the body is the same, with `id_reused` if it is not.
 *
 * The journal is where the first answers are kept, so remembering an id costs no more than its sequence.
 */
export class FirstAnswers {
  readonly #state: ShardState;
  readonly #records: RecordReader;

  constructor(state: ShardState, records: RecordReader) {
    this.#state = state;
    this.#records = records;
  }

  /** Writes the first answer to `outcome` and returns its code number. */
  answer(
    sequence: number,
    lanes: Uint32Array,
    at: number,
    commandBytes: number,
    principal: RequestPrincipal,
    outcome: Outcome,
  ): number {
    let record = this.#records.locate(sequence);
    const kind = recordKind(this.#records.lanes, record);
    switch (kind) {
      case RECORD_KIND.Transferred:
      case RECORD_KIND.Credited:
      case RECORD_KIND.Debited:
      case RECORD_KIND.HoldCaptured:
      case RECORD_KIND.Sold:
      case RECORD_KIND.Reversed: {
        if (!this.#isSamePosting(record, OPERATION_OF_KIND[kind], lanes, at, commandBytes)) return CODE.id_reused;
        const isDebitNamed = this.#isDebitNamed(record, lanes, at);
        const asks = kind === RECORD_KIND.Credited ? POSTING.creditSlot : POSTING.debitSlot;
        if (!principal.mayTouch(this.#records.lanes[record + asks])) return CODE.forbidden;
        this.#takeSide(record, isDebitNamed ? "debit" : "credit", true, principal, outcome);
        if (kind === RECORD_KIND.Sold) record = this.#records.locate(sequence + 1);
        this.#takeSide(record, isDebitNamed ? "credit" : "debit", false, principal, outcome);
        outcome.sequence = sequence;
        outcome.replayed = true;
        return CODE.ok;
      }
      case RECORD_KIND.LimitRejected:
        return this.#answerLimit(record, sequence, lanes, at, commandBytes, principal, outcome);
      case RECORD_KIND.WalletChanged:
      case RECORD_KIND.CommandRejected: {
        const isRejection = kind === RECORD_KIND.CommandRejected;
        const command = record + (isRejection ? REJECTION.command : CHANGE.command);
        if (!this.#isSameCommand(record, command, lanes, at, commandBytes)) return CODE.id_reused;
        if (!isRejection && !principal.mayTouch(this.#records.lanes[record + CHANGE.slot])) return CODE.forbidden;
        outcome.sequence = sequence;
        outcome.replayed = true;
        if (isRejection) return this.#records.lanes[record + REJECTION.code];
        outcome.postedMinor = this.#records.floats[(record + CHANGE.posted) >>> 1];
        outcome.availableMinor = this.#records.floats[(record + CHANGE.available) >>> 1];
        outcome.version = this.#records.floats[(record + CHANGE.version) >>> 1];
        return CODE.ok;
      }
      case RECORD_KIND.ObjectChanged:
        return this.#answerTransfer(record, sequence, lanes, at, commandBytes, principal, outcome);
      case RECORD_KIND.Bought:
      case RECORD_KIND.CaptureSent:
      case RECORD_KIND.CaptureRefunded:
      case RECORD_KIND.HoldExpired:
      case RECORD_KIND.TransferSent:
      case RECORD_KIND.TransferReceived:
      case RECORD_KIND.TransferRefunded:
        throw new Error(`a command id leads to record ${sequence}, which answers no command`);
    }
  }

  #answerLimit(
    record: number,
    sequence: number,
    lanes: Uint32Array,
    at: number,
    commandBytes: number,
    principal: RequestPrincipal,
    outcome: Outcome,
  ): number {
    if (!this.#isSameCommand(record, record + LIMIT_REJECTION.command, lanes, at, commandBytes)) return CODE.id_reused;
    const { lanes: kept, floats } = this.#records;
    const code = kept[record + LIMIT_REJECTION.codeAndLimit] & 0xffff;
    const refusal = {
      limit: kept[record + LIMIT_REJECTION.codeAndLimit] >>> 16,
      value: floats[(record + LIMIT_REJECTION.value) >>> 1],
      left: floats[(record + LIMIT_REJECTION.left) >>> 1],
      resetsAtMs: floats[(record + LIMIT_REJECTION.resetsAtMs) >>> 1],
    };
    outcome.takeLimit(code, refusal, principal.isAdmin);
    outcome.sequence = sequence;
    outcome.replayed = true;
    return code;
  }

  /** Whether the wallet that a command names is the one debited by the record that it led to. */
  #isDebitNamed(record: number, lanes: Uint32Array, at: number): boolean {
    return sameId(this.#state.wallets.ids, this.#records.lanes[record + POSTING.debitSlot] * 4, lanes, at + 4);
  }

  /** Takes one side of a posting as it was right after it, unless it is an account or not for the caller to see. */
  #takeSide(
    record: number,
    side: "debit" | "credit",
    isNamed: boolean,
    principal: RequestPrincipal,
    outcome: Outcome,
  ): void {
    const { lanes, floats } = this.#records;
    const isDebit = side === "debit";
    const slot = lanes[record + (isDebit ? POSTING.debitSlot : POSTING.creditSlot)];
    if ((this.#state.wallets.flags[slot] & WALLET_FLAG.account) !== 0 || !principal.mayTouch(slot)) return;
    const posted = floats[(record + (isDebit ? POSTING.debitPosted : POSTING.creditPosted)) >>> 1];
    // A record without a tail is of wallets that had neither holds nor an overdraft.
    const available = hasTail(lanes, record)
      ? floats[(record + (isDebit ? POSTING.debitAvailable : POSTING.creditAvailable)) >>> 1]
      : posted;
    const version = postingVersion(lanes, floats, record, side);
    if (isNamed) {
      outcome.postedMinor = posted;
      outcome.availableMinor = available;
      outcome.version = version;
    } else {
      outcome.counterpartyPostedMinor = posted;
      outcome.counterpartyAvailableMinor = available;
      outcome.counterpartyVersion = version;
    }
  }

  #isSamePosting(record: number, operation: number, lanes: Uint32Array, at: number, commandBytes: number): boolean {
    const kept = this.#records.lanes;
    const { ids, currency: currencies } = this.#state.wallets;
    const debit = kept[record + POSTING.debitSlot];
    const credit = kept[record + POSTING.creditSlot];
    const isDebitNamed = this.#isDebitNamed(record, lanes, at);
    const named = isDebitNamed ? debit : credit;
    if ((lanes[at + TAIL] & 0xff) !== operation) return false;
    if (!sameId(ids, named * 4, lanes, at + 4)) return false;
    if (operation !== OPERATION.ReverseTransfer && isDebitNamed === (operation === OPERATION.Credit)) return false;
    const options = hasTail(kept, record) ? kept[record + POSTING.options] : 0;
    const amountMinor = (options & ASKED.all) === 0 ? postingAmountMinor(kept, record) : 0;
    if (readUint64(lanes, at + (RECORD.amountMinor >>> 2)) !== amountMinor) return false;
    const currency = lanes[at + TAIL] >>> 16;
    if (currency !== 0 && currency !== currencies[named]) return false;
    if (!this.#isSameExtension(record, lanes, at, commandBytes)) return false;
    switch (operation) {
      case OPERATION.Transfer:
        return sameId(ids, credit * 4, lanes, at + 8);
      case OPERATION.CaptureHold: {
        const isFinal = (lanes[at + (RECORD.options >>> 2)] >>> 16) & RECORD_OPTION.final;
        const isSameWallet =
          (options & ASKED.nobody) === 0 ? sameId(ids, credit * 4, lanes, at + 8) : isNil(lanes, at + 8);
        return isSameWallet && isFinal === (options & RECORD_OPTION.final) && this.#isSameTarget(record, lanes, at);
      }
      case OPERATION.ReverseTransfer:
        return this.#isSameTarget(record, lanes, at);
      case OPERATION.ExchangeCurrency:
        return this.#isSameTarget(record, lanes, at) && this.#isSameExchange(record, lanes, at);
      default:
        return true;
    }
  }

  /** Whether the hold, the movement or the rate that a command names is the one of the record. */
  #isSameTarget(record: number, lanes: Uint32Array, at: number): boolean {
    return sameId(this.#records.lanes, record + POSTING.target, lanes, at + (RECORD.targetId >>> 2));
  }

  /** Whether the wallet and the time of the quote are those of an exchange's second record, right behind its first. */
  #isSameExchange(record: number, lanes: Uint32Array, at: number): boolean {
    const kept = this.#records.lanes;
    const second = record + (recordBytes(kept, record) >>> 2);
    const expiresAt = at + (RECORD.expiresAtMs >>> 2);
    return (
      sameId(this.#state.wallets.ids, kept[second + POSTING.creditSlot] * 4, lanes, at + 8) &&
      kept[second + POSTING.target] === lanes[expiresAt] &&
      kept[second + POSTING.target + 1] === lanes[expiresAt + 1]
    );
  }

  #isSameExtension(record: number, lanes: Uint32Array, at: number, commandBytes: number): boolean {
    const kept = this.#records.lanes;
    const keptIsWide = isWide(kept, record);
    const isExtended = commandBytes > RECORD_BYTES;
    for (let lane = 0; lane < 4; lane += 1) {
      const reference = isExtended ? lanes[at + (RECORD.reference >>> 2) + lane] : 0;
      if (reference !== (keptIsWide ? kept[record + POSTING.reference + lane] : 0)) return false;
    }
    const expected = isExtended ? readUint64(lanes, at + (RECORD.expectedVersion >>> 2)) : 0;
    if (expected !== (keptIsWide ? this.#records.floats[(record + POSTING.expectedVersion) >>> 1] : 0)) return false;
    const metadataBytes = isExtended ? lanes[at + (RECORD.metadataBytes >>> 2)] & 0xffff : 0;
    if (metadataBytes !== (keptIsWide ? kept[record + POSTING.metadataBytes] : 0)) return false;
    const metadataLanes = Math.ceil(metadataBytes / 4);
    const keptMetadata = postingMetadataAt(kept, record);
    for (let lane = 0; lane < metadataLanes; lane += 1) {
      if (lanes[at + (RECORD.metadata >>> 2) + lane] !== kept[keptMetadata + lane]) return false;
    }
    return true;
  }

  #isSameCommand(record: number, command: number, lanes: Uint32Array, at: number, commandBytes: number): boolean {
    const kept = this.#records.lanes;
    if (recordBytes(kept, record) !== (command - record) * 4 + commandBytes) return false;
    const commandLanes = commandBytes >>> 2;
    for (let lane = 0; lane < commandLanes; lane += 1) {
      let value = lanes[at + lane];
      if (lane === TAIL) value = (value & ~(RECORD_FLAG.linked << 8)) >>> 0;
      if (value !== kept[command + lane]) return false;
    }
    return true;
  }

  /** A transfer between shards: its last record has the whole answer, any earlier one says that it is still running. */
  #answerTransfer(
    record: number,
    sequence: number,
    lanes: Uint32Array,
    at: number,
    commandBytes: number,
    principal: RequestPrincipal,
    outcome: Outcome,
  ): number {
    const object = readObjectRecord(this.#records.lanes, this.#records.bytes, record);
    const operation = operationName(lanes[at + TAIL] & 0xff);
    if (object.aggregate !== transferAggregate.name || operation === undefined) return CODE.id_reused;
    const ended = (object.events as readonly TransferEvent[]).find((event) => event.type === "TransferEnded");
    const body = ended === undefined ? this.#state.transfers.get(object.id) : ended.body;
    if (body === undefined || (body.operation ?? "Transfer") !== operation) return CODE.id_reused;
    if (!isSameTransfer(body, readTransferBody(lanes, at, commandBytes))) return CODE.id_reused;
    const mayAsk =
      body.operation === "ReverseTransfer"
        ? principal.isAdmin || body.takenForOwnerId === formatUuid(new Uint8Array(principal.ownerId.buffer))
        : principal.mayTouch(this.#state.findWallet(body.fromWalletId));
    if (!mayAsk) return CODE.forbidden;
    if (ended === undefined) return CODE.in_progress;
    outcome.takeTransfer(ended.result, body, principal.isAdmin);
    outcome.sequence = sequence;
    outcome.replayed = true;
    return CODES[ended.code].number;
  }
}
