import { currencyNumber } from "../../protocol/currencies.ts";
import type { InitiatePayment, PaymentCommand } from "../../protocol/payment/commands.ts";
import type { PaymentEvent } from "../../protocol/payment/events.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import type { ActorContext, ActorDecision, SagaEnd, Sender } from "../actor/actor.ts";
import type { SagaStep, WalletAsk } from "../saga/saga.ts";
import { payeeOf } from "./payee.ts";
import type { PaymentState, PaymentStatus } from "./payment.ts";
import { captureParts, GONE, refundParts, splitChecks, splitRefundSteps, splitsOf, sumOf } from "./split.ts";

/** What may be asked of a payment, and what the ledger asks by itself when its time is over. */
export type AnyPaymentCommand = PaymentCommand | { readonly type: "ExpirePayment" };

type Decision = ActorDecision<PaymentEvent>;
type Other = Exclude<AnyPaymentCommand["type"], "InitiatePayment">;

/** Command → the statuses in which it is taken. */
const TAKEN: Readonly<Record<Other, ReadonlySet<PaymentStatus>>> = {
  AuthorizePayment: new Set(["INITIATED"]),
  CapturePayment: new Set(["AUTHORIZED", "PARTIALLY_CAPTURED"]),
  VoidPayment: new Set(["INITIATED", "AUTHORIZED", "PARTIALLY_CAPTURED"]),
  RefundPayment: new Set(["PARTIALLY_CAPTURED", "CAPTURED"]),
  FailPayment: new Set(["INITIATED"]),
  ExpirePayment: new Set(["INITIATED", "AUTHORIZED", "PARTIALLY_CAPTURED"]),
};

/**
 * Decides a command. The checks run in this order: the payment exists, the sender may, its status, its time, the amount.
 *
 * Authorising needs the right to the payer's wallet, and refunding to the merchant's: their shards say so.
 */
export function decidePayment(
  state: PaymentState | undefined,
  command: AnyPaymentCommand,
  context: ActorContext,
): Decision {
  if (command.type === "InitiatePayment") return initiate(state, command, context);
  if (state === undefined) return { code: "payment_not_found" };
  const { sender, nowMs } = context;
  if (command.type !== "AuthorizePayment" && !ownsPayment(state, sender)) return { code: "forbidden" };
  if (!TAKEN[command.type].has(state.status)) return { code: "payment_status_conflict" };
  const isOver = state.expiresAtMs !== undefined && state.expiresAtMs <= nowMs;
  switch (command.type) {
    case "AuthorizePayment":
      return isOver ? { code: "payment_expired" } : steps(toUndo(placeHold(state, sender)));
    case "CapturePayment":
      return isOver ? { code: "payment_expired" } : capture(state, command);
    case "VoidPayment":
      return state.holdId === undefined ? happened({ type: "PaymentVoided", releasedMinor: 0 }) : steps(release(state));
    case "ExpirePayment":
      return state.holdId === undefined
        ? happened({ type: "PaymentExpired", releasedMinor: 0 })
        : steps(release(state));
    case "RefundPayment":
      return refund(state, command, sender);
    case "FailPayment":
      return happened({ type: "PaymentFailed", reason: command.reason });
    default:
      return unreachable(command);
  }
}

