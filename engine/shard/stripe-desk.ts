import { formatUuid } from "../../protocol/ids.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import type { FrameBuilder } from "../journal/frame.ts";
import type { Cause } from "../object/cause.ts";
import { addObjectRecord, type ObjectRecord, pack } from "../object/object-record.ts";
import { type StripeCommand, type StripeMessage, stripeAggregate } from "../stripe/stripe.ts";
import { WALLET_FLAG } from "../wallet/wallet-columns.ts";
import type { ShardState } from "./shard-state.ts";
import type { TransferDesk } from "./transfer-desk.ts";

/** Those who may wait for pulls at once; a further one is not put off, and finds what is at home. */
const WAITING_MAX = 4_096;

/** How often the stripes of a watched wallet send home what they hold, so that its readers see it. */
const WATCHED_PULL_INTERVAL_MS = 50;

/** One round of all stripes of a wallet sending home what they hold. */
interface Pull {
  readonly number: number;
  readonly slot: number;
  readonly awaited: Set<number>;
  readonly waiting: (() => void)[];
  /** Those who came after a stripe had answered: their round is the next one. */
  readonly late: (() => void)[];
}

/**
 * Runs striped wallets, on both sides.
 *
 * A striped wallet takes credits on every shard, in a slot that each keeps under the wallet's own id. Whoever needs the
 * whole balance at home, a debit that finds too little or a reader, first has the stripes send home what they hold:
 * ordinary transfers between shards, so nothing is lost or counted twice whatever crashes.
 */
export class StripeDesk {
  /** Whether stripes may be asked for what they hold: not by a shard that follows, which shows what has come home. */
  mayPull = true;
  readonly #state: ShardState;
  readonly #frame: FrameBuilder;
  readonly #transfers: TransferDesk;
  readonly #others: readonly number[];
  readonly #send: (toShard: number, message: StripeMessage) => void;
  readonly #pulls = new Map<number, Pull>();
  readonly #ready: (() => void)[] = [];
  #pullNumber = 0;
  #waiting = 0;
  #watchedPullMs = 0;

  constructor(
    state: ShardState,
    frame: FrameBuilder,
    transfers: TransferDesk,
    shardCount: number,
    send: (toShard: number, message: StripeMessage) => void,
  ) {
    this.#state = state;
    this.#frame = frame;
    this.#transfers = transfers;
    this.#others = Array.from({ length: shardCount }, (_, shard) => shard).filter((shard) => shard !== state.shard);
    this.#send = send;
  }

  /** Whether a slot is a striped wallet at home, with stripes elsewhere. */
  isStriped(slot: number): boolean {
    return this.#others.length > 0 && (this.#state.wallets.flags[slot] & WALLET_FLAG.striped) !== 0;
  }

