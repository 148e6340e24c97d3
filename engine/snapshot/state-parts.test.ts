import { hash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { OPERATION, RECORD_OPTION } from "../../protocol/command-record.ts";
import { ADMIN, EGP, EngineSession, USD } from "../../test/engine-session.ts";
import { extension } from "../../test/ledger-command.ts";
import { expectSameFacts } from "../../test/same-state.ts";
import type { ShardState } from "../shard/shard-state.ts";
import type { SnapshotPart } from "./part.ts";
import { statePartsOf } from "./state-parts.ts";

const { Transfer, PlaceHold, CaptureHold, VoidHold, ReverseTransfer, ExchangeCurrency, StripeWallet, Debit } =
  OPERATION;
const SHARDS = 2;
const WALLETS = 24;

/** A generator that a seed repeats. **Source**: mulberry32. */
function dice(seed: number): (sides: number) => number {
  let state = seed | 0;
  return (sides) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % sides;
  };
}

/** A ledger in which everything happens that a snapshot has to hold. */
class Bustle extends EngineSession {
  readonly #roll: (sides: number) => number;
  readonly #wallets: string[] = [];
  readonly #holds: { readonly id: string; readonly walletId: string }[] = [];
  readonly #transfers: { readonly id: string; readonly walletId: string }[] = [];

  constructor(roll: (sides: number) => number) {
    super(SHARDS);
    this.#roll = roll;
    for (let number = 0; number < WALLETS; number += 1) this.#open(number);
    this.ask({ operation: StripeWallet, walletId: this.#wallets[0] });
    this.settle();
  }

  /** Does something; it may well be refused. */
  step(): void {
    const walletId = this.#any();
    const counterpartyId = this.#any();
    const amountMinor = BigInt(1 + this.#roll(50));
    const id = this.nextId();
    switch (this.#roll(10)) {
      case 0:
        this.#open(this.#roll(2));
        break;
      case 1:
        this.ask({
          id,
          operation: PlaceHold,
          walletId,
          amountMinor,
          extension: extension({ expiresAtMs: BigInt(this.nowMs + 500) }),
        });
        this.#holds.push({ id, walletId });
        break;
      case 2: {
        const hold = this.#holds[this.#roll(Math.max(1, this.#holds.length))];
        const options = this.#roll(2) === 0 ? RECORD_OPTION.final : 0;
        if (hold === undefined) break;
        const fields = { walletId: hold.walletId, extension: extension({ targetId: hold.id, options }) };
        if (this.#roll(3) === 0) this.ask({ ...fields, operation: VoidHold });
        else this.ask({ ...fields, operation: CaptureHold, counterpartyId, amountMinor: 1n });
        break;
      }
      case 3: {
        const target = this.#transfers[this.#roll(Math.max(1, this.#transfers.length))];
        if (target === undefined) break;
        const fields = { walletId: target.walletId, extension: extension({ targetId: target.id }) };
        this.ask({ ...fields, operation: ReverseTransfer, amountMinor: 1n });
        break;
      }
      case 4: {
        const rate = { numerator: 3n, denominator: 2n };
        const quote = extension({ rate, expiresAtMs: BigInt(this.nowMs + 500) });
        this.ask({ operation: ExchangeCurrency, walletId, counterpartyId, amountMinor, extension: quote });
        break;
      }
      case 5:
        this.ask({ operation: Debit, walletId: this.#wallets[0], amountMinor });
        break;
      case 6:
        this.nowMs += 100;
        for (let shard = 0; shard < SHARDS; shard += 1) this.engine.expireHolds(shard);
        break;
      case 7:
        for (let shard = 0; shard < SHARDS; shard += 1) this.engine.deliver(shard, 1 - shard);
        for (let shard = 0; shard < SHARDS; shard += 1) this.engine.flush(shard);
        break;
      default:
        this.ask({ id, operation: Transfer, walletId, counterpartyId, amountMinor });
        this.#transfers.push({ id, walletId });
    }
  }

  #open(number: number): void {
    const shard = number % SHARDS;
    const currency = number % 3 === 0 ? USD : EGP;
    this.#wallets.push(this.openWallet(shard, { balanceMinor: 1_000n, limitMinor: BigInt(number % 4), currency }));
  }

  #any(): string {
    return this.#wallets[this.#roll(this.#wallets.length)];
  }
}

function chunksOf(part: SnapshotPart): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let chunk = part.next(); chunk !== undefined; chunk = part.next()) chunks.push(chunk);
  return chunks;
}

function digests(chunks: readonly Uint8Array[]): string[] {
  return chunks.map((chunk) => hash("sha256", chunk));
}

/** Loads chunks into an empty state. */
function loaded(empty: ShardState, chunks: ReadonlyMap<string, readonly Uint8Array[]>, like: ShardState): ShardState {
  for (const part of statePartsOf(empty)) for (const chunk of chunks.get(part.name) ?? []) part.load(chunk.slice());
  empty.adopt(like.sequence, like.clockMs, like.hash.slice());
  return empty;
}

describe("a snapshot of a state that goes on changing", () => {
  test.each(Array.from({ length: 24 }, (_, seed) => seed))("is that of its moment (seed %i)", (seed) => {
    const roll = dice(seed);
    const story = new Bustle(roll);
    for (let count = roll(120); count > 0; count -= 1) story.step();
    const shard = roll(SHARDS);
    story.engine.flush(shard);
    const then = story.engine.rebuilt(shard);
    const parts = statePartsOf(story.engine.state(shard));
    for (const part of parts) part.begin();
    const taken = new Map<string, Uint8Array[]>();
    for (const part of parts) {
      const chunks: Uint8Array[] = [];
      for (;;) {
        for (let count = roll(20); count > 0; count -= 1) story.step();
        const chunk = part.next();
        if (chunk === undefined) break;
        chunks.push(chunk);
      }
      taken.set(part.name, chunks);
    }
    for (const part of parts) part.end();
    for (const part of statePartsOf(then)) {
      if (part.name.startsWith("-")) continue;
      part.begin();
      expect(digests(taken.get(part.name) ?? []), part.name).toEqual(digests(chunksOf(part)));
      part.end();
    }
    const back = loaded(story.engine.emptyState(shard), taken, then);
    expectSameFacts(then, back);
    expect(
      story.ask({ operation: Debit, walletId: story.openWallet(0), amountMinor: 1n }, { caller: ADMIN }).code,
    ).toBe("insufficient_funds");
  });
});
