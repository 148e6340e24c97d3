import type { CommandView } from "../../engine/journal/command-view.ts";
import { readTypeLimits } from "../../engine/limits/limit-command.ts";
import { ROW_VALUES, writeLimits } from "../../engine/limits/limit-values.ts";
import { currencyOf } from "../../protocol/currencies.ts";
import { formatUuid, writeSystemAccountId } from "../../protocol/ids.ts";
import { accountKind, currencyOfAccount } from "./account-kind.ts";
import { commandBytes } from "./command-bytes.ts";

const UNLIMITED = textOf({});

/**
 * Limits of wallet types in a ledger whose number of shards changes.
 *
 * Every shard is told them by itself, by commands with one id. The new shards are told when the first of the old ones was:
 * what wallets of the others moved between that and their own word counts as well.
 */
export class TypeLimitsOfShards {
  readonly #oldShards: number;
  /** Command id → what it said. */
  readonly #said = new Map<string, string>();
  /** Old shard → currency and type → the limits in force. */
  readonly #inForce = new Map<number, Map<string, string>>();

  constructor(oldShards: number) {
    this.#oldShards = oldShards;
  }

  /** Whether a command is one that each shard is told by itself. */
  isToldToEach({ operation, walletId }: CommandView): boolean {
    return operation === "SetTypeLimits" && accountKind(walletId) === "funding";
  }

  /** Whether no shard has been told a command before. **Errors**: throws where one was told something else by the same id. */
  isFirst(command: CommandView, code: string): boolean {
    const said = `${code} ${Buffer.from(commandBytes(toldTo(command, 0))).toString("hex")}`;
    const before = this.#said.get(command.id);
    if (before !== undefined && before !== said) {
      throw new Error(`the shards were told different limits of wallet types by the same id ${command.id}`);
    }
    this.#said.set(command.id, said);
    return before === undefined;
  }

  /** Notes what a command set on an old shard. */
  set(oldShard: number, command: CommandView): void {
    const asked = readTypeLimits(commandBytes(command), 0, oldShard);
    if (typeof asked === "number") throw new Error("limits of a wallet type are none");
    const ofShard = this.#inForce.get(oldShard) ?? new Map<string, string>();
    ofShard.set(`${currencyOf(asked.currency)} ${asked.type}`, textOf(asked.limits));
    this.#inForce.set(oldShard, ofShard);
  }

  /** **Errors**: throws where the shards do not have the same limits in the end, so that a new shard could not have them. */
  requireSame(): void {
    const keys = new Set([...this.#inForce.values()].flatMap((ofShard) => [...ofShard.keys()]));
    for (const key of keys) {
      const limits = Array.from(
        { length: this.#oldShards },
        (_, shard) => this.#inForce.get(shard)?.get(key) ?? UNLIMITED,
      );
      const other = limits.findIndex((text) => text !== limits[0]);
      if (other < 0) continue;
      const [currency, type] = key.split(" ");
      throw new Error(
        `shards 0 and ${other} have different limits for wallets of type ${type} in ${currency}; set them on all shards first`,
      );
    }
  }
}

/** A command as it is told to a shard. */
export function toldTo(command: CommandView, shard: number): CommandView {
  const bytes = new Uint8Array(16);
  writeSystemAccountId(bytes, 0, shard, currencyOfAccount(command.walletId), "funding");
  return { ...command, walletId: formatUuid(bytes) };
}

function textOf(limits: Parameters<typeof writeLimits>[2]): string {
  const values = new Float64Array(ROW_VALUES);
  writeLimits(values, 0, limits);
  return values.join(",");
}
