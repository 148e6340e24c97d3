import type { Code, Refusal } from "../../protocol/codes.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import { timedIdOf } from "./step-id.ts";

/** What a step asks of a wallet, under an id that follows from the saga. */
export interface WalletAsk {
  /**
   * SweepBalance: a transfer of all that is free, which the wallet's shard finds out when it takes the command. CheckCredit:
   * whether the wallet would take an amount now; it changes nothing.
   */
  readonly operation: "PlaceHold" | "CaptureHold" | "VoidHold" | "Transfer" | "SweepBalance" | "CheckCredit";
  readonly walletId: string;
  readonly toWalletId?: string;
  /** SweepBalance: the least that is worth it. */
  readonly amountMinor: number;
  /** ISO 4217 number. */
  readonly currency: number;
  readonly holdId?: string;
  /** In place of `holdId`: the step of this saga that placed the hold. */
  readonly holdOf?: number;
  /** CaptureHold: what is left of the hold is released with it. */
  readonly isFinal?: boolean;
  /** Whose right it needs: that of an owner, or null for the ledger's own. */
  readonly forOwnerId: string | null;
  /** Stands in the wallets' history with the movement. */
  readonly metadata?: Readonly<Record<string, string | number>>;
}

/** One step, and what becomes of the saga where its wallet refuses. */
export interface SagaStep {
  readonly ask: WalletAsk;
  /** Takes the step back. */
  readonly undo?: WalletAsk;
  /**
   * `undo`: the steps before are taken back, and the saga has failed. `retry`: what was promised must happen, so it is asked for
   * again, and an operator is called in the end.
   */
  readonly refused: "undo" | "retry";
  /** Refusals that say that the step is done already. */
  readonly doneBy?: readonly Refusal[];
  /** What is asked from then on where one of these refusals says that it cannot be done as it was to be. */
  readonly instead?: { readonly of: readonly Refusal[]; readonly ask: WalletAsk };
}

/** INITIATED: nothing is done. DEBITED: some steps are. REFUNDING: those are being taken back. */
export type SagaStatus = "INITIATED" | "DEBITED" | "REFUNDING";

/** What an actor waits for: the steps of one command, in order. It leaves memory when it is COMPLETED or FAILED. */
export interface Saga {
  /** The id of the command that began it. */
  readonly id: string;
  /** The type of that command. */
  readonly type: string;
  readonly steps: readonly SagaStep[];
  readonly status: SagaStatus;
  /** Index of the step that is asked for, or while REFUNDING taken back. */
  readonly at: number;
  /** The time in the id of what is asked for now. A refusal is remembered under its id, so another try needs another one. */
  readonly askedAtMs: number;
  readonly startedAtMs: number;
  /** Tries of the step at hand that failed. */
  readonly failures: number;
  /** When it is asked for again; absent while an answer is awaited, and where it is parked. */
  readonly retryAtMs?: number;
  /** Why the step at hand was not done when it was asked for last. */
  readonly failure?: Refusal;
  /** The step at hand is asked for in its other way. */
  readonly isInstead?: true;
  /** Why the saga takes back what it did. */
  readonly code?: Refusal;
  /** It waits for an operator. */
  readonly isParked: boolean;
}

export type SagaEvent =
  | {
      readonly type: "SagaBegun";
      readonly id: string;
      readonly command: string;
      readonly steps: readonly SagaStep[];
      readonly startedAtMs: number;
    }
  | { readonly type: "SagaStepDone"; readonly askedAtMs: number }
  | {
      readonly type: "SagaDelayed";
      readonly code: Refusal;
      readonly retryAtMs: number;
      readonly askedAtMs: number;
    }
  | { readonly type: "SagaAskedAgain" }
  | { readonly type: "SagaRefunding"; readonly code: Refusal; readonly askedAtMs: number }
  | { readonly type: "SagaParked"; readonly code: Refusal }
  | { readonly type: "SagaUnparked"; readonly reason: string; readonly askedAtMs: number }
  | { readonly type: "SagaEnded"; readonly status: "COMPLETED" | "FAILED"; readonly code: Code };

/** What an answer, a time or an operator does to a saga; `ended` is its final code, where it has come to its end. */
export interface SagaMove {
  readonly events: readonly SagaEvent[];
  readonly ended?: Code;
}

