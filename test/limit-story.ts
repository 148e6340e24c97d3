import { OPERATION } from "../protocol/command-record.ts";
import { formatUuid, writeSystemAccountId } from "../protocol/ids.ts";
import type { WalletLimits } from "../protocol/wallet-limits.ts";
import type { Caller } from "./driven-ledger.ts";
import type { HarnessJournal, HarnessOptions } from "./engine-harness.ts";
import { ADMIN, EGP, EngineSession } from "./engine-session.ts";
import { type Answer, extension } from "./ledger-command.ts";
import { expectSameState } from "./same-state.ts";

const CUSTOMER = 1;

/** The id of a shard's funding account in a currency, which stands for the currency in SetTypeLimits. */
export function fundingAccountId(shard: number, currency: number): string {
  const bytes = new Uint8Array(16);
  writeSystemAccountId(bytes, 0, shard, currency, "funding");
  return formatUuid(bytes);
}

/** A ledger on which limits are set and run into. */
export class LimitStory extends EngineSession {
  readonly #shards: number;

  constructor(shardCount = 1, options: Partial<HarnessOptions> = {}, journals?: readonly HarnessJournal[]) {
    super(shardCount, options, journals);
    this.#shards = shardCount;
  }

  setLimits(walletId: string, limits: WalletLimits, caller = ADMIN): Answer {
    const fields = extension({ metadata: JSON.stringify(limits) });
    return this.ask({ operation: OPERATION.SetWalletLimits, walletId, extension: fields }, { caller });
  }

  setTypeLimits(
    limits: WalletLimits,
    { shard = 0, currency = EGP, walletType = CUSTOMER, caller = ADMIN } = {},
  ): Answer {
    const walletId = fundingAccountId(shard, currency);
    const fields = extension({ metadata: JSON.stringify(limits) });
    return this.ask({ operation: OPERATION.SetTypeLimits, walletId, walletType, extension: fields }, { caller });
  }

  debit(walletId: string, amountMinor: number, id = this.nextId()): Answer {
    return this.ask({ id, operation: OPERATION.Debit, walletId, amountMinor: BigInt(amountMinor) });
  }

  credit(walletId: string, amountMinor: number): Answer {
    return this.ask({ operation: OPERATION.Credit, walletId, amountMinor: BigInt(amountMinor) });
  }

  transfer(walletId: string, counterpartyId: string, amountMinor: number, caller: Caller = ADMIN): Answer {
    const fields = { operation: OPERATION.Transfer, walletId, counterpartyId, amountMinor: BigInt(amountMinor) };
    return this.ask(fields, { caller });
  }

  hold(walletId: string, amountMinor: number, expiresAtMs = 0): { readonly id: string; readonly answer: Answer } {
    const id = this.nextId();
    const fields = extension({ expiresAtMs: BigInt(expiresAtMs) });
    const operation = OPERATION.PlaceHold;
    return { id, answer: this.ask({ id, operation, walletId, amountMinor: BigInt(amountMinor), extension: fields }) };
  }

  capture(walletId: string, targetId: string, amountMinor: number, counterpartyId: string, options = 0): Answer {
    return this.ask({
      operation: OPERATION.CaptureHold,
      walletId,
      counterpartyId,
      amountMinor: BigInt(amountMinor),
      extension: extension({ targetId, options }),
    });
  }

  void(walletId: string, targetId: string): Answer {
    return this.ask({ operation: OPERATION.VoidHold, walletId, extension: extension({ targetId }) });
  }

  /** Ends the process and starts it again; what comes back from the journal must be what was there. */
  restart(): void {
    const live = Array.from({ length: this.#shards }, (_, shard) => this.engine.state(shard));
    this.engine.crash();
    for (const [shard, state] of live.entries()) expectSameState(state, this.engine.state(shard), [], this.nowMs);
  }
}
