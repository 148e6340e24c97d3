import { expect } from "vitest";
import { OPERATION } from "../protocol/command-record.ts";
import type { DrivenLedgerOptions, Message } from "./driven-ledger.ts";
import { EngineHarness, type HarnessJournal, type HarnessOptions, idLanes } from "./engine-harness.ts";
import { command, type LedgerCommand, timedId } from "./ledger-command.ts";
import { realise, type Step } from "./ledger-program.ts";
import { BASE_MS, CALLERS, EGP, OWNERS, SKEW_MS, USD, WINDOW_MS, walletsOf } from "./program-wallets.ts";
import { accountId } from "./reference-books.ts";
import { ReferenceLedger } from "./reference-ledger.ts";
import { expectSameState } from "./same-state.ts";

const TICK_MS_MAX_UNTIMED = 500;

/** The engine and the reference side by side: each step goes to both, and both must say the same. */
export class Twins {
  engine: EngineHarness;
  readonly reference: ReferenceLedger;
  readonly #options: HarnessOptions;
  readonly #shardCount: number;
  readonly #hasUntimedIds: boolean;
  readonly #sent: LedgerCommand[][];
  readonly #messages: { readonly shard: number; readonly message: Message }[] = [];
  #nowMs = BASE_MS;
  #number = 0;

