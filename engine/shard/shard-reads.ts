import { CODE } from "../../protocol/codes.ts";
import { WALLET_BYTES } from "../../protocol/result-record.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import { HistoryExpiredError } from "../journal/journal-files.ts";
import { limitStates } from "../limits/limit-check.ts";
import {
  ENTRY_HEADER_BYTES,
  REPLY,
  REPLY_FLAG,
  REPLY_KIND,
  REQUEST,
  REQUEST_KIND,
  WATCHED,
  WATCHED_BYTES,
} from "../port/entries.ts";
import type { RingReader } from "../port/ring.ts";
import type { LimitsView } from "../views.ts";
import { NO_SLOT } from "../wallet/owners.ts";
import type { CommandExecutor } from "./command-executor.ts";
import { findHold, viewHolds } from "./hold-view.ts";
import { type RecordReader, RecordUnreadableError } from "./record-reader.ts";
import type { ReplyWriter } from "./reply-writer.ts";
import type { ShardState } from "./shard-state.ts";
import type { StripeDesk } from "./stripe-desk.ts";
import { viewTransfer } from "./transfer-view.ts";
import { writeNoWallet, writeWallet } from "./wallet-record.ts";

/**
 * Wallets of an owner whose states begin a subscription, the newest ones; of any others the reader hears with their next
 * change. The bound keeps an owner of millions from filling the reply ring.
 */
export const OWNER_STATES_MAX = 4_096;

/** Holds in one answer at most. */
const HOLDS_MAX = 1_000;

/** Wallets in one Watched entry at most. */
const WATCHED_PER_ENTRY = 1_024;

export type ReadKind =
  | typeof REQUEST_KIND.LookupWallets
  | typeof REQUEST_KIND.LookupLimits
  | typeof REQUEST_KIND.LookupTypeLimits
  | typeof REQUEST_KIND.LookupTransfer
  | typeof REQUEST_KIND.LookupHold
  | typeof REQUEST_KIND.ListHolds;

export type WatchKind =
  | typeof REQUEST_KIND.WatchWallets
  | typeof REQUEST_KIND.UnwatchWallets
  | typeof REQUEST_KIND.WatchOwner
  | typeof REQUEST_KIND.UnwatchOwner
  | typeof REQUEST_KIND.WatchAll
  | typeof REQUEST_KIND.UnwatchAll;

/** Answers the requests that read a shard's state, or say what of it shall be watched. */
export class ShardReads {
  readonly #state: ShardState;
  readonly #executor: CommandExecutor;
  readonly #records: RecordReader;
  readonly #replies: ReplyWriter;
  readonly #stripes: StripeDesk;

  constructor(
    state: ShardState,
    executor: CommandExecutor,
    records: RecordReader,
    replies: ReplyWriter,
    stripes: StripeDesk,
  ) {
    this.#state = state;
    this.#executor = executor;
    this.#records = records;
    this.#replies = replies;
    this.#stripes = stripes;
  }

  answer(kind: ReadKind, ring: RingReader, offset: number): void {
    switch (kind) {
      case REQUEST_KIND.LookupWallets:
        this.#lookupWallets(ring, offset);
        break;
      case REQUEST_KIND.LookupLimits:
        this.#lookupLimits(ring, offset);
        break;
      case REQUEST_KIND.LookupTypeLimits:
        this.#lookupTypeLimits(ring, offset);
        break;
      case REQUEST_KIND.LookupTransfer:
        this.#lookupTransfer(ring, offset);
        break;
      case REQUEST_KIND.LookupHold:
        this.#lookupHold(ring, offset);
        break;
      case REQUEST_KIND.ListHolds:
        this.#listHolds(ring, offset);
        break;
      default:
        unreachable(kind);
    }
  }

  /** Answers with the wallets asked for; of a striped one once everything is at home that its stripes hold now. */
  #lookupWallets(ring: RingReader, offset: number): void {
    const head = offset >>> 2;
    const lanes = ring.lanes;
    const striped = this.#stripedAmong(lanes, head);
    if (striped.length === 0) {
      this.#answerWallets(lanes, head);
      return;
    }
    const entryLanes = (ENTRY_HEADER_BYTES + lanes[head + REQUEST.payloadBytes]) >>> 2;
    const request = lanes.slice(head, head + entryLanes);
    let awaited = striped.length;
    const then = (): void => {
      awaited -= 1;
      if (awaited === 0) this.#answerWallets(request, 0);
    };
    for (const slot of striped) {
      if (!this.#stripes.pull(slot, then)) then();
    }
  }

