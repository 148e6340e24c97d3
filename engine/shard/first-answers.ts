import { CODE, CODES } from "../../protocol/codes.ts";
import { OPERATION, RECORD, RECORD_FLAG } from "../../protocol/command-record.ts";
import { formatUuid, sameId } from "../../protocol/ids.ts";
import { readUint64 } from "../../protocol/int64.ts";
import { RECORD_BYTES } from "../../protocol/limits.ts";
import {
  CHANGE,
  isWide,
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
import { type TransferBody, type TransferEvent, transferAggregate } from "../transfer/transfer.ts";
import { availableWithin } from "../wallet/decide.ts";
import type { Outcome } from "./outcome.ts";
import type { RequestPrincipal } from "./principal.ts";
import type { RecordReader } from "./record-reader.ts";
import type { ShardState } from "./shard-state.ts";

const OPERATION_OF_KIND: Readonly<Record<number, number>> = {
  [RECORD_KIND.Transferred]: OPERATION.Transfer,
  [RECORD_KIND.Credited]: OPERATION.Credit,
  [RECORD_KIND.Debited]: OPERATION.Debit,
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
    const record = this.#records.locate(sequence);
    const kind = recordKind(this.#records.lanes, record);
    switch (kind) {
      case RECORD_KIND.Transferred:
      case RECORD_KIND.Credited:
      case RECORD_KIND.Debited: {
        if (!this.#isSamePosting(record, OPERATION_OF_KIND[kind], lanes, at, commandBytes)) return CODE.id_reused;
        const named =
          this.#records.lanes[record + (kind === RECORD_KIND.Credited ? POSTING.creditSlot : POSTING.debitSlot)];
        if (!principal.mayTouch(named)) return CODE.forbidden;
        this.#takePosting(record, kind, principal, outcome);
        outcome.sequence = sequence;
        outcome.replayed = true;
        return CODE.ok;
      }
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
      case RECORD_KIND.HoldCaptured:
      case RECORD_KIND.Sold:
      case RECORD_KIND.Bought:
      case RECORD_KIND.Reversed:
      case RECORD_KIND.CaptureSent:
      case RECORD_KIND.CaptureRefunded:
      case RECORD_KIND.HoldExpired:
      case RECORD_KIND.LimitRejected:
      case RECORD_KIND.TransferSent:
      case RECORD_KIND.TransferReceived:
      case RECORD_KIND.TransferRefunded:
        throw new Error(`a command id leads to record ${sequence}, which answers no command`);
    }
  }

  #takePosting(record: number, kind: number, principal: RequestPrincipal, outcome: Outcome): void {
    const { lanes, floats } = this.#records;
    const { wallets } = this.#state;
    const debit = lanes[record + POSTING.debitSlot];
    const credit = lanes[record + POSTING.creditSlot];
    const debitPosted = floats[(record + POSTING.debitPosted) >>> 1];
    const creditPosted = floats[(record + POSTING.creditPosted) >>> 1];
    if (kind === RECORD_KIND.Credited) {
      outcome.postedMinor = creditPosted;
      outcome.availableMinor = availableWithin(creditPosted, wallets.overdraftLimitMinor[credit]);
      outcome.version = postingVersion(lanes, floats, record, "credit");
      return;
    }
    outcome.postedMinor = debitPosted;
    outcome.availableMinor = availableWithin(debitPosted, wallets.overdraftLimitMinor[debit]);
    outcome.version = postingVersion(lanes, floats, record, "debit");
    if (kind === RECORD_KIND.Transferred && principal.mayTouch(credit)) {
      outcome.counterpartyPostedMinor = creditPosted;
      outcome.counterpartyAvailableMinor = availableWithin(creditPosted, wallets.overdraftLimitMinor[credit]);
      outcome.counterpartyVersion = postingVersion(lanes, floats, record, "credit");
    }
  }

  #isSamePosting(record: number, operation: number, lanes: Uint32Array, at: number, commandBytes: number): boolean {
    const kept = this.#records.lanes;
    const { ids, currency: currencies } = this.#state.wallets;
    const debit = kept[record + POSTING.debitSlot];
    const credit = kept[record + POSTING.creditSlot];
    const named = operation === OPERATION.Credit ? credit : debit;
    if ((lanes[at + TAIL] & 0xff) !== operation) return false;
    if (!sameId(ids, named * 4, lanes, at + 4)) return false;
    if (operation === OPERATION.Transfer && !sameId(ids, credit * 4, lanes, at + 8)) return false;
    if (readUint64(lanes, at + (RECORD.amountMinor >>> 2)) !== postingAmountMinor(kept, record)) return false;
    const currency = lanes[at + TAIL] >>> 16;
    if (currency !== 0 && currency !== currencies[named]) return false;
    return this.#isSameExtension(record, lanes, at, commandBytes);
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
    const isTransfer = (lanes[at + TAIL] & 0xff) === OPERATION.Transfer;
    if (!isTransfer || object.aggregate !== transferAggregate.name) return CODE.id_reused;
    const ended = (object.events as readonly TransferEvent[]).find((event) => event.type === "TransferEnded");
    const body = ended === undefined ? this.#state.transfers.get(object.id) : ended.body;
    if (body === undefined || !isSameTransfer(body, readTransferBody(lanes, at, commandBytes))) return CODE.id_reused;
    if (!principal.mayTouch(this.#state.findWallet(body.fromWalletId))) return CODE.forbidden;
    if (ended === undefined) return CODE.in_progress;
    Object.assign(outcome, ended.result);
    if (!principal.isAdmin) outcome.counterpartyVersion = 0;
    outcome.sequence = sequence;
    outcome.replayed = true;
    return CODES[ended.code].number;
  }
}

/** The body of the Transfer command at a lane; `currency` is 0 where the command does not name one. */
export function readTransferBody(lanes: Uint32Array, at: number, commandBytes: number): TransferBody {
  const bytes = new Uint8Array(lanes.buffer, lanes.byteOffset + at * 4, commandBytes);
  const isExtended = commandBytes > RECORD_BYTES;
  const hasReference = isExtended && bytes.subarray(RECORD.reference, RECORD.reference + 16).some((byte) => byte !== 0);
  const expectedVersion = isExtended ? readUint64(lanes, at + (RECORD.expectedVersion >>> 2)) : 0;
  const metadataBytes = isExtended ? lanes[at + (RECORD.metadataBytes >>> 2)] & 0xffff : 0;
  return {
    id: formatUuid(bytes, RECORD.id),
    fromWalletId: formatUuid(bytes, RECORD.wallet),
    toWalletId: formatUuid(bytes, RECORD.counterparty),
    amountMinor: readUint64(lanes, at + (RECORD.amountMinor >>> 2)),
    currency: lanes[at + TAIL] >>> 16,
    ...(hasReference ? { reference: formatUuid(bytes, RECORD.reference) } : {}),
    ...(expectedVersion === 0 ? {} : { expectedVersion }),
    ...(metadataBytes === 0
      ? {}
      : { metadata: new TextDecoder().decode(bytes.slice(RECORD.metadata, RECORD.metadata + metadataBytes)) }),
  };
}

function isSameTransfer(kept: TransferBody, sent: TransferBody): boolean {
  return (
    kept.id === sent.id &&
    kept.fromWalletId === sent.fromWalletId &&
    kept.toWalletId === sent.toWalletId &&
    kept.amountMinor === sent.amountMinor &&
    (sent.currency === 0 || kept.currency === sent.currency) &&
    kept.reference === sent.reference &&
    kept.expectedVersion === sent.expectedVersion &&
    kept.metadata === sent.metadata
  );
}
