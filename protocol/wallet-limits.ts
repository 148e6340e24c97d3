/** Limits of a wallet, or of all wallets of a type: what the metadata of SetWalletLimits and SetTypeLimits says. */

import { z } from "zod";
import { COUNT_MAX, WINDOW_MS_MAX, WINDOW_MS_MIN } from "./limit-bounds.ts";
import { AMOUNT_MINOR_MAX } from "./limits.ts";

const limitMinor = z.int().min(0).max(AMOUNT_MINOR_MAX);

const movementLimits = z.strictObject({
  perTransactionMinor: limitMinor.optional().describe("What one movement may come to; zero allows none."),
  perDayMinor: limitMinor.optional().describe("What all movements of a calendar day may come to."),
  perMonthMinor: limitMinor.optional().describe("What all movements of a calendar month may come to."),
  count: z
    .strictObject({ max: z.int().min(1).max(COUNT_MAX), windowMs: z.int().min(WINDOW_MS_MIN).max(WINDOW_MS_MAX) })
    .optional()
    .describe("How many movements a window may hold; it begins with the first one after the window before has ended."),
});

/** Limits for what leaves a wallet and for what enters it; one that is absent does not apply. */
export const walletLimits = z.strictObject({ debit: movementLimits.optional(), credit: movementLimits.optional() });
export type WalletLimits = z.output<typeof walletLimits>;

const decoder = new TextDecoder("utf-8", { fatal: true });

/** Reads limits from the metadata of a command; undefined where they do not describe any (`limits_invalid`). */
export function readWalletLimits(metadata: Uint8Array): WalletLimits | undefined {
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(metadata));
  } catch {
    return undefined;
  }
  return walletLimits.safeParse(value).data;
}
