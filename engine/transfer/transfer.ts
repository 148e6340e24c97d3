import type { Code } from "../../protocol/codes.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import type { Aggregate } from "../object/aggregate.ts";

/** What a transfer between shards was asked for with: the body of its command. */
export interface TransferBody {
  readonly id: string;
  readonly fromWalletId: string;
  readonly toWalletId: string;
  readonly amountMinor: number;
  /** ISO 4217 number of the debited wallet. */
  readonly currency: number;
  readonly reference?: string;
  readonly expectedVersion?: number;
  /** JSON text, as it came. */
  readonly metadata?: string;
}

/**
 * A transfer between shards, on the shard that it debits.
 *
 * INITIATED → DEBITED → CREDITED → COMPLETED, or DEBITED → REFUNDING → FAILED. INITIATED and CREDITED last only inside
 * one frame; a transfer that is COMPLETED or FAILED leaves memory, and its last record answers for it.
 */
export interface TransferState extends TransferBody {
  readonly status: "DEBITED" | "REFUNDING";
  readonly toShard: number;
  /** Number of the transfer among those to the same shard, from 1 on. */
  readonly number: number;
  readonly startedAtMs: number;
  /** Why it is being refunded. */
  readonly code?: Exclude<Code, "ok">;
}

export type TransferCommand =
  | {
      readonly type: "InitiateTransfer";
      readonly body: TransferBody;
      readonly toShard: number;
      readonly number: number;
    }
  | {
      readonly type: "RecordAnswer";
      readonly code: Code;
      readonly creditedPosition: string;
      readonly result: TransferResult;
      /** Whether the debited wallet can take the amount back now; if not, the refund waits for the next start. */
      readonly canRefund: boolean;
    };

/** The balances that the answer to the client carries, kept so that the same answer can be given again. */
export interface TransferResult {
  readonly postedMinor: number;
  readonly availableMinor: number;
  readonly version: number;
  readonly counterpartyPostedMinor: number;
  readonly counterpartyAvailableMinor: number;
  readonly counterpartyVersion: number;
}

export type TransferEvent =
  | {
      readonly type: "TransferInitiated";
      readonly body: TransferBody;
      readonly toShard: number;
      readonly number: number;
      readonly startedAtMs: number;
    }
  | { readonly type: "TransferCredited"; readonly creditedPosition: string }
  | { readonly type: "TransferRefunding"; readonly code: Exclude<Code, "ok"> }
  /** Ends the transfer, and repeats what an answer to its id needs. */
  | {
      readonly type: "TransferEnded";
      readonly status: "COMPLETED" | "FAILED";
      readonly code: Code;
      readonly body: TransferBody;
      readonly startedAtMs: number;
      readonly creditedPosition?: string;
      readonly result: TransferResult;
    };

/** The saga of a transfer between two shards. */
export const transferAggregate: Aggregate<TransferState, TransferCommand, TransferEvent> = {
  name: "Transfer",

  decide(state, command, { nowMs }) {
    switch (command.type) {
      case "InitiateTransfer": {
        if (state !== undefined) return { code: "in_progress" };
        const { body, toShard, number } = command;
        return { code: "ok", events: [{ type: "TransferInitiated", body, toShard, number, startedAtMs: nowMs }] };
      }
      case "RecordAnswer": {
        // An answer that comes a second time finds the transfer ended.
        if (state === undefined) return { code: "ok", events: [] };
        const { code, creditedPosition, result } = command;
        const ended = {
          type: "TransferEnded",
          code,
          body: bodyOf(state),
          startedAtMs: state.startedAtMs,
          result,
        } as const;
        if (code !== "ok") {
          const refunding = { type: "TransferRefunding", code } as const;
          return { code: "ok", events: command.canRefund ? [refunding, { ...ended, status: "FAILED" }] : [refunding] };
        }
        return {
          code: "ok",
          events: [
            { type: "TransferCredited", creditedPosition },
            { ...ended, status: "COMPLETED", creditedPosition },
          ],
        };
      }
      default:
        return unreachable(command);
    }
  },

  evolve(state, event) {
    switch (event.type) {
      case "TransferInitiated": {
        const { body, toShard, number, startedAtMs } = event;
        return { ...body, status: "DEBITED", toShard, number, startedAtMs };
      }
      case "TransferCredited":
        return state;
      case "TransferRefunding":
        if (state === undefined) throw new Error("a transfer is refunded that was never initiated");
        return { ...state, status: "REFUNDING", code: event.code };
      case "TransferEnded":
        return undefined;
      default:
        return unreachable(event);
    }
  },
};

function bodyOf(state: TransferState): TransferBody {
  const { id, fromWalletId, toWalletId, amountMinor, currency, reference, expectedVersion, metadata } = state;
  return {
    id,
    fromWalletId,
    toWalletId,
    amountMinor,
    currency,
    ...(reference === undefined ? {} : { reference }),
    ...(expectedVersion === undefined ? {} : { expectedVersion }),
    ...(metadata === undefined ? {} : { metadata }),
  };
}
