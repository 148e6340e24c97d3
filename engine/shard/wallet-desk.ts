import { CODE } from "../../protocol/codes.ts";
import { OPERATION, RECORD, WALLET_TYPE } from "../../protocol/command-record.ts";
import { currencyOf } from "../../protocol/currencies.ts";
import { isNil, isSystemAccountId } from "../../protocol/ids.ts";
import { readUint64 } from "../../protocol/int64.ts";
import { AMOUNT_MINOR_MAX, RECORD_BYTES } from "../../protocol/limits.ts";
import { decideChange } from "../wallet/decide.ts";
import { evolveChange } from "../wallet/evolve.ts";
import { WALLET_FLAG } from "../wallet/wallet-columns.ts";
import type { CommandContext } from "./command-context.ts";
import { recordChange } from "./record-writer.ts";

const AMOUNT = RECORD.amountMinor >>> 2;
const TAIL = RECORD.operation >>> 2;

/** Executes what opens wallets and changes anything of them but their balance. */
export class WalletDesk {
  readonly #context: CommandContext;

  constructor(context: CommandContext) {
    this.#context = context;
  }

  /** Opens a wallet, pending. */
  create(lanes: Uint32Array, bytes: Uint8Array, at: number, commandBytes: number): number {
    const { wallets } = this.#context.state;
    const limitMinor = readUint64(lanes, at + AMOUNT);
    if (limitMinor > AMOUNT_MINOR_MAX) return CODE.amount_invalid;
    for (const id of [at + 4, at + 8]) {
      if (isNil(lanes, id) || isSystemAccountId(lanes, id)) return CODE.wallet_id_invalid;
    }
    const type = bytes[at * 4 + RECORD.walletType];
    if (type < WALLET_TYPE.customer || type > WALLET_TYPE.system) return CODE.wallet_type_invalid;
    const currency = lanes[at + TAIL] >>> 16;
    if (currencyOf(currency) === undefined) return CODE.currency_unknown;
    const mayOpen =
      this.#context.principal.isOwner(lanes, at + 8) &&
      (type !== WALLET_TYPE.system || this.#context.principal.isAdmin);
    if (!mayOpen || (limitMinor !== 0 && !this.#context.principal.isAdmin)) return CODE.forbidden;
    if (wallets.find(lanes, at + 4) >= 0) return CODE.wallet_exists;
    if (commandBytes > RECORD_BYTES && readUint64(lanes, at + (RECORD.expectedVersion >>> 2)) !== 0) {
      return CODE.version_conflict;
    }
    if (!wallets.hasRoom()) return CODE.ledger_full;
    const sequence = this.#context.frame.nextSequence;
    const slot = wallets.open(lanes, at + 4, at + 8, currency, type, limitMinor, sequence);
    recordChange(this.#context.frame, wallets, OPERATION.CreateWallet, slot, 0, lanes, at, commandBytes);
    this.#context.principal.refresh();
    this.#context.changed(slot, sequence);
    return CODE.ok;
  }

  /** Changes a wallet's status or overdraft limit, or spreads it over the shards. */
  change(lanes: Uint32Array, at: number, operation: number, commandBytes: number): number {
    const { wallets } = this.#context.state;
    const limitMinor = readUint64(lanes, at + AMOUNT);
    if (limitMinor > AMOUNT_MINOR_MAX) return CODE.amount_invalid;
    const slot = wallets.find(lanes, at + 4);
    if (slot < 0) return isSystemAccountId(lanes, at + 4) ? CODE.system_account_protected : CODE.wallet_not_found;
    const isForOwners = operation === OPERATION.ActivateWallet || operation === OPERATION.CloseWallet;
    if (isForOwners ? !this.#context.principal.mayTouch(slot) : !this.#context.principal.isAdmin) return CODE.forbidden;
    if ((wallets.flags[slot] & WALLET_FLAG.account) !== 0) return CODE.system_account_protected;
    if (!this.#context.isExpectedVersion(lanes, at, slot, commandBytes > RECORD_BYTES)) return CODE.version_conflict;
    if (operation === OPERATION.StripeWallet && this.#context.undo.isOpen) return CODE.linked_across_shards;
    const code = decideChange(wallets, slot, operation, limitMinor, this.#context.state.openTransfersOfSlot.has(slot));
    if (code !== CODE.ok) return code;
    this.#context.willChange(slot);
    const previous = wallets.head[slot];
    const sequence = this.#context.frame.nextSequence;
    evolveChange(wallets, slot, operation, limitMinor, sequence);
    recordChange(this.#context.frame, wallets, operation, slot, previous, lanes, at, commandBytes);
    this.#context.changed(slot, sequence);
    if (operation === OPERATION.StripeWallet) this.#context.state.stripedSlots.add(slot);
    this.#context.stripesChanged(slot);
    return CODE.ok;
  }
}
