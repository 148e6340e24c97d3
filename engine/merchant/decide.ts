import { currencyNumber } from "../../protocol/currencies.ts";
import type { MerchantCommand } from "../../protocol/merchant/commands.ts";
import type { MerchantEvent } from "../../protocol/merchant/events.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import type { ActorContext, ActorDecision, SagaEnd, Sender } from "../actor/actor.ts";
import type { SagaStep } from "../saga/saga.ts";
import { nextBatchAtMs } from "./calendar.ts";
import { type MerchantState, type MerchantStatus, nextNumber } from "./merchant.ts";

type Decision = ActorDecision<MerchantEvent>;
type Other = Exclude<MerchantCommand["type"], "RegisterMerchant">;

/** What is free belongs to the batch, however little it is. */
const ANY_MINOR = 1;

const OPEN: ReadonlySet<MerchantStatus> = new Set(["ACTIVE", "SUSPENDED"]);

/** Command → the statuses in which it is taken. */
const TAKEN: Readonly<Record<Other, ReadonlySet<MerchantStatus>>> = {
  ChangeFeeRule: OPEN,
  ChangeSettlement: OPEN,
  SuspendMerchant: new Set(["ACTIVE"]),
  ReactivateMerchant: new Set(["SUSPENDED"]),
  CloseMerchant: OPEN,
  CloseBatch: new Set(["ACTIVE", "CLOSED"]),
};

/** Decides a command. The checks run in this order: the merchant exists, the sender may, its status, the rest. */
export function decideMerchant(
  state: MerchantState | undefined,
  command: MerchantCommand,
  { sender, nowMs }: ActorContext,
): Decision {
  if (command.type === "RegisterMerchant") return register(state, command, sender, nowMs);
  if (state === undefined) return { code: "merchant_not_found" };
  const isOwners = command.type === "ChangeSettlement" && ownsMerchant(state, sender);
  if (!sender.isAdmin && !isOwners) return { code: "forbidden" };
  if (!TAKEN[command.type].has(state.status)) return { code: "merchant_status_conflict" };
  switch (command.type) {
    case "ChangeFeeRule": {
      const { fee } = command;
      if (fee?.walletId === state.walletId) return { code: "same_wallet" };
      return happened({ type: "FeeRuleChanged", ...(fee === undefined ? {} : { fee }) });
    }
    case "ChangeSettlement": {
      const payoutWalletId = command.payoutWalletId ?? state.payoutWalletId;
      if (payoutWalletId === state.walletId) return { code: "same_wallet" };
      const settlement = command.settlement ?? state.settlement;
      return happened({
        type: "SettlementChanged",
        payoutWalletId,
        settlement,
        minimumPayoutMinor: command.minimumPayoutMinor ?? state.minimumPayoutMinor,
        nextBatchAtMs: nextBatchAtMs(settlement, nowMs),
      });
    }
    case "SuspendMerchant":
      return happened({ type: "MerchantSuspended", reason: command.reason });
    case "ReactivateMerchant":
      return happened({ type: "MerchantReactivated" });
    case "CloseMerchant":
      return closeBatch(state, ANY_MINOR, nowMs);
    case "CloseBatch":
      return closeBatch(state, state.minimumPayoutMinor, nowMs);
    default:
      return unreachable(command);
  }
}

/** What has happened to a merchant when its wallet has been asked for what is free. */
export function concludeMerchant(state: MerchantState, end: SagaEnd<MerchantCommand>): readonly MerchantEvent[] {
  const { command, code, answer, askIds } = end;
  if (state.closing === undefined) throw new Error(`${command.type} has no steps`);
  const { number, begunAtMs: closedAtMs } = state.closing;
  if (code !== "ok") return [{ type: "BatchRefused", number, code }];
  if (answer === undefined) throw new Error("a batch was closed without a wallet's answer");
  const { shard, sequence, version: walletVersion, amountMinor } = answer;
  const position = `${shard}:${sequence}`;
  const isPaid = answer.code === "ok";
  const paid = isPaid ? { payoutMinor: amountMinor, payoutId: askIds[0] } : { payoutMinor: 0 };
  const closed: MerchantEvent = { type: "BatchClosed", number, ...paid, position, walletVersion, closedAtMs };
  return command.type === "CloseMerchant" ? [closed, { type: "MerchantClosed", reason: command.reason }] : [closed];
}

export function ownsMerchant({ ownerId }: MerchantState, sender: Sender): boolean {
  return sender.isAdmin || ownerId === sender.ownerId;
}

/** A merchant names its fee and whose money it is, so admins register it. */
function register(
  state: MerchantState | undefined,
  command: Extract<MerchantCommand, { type: "RegisterMerchant" }>,
  sender: Sender,
  nowMs: number,
): Decision {
  if (!sender.isAdmin) return { code: "forbidden" };
  if (state !== undefined) return { code: "merchant_exists" };
  const { type: _, minimumPayoutMinor = ANY_MINOR, ...facts } = command;
  if ([facts.payoutWalletId, facts.fee?.walletId].includes(facts.walletId)) return { code: "same_wallet" };
  return happened({
    type: "MerchantRegistered",
    ...facts,
    minimumPayoutMinor,
    nextBatchAtMs: nextBatchAtMs(facts.settlement, nowMs),
    registeredAtMs: nowMs,
  });
}

/** The wallet itself says how much is free when it is asked, so nothing that comes in meanwhile is lost or counted twice. */
function closeBatch(state: MerchantState, leastMinor: number, nowMs: number): Decision {
  const sweep: SagaStep = {
    ask: {
      operation: "SweepBalance",
      walletId: state.walletId,
      toWalletId: state.payoutWalletId,
      amountMinor: leastMinor,
      currency: currencyNumber(state.currency),
      forOwnerId: null,
    },
    refused: "undo",
    doneBy: ["insufficient_funds"],
  };
  const next = nextBatchAtMs(state.settlement, nowMs);
  return {
    code: "ok",
    events: [{ type: "BatchBegun", number: nextNumber(state), begunAtMs: nowMs, nextBatchAtMs: next }],
    steps: [sweep],
  };
}

function happened(event: MerchantEvent): Decision {
  return { code: "ok", events: [event] };
}
