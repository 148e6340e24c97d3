import { CODE, CODES } from "../../protocol/codes.ts";
import { OPERATION, RECORD } from "../../protocol/command-record.ts";
import { isNil, RESERVED_VARIANT, sameId, shardOf, uuidTimeMs } from "../../protocol/ids.ts";
import { readUint64 } from "../../protocol/int64.ts";
import { AMOUNT_MINOR_MAX, METADATA_BYTES_MAX, RECORD_BYTES, RECORD_BYTES_MAX } from "../../protocol/limits.ts";
import type { FrameBuilder } from "../journal/frame.ts";
import { LimitDesk } from "../limits/limit-desk.ts";
import { WALLET_FLAG } from "../wallet/wallet-columns.ts";
import { type CommandContext, FAR } from "./command-context.ts";
import type { DeltaBuffer } from "./delta-buffer.ts";
import { ExchangeDesk } from "./exchange-desk.ts";
import { FirstAnswers } from "./first-answers.ts";
import { HoldDesk } from "./hold-desk.ts";
import { MovementDesk } from "./movement-desk.ts";
import { Outcome } from "./outcome.ts";
import { RequestPrincipal } from "./principal.ts";
import { type RecordReader, unreadableCode } from "./record-reader.ts";
import { reject, rejectByLimit } from "./record-writer.ts";
import { ReversalDesk } from "./reversal-desk.ts";
import type { ShardState } from "./shard-state.ts";
import type { StripeDesk } from "./stripe-desk.ts";
import type { TransferDesk, TransferWaiter } from "./transfer-desk.ts";
import { UndoLog } from "./undo-log.ts";
import { WalletDesk } from "./wallet-desk.ts";
import { Watches } from "./watches.ts";

/** Most that one command adds to a frame: its record, kept or as a transfer to another shard. **Units**: bytes. */
export const COMMAND_FRAME_BYTES_MAX = 2 * RECORD_BYTES_MAX + METADATA_BYTES_MAX;

const IS_KEPT = new Uint8Array(65_536);
for (const facts of Object.values(CODES)) IS_KEPT[facts.number] = facts.memory === "kept" ? 1 : 0;

const TAIL = RECORD.operation >>> 2;

export interface ExecutorOptions {
  readonly shardCount: number;
  readonly idFutureSkewMs: number;
}

/**
 * Executes one command at a time: known already? allowed? then changes the state and writes the record into the frame.
 *
 * This is the hot path: it reads the command where it lies in the ring, and allocates nothing for a plain movement.
 */
export class CommandExecutor implements CommandContext {
  readonly outcome = new Outcome();
  readonly principal: RequestPrincipal;
  readonly undo: UndoLog;
  readonly watches: Watches;
  /** Whether ids that carry no time are refused; set for each request. */
  timeOrderedIds = false;
  /** Whether the changes of every wallet are published. */
  watchesAll = false;
  /** Where in the request the answer to the current command belongs; a deferred answer needs it. */
  token = 0;
  index = 0;
  /** Who gets the answer in place of a client, where an actor asked. */
  answerTo: TransferWaiter["answerTo"];
  /** Whether the command at hand has waited for the stripes of its wallet already. */
  #isPostponed = false;

  readonly state: ShardState;
  readonly frame: FrameBuilder;
  readonly records: RecordReader;
  readonly transfers: TransferDesk;
  readonly stripes: StripeDesk;
  readonly shardCount: number;
  readonly holds: HoldDesk;
  readonly #movements: MovementDesk;
  readonly #walletDesk: WalletDesk;
  readonly #exchanges: ExchangeDesk;
  readonly #reversals: ReversalDesk;
  readonly #limits: LimitDesk;
  readonly #answerLate: (waiter: TransferWaiter, code: number) => void;
  readonly #deltas: DeltaBuffer;
  readonly #answers: FirstAnswers;
  readonly #idFutureSkewMs: number;
  /** Reversals of the linked run at hand, which are not linked before it has succeeded. */
  /** Striped wallets that the linked run at hand changed. */
  readonly #runStripes: number[] = [];
  readonly #runReversals: { readonly target: Uint32Array; readonly sequence: number }[] = [];

  constructor(
    state: ShardState,
    frame: FrameBuilder,
    deltas: DeltaBuffer,
    records: RecordReader,
    transfers: TransferDesk,
    stripes: StripeDesk,
    answerLate: (waiter: TransferWaiter, code: number) => void,
    options: ExecutorOptions,
  ) {
    this.state = state;
    this.frame = frame;
    this.records = records;
    this.transfers = transfers;
    this.stripes = stripes;
    this.#answerLate = answerLate;
    this.shardCount = options.shardCount;
    this.#deltas = deltas;
    this.#answers = new FirstAnswers(state, records);
    this.#idFutureSkewMs = options.idFutureSkewMs;
    this.principal = new RequestPrincipal(state.wallets);
    this.undo = new UndoLog(state.wallets);
    this.watches = new Watches(state.wallets);
    this.holds = new HoldDesk(this);
    this.#movements = new MovementDesk(this);
    this.#walletDesk = new WalletDesk(this);
    this.#exchanges = new ExchangeDesk(this);
    this.#reversals = new ReversalDesk(this);
    this.#limits = new LimitDesk(this);
  }

