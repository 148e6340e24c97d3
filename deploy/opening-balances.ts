import { z } from "zod";
import type { RecordView } from "../engine/journal/record-view.ts";
import { WALLET_TYPE } from "../protocol/command-record.ts";
import { CURRENCY_CODES, currencyNumber } from "../protocol/currencies.ts";
import { formatUuid, isUuid, shardOfUuid, type UuidV7, writeSystemAccountId } from "../protocol/ids.ts";
import { AMOUNT_MINOR_MAX } from "../protocol/limits.ts";
import type { Parsed } from "./event-schema.ts";

const id = z
  .string()
  .refine(isUuid, "must be a UUID")
  .transform((text) => text.toLowerCase());

const schema = z.strictObject({
  walletId: id,
  ownerId: id,
  currency: z.enum(CURRENCY_CODES),
  type: z.enum(["customer", "merchant", "system"]).default("customer"),
  overdraftLimitMinor: z.number().int().min(0).max(AMOUNT_MINOR_MAX).default(0),
  balanceMinor: z.number().int().min(-AMOUNT_MINOR_MAX).max(AMOUNT_MINOR_MAX),
});

/** A wallet with the balance that it arrives with. */
export type OpeningBalance = z.output<typeof schema>;

/** Reads a line of opening balances. */
export function parseOpeningBalance(value: unknown): Parsed<OpeningBalance> {
  const result = schema.safeParse(value);
  if (!result.success) {
    const [issue] = result.error.issues;
    return { problem: `${issue.path.join(".") || "the line"}: ${issue.message}` };
  }
  const { balanceMinor, overdraftLimitMinor } = result.data;
  if (balanceMinor < -overdraftLimitMinor) return { problem: "balanceMinor: is below what overdraftLimitMinor allows" };
  return { value: result.data };
}

/** The events that open a wallet, activate it and bring its balance from outside; each has a command id of its own. */
export function openingEvents(wallet: OpeningBalance, shards: number, ids: UuidV7): RecordView[] {
  const { walletId, ownerId, type, overdraftLimitMinor, balanceMinor } = wallet;
  const currency = currencyNumber(wallet.currency);
  const common = { walletId, postedMinor: 0, availableMinor: overdraftLimitMinor, previous: 0 };
  const limit = overdraftLimitMinor === 0 ? {} : { amountMinor: overdraftLimitMinor };
  const opened: RecordView[] = [
    {
      type: "WalletChanged",
      ...common,
      version: 1,
      command: {
        id: ids.next(),
        operation: "CreateWallet",
        walletId,
        counterpartyId: ownerId,
        currency,
        walletType: WALLET_TYPE[type],
        ...limit,
      },
    },
    {
      type: "WalletChanged",
      ...common,
      version: 2,
      command: { id: ids.next(), operation: "ActivateWallet", walletId },
    },
  ];
  if (balanceMinor === 0) return opened;
  const available = overdraftLimitMinor === 0 ? {} : { availableMinor: balanceMinor + overdraftLimitMinor };
  const side = { walletId, postedMinor: balanceMinor, version: 3, previous: 0, ...available };
  const account = (kind: "funding" | "payout"): typeof side => {
    const bytes = new Uint8Array(16);
    writeSystemAccountId(bytes, 0, shardOfUuid(walletId, shards), currency, kind);
    return { walletId: formatUuid(bytes), postedMinor: 0, version: 0, previous: 0 };
  };
  const movement: RecordView =
    balanceMinor > 0
      ? { type: "Credited", id: ids.next(), amountMinor: balanceMinor, debit: account("funding"), credit: side }
      : { type: "Debited", id: ids.next(), amountMinor: -balanceMinor, debit: side, credit: account("payout") };
  return [...opened, movement];
}