  constructor(shardCount: number, hasUntimedIds: boolean, journals?: readonly HarnessJournal[]) {
    this.#shardCount = shardCount;
    this.#hasUntimedIds = hasUntimedIds;
    this.#sent = Array.from({ length: shardCount }, () => []);
    const options: DrivenLedgerOptions = {
      shardCount,
      nowMs: () => this.#nowMs,
      idempotencyWindowMs: WINDOW_MS,
      idFutureSkewMs: SKEW_MS,
      openTransfersMax: 2,
    };
    this.#options = { ...options, walletsPerShardMax: 64, holdsPerShardMax: 1_024, idempotencyIdsMax: 100_000 };
    this.engine = new EngineHarness(this.#options, journals);
    this.reference = new ReferenceLedger(options);
  }

  /** A ledger that follows the engine, by the same clock. */
  follower(): EngineHarness {
    return new EngineHarness({ ...this.#options, isFollowing: true });
  }

  /** The engine ends without warning, and one that has followed it to its last frame goes on in its place. */
  takeOver(follower: EngineHarness): void {
    this.engine = follower;
    follower.lead();
    this.reference.crash();
    this.expectSameBooks();
    this.#expectSameQueues();
  }

  /** Opens two wallets on every shard, of one owner each and the same currency, and on the last of several one of another; funds them, and holds some. */
  begin(): void {
    for (let shard = 0; shard < this.#shardCount; shard += 1) {
      const commands = walletsOf(shard, this.#shardCount)
        .slice(0, shard > 0 && shard === this.#shardCount - 1 ? 3 : 2)
        .flatMap((walletId, index) => {
          const id = (): string => timedId(BASE_MS, 0x10_0000 + this.#nextNumber());
          const opened = { counterpartyId: OWNERS[index % 2], currency: index < 2 ? EGP : USD, walletType: 1 };
          return [
            command({ id: id(), operation: OPERATION.CreateWallet, walletId, ...opened }),
            command({ id: id(), operation: OPERATION.ActivateWallet, walletId }),
            command({ id: id(), operation: OPERATION.Credit, walletId, amountMinor: 100n }),
            command({ id: id(), operation: OPERATION.PlaceHold, walletId, amountMinor: 30n }),
          ];
        });
      this.#submit(shard, { caller: CALLERS[0], details: true, timeOrderedIds: true, commands });
      this.#flush(shard);
    }
  }

  step(step: Step): void {
    switch (step.type) {
      case "send": {
        const { shard, caller, details, timeOrderedIds } = step;
        const wallets = this.reference.wallets(shard);
        const commands = step.commands.map((plan) =>
          realise(plan, {
            shard,
            shardCount: this.#shardCount,
            nowMs: this.#nowMs,
            hasUntimedIds: this.#hasUntimedIds,
            nextNumber: () => this.#nextNumber(),
            sent: this.#sent[shard],
            wallet: (id) => wallets.find((wallet) => wallet.id === id),
            holds: this.reference.holds(shard),
          }),
        );
        const last = commands.length - 1;
        if (!step.leavesRunOpen) commands[last] = { ...commands[last], linked: false };
        this.#submit(shard, { caller: CALLERS[caller], details, timeOrderedIds, commands });
        break;
      }
      case "resend": {
        const again = this.#messages[step.which % Math.max(1, this.#messages.length)];
        if (again === undefined) break;
        const caller = step.caller === null ? again.message.caller : CALLERS[step.caller];
        this.#submit(again.shard, { ...again.message, caller });
        break;
      }
      case "flush":
        this.#flush(step.shard);
        break;
      case "deliver":
        this.#deliver(step.from, step.to);
        break;
      case "expire":
        // The engine commits what lapses; what was decided before belongs to a frame of its own.
        this.#flush(step.shard);
        this.engine.expireHolds(step.shard);
        this.reference.expireHolds(step.shard);
        this.#flush(step.shard);
        break;
      case "settle":
        this.settle();
        break;
      case "tick":
        this.#flushAll();
        this.#nowMs += this.#hasUntimedIds ? step.ms % TICK_MS_MAX_UNTIMED : step.ms;
        break;
      case "crash":
        this.engine.crash();
        this.reference.crash();
        this.expectSameBooks();
        break;
    }
    this.#expectSameQueues();
  }

  /** Lets every transfer between shards come to its end. */
  settle(): void {
    this.#flushAll();
    for (let isBusy = true; isBusy; ) {
      isBusy = false;
      for (let from = 0; from < this.#shardCount; from += 1) {
        for (let to = 0; to < this.#shardCount; to += 1) isBusy = this.#deliver(from, to) || isBusy;
      }
      this.#flushAll();
    }
  }

  expectSameBooks(): void {
    for (let shard = 0; shard < this.#shardCount; shard += 1) {
      expect(this.engine.wallets(shard)).toEqual(this.reference.wallets(shard));
      expect(this.engine.openTransfers(shard)).toBe(this.reference.openTransfers(shard));
    }
  }

  /** With nothing open, what has left the transit accounts has arrived. */
  expectNothingInTransit(): void {
    const shards = Array.from({ length: this.#shardCount }, (_, shard) => shard);
    if (shards.some((shard) => this.engine.openTransfers(shard) > 0)) return;
    for (const currency of [EGP, USD]) {
      const transit = shards.map((shard) =>
        this.engine.wallets(shard).find(({ id }) => id === accountId(shard, currency, "transit")),
      );
      expect(transit.reduce((sum, account) => sum + (account?.postedMinor ?? 0n), 0n)).toBe(0n);
    }
  }

  /** Every shard, started again from its journal, knows what it knows now. */
  expectSameAfterRecovery(): void {
    const ids = this.#sent.flat().map(({ id }) => idLanes(id));
    for (let shard = 0; shard < this.#shardCount; shard += 1) {
      expectSameState(this.engine.state(shard), this.engine.rebuilt(shard), ids, this.#nowMs);
    }
  }

  #submit(shard: number, message: Omit<Message, "token">): void {
    const withToken = { ...message, token: this.#nextNumber() };
    this.#sent[shard].push(...message.commands);
    this.#messages.push({ shard, message: withToken });
    this.engine.submit(shard, withToken);
    this.reference.submit(shard, withToken);
  }

  #flushAll(): void {
    for (let shard = 0; shard < this.#shardCount; shard += 1) this.#flush(shard);
  }

  #flush(shard: number): void {
    expect(this.engine.flush(shard)).toEqual(this.reference.flush(shard));
  }

  #deliver(from: number, to: number): boolean {
    const wasThere = this.engine.deliver(from, to);
    expect(this.reference.deliver(from, to)).toBe(wasThere);
    return wasThere;
  }

  #expectSameQueues(): void {
    for (let from = 0; from < this.#shardCount; from += 1) {
      for (let to = 0; to < this.#shardCount; to += 1) {
        expect(this.engine.waiting(from, to)).toBe(this.reference.waiting(from, to));
      }
    }
  }

  #nextNumber(): number {
    this.#number += 1;
    return this.#number;
  }
}
