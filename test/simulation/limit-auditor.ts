import { RECORD_KIND } from "../../engine/journal/record.ts";
import { OPERATION, RECORD } from "../../protocol/command-record.ts";
import type { WalletLimits } from "../../protocol/wallet-limits.ts";
import { readWalletLimits } from "../../protocol/wallet-limits.ts";
import { dayOf, type LimitSide } from "../reference-limits.ts";
import { require } from "./rules.ts";

interface LimitedWallet {
  readonly type: string;
  own: WalletLimits | undefined;
  isCounted: boolean;
  /** What enters it is not limited. */
  isStriped: boolean;
  /** Side and local date, or side and local month → what plain movements came to. */
  readonly movedMinor: Map<string, number>;
}

/** A posting, as far as limits are concerned. */
export interface LimitedPosting {
  readonly kind: number;
  readonly debitSlot: number;
  readonly creditSlot: number;
  readonly amountMinor: number;
  /** It takes another movement back. */
  readonly hasTarget: boolean;
}

const DEBITS: readonly number[] = [
  RECORD_KIND.Transferred,
  RECORD_KIND.Debited,
  RECORD_KIND.TransferSent,
  RECORD_KIND.Sold,
];
const CREDITS: readonly number[] = [
  RECORD_KIND.Transferred,
  RECORD_KIND.Credited,
  RECORD_KIND.TransferReceived,
  RECORD_KIND.HoldCaptured,
  RECORD_KIND.Bought,
];
const BETWEEN_SHARDS: readonly number[] = [RECORD_KIND.TransferSent, RECORD_KIND.TransferReceived];

/**
 * Holds one shard's journal to the limits that it sets: what plain movements come to in a day and a month, holds left out,
 * never passes a limit that is in force when the movement is made.
 */
export class LimitAuditor {
  readonly #shard: number;
  readonly #wallets = new Map<number, LimitedWallet>();
  readonly #types = new Map<string, WalletLimits>();

  constructor(shard: number) {
    this.#shard = shard;
  }

  /** Takes the command of a record that changed the wallet in a slot. */
  change(operation: number, slot: number, command: Uint8Array): void {
    const view = new DataView(command.buffer, command.byteOffset);
    const type = command[RECORD.walletType];
    switch (operation) {
      case OPERATION.CreateWallet: {
        const key = `${view.getUint16(RECORD.currency, true)} ${type}`;
        this.#wallets.set(slot, {
          type: key,
          own: undefined,
          isCounted: false,
          isStriped: false,
          movedMinor: new Map(),
        });
        break;
      }
      case OPERATION.SetWalletLimits: {
        const wallet = this.#wallet(slot);
        wallet.own = limitsIn(view, command);
        wallet.isCounted = true;
        break;
      }
      case OPERATION.StripeWallet:
        this.#wallet(slot).isStriped = true;
        break;
      case OPERATION.SetTypeLimits:
        this.#types.set(`${view.getUint16(RECORD.wallet + 12)} ${type}`, limitsIn(view, command));
        break;
    }
  }

  /** Takes a posting made at a time. */
  posting({ kind, debitSlot, creditSlot, amountMinor, hasTarget }: LimitedPosting, sequence: number, ms: number): void {
    if (hasTarget && BETWEEN_SHARDS.includes(kind)) return;
    if (DEBITS.includes(kind)) this.#moved(debitSlot, "debit", amountMinor, sequence, ms);
    if (CREDITS.includes(kind)) this.#moved(creditSlot, "credit", amountMinor, sequence, ms);
    // Whenever it counted: what is given back too much makes this a weaker check, never a wrong one.
    if (kind === RECORD_KIND.TransferRefunded) this.#add(creditSlot, "debit", -amountMinor, ms);
  }

  #wallet(slot: number): LimitedWallet {
    const wallet = this.#wallets.get(slot);
    if (wallet === undefined) throw new Error(`no wallet was opened in slot ${slot}, and it is changed`);
    return wallet;
  }

  #moved(slot: number, side: LimitSide, amountMinor: number, sequence: number, ms: number): void {
    const wallet = this.#wallets.get(slot);
    if (wallet === undefined || (wallet.isStriped && side === "credit")) return;
    const ofType = this.#types.get(wallet.type);
    wallet.isCounted ||= [ofType?.debit, ofType?.credit].some((limits) => Object.keys(limits ?? {}).length > 0);
    const { day, month } = this.#add(slot, side, amountMinor, ms);
    for (const limits of [wallet.own?.[side], ofType?.[side]]) {
      for (const [name, value, moved] of [
        ["movement", limits?.perTransactionMinor, amountMinor],
        ["day", limits?.perDayMinor, day],
        ["month", limits?.perMonthMinor, month],
      ] as const) {
        require("limits", value === undefined || moved <= value, () =>
          `the ${side} of record ${this.#shard}:${sequence} brings slot ${slot} to ${moved} in a ${name}, where ${value} is the most`);
      }
    }
  }

  /** Adds to what a wallet moved; returns what day and month come to. */
  #add(
    slot: number,
    side: LimitSide,
    amountMinor: number,
    ms: number,
  ): { readonly day: number; readonly month: number } {
    const wallet = this.#wallets.get(slot);
    if (wallet === undefined || !wallet.isCounted) return { day: 0, month: 0 };
    const [day, month] = [dayOf(ms), dayOf(ms).slice(0, 7)].map((period) => {
      const sum = (wallet.movedMinor.get(`${side} ${period}`) ?? 0) + amountMinor;
      wallet.movedMinor.set(`${side} ${period}`, sum);
      return sum;
    });
    return { day, month };
  }
}

function limitsIn(view: DataView, command: Uint8Array): WalletLimits {
  const metadataBytes = view.getUint16(RECORD.metadataBytes, true);
  const limits = readWalletLimits(command.slice(RECORD.metadata, RECORD.metadata + metadataBytes));
  if (limits === undefined) throw new Error("a record sets limits that are none");
  return limits;
}
