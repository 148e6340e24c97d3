import { OPERATION } from "../../protocol/command-record.ts";
import { command, extension, type LedgerCommand, NIL_ID, timedId } from "../ledger-command.ts";
import { EGP, OWNERS, walletsOf } from "../program-wallets.ts";
import type { LogWorld } from "./log-world.ts";

const WEIGHTS = {
  Transfer: 24,
  Credit: 4,
  Debit: 2,
  PlaceHold: 6,
  CaptureHold: 5,
  VoidHold: 2,
  ReverseTransfer: 4,
} as const;
const OPENING_MINOR = 300n;

/** What clients of a replicated ledger think of sending: mostly what reaches from one shard to another. */
export class LogWorkload {
  readonly #world: LogWorld;
  readonly #sent: LedgerCommand[] = [];
  readonly #holds: LedgerCommand[] = [];
  #ids = 0;

  constructor(world: LogWorld) {
    this.#world = world;
  }

  /** What opens the wallets of a shard. */
  opening(shard: number): readonly LedgerCommand[] {
    const { shop } = this.#world;
    return this.#walletsOf(shard).flatMap((walletId, index) => {
      const owned = { counterpartyId: OWNERS[index], currency: EGP, walletType: 1 };
      return [
        this.#command({ operation: OPERATION.CreateWallet, walletId, ...owned }),
        this.#command({ operation: OPERATION.ActivateWallet, walletId }),
        this.#command({ operation: OPERATION.Credit, walletId, amountMinor: OPENING_MINOR }),
        ...(walletId === shop ? [this.#command({ operation: OPERATION.StripeWallet, walletId })] : []),
      ];
    });
  }

  /** A command for a wallet of a shard. */
  plan(shard: number): LedgerCommand {
    const { random } = this.#world;
    const operation = OPERATION[random.weighted(WEIGHTS)];
    const walletId = random.pick(this.#walletsOf(shard));
    const plain = this.#command({ operation, walletId, amountMinor: BigInt(random.between(1, 40)) });
    switch (operation) {
      case OPERATION.Transfer: {
        const transfer = { ...plain, counterpartyId: this.#anyWallet() };
        this.#sent.push(transfer);
        return transfer;
      }
      case OPERATION.PlaceHold: {
        const expiresAtMs = BigInt(this.#world.nowMs + random.pick([500, 5_000, 60_000]));
        const hold = {
          ...plain,
          counterpartyId: random.chance(0.5) ? this.#anyWallet() : NIL_ID,
          extension: extension({ expiresAtMs }),
        };
        this.#holds.push(hold);
        return hold;
      }
      case OPERATION.CaptureHold:
      case OPERATION.VoidHold: {
        if (this.#holds.length === 0) return this.plan(shard);
        const { id, walletId: holder } = random.pick(this.#holds.slice(-6));
        const isCapture = operation === OPERATION.CaptureHold;
        const target = { walletId: holder, extension: extension({ targetId: id }) };
        if (!isCapture) return { ...plain, ...target, amountMinor: 0n };
        return {
          ...plain,
          ...target,
          amountMinor: random.pick([0n, 1n]),
          counterpartyId: random.chance(0.3) ? NIL_ID : this.#anyWallet(),
        };
      }
      case OPERATION.ReverseTransfer: {
        if (this.#sent.length === 0) return this.plan(shard);
        const { id, walletId: payer } = random.pick(this.#sent.slice(-6));
        return {
          ...plain,
          walletId: payer,
          amountMinor: random.pick([0n, 1n]),
          extension: extension({ targetId: id }),
        };
      }
      default:
        return plain;
    }
  }

  #command(fields: Partial<LedgerCommand> & Pick<LedgerCommand, "operation" | "walletId">): LedgerCommand {
    this.#ids += 1;
    return command({ id: timedId(this.#world.nowMs, this.#ids), ...fields });
  }

  #anyWallet(): string {
    const { random, shards, shop } = this.#world;
    if (shop !== undefined && random.chance(0.3)) return shop;
    return random.pick(this.#walletsOf(random.pick(shards)));
  }

  #walletsOf(shard: number): readonly string[] {
    return walletsOf(shard, this.#world.options.shardCount).slice(0, 2);
  }
}