/** What has happened to a payment when the wallets have done their part. */
export function concludePayment(state: PaymentState, end: SagaEnd<AnyPaymentCommand>): readonly PaymentEvent[] {
  const { command, sender, code, askIds } = end;
  if (code !== "ok") return [];
  switch (command.type) {
    case "AuthorizePayment":
      return [{ type: "PaymentAuthorized", holdId: askIds[0], payerOwnerId: sender.ownerId }];
    case "CapturePayment": {
      const amountMinor = command.amountMinor ?? uncapturedMinor(state);
      const { feeMinor, splitsMinor } = captureParts(state, amountMinor);
      const isFinal = command.final === true || amountMinor === uncapturedMinor(state);
      const type = isFinal ? "PaymentCaptured" : "PaymentPartlyCaptured";
      return [{ type, amountMinor, feeMinor, ...dividedIn(state, splitsMinor) }];
    }
    case "VoidPayment":
      return [{ type: "PaymentVoided", releasedMinor: uncapturedMinor(state) }];
    case "ExpirePayment":
      return [{ type: "PaymentExpired", releasedMinor: uncapturedMinor(state) }];
    case "RefundPayment": {
      const amountMinor = command.amountMinor ?? unrefundedMinor(state);
      const isAll = state.status === "CAPTURED" && amountMinor === unrefundedMinor(state);
      const type = isAll ? "PaymentRefunded" : "PaymentPartlyRefunded";
      return [{ type, amountMinor, ...dividedIn(state, refundParts(state, amountMinor).splitsMinor) }];
    }
    case "InitiatePayment":
    case "FailPayment":
      throw new Error(`${command.type} has no steps`);
    default:
      return unreachable(command);
  }
}

/** Whether somebody may capture, void and refund a payment. */
export function ownsPayment({ ownerId }: PaymentState, sender: Sender): boolean {
  return sender.isAdmin || ownerId === sender.ownerId;
}

function initiate(
  state: PaymentState | undefined,
  command: InitiatePayment,
  { sender, nowMs, found }: ActorContext,
): Decision {
  const payee = payeeOf(command, sender, found);
  if ("code" in payee) return payee;
  if (state !== undefined) return { code: "payment_exists" };
  const { type: _, ownerId: _ownerId, expiresAt, splits: _splits, ...asked } = command;
  const expiresAtMs = expiresAt === undefined ? undefined : Date.parse(expiresAt);
  if (expiresAtMs !== undefined && expiresAtMs <= nowMs) return { code: "expiry_invalid" };
  const facts = { ...asked, ...payee };
  const others = (command.splits ?? []).map(({ walletId }) => walletId);
  const wallets = [facts.payerWalletId, facts.merchantWalletId, ...others];
  if (new Set(wallets).size < wallets.length) return { code: "same_wallet" };
  if (facts.fee?.walletId === facts.payerWalletId) return { code: "same_wallet" };
  const splits = splitsOf({ ...facts, ...(command.splits === undefined ? {} : { splits: command.splits }) });
  if (splits === undefined) return { code: "splits_exceeded" };
  return happened({
    type: "PaymentInitiated",
    ...facts,
    ...(splits.length === 0 ? {} : { splits }),
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
    initiatedAtMs: nowMs,
  });
}

/**
 * The merchant's part first: where its wallet refuses, nothing has happened, and the hold is as it was. The fee then only has
 * to arrive, and what is left to be released.
 *
 * The payer may void his hold between the two; the fee then comes from his balance.
 */
function capture(state: PaymentState, command: Extract<PaymentCommand, { type: "CapturePayment" }>): Decision {
  const leftMinor = uncapturedMinor(state);
  const amountMinor = command.amountMinor ?? leftMinor;
  if (amountMinor > leftMinor) return { code: "payment_amount_exceeded" };
  const { feeMinor, merchantMinor, splitsMinor } = captureParts(state, amountMinor);
  const told = toldOf(state, { capturedMinor: amountMinor, feeMinor, splitsMinor: sumOf(splitsMinor) });
  const parts: readonly {
    toWalletId: string;
    amountMinor: number;
    refused: SagaStep["refused"];
    told?: typeof told;
  }[] = [
    { toWalletId: state.merchantWalletId, amountMinor: merchantMinor, refused: "undo", told },
    ...splitsMinor.map((partMinor, index) => ({
      toWalletId: state.splits?.[index].walletId ?? "",
      amountMinor: partMinor,
      refused: "retry" as const,
    })),
    { toWalletId: state.fee?.walletId ?? "", amountMinor: feeMinor, refused: "retry" },
  ];
  const taken = parts.filter((part) => part.amountMinor > 0);
  const captures = taken.map(({ toWalletId, amountMinor: partMinor, refused, told: metadata }, index): SagaStep => {
    const ask: WalletAsk = { ...ofPayer(state, "CaptureHold", partMinor), toWalletId, ...metadata };
    // The first step may fail, whichever it is.
    if (index === 0 || refused === "undo") return { ask, refused: "undo" };
    const { holdId: _, ...direct } = ask;
    return { ask, refused, instead: { of: GONE, ask: { ...direct, operation: "Transfer" } } };
  });
  const leavesRest = command.final === true && amountMinor < leftMinor;
  return steps(...splitChecks(state, splitsMinor), ...captures, ...(leavesRest ? [release(state)] : []));
}