  #stripedAmong(lanes: Uint32Array, head: number): number[] {
    const slots = new Set<number>();
    if (this.#state.stripedSlots.size === 0) return [];
    for (let index = 0; index < lanes[head + REQUEST.count]; index += 1) {
      const slot = this.#state.wallets.find(lanes, head + (ENTRY_HEADER_BYTES >>> 2) + index * 4);
      if (slot >= 0 && this.#stripes.isStriped(slot)) slots.add(slot);
    }
    return [...slots];
  }

  #answerWallets(lanes: Uint32Array, head: number): void {
    const count = lanes[head + REQUEST.count];
    this.#executor.principal.load(lanes, head);
    const reply = this.#replies.begin(REPLY_KIND.Wallets, lanes[head + REQUEST.token], count, count * WALLET_BYTES);
    for (let index = 0; index < count; index += 1) {
      const id = head + (ENTRY_HEADER_BYTES >>> 2) + index * 4;
      this.#writeWallet((reply + ENTRY_HEADER_BYTES + index * WALLET_BYTES) >>> 2, lanes, id);
    }
  }

  #lookupLimits(ring: RingReader, offset: number): void {
    const { lanes } = ring;
    const { wallets } = this.#state;
    const { principal } = this.#executor;
    const token = lanes[(offset >>> 2) + REQUEST.token];
    principal.load(lanes, offset >>> 2);
    const slot = wallets.find(lanes, (offset + ENTRY_HEADER_BYTES) >>> 2);
    if (slot < 0 || !principal.mayTouch(slot)) {
      this.#replies.object(token, slot < 0 ? "wallet_not_found" : "forbidden", null);
      return;
    }
    const view: LimitsView = {
      walletId: this.#state.walletId(slot),
      currency: wallets.currency[slot],
      walletType: wallets.type[slot],
      timeZone: wallets.limits.calendar.timeZone,
      limits: limitStates(wallets, slot),
    };
    this.#replies.object(token, "ok", view);
  }

  /** The limits of a type are the same on every shard, but for the moment in which they are set. */
  #lookupTypeLimits({ lanes }: RingReader, offset: number): void {
    const at = (offset + ENTRY_HEADER_BYTES) >>> 2;
    const limits = this.#state.wallets.limits.ofType(lanes[at], lanes[at + 1]);
    this.#replies.object(lanes[(offset >>> 2) + REQUEST.token], "ok", limits);
  }

  #lookupTransfer({ lanes }: RingReader, offset: number): void {
    const { principal } = this.#executor;
    principal.load(lanes, offset >>> 2);
    const sequence = this.#state.ids.findAtAnyAge(lanes, (offset + ENTRY_HEADER_BYTES) >>> 2);
    const view = this.#ifKept(() => viewTransfer(this.#state, this.#records, sequence, principal));
    this.#found(lanes[(offset >>> 2) + REQUEST.token], view, "transfer_not_found");
  }

  #lookupHold({ lanes }: RingReader, offset: number): void {
    const { principal } = this.#executor;
    principal.load(lanes, offset >>> 2);
    const at = (offset + ENTRY_HEADER_BYTES) >>> 2;
    const view = this.#ifKept(() => findHold(this.#state, this.#records, lanes, at, principal));
    this.#found(lanes[(offset >>> 2) + REQUEST.token], view, "hold_not_found");
  }

  #found(
    token: number,
    view: object | "internal_error" | null,
    notFound: "transfer_not_found" | "hold_not_found",
  ): void {
    if (view === "internal_error") this.#replies.object(token, view, null);
    else this.#replies.object(token, view === null ? notFound : "ok", view);
  }

  /** An id may be remembered for longer than its record is kept. */
  #ifKept<View extends object>(view: () => View | null): View | "internal_error" | null {
    try {
      return view();
    } catch (error) {
      if (error instanceof HistoryExpiredError) return null;
      if (error instanceof RecordUnreadableError) return "internal_error";
      throw error;
    }
  }

  /** The newest open holds of a wallet, oldest first. */
  #listHolds(ring: RingReader, offset: number): void {
    const { lanes } = ring;
    const head = offset >>> 2;
    const token = lanes[head + REQUEST.token];
    const { principal } = this.#executor;
    principal.load(lanes, head);
    const slot = this.#state.wallets.find(lanes, (offset + ENTRY_HEADER_BYTES) >>> 2);
    if (slot < 0 || !principal.mayTouch(slot)) {
      this.#replies.object(token, slot < 0 ? "wallet_not_found" : "forbidden", null);
      return;
    }
    this.#replies.object(token, "ok", viewHolds(this.#state, slot, HOLDS_MAX));
  }

  watch(kind: WatchKind, ring: RingReader, offset: number): void {
    const { lanes } = ring;
    const head = offset >>> 2;
    const token = lanes[head + REQUEST.token];
    const count = lanes[head + REQUEST.count];
    const payload = (offset + ENTRY_HEADER_BYTES) >>> 2;
    const { watches, principal } = this.#executor;
    principal.load(lanes, head);
    switch (kind) {
      case REQUEST_KIND.WatchWallets: {
        const reply = this.#beginWatched(token, count, true);
        for (let index = 0; index < count; index += 1) {
          const to = (reply + ENTRY_HEADER_BYTES + index * WATCHED_BYTES) >>> 2;
          const slot = this.#writeWallet(to, lanes, payload + index * 4);
          this.#writeKeys(to, slot);
          if (slot >= 0) watches.watchWallet(slot);
        }
        break;
      }
      case REQUEST_KIND.UnwatchWallets:
        for (let index = 0; index < count; index += 1) {
          const slot = this.#state.wallets.find(lanes, payload + index * 4);
          if (slot >= 0) watches.unwatchWallet(slot);
        }
        break;
      case REQUEST_KIND.WatchOwner:
        this.#answerOwner(token, watches.watchOwner(lanes, payload));
        break;
      case REQUEST_KIND.UnwatchOwner:
        watches.unwatchOwner(lanes, payload);
        break;
      case REQUEST_KIND.WatchAll:
        this.#executor.watchesAll = true;
        this.#beginWatched(token, 0, true);
        break;
      case REQUEST_KIND.UnwatchAll:
        this.#executor.watchesAll = false;
        break;
    }
  }

  #answerOwner(token: number, owner: number): void {
    const slots = owner === NO_SLOT ? [] : this.#executor.watches.slotsOf(owner).slice(0, OWNER_STATES_MAX);
    for (let first = 0; first === 0 || first < slots.length; first += WATCHED_PER_ENTRY) {
      const part = slots.slice(first, first + WATCHED_PER_ENTRY);
      const reply = this.#beginWatched(token, part.length, first + WATCHED_PER_ENTRY >= slots.length);
      this.#replies.ring.lanes[(reply >>> 2) + REPLY.index] = owner;
      for (const [index, slot] of part.entries()) {
        const to = (reply + ENTRY_HEADER_BYTES + index * WATCHED_BYTES) >>> 2;
        writeWallet(this.#replies.ring.lanes, to, this.#state.wallets, slot);
        this.#writeKeys(to, slot);
      }
    }
  }

  #beginWatched(token: number, count: number, isLast: boolean): number {
    const reply = this.#replies.begin(REPLY_KIND.Watched, token, count, count * WATCHED_BYTES);
    this.#replies.ring.lanes[(reply >>> 2) + REPLY.flags] = isLast ? REPLY_FLAG.last : 0;
    return reply;
  }

  /** Writes the record of a wallet id and returns its slot, or -1 where there is nothing for the principal to see. */
  #writeWallet(to: number, lanes: Uint32Array, id: number): number {
    const out = this.#replies.ring.lanes;
    const slot = this.#state.wallets.find(lanes, id);
    if (slot >= 0 && this.#executor.principal.mayTouch(slot)) {
      writeWallet(out, to, this.#state.wallets, slot);
      return slot;
    }
    writeNoWallet(out, to, lanes, id, slot < 0 ? CODE.wallet_not_found : CODE.forbidden);
    return -1;
  }

  #writeKeys(to: number, slot: number): void {
    const { lanes } = this.#replies.ring;
    lanes[to + (WATCHED.slot >>> 2)] = slot;
    lanes[to + (WATCHED.ownerIndex >>> 2)] = slot < 0 ? 0 : this.#state.wallets.owner[slot];
    lanes[to + 26] = 0;
    lanes[to + 27] = 0;
  }
}