/** Tries before an operator is called: over some eight minutes. */
const FAILURES_MAX = 12;
const DELAY_MS_MIN = 1_000;
const DELAY_MS_MAX = 60_000;

/** What passes by itself: the same id is sent again. */
const TRANSIENT: ReadonlySet<Code> = new Set<Code>([
  "in_progress",
  "overloaded",
  "shutting_down",
  "not_leader",
  "replication_pending",
  "ledger_full",
  "holds_full",
  "hold_busy",
  "id_in_future",
]);

/** What leaves open whether the step was done: nobody but an operator can tell. */
const UNKNOWN: ReadonlySet<Code> = new Set<Code>(["id_expired", "id_reused", "history_expired", "internal_error"]);

const NOTHING: SagaMove = { events: [] };

/**
 * Begins the saga of a command.
 *
 * **Errors**: throws where a step may fail whose steps before cannot be taken back.
 */
export function beginSaga(id: string, command: string, steps: readonly SagaStep[], nowMs: number): SagaEvent {
  const last = steps.findLastIndex(({ refused }) => refused === "undo");
  if (steps.length === 0 || !canUndo(steps.slice(0, Math.max(last, 0)))) {
    throw new Error(`the steps of ${command} cannot be taken back`);
  }
  return { type: "SagaBegun", id, command, steps, startedAtMs: nowMs };
}

/** What is asked for, and its command id. */
export interface Asked {
  readonly id: string;
  readonly ask: WalletAsk;
}

/** What is asked for now; undefined while the saga waits for a time or an operator. */
export function askOf(saga: Saga): Asked | undefined {
  if (saga.isParked || saga.retryAtMs !== undefined) return undefined;
  const step = saga.steps[saga.at];
  const forward = saga.isInstead ? step.instead?.ask : step.ask;
  const ask = saga.status === "REFUNDING" ? step.undo : forward;
  if (ask === undefined) throw new Error(`step ${saga.at} of saga ${saga.id} cannot be taken back`);
  return { id: askId(saga), ask };
}

function askId(saga: Saga): string {
  const way = saga.status === "REFUNDING" ? "undo" : "ask";
  return timedIdOf(saga.askedAtMs, `${saga.id}\0${saga.at}\0${way}`);
}

/** Takes the answer to what was asked for under an id. One that came twice, or too late, changes nothing. */
export function answerSaga(saga: Saga, id: string, code: Code, nowMs: number): SagaMove {
  return askOf(saga)?.id === id ? takeAnswer(saga, code, nowMs) : NOTHING;
}

/** Takes the answer to what is asked for now. */
export function takeAnswer(saga: Saga, code: Code, nowMs: number): SagaMove {
  const step = saga.steps[saga.at];
  if (code === "ok" || step.doneBy?.includes(code) === true) return stepDone(saga, nowMs);
  if (UNKNOWN.has(code)) return { events: [{ type: "SagaParked", code }] };
  if (TRANSIENT.has(code) || saga.status === "REFUNDING" || step.refused === "retry") return delay(saga, code, nowMs);
  return takeBack(saga, code, nowMs);
}

/** Asks again where the time has come. */
export function retrySaga(saga: Saga, nowMs: number): SagaMove {
  return saga.retryAtMs !== undefined && saga.retryAtMs <= nowMs ? { events: [{ type: "SagaAskedAgain" }] } : NOTHING;
}

/** An operator has a parked saga try again. */
export function unparkSaga(saga: Saga, reason: string, nowMs: number): SagaMove | Refusal {
  if (!saga.isParked) return "saga_not_parked";
  const askedAtMs = askedNextAtMs(saga, saga.failure, nowMs);
  return { events: [{ type: "SagaUnparked", reason, askedAtMs }] };
}

/** An operator has a parked saga take back what it did. Only where the step at hand was refused for certain. */
export function compensateSaga(saga: Saga, reason: string, nowMs: number): SagaMove | Refusal {
  if (!saga.isParked) return "saga_not_parked";
  const { failure } = saga;
  const isCertain = failure !== undefined && !isOpen(failure) && saga.status !== "REFUNDING";
  if (!isCertain || !canUndo(saga.steps.slice(0, saga.at))) return "saga_not_reversible";
  const { events, ...move } = takeBack(saga, failure, nowMs);
  return { ...move, events: [{ type: "SagaUnparked", reason, askedAtMs: saga.askedAtMs }, ...events] };
}

