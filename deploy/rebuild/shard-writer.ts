import { FrameBuilder } from "../../engine/journal/frame.ts";
import {
  CHANGE,
  CHANGE_HEADER_BYTES,
  EXPIRY,
  EXPIRY_BYTES,
  LIMIT_REJECTION,
  LIMIT_REJECTION_HEADER_BYTES,
  RECORD_KIND,
  REJECTION,
  REJECTION_HEADER_BYTES,
  recordBytes,
} from "../../engine/journal/record.ts";
import type {
  CommandRejectedView,
  HoldExpiredView,
  LimitRejectedView,
  PostingSideView,
  PostingView,
  WalletChangedView,
} from "../../engine/journal/record-view.ts";
import { addObjectRecord, type ObjectRecord, pack } from "../../engine/object/object-record.ts";
import type { ShardState } from "../../engine/shard/shard-state.ts";
import { CODES } from "../../protocol/codes.ts";
import { OPERATION } from "../../protocol/command-record.ts";
import { isSystemAccountId, SYSTEM_ACCOUNT_KINDS, uuidBytes, writeUuid } from "../../protocol/ids.ts";
import type { JournalWriter } from "../journal-writer.ts";
import { currencyOfAccount } from "./account-kind.ts";
import { commandBytes } from "./command-bytes.ts";
import { addPosting, type PostingExtras, type PostingSide } from "./posting-record.ts";

/** Room for whatever one event comes to. */
const EVENT_BYTES_MAX = 16_384;

/** Kinds of postings as they are named in views. */
type PostingType = PostingView["type"];

/** One side of a posting: a wallet with what is known of it, or an account of the shard. */
export type RebuiltSide = Pick<PostingSideView, "walletId" | "postedMinor" | "version" | "availableMinor">;

/**
 * Writes the journal of one new shard from events: the same wallets, balances and versions, with slots and sequences of
 * its own. Every record is applied to the shard's state, so one that does not follow is noticed at once.
 */
export class ShardWriter {
  readonly state: ShardState;
  readonly #frame: FrameBuilder;
  readonly #journal: JournalWriter;

  constructor(state: ShardState, journal: JournalWriter) {
    this.state = state;
    this.#frame = new FrameBuilder(state.shard);
    this.#journal = journal;
  }

  /** Sequence of the record that is added next. */
  get nextSequence(): number {
    return this.#frame.recordCount === 0 ? this.state.sequence + 1 : this.#frame.nextSequence;
  }

