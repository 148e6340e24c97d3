/** A random program over all commands that move money or change wallets, sent through the client. */

import type { Command } from "../client/commands.ts";
import type { Mizan } from "../client/index.ts";
import { UuidV7 } from "../protocol/ids.ts";

const ids = new UuidV7();
const TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const FAR_AHEAD_MS = 4_102_444_800_000;

/** The wallets of a story. The last but one is striped, the last one of another currency. */
export interface Story {
  readonly wallets: readonly string[];
  /** Commands that may be named later: holds and movements. */
  readonly named: { readonly id: string; readonly walletId: string }[];
}

/** Opens the wallets and funds them. */
export async function beginStory(mizan: Mizan): Promise<Story> {
  const ownerId = ids.next();
  const wallets = Array.from({ length: 12 }, () => ids.next());
  const commands = wallets.flatMap((walletId, index): Command[] => [
    { type: "CreateWallet", walletId, ownerId, currency: index === wallets.length - 1 ? "USD" : "EGP" },
    { type: "ActivateWallet", walletId },
    { type: "Credit", walletId, amountMinor: 1_000_000 },
  ]);
  await inOrder(mizan, [
    ...commands,
    { type: "StripeWallet", walletId: wallets[wallets.length - 2] },
    { type: "SetOverdraftLimit", walletId: wallets[0], overdraftLimitMinor: 5_000 },
    { type: "SetWalletLimits", walletId: wallets[1], limits: { debit: { perTransactionMinor: 900 } } },
  ]);
  return { wallets, named: [] };
}

async function inOrder(mizan: Mizan, commands: readonly Command[]): Promise<void> {
  for (const command of commands) {
    const [result] = await mizan.batch([command]);
    if (!result.ok) throw new Error(`${command.type}: ${result.code}`);
  }
}

/** Sends a batch of random commands; many of them are refused. */
export async function continueStory(mizan: Mizan, story: Story, random: () => number, count: number): Promise<void> {
  const commands = Array.from({ length: count }, () => randomCommand(story, random));
  for (const command of commands) {
    if (command.commandId !== undefined && "walletId" in command && command.walletId !== undefined) {
      story.named.push({ id: command.commandId, walletId: command.walletId });
    } else if (command.type === "Transfer" && command.commandId !== undefined) {
      story.named.push({ id: command.commandId, walletId: command.fromWalletId });
    }
  }
  await mizan.batch(commands);
}

function randomCommand({ wallets, named }: Story, random: () => number): Command {
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)];
  const walletId = pick(wallets);
  const toWalletId = pick(wallets);
  const amountMinor = 1 + Math.floor(random() * 1_200);
  const extras = {
    commandId: ids.next(),
    ...(random() < 0.2 ? { reference: ids.next() } : {}),
    ...(random() < 0.2 ? { metadata: { note: "قهوة", traceparent: TRACE, tracestate: "a=1,b=2" } } : {}),
  };
  const target = named.length === 0 ? { id: ids.next(), walletId } : pick(named.slice(-40));
  const turn = random();
  if (turn < 0.45) return { type: "Transfer", fromWalletId: walletId, toWalletId, amountMinor, ...extras };
  if (turn < 0.5) return { type: "Credit", walletId, amountMinor, ...extras };
  if (turn < 0.55) return { type: "Debit", walletId, amountMinor, ...extras };
  if (turn < 0.68) {
    const hold = random() < 0.3 ? { expiresAtMs: Date.now() + 40 + Math.floor(random() * 200) } : {};
    return { type: "PlaceHold", walletId, amountMinor, ...(random() < 0.3 ? { toWalletId } : {}), ...hold, ...extras };
  }
  if (turn < 0.78) {
    const to = random() < 0.6 ? { toWalletId } : {};
    return {
      type: "CaptureHold",
      walletId: target.walletId,
      holdId: target.id,
      final: random() < 0.5,
      ...to,
      ...extras,
    };
  }
  if (turn < 0.81) return { type: "VoidHold", walletId: target.walletId, holdId: target.id, ...extras };
  if (turn < 0.89) return { type: "ReverseTransfer", walletId: target.walletId, transferId: target.id, ...extras };
  if (turn < 0.95) {
    const rate = { numerator: 1 + Math.floor(random() * 60), denominator: 3 };
    const quote = { rate, quoteExpiresAtMs: FAR_AHEAD_MS };
    const usd = wallets[wallets.length - 1];
    const [from, to] = random() < 0.5 ? [walletId, usd] : [usd, walletId];
    return { type: "ExchangeCurrency", fromWalletId: from, toWalletId: to, amountMinor, ...quote, ...extras };
  }
  if (turn < 0.97) return { type: "FreezeWallet", walletId, ...extras };
  return { type: "UnfreezeWallet", walletId, ...extras };
}