  /**
   * Executes the command at a lane and returns its code number; `outcome` holds the rest.
   *
   * Inside a linked run (`undo.isOpen`) ids are not remembered and rejections not journaled: the run does so at its end.
   */
  execute(lanes: Uint32Array, bytes: Uint8Array, at: number, commandBytes: number): number {
    this.outcome.clear();
    try {
      return this.#execute(lanes, bytes, at, commandBytes);
    } catch (error) {
      // What a command refers to is read before anything changes.
      return CODE[unreadableCode(error)];
    }
  }

  #execute(lanes: Uint32Array, bytes: Uint8Array, at: number, commandBytes: number): number {
    const { outcome } = this;
    const known = this.state.ids.find(lanes, at);
    if (known !== 0) return this.#answers.answer(known, lanes, at, commandBytes, this.principal, outcome);
    const idCode = this.decideId(lanes, at);
    if (idCode !== CODE.ok) return idCode;
    const code = this.#decide(lanes, bytes, at, commandBytes);
    if (this.undo.isOpen) return code;
    if (code === CODE.insufficient_funds && this.#postpone(lanes, bytes, at, commandBytes)) return CODE.ok;
    if (code === CODE.ok) {
      if (!outcome.deferred) this.state.ids.remember(lanes, at, outcome.sequence);
    } else if (IS_KEPT[code] === 1) {
      this.keepRejection(code, lanes, at, commandBytes);
    }
    return code;
  }

  /** Journals a rejection and remembers the id for it. */
  keepRejection(code: number, lanes: Uint32Array, at: number, commandBytes: number): void {
    const { refusal } = this.state.wallets.limits;
    const isByLimit = code === CODE.limit_exceeded || code === CODE.destination_limit_exceeded;
    const sequence = isByLimit
      ? rejectByLimit(this.frame, code, refusal, lanes, at, commandBytes)
      : reject(this.frame, code, lanes, at, commandBytes);
    if (isByLimit) this.outcome.takeLimit(code, refusal, this.principal.isAdmin);
    this.outcome.sequence = sequence;
    this.state.ids.remember(lanes, at, sequence);
  }

  /** Whether an id that is not remembered may be taken. */
  decideId(lanes: Uint32Array, at: number, timeOrderedIds = this.timeOrderedIds): number {
    if (isNil(lanes, at)) return CODE.id_required;
    if ((lanes[at + 2] & RESERVED_VARIANT) === RESERVED_VARIANT) return CODE.id_reserved;
    const timeMs = uuidTimeMs(lanes, at);
    if (timeMs >= 0) {
      if (timeMs < this.state.ids.floorMs) return CODE.id_expired;
      if (timeMs > this.frame.clockMs + this.#idFutureSkewMs) return CODE.id_in_future;
    } else if (timeOrderedIds) {
      return CODE.id_not_time_ordered;
    }
    return this.state.ids.isFull() ? CODE.overloaded : CODE.ok;
  }

  #decide(lanes: Uint32Array, bytes: Uint8Array, at: number, commandBytes: number): number {
    const operation = lanes[at + TAIL] & 0xff;
    const isExtended = commandBytes > RECORD_BYTES;
    if (isExtended && readUint64(lanes, at + (RECORD.expectedVersion >>> 2)) > AMOUNT_MINOR_MAX) {
      return CODE.expected_version_invalid;
    }
    switch (operation) {
      case OPERATION.Transfer:
        return this.#movements.transfer(lanes, bytes, at, isExtended);
      case OPERATION.Credit:
      case OPERATION.Debit:
        return this.#movements.creditOrDebit(lanes, at, operation, isExtended);
      case OPERATION.CreateWallet:
        return this.#walletDesk.create(lanes, bytes, at, commandBytes);
      case OPERATION.ActivateWallet:
      case OPERATION.FreezeWallet:
      case OPERATION.UnfreezeWallet:
      case OPERATION.CloseWallet:
      case OPERATION.SetOverdraftLimit:
      case OPERATION.StripeWallet:
        return this.#walletDesk.change(lanes, at, operation, commandBytes);
      case OPERATION.PlaceHold:
        return this.holds.place(lanes, at, commandBytes);
      case OPERATION.CaptureHold:
        return this.holds.capture(lanes, at, commandBytes);
      case OPERATION.VoidHold:
        return this.holds.void(lanes, at, commandBytes);
      case OPERATION.ReverseTransfer:
        return this.#reversals.reverse(lanes, at, commandBytes);
      case OPERATION.ExchangeCurrency:
        return this.#exchanges.exchange(lanes, at, commandBytes);
      case OPERATION.SetWalletLimits:
        return this.#limits.setWalletLimits(lanes, bytes, at, commandBytes);
      case OPERATION.SetTypeLimits:
        return this.#limits.setTypeLimits(lanes, bytes, at, commandBytes);
      default:
        return CODE.unknown_operation;
    }
  }