  /** Tells the other shards what the stripes of a wallet have to be like. */
  ensure(slot: number): void {
    const { wallets } = this.#state;
    const command: StripeCommand = {
      type: "EnsureStripe",
      walletId: this.#state.walletId(slot),
      currency: wallets.currency[slot],
      walletType: wallets.type[slot],
      status: wallets.status[slot],
      homeVersion: wallets.version[slot],
    };
    for (const shard of this.#others) this.#send(shard, command);
  }

  /** After recovery: says again what may not have been heard. */
  resume(): void {
    for (const slot of this.#state.stripedSlots) this.ensure(slot);
  }

  /** Takes a message of another shard; the frame has room for whatever it leads to. */
  take(message: StripeMessage, cause: Cause): void {
    switch (message.type) {
      case "EnsureStripe":
        this.#keep(message, cause);
        break;
      case "PullStripe":
        this.#sweep(message.walletId);
        this.#send(message.fromShard, { type: "StripePulled", fromShard: this.#state.shard, pull: message.pull });
        break;
      case "StripePulled":
        this.#pulled(message.fromShard, message.pull);
        break;
      default:
        unreachable(message);
    }
  }

  /** Calls back when all stripes of a wallet have sent home what they hold now; false where none may be asked, or too many wait already. */
  pull(slot: number, then: () => void): boolean {
    if (!this.mayPull || this.#waiting >= WAITING_MAX) return false;
    this.#waiting += 1;
    const running = [...this.#pulls.values()].find((pull) => pull.slot === slot);
    if (running === undefined) this.#begin(slot, [then]);
    else running.late.push(then);
    return true;
  }

  /** Lets the stripes of watched wallets send home what they hold, every now and then. */
  pullWatched(nowMs: number): void {
    if (!this.mayPull) return;
    const sinceMs = nowMs - this.#watchedPullMs;
    // The wall clock may go back.
    if (sinceMs >= 0 && sinceMs < WATCHED_PULL_INTERVAL_MS) return;
    this.#watchedPullMs = nowMs;
    const { flags } = this.#state.wallets;
    for (const slot of this.#state.stripedSlots) {
      const isRunning = [...this.#pulls.values()].some((pull) => pull.slot === slot);
      if ((flags[slot] & WALLET_FLAG.watched) !== 0 && !isRunning) this.#begin(slot, []);
    }
  }

  /** The next one whose pull is over; undefined where nobody is. */
  takeReady(): (() => void) | undefined {
    const ready = this.#ready.shift();
    if (ready !== undefined) this.#waiting -= 1;
    return ready;
  }

  #begin(slot: number, waiting: (() => void)[]): void {
    this.#pullNumber += 1;
    const pull = { number: this.#pullNumber, slot, awaited: new Set(this.#others), waiting, late: [] };
    this.#pulls.set(pull.number, pull);
    const walletId = this.#state.walletId(slot);
    for (const shard of this.#others) {
      this.#send(shard, { type: "PullStripe", fromShard: this.#state.shard, pull: pull.number, walletId });
    }
  }

  #pulled(fromShard: number, number: number): void {
    const pull = this.#pulls.get(number);
    // An answer that comes twice.
    if (pull === undefined || !pull.awaited.delete(fromShard) || pull.awaited.size > 0) return;
    this.#pulls.delete(number);
    this.#ready.push(...pull.waiting);
    if (pull.late.length > 0) this.#begin(pull.slot, pull.late);
  }

  #keep(command: StripeCommand, cause: Cause): void {
    const { stripes, wallets } = this.#state;
    const decision = stripes.decide(command.walletId, command, { nowMs: this.#frame.clockMs });
    if (decision.code !== "ok" || decision.events.length === 0) return;
    // A full shard goes without the stripe: credits then travel to the wallet's home like any others.
    if (stripes.get(command.walletId) === undefined && !wallets.hasRoom()) return;
    const record: ObjectRecord = {
      aggregate: stripeAggregate.name,
      id: command.walletId,
      code: "ok",
      events: decision.events,
    };
    const sequence = this.#frame.nextSequence;
    addObjectRecord(this.#frame, pack(record), cause);
    this.#state.evolveObject(record, sequence, cause);
  }

  #sweep(walletId: string): void {
    const { wallets } = this.#state;
    const slot = this.#state.findWallet(walletId);
    if (slot < 0 || (wallets.flags[slot] & WALLET_FLAG.stripe) === 0) return;
    const amountMinor = wallets.postedMinor[slot];
    if (amountMinor <= 0) return;
    this.#transfers.sweep(this.#sweepId(), walletId, slot, amountMinor);
  }

  /**
   * The id of the transfer that empties a stripe; it differs from every other one that is open, and from any client's.
   *
   * **Shape**: `736c 6963 6500 | 80 shard | c0 | sequence of the transfer's first record, 7 bytes`.
   */
  #sweepId(): string {
    const bytes = new Uint8Array([0x73, 0x6c, 0x69, 0x63, 0x65, 0, 0x80, this.#state.shard, 0xc0, 0, 0, 0, 0, 0, 0, 0]);
    const view = new DataView(bytes.buffer);
    const high = Math.floor(this.#frame.nextSequence / 4_294_967_296);
    view.setUint8(9, high >>> 16);
    view.setUint16(10, high & 0xffff);
    view.setUint32(12, this.#frame.nextSequence >>> 0);
    return formatUuid(bytes);
  }
}
