import type { StripeMessage } from "../engine/stripe/stripe.ts";
import { formatUuid } from "../protocol/ids.ts";
import { openCurrency, type Wallet } from "./reference-books.ts";
import { beginSweep, type Shard } from "./reference-transfers.ts";

/** How often the stripes of a watched wallet send home what they hold. */
const WATCHED_PULL_INTERVAL_MS = 50;

/** One round of all stripes of a wallet sending home what they hold. */
interface Pull {
  readonly number: number;
  readonly walletId: string;
  readonly awaited: Set<number>;
  readonly waiting: (() => void)[];
  readonly late: (() => void)[];
}

/** The striped wallets of one shard in one run: their stripes are told what to be like, and asked for what they hold. */
export class ReferenceStripes {
  readonly #shard: number;
  readonly #others: readonly number[];
  readonly #it: Shard;
  readonly #pulls: Pull[] = [];
  readonly #ready: (() => void)[] = [];
  #pullNumber = 0;
  #watchedPullMs = 0;

  constructor(shard: number, shardCount: number, it: Shard) {
    this.#shard = shard;
    this.#others = Array.from({ length: shardCount }, (_, other) => other).filter((other) => other !== shard);
    this.#it = it;
  }

  /** Whether a wallet has stripes on other shards. */
  isStriped(wallet: Wallet | undefined): wallet is Wallet {
    return wallet?.isStriped === true && this.#others.length > 0;
  }

  /** Tells the other shards what the stripes of a wallet have to be like. */
  ensure({ id, currency, type, status, version }: Wallet): void {
    const stripe = { walletId: id, currency, walletType: type, status, homeVersion: Number(version) };
    for (const shard of this.#others) this.#send(shard, { type: "EnsureStripe", ...stripe });
  }

  /** After a start: says again what may not have been heard. */
  resume(): void {
    for (const wallet of this.#it.books.wallets.values()) if (wallet.isStriped) this.ensure(wallet);
  }

  /** Calls back when all stripes of a wallet have sent home what they hold now. */
  pull({ id }: Wallet, then: () => void): void {
    const running = this.#pulls.find(({ walletId }) => walletId === id);
    if (running === undefined) this.#begin(id, [then]);
    else running.late.push(then);
  }

  /** Lets the stripes of watched wallets send home what they hold, every now and then. */
  pullWatched(walletIds: readonly string[], nowMs: number): void {
    const sinceMs = nowMs - this.#watchedPullMs;
    if (sinceMs >= 0 && sinceMs < WATCHED_PULL_INTERVAL_MS) return;
    this.#watchedPullMs = nowMs;
    for (const id of walletIds) if (this.#pulls.every(({ walletId }) => walletId !== id)) this.#begin(id, []);
  }

  /** Takes up what waited for pulls that are over. */
  resumePostponed(): void {
    for (let ready = this.#ready.shift(); ready !== undefined; ready = this.#ready.shift()) ready();
  }

  take(message: StripeMessage): void {
    switch (message.type) {
      case "EnsureStripe":
        this.#keep(message);
        break;
      case "PullStripe":
        this.#sweep(message.walletId, message.fromShard);
        this.#send(message.fromShard, { type: "StripePulled", fromShard: this.#shard, pull: message.pull });
        break;
      case "StripePulled":
        this.#pulled(message.fromShard, message.pull);
        break;
    }
  }

  #begin(walletId: string, waiting: (() => void)[]): void {
    this.#pullNumber += 1;
    const number = this.#pullNumber;
    this.#pulls.push({ number, walletId, awaited: new Set(this.#others), waiting, late: [] });
    for (const shard of this.#others) {
      this.#send(shard, { type: "PullStripe", fromShard: this.#shard, pull: number, walletId });
    }
  }

  #pulled(fromShard: number, number: number): void {
    const index = this.#pulls.findIndex((pull) => pull.number === number);
    if (index < 0) return;
    const pull = this.#pulls[index];
    pull.awaited.delete(fromShard);
    if (pull.awaited.size > 0) return;
    this.#pulls.splice(index, 1);
    this.#ready.push(...pull.waiting);
    if (pull.late.length > 0) this.#begin(pull.walletId, pull.late);
  }

  #keep({ walletId, currency, walletType, status, homeVersion }: StripeMessage & { type: "EnsureStripe" }): void {
    const { books } = this.#it;
    if ((books.stripes.get(walletId) ?? 0) >= homeVersion) return;
    books.stripes.set(walletId, homeVersion);
    books.sequence += 1;
    const known = books.wallets.get(walletId);
    if (known !== undefined) {
      known.status = status;
      known.version += 1n;
      return;
    }
    openCurrency(this.#shard, books, currency);
    const empty = { postedMinor: 0n, heldMinor: 0n, overdraftLimitMinor: 0n, version: 1n };
    const stripe = { id: walletId, ownerId: "", currency, type: walletType, status, ...empty };
    books.wallets.set(walletId, { ...stripe, isAccount: false, isStripe: true, isStriped: false });
  }

  /** Sends home what a stripe holds. */
  #sweep(walletId: string, toShard: number): void {
    const { books } = this.#it;
    const stripe = books.wallets.get(walletId);
    if (stripe === undefined || !stripe.isStripe || stripe.postedMinor <= 0n) return;
    beginSweep(this.#shard, this.#it, stripe, this.#sweepId(books.sequence + 1), toShard);
  }

  #sweepId(sequence: number): string {
    const bytes = Buffer.from("736c696365008000c000000000000000", "hex");
    bytes[7] = this.#shard;
    bytes.writeUInt32BE(sequence, 12);
    return formatUuid(bytes);
  }

  #send(toShard: number, message: StripeMessage): void {
    this.#it.outbox.push({ toShard, message: { type: "stripe", message } });
  }
}