/** The time for the id of the next try: the same where the last one may still have happened, or it might apply twice. */
function askedNextAtMs({ askedAtMs }: Saga, failure: Refusal | undefined, nowMs: number): number {
  return failure === undefined || isOpen(failure) ? askedAtMs : Math.max(nowMs, askedAtMs + 1);
}

function isOpen(failure: Refusal): boolean {
  return UNKNOWN.has(failure) || TRANSIENT.has(failure);
}

function canUndo(steps: readonly SagaStep[]): boolean {
  return steps.every((step) => step.undo !== undefined || !changes(step));
}

function changes({ ask }: SagaStep): boolean {
  return ask.operation !== "CheckCredit";
}

/** Index of the last step before the one at hand that changed something; -1 where none did. */
function changedBefore({ steps, at }: Saga): number {
  return steps.slice(0, at).findLastIndex(changes);
}

function stepDone(saga: Saga, nowMs: number): SagaMove {
  const isBack = saga.status === "REFUNDING";
  if (isBack ? changedBefore(saga) >= 0 : saga.at + 1 < saga.steps.length) {
    return { events: [{ type: "SagaStepDone", askedAtMs: nowMs }] };
  }
  return isBack ? end("FAILED", saga.code ?? "internal_error") : end("COMPLETED", "ok");
}

function takeBack(saga: Saga, code: Refusal, nowMs: number): SagaMove {
  if (changedBefore(saga) < 0) return end("FAILED", code);
  return { events: [{ type: "SagaRefunding", code, askedAtMs: nowMs }] };
}

function end(status: "COMPLETED" | "FAILED", code: Code): SagaMove {
  return { events: [{ type: "SagaEnded", status, code }], ended: code };
}

function delay(saga: Saga, code: Refusal, nowMs: number): SagaMove {
  if (saga.failures + 1 >= FAILURES_MAX) return { events: [{ type: "SagaParked", code }] };
  const delayMs = Math.min(DELAY_MS_MAX, DELAY_MS_MIN * 2 ** saga.failures);
  const askedAtMs = askedNextAtMs(saga, code, nowMs);
  return { events: [{ type: "SagaDelayed", code, retryAtMs: nowMs + delayMs, askedAtMs }] };
}

/** The saga after an event; undefined once it has ended. */
export function evolveSaga(saga: Saga | undefined, event: SagaEvent): Saga | undefined {
  if (event.type === "SagaBegun") {
    const { id, command: type, steps, startedAtMs } = event;
    return { id, type, steps, status: "INITIATED", at: 0, askedAtMs: startedAtMs, startedAtMs, ...NEW_STEP };
  }
  if (saga === undefined) throw new Error(`${event.type} without a saga`);
  switch (event.type) {
    case "SagaStepDone": {
      const isBack = saga.status === "REFUNDING";
      const at = isBack ? changedBefore(saga) : saga.at + 1;
      return { ...newStep(saga, event.askedAtMs), at, status: isBack ? "REFUNDING" : "DEBITED" };
    }
    case "SagaDelayed": {
      const { code: failure, retryAtMs, askedAtMs } = event;
      const isInstead = saga.isInstead || saga.steps[saga.at].instead?.of.includes(failure);
      const next = { ...saga, failure, retryAtMs, askedAtMs, failures: saga.failures + 1 };
      return isInstead ? { ...next, isInstead } : next;
    }
    case "SagaAskedAgain": {
      const { retryAtMs: _, ...rest } = saga;
      return rest;
    }
    case "SagaRefunding":
      return { ...newStep(saga, event.askedAtMs), status: "REFUNDING", at: changedBefore(saga), code: event.code };
    case "SagaParked":
      return { ...saga, failure: event.code, isParked: true };
    case "SagaUnparked":
      return newStep(saga, event.askedAtMs);
    case "SagaEnded":
      return undefined;
    default:
      return unreachable(event);
  }
}

function newStep(saga: Saga, askedAtMs: number): Saga {
  const { retryAtMs: _retryAtMs, failure: _failure, isInstead: _isInstead, ...rest } = saga;
  return { ...rest, askedAtMs, ...NEW_STEP };
}

const NEW_STEP = { failures: 0, isParked: false } as const;
