import type { PayoutCommand } from "../../protocol/payout/commands.ts";
import type { PayoutEvent } from "../../protocol/payout/events.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import type { ActorContext, ActorDecision, SagaEnd } from "../actor/actor.ts";
import { fromProvider, isAsAsked, isKept, type Reported, toProvider, undecided } from "../provider/attention.ts";
import type { SagaStep } from "../saga/saga.ts";
import type { PayoutState, PayoutStatus } from "./payout.ts";

type Decision = ActorDecision<PayoutEvent>;

/** Statuses in which the provider may have the order, and has not said how it ended. */
const OPEN: ReadonlySet<PayoutStatus> = new Set(["RESERVED", "PENDING"]);

/**
 * Decides a command. The checks run in this order: the sender may, the payout exists, its status.
 *
 * Word of money is always taken. It ends the payout where it is the money that was reserved, while it is reserved; anything else is
 * kept for an operator.
 */
export function decidePayout(
  state: PayoutState | undefined,
  command: PayoutCommand,
  { sender, nowMs: atMs }: ActorContext,
): Decision {
  // All of it carries the word of a provider, or names the account of one.
  if (!sender.isAdmin) return { code: "forbidden" };
  if (command.type === "InitiatePayout") return initiate(state, command, atMs);
  if (state === undefined) return { code: "payout_not_found" };
  switch (command.type) {
    case "SubmitPayout": {
      const { reference } = command;
      if (state.reference === reference) return happened();
      if (state.reference !== undefined || state.status === "INITIATED") return { code: "payout_status_conflict" };
      return happened({ type: "PayoutSubmitted", reference, atMs });
    }
    case "ConfirmPayout":
      return confirm(state, command, atMs);
    case "FailPayout":
      if (!OPEN.has(state.status)) return { code: "payout_status_conflict" };
      return steps(fromProvider(state, state.amountMinor, "retry"));
    case "ResolvePayout": {
      const { type: _, ...decision } = command;
      const one = undecided(state.attention, command.transactionId);
      if (one === undefined) return { code: "attention_not_found" };
      const closed = { type: "PayoutAttentionClosed", ...decision, atMs } as const;
      if (command.decision === "dismiss") return happened(closed);
      if (one.currency !== state.currency) return { code: "currency_mismatch" };
      // What is reserved pays for it; else the amount that was paid is taken from the wallet once more.
      const { transactionId } = command;
      if (OPEN.has(state.status)) return happened({ type: "PayoutPaid", transactionId, atMs }, closed);
      return steps(toProvider(state, one.amountMinor, null));
    }
    default:
      return unreachable(command);
  }
}

/** What has happened to a payout when the wallets have done their part. */
export function concludePayout(state: PayoutState, end: SagaEnd<PayoutCommand>): readonly PayoutEvent[] {
  const { command, saga, code } = end;
  const atMs = saga.askedAtMs;
  switch (command.type) {
    case "InitiatePayout":
      return [code === "ok" ? { type: "PayoutReserved", atMs } : { type: "PayoutFailed", reason: code, atMs }];
    case "FailPayout":
      return code === "ok" ? [{ type: "PayoutFailed", reason: command.reason, atMs }] : [];
    case "ResolvePayout": {
      if (code !== "ok") return [];
      const { type: _, ...decision } = command;
      const closed = { type: "PayoutAttentionClosed", ...decision, atMs } as const;
      // Paid twice stays paid; the wallet has now given both.
      if (state.status === "PAID") return [closed];
      return [{ type: "PayoutPaid", transactionId: command.transactionId, atMs }, closed];
    }
    case "SubmitPayout":
    case "ConfirmPayout":
      throw new Error(`${command.type} has no steps`);
    default:
      return unreachable(command);
  }
}

/** The amount goes to the provider's account before the provider hears of it. */
function initiate(
  state: PayoutState | undefined,
  command: Extract<PayoutCommand, { type: "InitiatePayout" }>,
  atMs: number,
): Decision {
  if (state !== undefined) return { code: "payout_exists" };
  const { type: _, ...facts } = command;
  if (facts.walletId === facts.providerWalletId) return { code: "same_wallet" };
  const ownerId = facts.ownerId.toLowerCase();
  return {
    code: "ok",
    events: [{ type: "PayoutInitiated", ...facts, ownerId, atMs }],
    steps: [toProvider(facts, facts.amountMinor, ownerId === "" ? null : ownerId)],
  };
}

function confirm(state: PayoutState, { transactionId, amountMinor, currency }: Reported, atMs: number): Decision {
  if (state.transactionId === transactionId || isKept(state.attention, transactionId)) return happened();
  const reported = { transactionId, amountMinor, currency };
  const flag = (cause: "moved_twice" | "amount_differs" | "late"): Decision =>
    happened({ type: "PayoutNeedsAttention", ...reported, cause, atMs });
  if (state.status === "PAID") return flag("moved_twice");
  if (!isAsAsked(state, reported)) return flag("amount_differs");
  if (!OPEN.has(state.status)) return flag("late");
  return happened({ type: "PayoutPaid", transactionId, atMs });
}

function happened(...events: readonly PayoutEvent[]): Decision {
  return { code: "ok", events };
}

function steps(...list: readonly SagaStep[]): Decision {
  return { code: "ok", steps: list };
}
