import { openFrame } from "../../engine/journal/frame.ts";
import {
  CHANGE,
  EXPIRY,
  hasTail,
  LIMIT_REJECTION,
  POSTING,
  postingAmountMinor,
  postingVersion,
  RECORD_KIND,
  REJECTION,
  recordBytes,
  recordKind,
} from "../../engine/journal/record.ts";
import { type ObjectRecord, readObjectRecord } from "../../engine/object/object-record.ts";
import { type StripeEvent, stripeAggregate } from "../../engine/stripe/stripe.ts";
import { OPERATION, RECORD } from "../../protocol/command-record.ts";
import { formatUuid, isNil, SYSTEM_ACCOUNT_KINDS } from "../../protocol/ids.ts";
import { readUint64 } from "../../protocol/int64.ts";
import { FRAME_HEADER_BYTES } from "../../protocol/limits.ts";
import { LimitAuditor } from "./limit-auditor.ts";
import { require } from "./rules.ts";

/** Postings that follow from a command without being its record. */
const OF_SAGA: readonly number[] = [
  RECORD_KIND.TransferReceived,
  RECORD_KIND.TransferRefunded,
  RECORD_KIND.CaptureRefunded,
  RECORD_KIND.Bought,
];

interface WalletFacts {
  posted: number;
  version: number;
  overdraftLimitMinor: number;
}

class ShardFacts {
  sequence = 0;
  clockMs = 0;
  hash: Buffer | undefined;
  readonly wallets: WalletFacts[] = [];
  readonly slots = new Map<string, number>();
  /** What was done, by kind and command id. */
  readonly done = new Map<string, number>();
  /** Balance of a wallet at each of its versions. */
  readonly history: Map<number, number>[] = [];
  readonly limits: LimitAuditor;
  /** Slots in use. */
  slotCount = 0;
  readonly #currencies = new Set<number>();

  constructor(shard: number) {
    this.limits = new LimitAuditor(shard);
  }

  wallet(slot: number): WalletFacts {
    this.wallets[slot] ??= { posted: 0, version: 0, overdraftLimitMinor: Number.POSITIVE_INFINITY };
    this.history[slot] ??= new Map();
    this.slotCount = Math.max(this.slotCount, slot + 1);
    return this.wallets[slot];
  }

  /** The first wallet in a currency brings the accounts of the shard along. */
  open(currency: number): void {
    if (!this.#currencies.has(currency)) this.slotCount += SYSTEM_ACCOUNT_KINDS.length;
    this.#currencies.add(currency);
  }
}

/**
 * Reads every frame that becomes durable, and judges it by the journal's format alone: what it says is what happened,
 * whatever the ledger thinks, shows or remembers.
 */
export class Auditor {
  readonly #shards: readonly ShardFacts[];

  constructor(shardCount: number) {
    this.#shards = Array.from({ length: shardCount }, (_, shard) => new ShardFacts(shard));
  }

  /** Sequence of the newest durable record of a shard. */
  sequence(shard: number): number {
    return this.#shards[shard].sequence;
  }

  /** The balance that a wallet had at a version; undefined where no durable record says so. */
  postedAt(shard: number, walletId: string, version: number): number | undefined {
    const slot = this.#shards[shard].slots.get(walletId);
    return slot === undefined ? undefined : this.#shards[shard].history[slot].get(version);
  }

  take(shard: number, bytes: Uint8Array): void {
    const facts = this.#shards[shard];
    const frame = openFrame(bytes.slice(), shard);
    if (typeof frame === "string") throw new Error(`a frame was written that cannot be read: ${frame}`);
    require("versions", frame.firstSequence === facts.sequence + 1, () =>
      `frame ${frame.firstSequence} of shard ${shard} follows ${facts.sequence}`);
    require("versions", facts.hash === undefined || facts.hash.equals(frame.previousHash), () =>
      `frame ${frame.firstSequence} of shard ${shard} does not name the frame before it`);
    require("versions", frame.clockMs >= facts.clockMs, () => `the clock of shard ${shard} goes back`);
    facts.hash = Buffer.from(frame.hash);
    facts.clockMs = frame.clockMs;
    let at = FRAME_HEADER_BYTES >>> 2;
    for (let index = 0; index < frame.recordCount; index += 1) {
      facts.sequence += 1;
      this.#record(shard, facts, frame.lanes, frame.floats, frame.bytes, at);
      at += recordBytes(frame.lanes, at) >>> 2;
    }
  }

