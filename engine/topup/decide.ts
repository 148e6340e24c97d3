import type { TopUpCommand } from "../../protocol/topup/commands.ts";
import type { TopUpEvent } from "../../protocol/topup/events.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import type { ActorContext, ActorDecision, SagaEnd, Sender } from "../actor/actor.ts";
import { fromProvider, isAsAsked, isKept, type Reported, toProvider, undecided } from "../provider/attention.ts";
import type { SagaStep } from "../saga/saga.ts";
import type { TopUpState, TopUpStatus } from "./topup.ts";

/** What may be asked of a top-up, and what the ledger asks by itself when its time is over. */
export type AnyTopUpCommand = TopUpCommand | { readonly type: "ExpireTopUp" };

type Decision = ActorDecision<TopUpEvent>;

/** Statuses in which nothing was paid yet, and may be. */
export const OPEN_TOP_UPS: ReadonlySet<TopUpStatus> = new Set(["INITIATED", "PENDING"]);
/** How long a top-up may be paid that names no end. */
const DAY_MS = 86_400_000;
const ENDED_UNPAID: ReadonlySet<TopUpStatus> = new Set(["FAILED", "EXPIRED"]);

/**
 * Decides a command. The checks run in this order: the sender may, the top-up exists, the sender owns it, its status.
 *
 * Word of money is always taken. It moves money where it is the money that was asked for, while it is asked for; anything else is
 * kept for an operator.
 */
export function decideTopUp(
  state: TopUpState | undefined,
  command: AnyTopUpCommand,
  { sender, nowMs: atMs }: ActorContext,
): Decision {
  // What else there is carries the word of a provider, which only the ledger itself has asked.
  if (!sender.isAdmin && command.type !== "FailTopUp") return { code: "forbidden" };
  if (command.type === "InitiateTopUp") return initiate(state, command, atMs);
  if (state === undefined) return { code: "topup_not_found" };
  if (!ownsTopUp(state, sender)) return { code: "forbidden" };
  switch (command.type) {
    case "SubmitTopUp": {
      const { reference, payment } = command;
      if (state.reference === reference) return happened();
      if (state.reference !== undefined) return { code: "topup_status_conflict" };
      return happened({ type: "TopUpSubmitted", reference, payment, atMs });
    }
    case "ConfirmTopUp":
      return confirm(state, command, atMs);
    case "FailTopUp":
      if (!OPEN_TOP_UPS.has(state.status)) return { code: "topup_status_conflict" };
      return happened({ type: "TopUpFailed", reason: command.reason, atMs });
    case "ExpireTopUp":
      if (!OPEN_TOP_UPS.has(state.status)) return { code: "topup_status_conflict" };
      return happened({ type: "TopUpExpired", atMs });
    case "RefundTopUp":
      if (state.status !== "COMPLETED") return { code: "topup_status_conflict" };
      return steps(toProvider(state, paidMinor(state), null));
    case "ConfirmTopUpRefund":
      if (state.status === "REFUNDED" && state.refundId === command.refundId) return happened();
      if (state.status !== "REFUNDING") return { code: "topup_status_conflict" };
      return happened({ type: "TopUpRefunded", refundId: command.refundId, atMs });
    case "FailTopUpRefund":
      if (state.status !== "REFUNDING") return { code: "topup_status_conflict" };
      return steps(fromProvider(state, paidMinor(state), "retry"));
    case "ResolveTopUp": {
      const { type: _, ...decision } = command;
      const one = undecided(state.attention, command.transactionId);
      if (one === undefined) return { code: "attention_not_found" };
      if (command.decision === "dismiss") return happened({ type: "TopUpAttentionClosed", ...decision, atMs });
      if (one.currency !== state.currency) return { code: "currency_mismatch" };
      return steps(fromProvider(state, one.amountMinor, "undo"));
    }
    default:
      return unreachable(command);
  }
}

/** What has happened to a top-up when the wallets have done their part. */
export function concludeTopUp(state: TopUpState, end: SagaEnd<AnyTopUpCommand>): readonly TopUpEvent[] {
  const { command, saga, code } = end;
  const atMs = saga.askedAtMs;
  switch (command.type) {
    case "ConfirmTopUp": {
      const { type: _, ...reported } = command;
      if (code === "ok") return [{ type: "TopUpCompleted", ...reported, atMs }];
      // The person has paid, whatever the wallet says.
      return [{ type: "TopUpNeedsAttention", ...reported, cause: "wallet_refused", atMs }];
    }
    case "RefundTopUp":
      return code === "ok" ? [{ type: "TopUpRefundBegun", reason: command.reason, atMs }] : [];
    case "FailTopUpRefund":
      return code === "ok" ? [{ type: "TopUpRefundFailed", reason: command.reason, atMs }] : [];
    case "ResolveTopUp": {
      const one = undecided(state.attention, command.transactionId);
      if (code !== "ok" || one === undefined) return [];
      const { type: _, ...decision } = command;
      const { transactionId, amountMinor, currency } = one;
      return [
        { type: "TopUpCompleted", transactionId, amountMinor, currency, atMs },
        { type: "TopUpAttentionClosed", ...decision, atMs },
      ];
    }
    case "InitiateTopUp":
    case "SubmitTopUp":
    case "FailTopUp":
    case "ExpireTopUp":
    case "ConfirmTopUpRefund":
      throw new Error(`${command.type} has no steps`);
    default:
      return unreachable(command);
  }
}

/** Whether somebody may see and cancel a top-up. */
export function ownsTopUp({ ownerId }: TopUpState, sender: Sender): boolean {
  return sender.isAdmin || ownerId === sender.ownerId;
}

function initiate(
  state: TopUpState | undefined,
  command: Extract<TopUpCommand, { type: "InitiateTopUp" }>,
  atMs: number,
): Decision {
  if (state !== undefined) return { code: "topup_exists" };
  const { type: _, expiresAt, ownerId, ...facts } = command;
  const expiresAtMs = expiresAt === undefined ? atMs + DAY_MS : Date.parse(expiresAt);
  if (expiresAtMs <= atMs) return { code: "expiry_invalid" };
  if (facts.walletId === facts.providerWalletId) return { code: "same_wallet" };
  return happened({ type: "TopUpInitiated", ...facts, ownerId: ownerId.toLowerCase(), expiresAtMs, atMs });
}

function confirm(state: TopUpState, { transactionId, amountMinor, currency }: Reported, atMs: number): Decision {
  if (state.transactionId === transactionId || isKept(state.attention, transactionId)) return happened();
  const reported = { transactionId, amountMinor, currency };
  const flag = (cause: "moved_twice" | "amount_differs" | "late"): Decision =>
    happened({ type: "TopUpNeedsAttention", ...reported, cause, atMs });
  if (state.transactionId !== undefined) return flag("moved_twice");
  if (!isAsAsked(state, reported)) return flag("amount_differs");
  if (ENDED_UNPAID.has(state.status)) return flag("late");
  return steps(fromProvider(state, amountMinor, "undo"));
}

function paidMinor(state: TopUpState): number {
  return state.paidMinor ?? state.amountMinor;
}

function happened(...events: readonly TopUpEvent[]): Decision {
  return { code: "ok", events };
}

function steps(...list: readonly SagaStep[]): Decision {
  return { code: "ok", steps: list };
}