  get isAsked(): boolean {
    return this.answerTo !== undefined;
  }

  isExpectedVersion(lanes: Uint32Array, at: number, slot: number, isExtended: boolean): boolean {
    if (!isExtended) return true;
    const expected = readUint64(lanes, at + (RECORD.expectedVersion >>> 2));
    return expected === 0 || expected === this.state.wallets.version[slot];
  }

  changed(slot: number, sequence: number): void {
    this.outcome.sequence = sequence;
    this.outcome.takeWallet(this.state.wallets, slot);
    this.publish(slot, sequence);
  }

  willChange(slot: number): void {
    if (this.undo.isOpen) this.undo.save(slot);
  }

  waiter(): TransferWaiter {
    const { answerTo } = this;
    const waiter = { token: this.token, index: this.index, isAdmin: this.principal.isAdmin };
    return answerTo === undefined ? waiter : { ...waiter, answerTo };
  }

  deferred(slot: number): void {
    this.outcome.sequence = this.frame.nextSequence - 1;
    this.outcome.deferred = true;
    if (slot >= 0) this.publish(slot, this.outcome.sequence);
  }

  findReversal(lanes: Uint32Array, at: number): number {
    const inRun = this.#runReversals.findLast(({ target }) => sameId(target, 0, lanes, at));
    return inRun === undefined ? this.state.reversals.find(lanes, at) : inRun.sequence;
  }

  linkReversal(lanes: Uint32Array, at: number, sequence: number): void {
    if (!this.undo.isOpen) this.state.reversals.link(lanes, at, sequence);
    else this.#runReversals.push({ target: lanes.slice(at, at + 4), sequence });
  }

  /** Ends a linked run: what it did stays, or all of it is taken back. */
  endRun(isKept: boolean): void {
    if (isKept) this.undo.keep();
    else this.undo.undo();
    if (isKept) for (const { target, sequence } of this.#runReversals) this.state.reversals.link(target, 0, sequence);
    if (isKept) for (const slot of this.#runStripes) this.stripes.ensure(slot);
    this.#runReversals.length = 0;
    this.#runStripes.length = 0;
  }

  stripesChanged(slot: number): void {
    if (!this.stripes.isStriped(slot)) return;
    if (this.undo.isOpen) this.#runStripes.push(slot);
    else this.stripes.ensure(slot);
  }

  findCredit(lanes: Uint32Array, at: number): number {
    const isHome = this.shardCount === 1 || shardOf(lanes, at, this.shardCount) === this.state.shard;
    // Away from its home a wallet has a slot only as a stripe.
    if (!isHome && this.state.stripes.size === 0) return FAR;
    const slot = this.state.wallets.find(lanes, at);
    return slot < 0 && !isHome ? FAR : slot;
  }

  /** Puts a command off that found too little in a striped wallet, until its stripes have sent home what they hold. */
  #postpone(lanes: Uint32Array, bytes: Uint8Array, at: number, commandBytes: number): boolean {
    const { outcome } = this;
    const slot =
      outcome.shortSlot >= 0 ? outcome.shortSlot : this.state.wallets.find(lanes, at + (RECORD.wallet >>> 2));
    if (this.#isPostponed || !this.stripes.isStriped(slot)) return false;
    const command = bytes.slice(at * 4, at * 4 + commandBytes);
    const ownerId = this.principal.ownerId.slice();
    const waiter = this.waiter();
    const { timeOrderedIds } = this;
    outcome.deferred = this.stripes.pull(slot, () => {
      this.principal.assume(waiter.isAdmin, ownerId);
      this.token = waiter.token;
      this.index = waiter.index;
      this.timeOrderedIds = timeOrderedIds;
      this.answerTo = waiter.answerTo;
      this.#isPostponed = true;
      const code = this.execute(new Uint32Array(command.buffer), command, 0, commandBytes);
      this.#isPostponed = false;
      this.answerTo = undefined;
      if (!outcome.deferred) this.#answerLate(waiter, code);
    });
    return outcome.deferred;
  }

  publish(slot: number, sequence: number): void {
    if (this.watchesAll || (this.state.wallets.flags[slot] & WALLET_FLAG.watched) !== 0) {
      this.#deltas.add(slot, sequence, this.frame.clockMs);
    }
  }
}
