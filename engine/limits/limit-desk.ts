import { CODE } from "../../protocol/codes.ts";
import { OPERATION, RECORD, WALLET_STATUS } from "../../protocol/command-record.ts";
import { isSystemAccountId } from "../../protocol/ids.ts";
import { readUint64 } from "../../protocol/int64.ts";
import { RECORD_BYTES } from "../../protocol/limits.ts";
import type { CommandContext } from "../shard/command-context.ts";
import { recordChange } from "../shard/record-writer.ts";
import { evolveTouched } from "../wallet/evolve.ts";
import { readLimits, readTypeLimits } from "./limit-command.ts";

const WALLET = RECORD.wallet >>> 2;
const TAIL = RECORD.operation >>> 2;

/** Executes the commands that set limits; they are for admins. */
export class LimitDesk {
  readonly #context: CommandContext;

  constructor(context: CommandContext) {
    this.#context = context;
  }

  /** Sets the limits of one wallet. */
  setWalletLimits(lanes: Uint32Array, bytes: Uint8Array, at: number, commandBytes: number): number {
    const { wallets } = this.#context.state;
    const limits = readLimits(bytes, at * 4);
    if (limits === undefined) return CODE.limits_invalid;
    const slot = wallets.find(lanes, at + WALLET);
    if (slot < 0) return isSystemAccountId(lanes, at + WALLET) ? CODE.system_account_protected : CODE.wallet_not_found;
    if (!this.#context.principal.isAdmin) return CODE.forbidden;
    if (wallets.isAccount(slot)) return CODE.system_account_protected;
    if (!this.#context.isExpectedVersion(lanes, at, slot, commandBytes > RECORD_BYTES)) return CODE.version_conflict;
    const currency = lanes[at + TAIL] >>> 16;
    if (currency !== 0 && currency !== wallets.currency[slot]) return CODE.currency_mismatch;
    if (wallets.status[slot] === WALLET_STATUS.closed) return CODE.wallet_closed;
    if (limits.credit !== undefined && !wallets.takesCreditsHereOnly(slot)) return CODE.wallet_striped;
    this.#context.willChange(slot);
    wallets.limits.setOwn(slot, limits, this.#context.frame.nextSequence);
    this.#record(OPERATION.SetWalletLimits, slot, lanes, at, commandBytes);
    return CODE.ok;
  }

  /** Sets the limits of all wallets of a type in a currency on this shard; opens the currency's accounts where missing. */
  setTypeLimits(lanes: Uint32Array, bytes: Uint8Array, at: number, commandBytes: number): number {
    const { state, principal, undo } = this.#context;
    const { wallets } = state;
    const asked = readTypeLimits(bytes, at * 4, state.shard);
    if (typeof asked === "number") return asked;
    if (!principal.isAdmin) return CODE.forbidden;
    const { currency, type, limits } = asked;
    const known = wallets.find(lanes, at + WALLET);
    const isExpected =
      known < 0
        ? readUint64(lanes, at + (RECORD.expectedVersion >>> 2)) === 0
        : this.#context.isExpectedVersion(lanes, at, known, true);
    if (!isExpected) return CODE.version_conflict;
    if (known < 0 && !wallets.hasRoom()) return CODE.ledger_full;
    const slot = wallets.openCurrency(currency);
    if (undo.isOpen) {
      const image = wallets.limits.typeImage(currency, type);
      undo.add(() => wallets.limits.restoreType(currency, type, image));
    }
    this.#context.willChange(slot);
    wallets.limits.setType(currency, type, limits);
    this.#record(OPERATION.SetTypeLimits, slot, lanes, at, commandBytes);
    return CODE.ok;
  }

  #record(operation: number, slot: number, lanes: Uint32Array, at: number, commandBytes: number): void {
    const { state, frame } = this.#context;
    const { wallets } = state;
    const previous = wallets.head[slot];
    const sequence = frame.nextSequence;
    evolveTouched(wallets, slot, sequence);
    recordChange(frame, wallets, operation, slot, previous, lanes, at, commandBytes);
    this.#context.changed(slot, sequence);
  }
}