  #record(
    shard: number,
    facts: ShardFacts,
    lanes: Uint32Array,
    floats: Float64Array,
    bytes: Uint8Array,
    at: number,
  ): void {
    const kind = recordKind(lanes, at);
    switch (kind) {
      case RECORD_KIND.WalletChanged:
        this.#change(shard, facts, lanes, floats, bytes, at);
        break;
      case RECORD_KIND.CommandRejected:
        this.#once(shard, facts, "command", formatUuid(bytes, (at + REJECTION.command) * 4));
        break;
      case RECORD_KIND.ObjectChanged:
        this.#object(shard, facts, readObjectRecord(lanes, bytes, at));
        break;
      case RECORD_KIND.LimitRejected:
        this.#once(shard, facts, "command", formatUuid(bytes, (at + LIMIT_REJECTION.command) * 4));
        break;
      case RECORD_KIND.HoldExpired:
        this.#once(shard, facts, "expiry of", formatUuid(bytes, (at + EXPIRY.hold) * 4));
        this.#move(
          shard,
          facts,
          lanes[at + EXPIRY.slot],
          0,
          floats[(at + EXPIRY.posted) >>> 1],
          floats[(at + EXPIRY.version) >>> 1],
        );
        break;
      default:
        this.#posting(shard, facts, kind, lanes, floats, bytes, at);
    }
  }

  /** A stripe gets the next slot, behind the accounts of its currency where those are new. */
  #object(shard: number, facts: ShardFacts, { aggregate, events }: ObjectRecord): void {
    if (aggregate !== stripeAggregate.name) return;
    for (const { walletId, currency } of events as readonly StripeEvent[]) {
      let slot = facts.slots.get(walletId);
      if (slot === undefined) {
        facts.open(currency);
        slot = facts.slotCount;
        facts.slots.set(walletId, slot);
        facts.wallet(slot).overdraftLimitMinor = 0;
      }
      const { posted, version } = facts.wallet(slot);
      this.#move(shard, facts, slot, 0, posted, version + 1);
    }
  }

  #posting(
    shard: number,
    facts: ShardFacts,
    kind: number,
    lanes: Uint32Array,
    floats: Float64Array,
    bytes: Uint8Array,
    at: number,
  ): void {
    const isOfSaga = OF_SAGA.includes(kind);
    this.#once(shard, facts, isOfSaga ? String(kind) : "command", formatUuid(bytes, (at + POSTING.id) * 4));
    const amountMinor = postingAmountMinor(lanes, at);
    const slots = { debitSlot: lanes[at + POSTING.debitSlot], creditSlot: lanes[at + POSTING.creditSlot] };
    const hasTarget = hasTail(lanes, at) && !isNil(lanes, at + POSTING.target);
    facts.limits.posting({ kind, ...slots, amountMinor, hasTarget }, facts.sequence, facts.clockMs);
    const debit = postingVersion(lanes, floats, at, "debit");
    const credit = postingVersion(lanes, floats, at, "credit");
    this.#move(
      shard,
      facts,
      lanes[at + POSTING.debitSlot],
      -amountMinor,
      floats[(at + POSTING.debitPosted) >>> 1],
      debit,
    );
    this.#move(
      shard,
      facts,
      lanes[at + POSTING.creditSlot],
      amountMinor,
      floats[(at + POSTING.creditPosted) >>> 1],
      credit,
    );
  }

  #change(
    shard: number,
    facts: ShardFacts,
    lanes: Uint32Array,
    floats: Float64Array,
    bytes: Uint8Array,
    at: number,
  ): void {
    const command = (at + CHANGE.command) * 4;
    const slot = lanes[at + CHANGE.slot];
    this.#once(shard, facts, "command", formatUuid(bytes, command));
    const tail = lanes[(command + RECORD.operation) >>> 2];
    const operation = lanes[at + CHANGE.operation];
    if (operation === OPERATION.CreateWallet) facts.open(tail >>> 16);
    if (operation === OPERATION.CreateWallet || operation === OPERATION.SetOverdraftLimit)
      facts.wallet(slot).overdraftLimitMinor = readUint64(lanes, (command + RECORD.amountMinor) >>> 2);
    if (operation === OPERATION.SetTypeLimits)
      facts.open(new DataView(bytes.buffer, bytes.byteOffset).getUint16(command + RECORD.wallet + 12));
    facts.slots.set(formatUuid(bytes, command + RECORD.wallet), slot);
    facts.limits.change(operation, slot, bytes.subarray(command));
    this.#move(shard, facts, slot, 0, floats[(at + CHANGE.posted) >>> 1], floats[(at + CHANGE.version) >>> 1]);
  }

  #move(shard: number, facts: ShardFacts, slot: number, changeMinor: number, posted: number, version: number): void {
    const wallet = facts.wallet(slot);
    require("versions", version === wallet.version + 1 && posted === wallet.posted + changeMinor, () =>
      `record ${shard}:${facts.sequence} takes slot ${slot} from version ${wallet.version} with ${wallet.posted} to ${version} with ${posted}`);
    require("floor", changeMinor >= 0 || posted >= -wallet.overdraftLimitMinor, () =>
      `record ${shard}:${facts.sequence} leaves ${posted} in slot ${slot}, and its overdraft is ${wallet.overdraftLimitMinor}`);
    wallet.posted = posted;
    wallet.version = version;
    facts.history[slot].set(version, posted);
  }

  #once(shard: number, facts: ShardFacts, what: string, id: string): void {
    const key = `${what} ${id}`;
    const first = facts.done.get(key);
    require("appliedOnce", first === undefined, () =>
      `${key} stands at ${shard}:${first} and at ${shard}:${facts.sequence}`);
    facts.done.set(key, facts.sequence);
  }
}