function refund(
  state: PaymentState,
  command: Extract<PaymentCommand, { type: "RefundPayment" }>,
  sender: Sender,
): Decision {
  const leftMinor = unrefundedMinor(state);
  const amountMinor = command.amountMinor ?? leftMinor;
  if (amountMinor > leftMinor || leftMinor === 0) return { code: "payment_amount_exceeded" };
  const { merchantMinor, splitsMinor } = refundParts(state, amountMinor);
  const told = toldOf(state, { refundedMinor: amountMinor, splitsMinor: sumOf(splitsMinor) });
  const parts = [
    {
      walletId: state.merchantWalletId,
      amountMinor: merchantMinor,
      forOwnerId: sender.isAdmin ? null : sender.ownerId,
    },
    ...splitsMinor.map((partMinor, index) => ({
      walletId: state.splits?.[index].walletId ?? "",
      amountMinor: partMinor,
      // Whoever has a part in a payment has a part in its refunds, too.
      forOwnerId: null,
    })),
  ].filter((part) => part.amountMinor > 0);
  if (parts.length > 1) return steps(...splitRefundSteps(state, parts, told));
  const { payerWalletId: toWalletId } = state;
  const currency = currencyNumber(state.currency);
  return steps(...parts.map((part) => toUndo({ operation: "Transfer", ...part, toWalletId, currency, ...told })));
}

/** What a movement of a registered merchant's wallet says of the payment, for the report of its batch. */
function toldOf({ merchantId }: PaymentState, amounts: Readonly<Record<string, number>>): Pick<WalletAsk, "metadata"> {
  return merchantId === undefined ? {} : { metadata: { merchantId, ...amounts } };
}

function dividedIn(state: PaymentState, splitsMinor: readonly number[]): { readonly splitsMinor?: number[] } {
  return state.splits === undefined ? {} : { splitsMinor: [...splitsMinor] };
}

function placeHold(state: PaymentState, sender: Sender): WalletAsk {
  const forOwnerId = sender.isAdmin ? null : sender.ownerId;
  return { ...ofPayer(state, "PlaceHold", state.amountMinor), forOwnerId };
}

function release(state: PaymentState): SagaStep {
  return { ask: ofPayer(state, "VoidHold", 0), refused: "retry", doneBy: GONE };
}

function ofPayer(state: PaymentState, operation: WalletAsk["operation"], amountMinor: number): WalletAsk {
  const { payerWalletId: walletId, currency, holdId } = state;
  const common = { operation, walletId, amountMinor, currency: currencyNumber(currency), forOwnerId: null };
  return holdId === undefined ? common : { ...common, holdId };
}

function uncapturedMinor({ amountMinor, capturedMinor }: PaymentState): number {
  return amountMinor - capturedMinor;
}

function unrefundedMinor({ capturedMinor, refundedMinor }: PaymentState): number {
  return capturedMinor - refundedMinor;
}

function toUndo(ask: WalletAsk): SagaStep {
  return { ask, refused: "undo" };
}

function happened(event: PaymentEvent): Decision {
  return { code: "ok", events: [event] };
}

function steps(...list: readonly SagaStep[]): Decision {
  return { code: "ok", steps: list };
}