  /** Makes ready for the records of one event, decided at a time. */
  begin(clockMs: number): void {
    const notBefore = Math.max(clockMs, this.state.clockMs);
    if (this.#frame.recordCount > 0 && (notBefore !== this.state.clockMs || !this.#frame.fits(EVENT_BYTES_MAX)))
      this.seal();
    if (this.#frame.recordCount > 0) return;
    this.state.beginFrame(notBefore);
    this.#frame.begin(this.state.sequence + 1, notBefore);
  }

  /** Ends the frame, so that other shards may know of what is in it. */
  seal(): void {
    if (this.#frame.recordCount === 0) return;
    const sealed = this.#frame.seal(this.state.hash);
    this.#journal.append(this.#frame.firstSequence, sealed);
    this.state.sequence = this.#frame.nextSequence - 1;
    this.state.hash = sealed.slice(0, 32);
    this.#frame.begin(this.#frame.nextSequence, this.state.clockMs);
  }

  posting(
    type: PostingType,
    id: string,
    amountMinor: number,
    debit: RebuiltSide,
    credit: RebuiltSide,
    extras: PostingExtras,
  ): number {
    const from = this.#side(debit, -amountMinor);
    const to = this.#side(credit, amountMinor);
    const showsAvailable = debit.availableMinor !== undefined || credit.availableMinor !== undefined;
    const at = addPosting(this.#frame, RECORD_KIND[type], id, amountMinor, from, to, extras, showsAvailable);
    return this.#evolve(at);
  }

  change(view: WalletChangedView): number {
    const { wallets } = this.state;
    const { command } = view;
    const bytes = commandBytes(command);
    const isNew = command.operation === "CreateWallet";
    const slot = isNew ? this.#slotOfNewWallet(command.currency ?? 0) : this.#slotToChange(view);
    const operation = typeof command.operation === "number" ? command.operation : OPERATION[command.operation];
    const at = this.#add(RECORD_KIND.WalletChanged, CHANGE_HEADER_BYTES, CHANGE.command, bytes);
    const isOpen = !isNew && slot < wallets.count;
    const { lanes, floats } = this.#frame;
    lanes[at + CHANGE.operation] = operation;
    lanes[at + CHANGE.slot] = slot;
    floats[(at + CHANGE.version) >>> 1] = isOpen ? wallets.version[slot] + 1 : 1;
    floats[(at + CHANGE.previous) >>> 1] = isOpen ? wallets.head[slot] : 0;
    floats[(at + CHANGE.posted) >>> 1] = isOpen ? wallets.postedMinor[slot] : 0;
    floats[(at + CHANGE.available) >>> 1] = isAccountId(view.walletId)
      ? wallets.postedMinor[slot]
      : view.availableMinor;
    const sequence = this.#evolve(at);
    this.#requireSame(view.walletId, slot, view);
    return sequence;
  }

  rejection(view: CommandRejectedView): number {
    const at = this.#add(
      RECORD_KIND.CommandRejected,
      REJECTION_HEADER_BYTES,
      REJECTION.command,
      commandBytes(view.command),
    );
    this.#frame.lanes[at + REJECTION.code] = CODES[view.code].number;
    return this.#evolve(at);
  }

  limitRejection(view: LimitRejectedView): number {
    const { command, code, limit, value, left, resetsAtMs } = view;
    const bytes = commandBytes(command);
    const at = this.#add(RECORD_KIND.LimitRejected, LIMIT_REJECTION_HEADER_BYTES, LIMIT_REJECTION.command, bytes);
    const { lanes, floats } = this.#frame;
    lanes[at + LIMIT_REJECTION.codeAndLimit] = CODES[code].number | (limit << 16);
    floats[(at + LIMIT_REJECTION.value) >>> 1] = value;
    floats[(at + LIMIT_REJECTION.left) >>> 1] = left;
    floats[(at + LIMIT_REJECTION.resetsAtMs) >>> 1] = resetsAtMs;
    return this.#evolve(at);
  }

  expiry(view: HoldExpiredView): number {
    const { wallets } = this.state;
    const slot = this.#slotOf(view.walletId);
    const at = this.#frame.add(EXPIRY_BYTES);
    const { lanes, floats, bytes } = this.#frame;
    lanes.fill(0, at, at + (EXPIRY_BYTES >>> 2));
    lanes[at] = (RECORD_KIND.HoldExpired << 24) | EXPIRY_BYTES;
    lanes[at + EXPIRY.slot] = slot;
    writeUuid(view.holdId, bytes, (at + EXPIRY.hold) * 4);
    floats[(at + EXPIRY.releasedMinor) >>> 1] = view.releasedMinor;
    floats[(at + EXPIRY.version) >>> 1] = wallets.version[slot] + 1;
    floats[(at + EXPIRY.previous) >>> 1] = wallets.head[slot];
    floats[(at + EXPIRY.posted) >>> 1] = wallets.postedMinor[slot];
    floats[(at + EXPIRY.available) >>> 1] = view.availableMinor;
    const sequence = this.#evolve(at);
    this.#requireSame(view.walletId, slot, view);
    return sequence;
  }

  object({ previous, ...record }: ObjectRecord): number {
    const at = this.#frame.length >>> 2;
    // Records have other sequences here, and so has the one that a record of a saga follows.
    const head = previous === undefined ? undefined : this.state.actors.get(record.aggregate, record.id)?.open?.head;
    addObjectRecord(this.#frame, pack(head === undefined ? record : { ...record, previous: head }));
    return this.#evolve(at);
  }

  /** The account of a wallet's currency on this shard, as a side of a posting. */
  account(walletId: string, kind: (typeof SYSTEM_ACCOUNT_KINDS)[number] | "liquidity"): RebuiltSide {
    const { wallets } = this.state;
    const currency = wallets.currency[this.#slotOf(walletId)];
    const slot = kind === "liquidity" ? wallets.openLiquidity(currency) : wallets.account(currency, kind);
    return { walletId: this.state.walletId(slot), postedMinor: Number.NaN, version: Number.NaN };
  }

  #side({ walletId, postedMinor, version, availableMinor }: RebuiltSide, changeMinor: number): PostingSide {
    const { wallets } = this.state;
    const slot = this.#slotOf(walletId);
    const after = wallets.postedMinor[slot] + changeMinor;
    const isAccount = isAccountId(walletId);
    if (!isAccount && (after !== postedMinor || wallets.version[slot] + 1 !== version)) {
      throw new Error(
        `wallet ${walletId} would have ${after} at version ${wallets.version[slot] + 1}, not ${postedMinor} at version ${version}`,
      );
    }
    return {
      slot,
      postedMinor: after,
      availableMinor: isAccount ? after : (availableMinor ?? after),
      version: wallets.version[slot] + 1,
      previous: wallets.head[slot],
    };
  }

  /** Limits of a wallet type may be the first that a shard hears of their currency: they open its accounts. */
  #slotToChange({ walletId, command }: WalletChangedView): number {
    if (command.operation !== "SetTypeLimits") return this.#slotOf(walletId);
    return this.state.wallets.openCurrency(currencyOfAccount(walletId));
  }

  #slotOf(walletId: string): number {
    const slot = this.state.findWallet(walletId);
    if (slot < 0) throw new Error(`wallet ${walletId} was never opened`);
    return slot;
  }

  #slotOfNewWallet(currency: number): number {
    const { wallets } = this.state;
    return wallets.count + (wallets.account(currency, "funding") < 0 ? SYSTEM_ACCOUNT_KINDS.length : 0);
  }

  #requireSame(
    walletId: string,
    slot: number,
    { postedMinor, version }: { readonly postedMinor: number; readonly version: number },
  ): void {
    const { wallets } = this.state;
    if (isAccountId(walletId) || (wallets.postedMinor[slot] === postedMinor && wallets.version[slot] === version))
      return;
    throw new Error(
      `wallet ${walletId} has ${wallets.postedMinor[slot]} at version ${wallets.version[slot]}, not ${postedMinor} at version ${version}`,
    );
  }

  #add(kind: number, headerBytes: number, commandLane: number, command: Uint8Array): number {
    const length = headerBytes + command.byteLength;
    const at = this.#frame.add(length);
    this.#frame.lanes.fill(0, at, at + (length >>> 2));
    this.#frame.lanes[at] = (kind << 24) | length;
    this.#frame.bytes.set(command, (at + commandLane) * 4);
    return at;
  }

  #evolve(at: number): number {
    const { lanes, floats, bytes, nextSequence } = this.#frame;
    if (recordBytes(lanes, at) !== this.#frame.length - at * 4)
      throw new Error("a record was written with another length");
    this.state.evolveRecord(lanes, floats, bytes, at, nextSequence - 1);
    return nextSequence - 1;
  }
}

function isAccountId(id: string): boolean {
  return isSystemAccountId(new Uint32Array(uuidBytes(id).buffer), 0);
}
